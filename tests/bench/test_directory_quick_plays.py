"""The directory alone, in small."""

from bench import directory_quick_plays as quick_plays
from bench.report import Report
from tests.bench.told import misses, value


def test_quick_plays_at_once_make_as_few_matches_as_hold_them(silent_report: Report) -> None:
    quick_plays.at_once(silent_report, players=50)
    assert misses(silent_report) == []
    assert value(silent_report, "quick_plays_created_matches") == 7


def test_lost_answers_make_no_second_match(silent_report: Report) -> None:
    quick_plays.lost_answers(silent_report, rounds=10)
    assert misses(silent_report) == []


def test_an_empty_restart_sells_no_seat_twice(silent_report: Report) -> None:
    quick_plays.empty_restart(silent_report)
    assert misses(silent_report) == []


def test_a_list_is_read_in_pages(silent_report: Report) -> None:
    quick_plays.listing(silent_report, matches=450)
    assert misses(silent_report) == []
    assert value(silent_report, "listed_round_trips") == 3


def test_a_quick_play_costs_few_round_trips(silent_report: Report) -> None:
    quick_plays.growth(silent_report, pairs=1, plays=30)
    assert misses(silent_report, "quick_play_redis_cpu_growth") == []
