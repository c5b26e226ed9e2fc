"""Bots on one lobby, in small."""

import pytest

from bench import cluster_bots
from bench.report import Report
from tests.bench.told import misses


@pytest.mark.slow
def test_bots_land_on_all_nodes(silent_report: Report) -> None:
    cluster_bots.bots(silent_report, count=60, seconds=1.0)
    assert misses(silent_report) == []
