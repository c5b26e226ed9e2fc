"""Joins and leaves, in small."""

import pytest

from bench import cluster_churn
from bench.report import Report
from tests.bench.told import figure, misses, value


@pytest.mark.slow
def test_players_come_and_go_and_leave_no_key_behind(silent_report: Report) -> None:
    cluster_churn.churn(silent_report, joins=800, warm_up=200)
    assert misses(silent_report) == []
    assert value(silent_report, "churn_joins") == 800
    assert figure(silent_report, "churn_node_rss_bytes_per_join").ok is None
