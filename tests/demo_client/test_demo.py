"""`make demo` for real: a server, bots and the view, as processes."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from demo_client.demo import has_display, main, summary

ROOT = Path(__file__).resolve().parents[2]
MATCH = {"tick": 450, "seats": 9, "tick_ms_p50": 0.5, "tick_ms_p99": 1.0, "ended": False}
HEALTH = {"matches": [MATCH], "connections": 9}
BOTS = {"state_hz": 30.0, "bytes_down_per_client_s": 1528.4, "desyncs": 0, "errors": 0, "error": None}


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.Popen(
        [sys.executable, "-m", "demo_client.demo", *arguments],
        cwd=ROOT,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def address(demo: subprocess.Popen[str]) -> str:
    """Where the demo's server listens, once it does."""
    assert demo.stdout is not None
    return demo.stdout.readline().split("ws://")[1].split("/")[0]


def answers(where: str) -> bool:
    try:
        with urlopen(f"http://{where}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def test_a_demo_of_some_seconds_ends_by_itself_with_a_summary() -> None:
    demo = start("--seconds", "3", "--bots", "3")
    where = address(demo)
    out, err = demo.communicate(timeout=40)
    assert demo.returncode == 0, out + err
    *lines, last = out.splitlines()
    assert lines, "a line now and then"
    assert " ticks, 4 players, tick " in last
    assert " states/s" in last
    assert "0 desyncs, 0 errors" in last
    assert not answers(where)


def test_on_a_terminal_the_view_is_live() -> None:
    ours, theirs = pty.openpty()
    demo = start("--seconds", "2", "--bots", "2", stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way to say that nobody holds the other end.
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert demo.wait(20) == 0, shown[-2000:]
    text = shown.decode(errors="replace")
    assert "tick time" in text
    assert "0 desyncs, 0 errors" in text


def test_ctrl_c_ends_the_demo_and_its_children() -> None:
    demo = start("--bots", "2")
    where = address(demo)
    assert answers(where)
    time.sleep(1)
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=20)
    assert demo.returncode == 0, err
    assert " ticks, " in out
    assert not answers(where)


def test_sigterm_leaves_no_children_either() -> None:
    demo = start("--bots", "2")
    where = address(demo)
    demo.terminate()
    demo.communicate(timeout=20)
    assert not answers(where)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the server in Linux's /proc")
def test_a_demo_whose_server_dies_fails() -> None:
    demo = start("--seconds", "30", "--bots", "2")
    where = address(demo)
    for child in Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split():
        if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            os.kill(int(child), signal.SIGKILL)
    _, err = demo.communicate(timeout=30)
    assert demo.returncode == 1
    assert "the server ended with -9" in err
    assert not answers(where)


def test_with_a_display_the_window_opens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # SDL's dummy driver stands for the screen; the window is the real one.
    pytest.importorskip("pygame")
    monkeypatch.setattr("demo_client.demo.has_display", lambda: True)
    shown: list[tuple[object, ...]] = []
    monkeypatch.setattr("demo_client.demo.watch", lambda *arguments: shown.append(arguments))
    assert main(["--seconds", "2", "--bots", "2"]) == 0
    assert shown == []
    assert "3 players" in capsys.readouterr().out


def test_the_summary_is_one_line() -> None:
    outcome = summary(HEALTH, BOTS, 0)
    assert outcome.faults == ()
    assert outcome.line == (
        "450 ticks, 9 players, tick 0.50 ms p50 1.00 ms p99, 30.0 states/s, 1,528 B/s down per client, "
        "0 desyncs, 0 errors"
    )


@pytest.mark.parametrize(
    ("health", "bots", "errors"),
    [
        (HEALTH, {**BOTS, "desyncs": 1}, 0),
        (HEALTH, {**BOTS, "errors": 2, "error": "sent away"}, 0),
        (HEALTH, BOTS, 1),
        ({"matches": [{**MATCH, "ended": True}]}, BOTS, 0),
        ({}, None, 0),
    ],
)
def test_what_went_wrong_is_a_fault(health: dict[str, Any], bots: dict[str, Any] | None, errors: int) -> None:
    assert summary(health, bots, errors).faults


def test_a_window_needs_a_display() -> None:
    assert not has_display({}, "linux")
    assert has_display({"DISPLAY": ":0"}, "linux")
    assert has_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert has_display({}, "darwin")
    assert not has_display({"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"}, "linux")


@pytest.mark.parametrize("wrong", [["--seconds", "0"], ["--bots", "32"], ["--bots", "0"]])
def test_wrong_arguments_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
