"""Storms and idle connections, in small."""

from bench import many_clients
from bench.many_clients import matches_for, tell_return
from bench.raw_groups import Returned
from bench.report import Report
from tests.bench.told import figure, misses, value


def test_all_who_are_cut_return(silent_report: Report) -> None:
    many_clients.storm(silent_report, count=20)
    assert misses(silent_report) == []
    assert value(silent_report, "storm_returned") == 20


def test_a_storm_from_which_not_all_return_is_not_ok(silent_report: Report) -> None:
    tell_return(silent_report, "storm", Returned(3, [1.0, 11.0], [1.1, 11.1], [0.1, 0.1], seats_lost=1, by_delta=1))
    assert {each.figure for each in misses(silent_report)} == {
        "storm_returned", "storm_seats_lost", "storm_returned_s", "storm_by_delta",
    }  # fmt: skip


def test_a_welcome_without_a_state_is_no_return(silent_report: Report) -> None:
    tell_return(silent_report, "storm", Returned(3, [1.0, 1.0, 1.0], [1.1, 1.1], [0.1, 0.1], by_delta=2))
    assert [each.figure for each in misses(silent_report)] == ["storm_returned"]


def test_idle_connections_are_held_and_weighed(silent_report: Report) -> None:
    many_clients.idle(silent_report, count=30, seconds=1.0)
    # Of so few, the server's first growth is the larger part.
    assert misses(silent_report, "idle_rss_kib_each") == []
    assert figure(silent_report, "idle_rss_kib_each").target == "<= 25"
    assert 1 < value(silent_report, "idle_state_hz") < 3


def test_matches_have_seats_for_all() -> None:
    assert [matches_for(count) for count in (1, 900, 901, 10_000)] == [1, 1, 2, 12]
