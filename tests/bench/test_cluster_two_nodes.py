"""Two nodes and one, in small."""

import pytest

from bench import cluster_two_nodes
from bench.cluster_two_nodes import Cost
from bench.report import Report
from tests.bench.told import misses, value


def test_a_cost_is_of_a_client_and_a_tick() -> None:
    cost = Cost(cpu_s=2.0, updates=100_000, states=99_000)
    assert (cost.us_per_update, cost.delivered) == (20.0, 0.99)


@pytest.mark.slow
def test_both_set_ups_are_weighed(silent_report: Report) -> None:
    cluster_two_nodes.two_nodes(silent_report, pairs=1, seconds=2.0, clients=40)
    # A short window on a busy machine says nothing of the ratio itself.
    assert misses(silent_report, "two_nodes_cpu_per_update") == []
    assert 0.5 < value(silent_report, "two_nodes_cpu_per_update") < 3
