"""The processes of `tickwire serve --nodes N`: started, watched, started again, stopped together.

    SIGTERM, SIGINT   every node is told to stop; when all have, the end. A second signal kills them
    a node exits      its boot is logged (nobody else can know that it is dead), and it is started again
    a node that never ran because it cannot, ends all: its own log says why

The children have process groups of their own, so that Ctrl-C reaches them by way of this process alone. Should this one
be killed, they are told to stop (on Linux).
To test: `tests/game_server/shell/test_supervisor.py`; with nodes, `tests/integration/test_serve_nodes.py`.
"""

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from game_server.shell.log import get_log
from game_server.shell.node_plan import NodePlan
from game_server.shell.settings import variable

RESTART_FIRST_S, RESTART_LAST_S = 0.2, 10.0
RAN_WELL_S = 30.0
"""After so long an exit is the first one again."""
CANNOT_START_S = 10.0
"""A first start that ends with a fault this soon would end so again."""
CANNOT_START_CODES = (1, 2)
KILL_AFTER_S = 10.0
"""Beyond what a node may take to stop."""
SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG = 1

OnExit = Callable[[str, int], None]
"""Hears of the death of a node: (node, boot)."""


@dataclass(slots=True)
class Child:
    """One node's process, or the wait for its next."""

    plan: NodePlan
    process: subprocess.Popen[bytes] | None = None
    boot: int = 0
    starts: int = 0
    failures: int = 0
    started_s: float = 0.0
    start_due_s: float | None = field(default=None)


class Supervisor:
    """Runs one process for each plan until it is told to stop."""

    def __init__(
        self, plans: Sequence[NodePlan], command: Sequence[str], *, stop_s: float, on_exit: OnExit | None = None
    ) -> None:
        self._children = [Child(plan, start_due_s=0.0) for plan in plans]
        self._command, self._stop_s, self._on_exit = list(command), stop_s, on_exit
        self._log = get_log()
        self._stopping = False
        self._kill_due_s: float | None = None
        self._code = 0

    def run(self) -> int:
        """Start all and watch over them; return 0 after a stop, else the exit code of a node that cannot start."""
        with _heard_signals() as wait:
            try:
                while True:
                    self._look(time.monotonic())
                    if self._stopping and not any(child.process for child in self._children):
                        return self._code
                    for number in wait(self._wait_s(time.monotonic())):
                        if number != signal.SIGCHLD:
                            self._stop(signal.Signals(number).name)
            finally:
                self._kill()

    def _look(self, now_s: float) -> None:
        """Note who has exited, start who is due."""
        for child in self._children:
            code = None if child.process is None else child.process.poll()
            if code is not None:
                self._exited(child, code, now_s)
            if child.start_due_s is not None and now_s >= child.start_due_s and not self._stopping:
                self._start(child, now_s)
        if self._kill_due_s is not None and now_s >= self._kill_due_s:
            self._log.error("nodes_killed", why="they did not stop in time")
            self._kill()

    def _wait_s(self, now_s: float) -> float | None:
        dues = [self._kill_due_s, *(None if self._stopping else child.start_due_s for child in self._children)]
        return min((max(0.0, due - now_s) for due in dues if due is not None), default=None)

    def _start(self, child: Child, now_s: float) -> None:
        child.boot = max(child.boot + 1, time.time_ns() // 1_000_000)
        environment = {**os.environ, **child.plan.environment, variable("boot"): str(child.boot)}
        child.process = subprocess.Popen(
            self._command, env=environment, stdin=subprocess.DEVNULL, process_group=0,
            preexec_fn=_stop_with(os.getpid()) if sys.platform == "linux" else None,
        )  # fmt: skip
        child.starts += 1
        child.started_s, child.start_due_s = now_s, None
        self._log.info("node_started", node=child.plan.node, boot=child.boot, pid=child.process.pid)

    def _exited(self, child: Child, code: int, now_s: float) -> None:
        assert child.process is not None, "what exits has run"
        process, child.process = child.process, None
        ran_s = now_s - child.started_s
        fields = {"node": child.plan.node, "boot": child.boot, "pid": process.pid, "ran_s": round(ran_s, 3),
                  **({"by": signal.Signals(-code).name} if code < 0 else {"code": code})}  # fmt: skip
        if self._on_exit is not None:
            self._on_exit(child.plan.node, child.boot)
        if self._stopping:
            self._log.info("node_exited", **fields)
        elif child.starts == 1 and ran_s < CANNOT_START_S and code in CANNOT_START_CODES:
            self._log.error("node_exited", **fields)
            self._code = code
            self._stop("a node that cannot start")
        else:
            child.failures = 1 if ran_s >= RAN_WELL_S else child.failures + 1
            wait_s = restart_after_s(child.failures)
            child.start_due_s = now_s + wait_s
            self._log.error("node_exited", **fields, restart_in_s=wait_s)

    def _stop(self, by: str) -> None:
        if self._stopping:
            self._log.warning("nodes_killed", why=f"told to stop again, by {by}")
            self._kill()
            return
        self._stopping = True
        self._log.info("stopping", by=by)
        self._kill_due_s = time.monotonic() + self._stop_s + KILL_AFTER_S
        for child in self._children:
            if child.process is not None:
                child.process.terminate()

    def _kill(self) -> None:
        self._kill_due_s = None
        for child in self._children:
            if child.process is not None:
                child.process.kill()
                child.process.wait()
                self._exited(child, child.process.returncode, time.monotonic())


def restart_after_s(failures: int) -> float:
    """Return how long to wait after an exit that is the how-manieth in a row."""
    return min(RESTART_LAST_S, RESTART_FIRST_S * 2.0 ** (failures - 1))


def _stop_with(parent: int) -> Callable[[], None]:
    library = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before it could be asked for
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


Wait = Callable[[float | None], bytes]


@contextmanager
def _heard_signals() -> Iterator[Wait]:
    """Yield what waits for signals, at most so many seconds, and returns their numbers."""
    hears, told = socket.socketpair()
    with hears, told, selectors.DefaultSelector() as selector:
        hears.setblocking(False)
        told.setblocking(False)
        selector.register(hears, selectors.EVENT_READ)
        before = {each: signal.signal(each, lambda *_: None) for each in SIGNALS}
        woken_before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

        def wait(seconds: float | None) -> bytes:
            return hears.recv(4096) if selector.select(seconds) else b""

        try:
            yield wait
        finally:
            signal.set_wakeup_fd(woken_before)
            for each, handler in before.items():
                signal.signal(each, handler)
