"""Garbage is collected when there is time."""

import gc
from collections.abc import Iterator

import pytest

from game_server.shell.garbage import YOUNG_OBJECTS_MAX, IdleCollector

PLENTY_NS = 1_000_000_000


@pytest.fixture
def collector() -> Iterator[IdleCollector]:
    collector = IdleCollector()
    collector.start()
    yield collector
    collector.stop()


def test_the_automatic_collector_is_off_between_start_and_stop() -> None:
    collector = IdleCollector()
    collector.start()
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 0
    collector.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_nothing_is_collected_in_a_busy_moment(collector: IdleCollector) -> None:
    keep = [[] for _ in range(2000)]
    assert collector.collect(1_000_000) is None
    assert len(keep) == 2000


def test_what_has_piled_up_is_collected_in_a_busy_moment_too(collector: IdleCollector) -> None:
    seen = set()
    for _ in range(60):
        keep = [[] for _ in range(YOUNG_OBJECTS_MAX + 1000)]
        seen.add(collector.collect(1_000_000))
        del keep
    assert seen == {0, 1}
    assert gc.get_count()[0] < 1000


def test_at_rest_python_collects_by_itself(collector: IdleCollector) -> None:
    assert not gc.isenabled()
    collector.rest()
    assert gc.isenabled()


def test_nothing_is_collected_without_need(collector: IdleCollector) -> None:
    gc.collect()
    assert collector.collect(PLENTY_NS) is None


def test_an_idle_moment_collects_the_young_then_the_middle_then_everything(collector: IdleCollector) -> None:
    seen = set()
    for _ in range(2000):
        keep = [[] for _ in range(1000)]
        seen.add(collector.collect(PLENTY_NS))
        del keep
    assert {0, 1, 2} <= seen
