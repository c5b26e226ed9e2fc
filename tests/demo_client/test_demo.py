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

from demo_client.demo import main

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.slow
def test_with_nodes_all_find_their_matches_in_the_lobby_and_the_summary_tells_where() -> None:
    demo = start("--seconds", "3", "--bots", "9", "--nodes", "2")
    where = address(demo)
    out, err = demo.communicate(timeout=60)
    assert demo.returncode == 0, out + err
    last = out.splitlines()[-1]
    assert " 10 players in 2 matches on " in last  # Of eight seats each, and one is the view's.
    assert " 8" in last and " 2" in last
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


def test_with_a_display_the_window_opens(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # SDL's dummy driver stands for the screen; the window is the real one.
    pytest.importorskip("pygame")
    monkeypatch.setattr("demo_client.demo.has_display", lambda: True)
    shown: list[tuple[object, ...]] = []
    monkeypatch.setattr("demo_client.demo.watch", lambda *arguments: shown.append(arguments))
    assert main(["--seconds", "2", "--bots", "2"]) == 0
    assert shown == []
    assert "3 players" in capsys.readouterr().out


def test_with_nodes_the_window_opens_in_the_lobby(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pygame")
    monkeypatch.setattr("demo_client.demo.has_display", lambda: True)
    assert main(["--seconds", "1", "--bots", "2", "--nodes", "1"]) == 0
    assert " 2 players in 1 match on 1 node " in capsys.readouterr().out  # Whoever sits in the lobby plays nowhere.


@pytest.mark.parametrize(
    "wrong",
    [["--seconds", "0"], ["--bots", "32"], ["--bots", "0"], ["--nodes", "0"], ["--nodes", "2", "--bots", "999"]],
)
def test_wrong_arguments_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
