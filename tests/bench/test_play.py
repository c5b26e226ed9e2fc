"""The area `play`: every section tells its figures, in short runs."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as command
from bench import play
from bench.report import Report
from game_server.testing.random_world import Divergence


@pytest.fixture
def out() -> StringIO:
    return StringIO()


@pytest.fixture
def report(out: StringIO, tmp_path: Path) -> Report:
    return Report("play", quick=True, out=out, console=Console(file=StringIO()), folder=tmp_path)


def told(out: StringIO) -> dict[str, bool | None]:
    return {each["figure"]: each["ok"] for each in map(json.loads, out.getvalue().splitlines())}


def test_the_same_match_twice_differs_in_nothing(report: Report, out: StringIO) -> None:
    play.same_twice(report, ticks=20)
    assert told(out)["same_seed_frames_differing"] is True


def test_random_worlds_are_counted(report: Report, out: StringIO) -> None:
    play.random_worlds(report, seeds=2)
    assert told(out)["random_world_mismatches"] is True
    assert told(out)["random_world_seeds"] is None


def test_a_divergence_is_not_ok(report: Report, out: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(seed: int) -> int:
        raise Divergence(f"seed {seed}")

    monkeypatch.setattr(play, "run_seed", diverge)
    play.random_worlds(report, seeds=2)
    assert told(out)["random_world_mismatches"] is False


def test_micro_figures_are_told(report: Report, out: StringIO) -> None:
    play.micro(report, runs=1)
    assert told(out).keys() == {"tick_us_32_players", "bytes_per_moving_entity"}


def test_sections_that_fail_make_the_command_fail(
    report: Report, out: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError("broken")

    for name in ("two_matches", "byte_counts", "same_twice", "random_worlds", "floods", "micro"):
        monkeypatch.setattr(play, name, fail)
    play.measure(report)
    assert list(told(out).values()) == [False] * 6
    assert report.finish() == 1


def test_an_unknown_area_is_refused() -> None:
    with pytest.raises(SystemExit):
        command.main(["nothing"])
