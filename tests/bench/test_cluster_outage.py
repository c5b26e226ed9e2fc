"""Redis away, in small."""

import pytest

from bench import cluster_outage
from bench.report import Report
from tests.bench.told import misses, value


@pytest.mark.slow
def test_a_short_outage_costs_no_socket_and_sells_no_seat_twice(silent_report: Report) -> None:
    cluster_outage.outage(silent_report, 4.0)
    assert misses(silent_report) == []
    assert value(silent_report, "redis_down_4_s_seats_sold_after") == 30


@pytest.mark.slow
def test_a_longer_one_freezes_every_node(silent_report: Report) -> None:
    cluster_outage.outage(silent_report, 10.0)
    assert misses(silent_report) == []
    assert value(silent_report, "redis_down_10_s_nodes_frozen") == 3
