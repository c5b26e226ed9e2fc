"""A master that dies, once."""

import pytest

from bench import cluster_failover
from bench.cluster_failover import Failover
from bench.report import Report
from tests.bench.told import misses, value


def test_only_what_is_longer_than_the_failover_counts() -> None:
    assert Failover(1.5, 2.0, 6, 0, 9, 0).longer_s == 0.5


@pytest.mark.slow
def test_lobbies_are_back_soon_after_the_failover(silent_report: Report) -> None:
    cluster_failover.sentinel_failover(silent_report, rounds=1)
    assert misses(silent_report) == []
    assert value(silent_report, "failover_s") > 0
