"""The area's parts: a full run measures all, a quick one says what it leaves out."""

import pytest

from bench import cluster
from bench.report import Report

SECTIONS = ("bots", "churn", "outage", "pubsub_kills", "rush", "sentinel_failover", "simulation", "slow_redis",
            "two_nodes")  # fmt: skip
OF_THE_DIRECTORY = ("at_once", "lost_answers", "empty_restart", "listing", "growth")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sections that were measured, none of which really is."""
    names: list[str] = []
    for place, each in ((cluster, SECTIONS), (cluster.quick_plays, OF_THE_DIRECTORY)):
        for name in each:
            monkeypatch.setattr(place, name, lambda *_, name=name, **__: names.append(name))
    return names


def test_a_full_run_measures_every_section(silent_report: Report, called: list[str]) -> None:
    silent_report.quick = False
    cluster.measure(silent_report)
    assert set(called) == {*SECTIONS, *OF_THE_DIRECTORY}
    assert called.count("outage") == 2
    assert silent_report.figures == []


def test_a_quick_run_says_what_it_leaves_out(silent_report: Report, called: list[str]) -> None:
    cluster.measure(silent_report)
    assert {"rush", "outage", "pubsub_kills", "slow_redis"} <= set(called)
    assert all(each.ok is None and each.target for each in silent_report.figures)
    assert {"bots_nodes_used", "churn_redis_keys_left", "two_nodes_cpu_per_update"} <= {
        each.figure for each in silent_report.figures
    }
