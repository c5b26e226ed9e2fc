"""Simulated nodes: what a level says, and a small simulation."""

import pytest

from bench import simulated_nodes
from bench.report import Report
from bench.simulated_nodes import Level
from tests.bench.told import misses, value


def test_a_level_says_what_one_node_costs() -> None:
    assert Level(50, 0.0, 0.1, 0, 0.0, {}).cpu_us_per_node == 2000.0


@pytest.mark.slow
def test_more_nodes_are_simulated_one_level_after_the_other(silent_report: Report) -> None:
    simulated_nodes.simulation(silent_report, (3, 6), 3.0)
    assert misses(silent_report, "redis_cpu_per_node_growth_as_nodes_double") == []
    assert value(silent_report, "simulated_6_nodes_commands_per_s") > value(
        silent_report, "simulated_3_nodes_commands_per_s"
    )
