"""Those who read slowly or never, in small."""

import shutil

import pytest

from bench import slow_clients
from bench.raw_groups import Heard
from bench.report import Report
from bench.serving import Lateness
from bench.slow_clients import NeverRead
from tests.bench.told import figure, misses, value

# A machine that does other things, too, must not fail a test.
TIMED = ("never_readers_state_hz_share", "never_readers_lateness_ratio", "nginx_never_readers_state_hz_share")


@pytest.mark.slow
def test_those_who_never_read_are_cut_and_the_others_lose_nothing(silent_report: Report) -> None:
    slow_clients.never_readers(silent_report, pairs=1, seconds=6.0, readers=4, never=2)
    assert misses(silent_report, *TIMED) == []
    assert value(silent_report, "never_readers_cut") == value(silent_report, "never_readers_seats_kept") == 2
    assert value(silent_report, "never_readers_cut_s") > 3
    assert value(silent_report, "never_readers_state_hz_share") > 0.5
    assert value(silent_report, "never_readers_lateness_ratio") > 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx")
def test_the_same_goes_for_those_behind_nginx(silent_report: Report) -> None:
    slow_clients.never_readers_through_nginx(silent_report, seconds=6.0, readers=4, never=2)
    assert misses(silent_report, *TIMED) == []
    assert value(silent_report, "nginx_never_readers_cut") == 2


def test_without_nginx_its_figures_are_left_out(silent_report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    slow_clients.never_readers_through_nginx(silent_report, seconds=1.0)
    assert figure(silent_report, "nginx_never_readers_cut_s").ok is None


def test_a_slow_reader_stays_and_is_coherent(silent_report: Report) -> None:
    slow_clients.slow_reader(silent_report, seconds=4.0)
    assert misses(silent_report) == []
    assert 2000 < value(silent_report, "slow_reader_bytes") < 16_000
    # The match makes more than that line carries, and the other one sees all of it.
    assert value(silent_report, "slow_reader_bystander_hz") > 10


def late(ms: float, ticks: int = 200) -> Lateness:
    """Lateness of so many ticks, all alike."""
    made = Lateness()
    made.ticks, made.seconds = ticks, ticks * ms / 1000
    return made


def test_the_ratio_of_lateness_is_the_median_of_pairs_and_its_spread_is_told(silent_report: Report) -> None:
    bad, good = [late(each) for each in (1.1, 1.0, 5.0)], [late(1.0)] * 3
    slow_clients.tell_lateness(silent_report, bad, good, seconds=10.0)
    assert misses(silent_report) == []
    ratio = figure(silent_report, "never_readers_lateness_ratio")
    assert (ratio.value, ratio.n, ratio.spread) == (1.1, 3, 4.0)
    slow_clients.tell_lateness(silent_report, [late(1.3)] * 3, good, seconds=10.0)
    assert [each.figure for each in misses(silent_report)] == ["never_readers_lateness_ratio"]


def test_ticks_that_nobody_measured_are_not_ok(silent_report: Report) -> None:
    slow_clients.tell_lateness(silent_report, [late(0.0, ticks=0)], [late(1.0)], seconds=10.0)
    assert [each.figure for each in misses(silent_report)] == ["never_readers_lateness_ticks_each_run"]


def test_one_that_never_joined_does_not_pass_for_one_that_was_cut_nor_a_silent_reader_for_a_good_one(
    silent_report: Report,
) -> None:
    waves = [slow_clients.Wave(2, 2, 2, 5.0), slow_clients.Wave(1, 2, 2, 5.0)]
    slow_clients._tell(silent_report, "x", [NeverRead(waves, heard=Heard(20.0, 1.5))], 2)
    assert [each.figure for each in misses(silent_report)] == ["x_state_gap_s", "x_made"]
