"""What a bench area prints, writes, and answers."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.report import Report, at_least, at_most, commit, exactly, machine


def report(folder: Path, *, quick: bool = False) -> tuple[Report, StringIO, StringIO]:
    """A report whose streams can be read."""
    out, shown = StringIO(), StringIO()
    console = Console(file=shown, width=140)
    return Report("play", quick=quick, command="make bench", out=out, console=console, folder=folder), out, shown


def test_a_figure_is_one_json_line(tmp_path: Path) -> None:
    told, out, _ = report(tmp_path)
    told.add("state_hz", 29.97, "Hz", at_least(29.5), n=60)
    assert json.loads(out.getvalue()) == {
        "area": "play", "figure": "state_hz", "value": 29.97, "unit": "Hz", "target": ">= 29.5", "ok": True, "n": 60,
        "spread": None,
    }  # fmt: skip


def test_all_figures_ok_is_exit_0_and_one_that_is_not_is_exit_1(tmp_path: Path) -> None:
    told, _, _ = report(tmp_path)
    told.add("desyncs", 0, "count", exactly(0))
    told.add("cpu", 12.0, "%")
    told.leave_out("long", "s", at_most(1))
    assert told.finish() == 0
    told.add("bytes", 3501, "B/s", at_most(3500))
    assert told.finish() == 1


def test_what_is_left_out_has_ok_null(tmp_path: Path) -> None:
    told, out, _ = report(tmp_path)
    told.leave_out("long", "s", at_most(1))
    line = json.loads(out.getvalue())
    assert (line["ok"], line["value"], line["target"]) == (None, None, "<= 1")


def test_a_section_that_raises_is_not_ok_and_the_next_one_runs(tmp_path: Path) -> None:
    told, out, shown = report(tmp_path)
    with told.section("first"):
        raise RuntimeError("no server")
    with told.section("second"):
        told.add("x", 1, "s")
    assert [json.loads(line)["ok"] for line in out.getvalue().splitlines()] == [False, True]
    assert "no server" in shown.getvalue()
    assert told.finish() == 1


def test_the_results_say_where_and_how_they_were_measured(tmp_path: Path) -> None:
    told, _, shown = report(tmp_path)
    told.add("desyncs", 0, "count", exactly(0), n=5)
    told.finish()
    results = json.loads((tmp_path / "play.json").read_text())
    assert results["command"] == "make bench"
    assert results["machine"] == machine()
    assert results["machine"]["cores"] >= 1
    assert results["commit"] == commit()
    assert results["figures"][0]["figure"] == "desyncs"
    assert "desyncs" in shown.getvalue()


def test_a_quick_run_does_not_replace_the_results(tmp_path: Path) -> None:
    told, _, _ = report(tmp_path, quick=True)
    told.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["play.quick.json"]


@pytest.mark.parametrize(("target", "good", "bad"), [(at_most(2), 2, 2.1), (at_least(2), 2, 1.9), (exactly(0), 0, 1)])
def test_targets_hold_at_their_limit(target, good: float, bad: float) -> None:
    assert target.holds(good)
    assert not target.holds(bad)


def test_the_settings_of_each_section_stand_in_the_results(tmp_path: Path) -> None:
    told, _, shown = report(tmp_path)
    told.settings("storm", {"clients": 5000, "connections_max": 10_000})
    told.finish()
    results = json.loads((tmp_path / "play.json").read_text())
    assert results["settings"] == {"storm": {"clients": 5000, "connections_max": 10_000}}
    assert "storm: clients 5000, connections_max 10000" in shown.getvalue()
