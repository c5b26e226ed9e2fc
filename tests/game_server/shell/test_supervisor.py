"""The supervisor, with small programs for nodes. It wants the main thread's signals, so it runs in a process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from game_server.shell.supervisor import RESTART_FIRST_S, RESTART_LAST_S, restart_after_s

ROOT = Path(__file__).resolve().parents[3]
SUPERVISE = """
import sys
from game_server.shell.log import configure_log
from game_server.shell.node_plan import NodePlan
from game_server.shell.supervisor import Supervisor
configure_log("info", "json")
plans = [NodePlan(name, {"NAME": name}) for name in ("a", "b")]
sys.exit(Supervisor(plans, [sys.executable, "-c", sys.argv[1]], stop_s=float(sys.argv[2])).run())
"""
WAITS = "import signal; signal.pause()"
STUBBORN = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.write(1, b'ready\\n'); signal.pause()"


class Supervised:
    """A supervisor of two programs."""

    def __init__(self, program: str, stop_s: float = 5.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, program, str(stop_s)], cwd=ROOT,
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[dict[str, Any]] = []

    def read(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Read the log until an event has come so often; return those."""
        assert self.process.stderr is not None
        found: list[dict[str, Any]] = []
        for text in self.process.stderr:
            self.lines.append(json.loads(text))
            found += [self.lines[-1]] if self.lines[-1]["event"] == event else []
            if len(found) == count:
                return found
        raise AssertionError(f"no {count} {event} in {self.lines}")

    def rest(self) -> list[dict[str, Any]]:
        """Read to the end."""
        assert self.process.stderr is not None
        return [json.loads(text) for text in self.process.stderr]


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def start(*arguments: Any) -> Supervised:
        started.append(Supervised(*arguments))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        for line in each.lines:
            # A stubborn child that outlived a failed test would hold the pipe open.
            if line["event"] == "node_started" and runs(line["pid"]):
                os.kill(line["pid"], signal.SIGKILL)
        each.process.communicate()


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.01)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_and_the_exit_code_is_0(supervise: Callable[..., Supervised], by: signal.Signals) -> None:
    supervised = supervise(WAITS)
    started = supervised.read("node_started", 2)
    assert [each["node"] for each in started] == ["a", "b"]
    # Ctrl-C on a terminal goes to a group: to the supervisor alone.
    assert [os.getpgid(each["pid"]) for each in started] == [each["pid"] for each in started]
    supervised.process.send_signal(by)
    assert supervised.process.wait(5) == 0
    assert [each["by"] for each in supervised.rest() if each["event"] == "node_exited"] == ["SIGTERM"] * 2
    assert not any(runs(each["pid"]) for each in started)


def test_a_node_that_dies_is_started_again_under_a_later_boot_and_its_neighbour_is_not(
    supervise: Callable[..., Supervised],
) -> None:
    supervised = supervise(WAITS)
    first, neighbour = supervised.read("node_started", 2)
    os.kill(first["pid"], signal.SIGKILL)
    (exited,) = supervised.read("node_exited")
    assert (exited["node"], exited["boot"], exited["by"]) == ("a", first["boot"], "SIGKILL")
    (second,) = supervised.read("node_started")
    assert second["node"] == "a" and second["boot"] > first["boot"] and runs(neighbour["pid"])


def test_a_second_signal_kills_whoever_does_not_stop(supervise: Callable[..., Supervised]) -> None:
    supervised = supervise(STUBBORN, 60.0)
    started = supervised.read("node_started", 2)
    assert supervised.process.stdout is not None
    assert [supervised.process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
    supervised.process.send_signal(signal.SIGTERM)
    supervised.read("stopping")
    assert all(runs(each["pid"]) for each in started)
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.process.wait(5) == 0
    assert not any(runs(each["pid"]) for each in started)


@pytest.mark.parametrize("code", [1, 2])
def test_a_node_that_cannot_start_ends_all_with_its_code(supervise: Callable[..., Supervised], code: int) -> None:
    program = f"import os, sys, signal\nif os.environ['NAME'] == 'b': sys.exit({code})\nsignal.pause()"
    supervised = supervise(program)
    first, _ = supervised.read("node_started", 2)
    assert supervised.process.wait(5) == code
    assert not runs(first["pid"])


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux tells a child of its parent's death")
def test_nodes_do_not_outlive_a_supervisor_that_was_killed(supervise: Callable[..., Supervised]) -> None:
    supervised = supervise(WAITS)
    started = supervised.read("node_started", 2)
    supervised.process.kill()
    until(lambda: not any(runs(each["pid"]) for each in started))


def test_the_wait_before_another_start_doubles_up_to_a_limit() -> None:
    waits = [restart_after_s(failures) for failures in range(1, 9)]
    assert waits[0] == RESTART_FIRST_S and waits[-1] == RESTART_LAST_S
    assert waits[:6] == [RESTART_FIRST_S * 2**n for n in range(6)]
