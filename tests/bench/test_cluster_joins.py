"""Joiners at once, in small."""

import pytest

from bench import cluster_joins
from bench.report import Report
from tests.bench.told import misses, value


def test_all_who_can_sit_down_do(silent_report: Report) -> None:
    cluster_joins.rush(silent_report, joiners=60, matches=(1,))
    assert misses(silent_report) == []
    assert (value(silent_report, "joiners_seated"), value(silent_report, "joiners_refused")) == (60, 0)


@pytest.mark.slow
def test_who_finds_no_seat_is_refused_by_name(silent_report: Report) -> None:
    cluster_joins.rush(silent_report, joiners=130, matches=(1,))
    assert misses(silent_report) == []
    assert value(silent_report, "joiners_seated") == 100
    assert value(silent_report, "joiners_refused") == 30
