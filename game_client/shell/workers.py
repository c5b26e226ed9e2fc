"""Bots over processes: what a worker is told and tells, one JSON line each, and the parent that adds it all up.

    parent -> worker (stdin)    {"plan": ...}    "play"    "stop"    the end of the file: leave and end
    worker -> parent (stdout)   {"joining": 12}    {"ready": true}    {"playing": 3.5}
                                {"measured": ..., "cut_short": false}

The windows of all workers open together, after the last bot of all has joined. A worker whose parent has gone reads the
end of its standard input, so that none outlives it; one that has gone, or that somebody else told to end before its
time, is named, and its bots count as errors.
To test: `tests/game_client/shell/test_workers.py`.
"""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from time import monotonic
from typing import Any, TextIO

from game_client.shell.measured import Measured
from game_client.shell.swarm import Plan, Swarm, Told, until

END_S = 15.0
"""A worker that lives on so long after it was told to end is killed."""
LINE_BYTES_MAX = 64 * 1024 * 1024
"""A million samples are a few hundred kilobytes; longer than this is no worker of ours."""
LOG_LINES_KEPT = 8
TOLD_EVERY_S = 0.1


class Worker:
    """One process of bots, as its parent sees it."""

    def __init__(self, plan: Plan, told: Callable[[], None]) -> None:
        self.plan = plan
        self.settled = 0
        self.seconds = 0.0
        self.measured: Measured | None = None
        self.cut_short = False
        self.ready, self.done = asyncio.Event(), asyncio.Event()
        self._told = told
        self._log: deque[str] = deque(maxlen=LOG_LINES_KEPT)
        self._process: asyncio.subprocess.Process | None = None
        self._listening: list[asyncio.Task[None]] = []

    async def start(self, seconds: float) -> None:
        """Start it, and tell it what to do."""
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "game_client.shell.workers",
            stdin=pipe, stdout=pipe, stderr=pipe, limit=LINE_BYTES_MAX,
        )  # fmt: skip
        self._listening = [asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._keep_log())]
        self.say({"plan": asdict(self.plan), "seconds": seconds})

    def say(self, line: Any) -> None:
        """Tell it something; one that has gone hears nothing."""
        assert self._process is not None and self._process.stdin is not None, "start() comes first"
        with suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")

    async def end(self) -> None:
        """Make sure that it has ended."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None, "it was made with a pipe"
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), END_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def failure(self, interrupted: bool) -> str | None:
        """Why there is no whole measurement of it, if there is none; `interrupted` ones may be cut short."""
        name = f"worker {self.plan.first + 1} of {self.plan.step} ({len(self.plan.numbers)} bots)"
        if self.measured is None:
            code = self._process.returncode if self._process is not None else None
            last = f": {self._log[-1]}" if self._log else ""
            return f"{name} ended with {code}{last}"
        return f"{name} was told to end before its time" if self.cut_short and not interrupted else None

    async def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None, "it was made with a pipe"
        try:
            while line := await self._process.stdout.readline():
                self._hear(json.loads(line))
                self._told()
        except ValueError:
            pass  # Half a line, or one without end: that was its last.
        finally:
            # It has ended, in whatever way: nobody must wait for it any longer.
            self.ready.set()
            self.done.set()

    def _hear(self, line: Any) -> None:
        match line:
            case {"joining": int(settled)}:
                self.settled = settled
            case {"ready": True}:
                self.settled = len(self.plan.numbers)
                self.ready.set()
            case {"playing": float(seconds)}:
                self.seconds = seconds
            case {"measured": dict(measured), "cut_short": bool(cut_short)}:
                self.measured, self.cut_short = Measured.from_wire(measured), cut_short
                self.done.set()

    async def _keep_log(self) -> None:
        assert self._process is not None and self._process.stderr is not None, "it was made with a pipe"
        while line := await self._process.stderr.readline():
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._log.append(text)


async def play_in_processes(plan: Plan, processes: int, seconds: float, told: Told, ended: asyncio.Event) -> Measured:
    """Spread the bots of `plan` over processes; let them play for `seconds` after all have joined, or until `ended`."""

    def tell() -> None:
        if all(worker.ready.is_set() for worker in workers):
            told("playing", max(worker.seconds for worker in workers))
        else:
            told("joining", sum(worker.settled for worker in workers))

    workers = [Worker(replace(plan, first=place, step=processes), tell) for place in range(processes)]
    try:
        await asyncio.gather(*(worker.start(seconds) for worker in workers))
        await until(_all(worker.ready for worker in workers), ended)
        for worker in workers:
            worker.say("stop" if ended.is_set() else "play")
        await until(_all(worker.done for worker in workers), ended)
        for worker in workers:
            worker.say("stop")
        await asyncio.wait_for(_all(worker.done for worker in workers), END_S)
    except TimeoutError:
        pass  # Whoever has not told anything is named below.
    finally:
        await asyncio.gather(*(worker.end() for worker in workers))
    return _merged(workers, ended.is_set())


async def _all(events: Any) -> None:
    await asyncio.gather(*(event.wait() for event in events))


def _merged(workers: list[Worker], interrupted: bool) -> Measured:
    whole = Measured()
    for worker in workers:
        if worker.measured is not None:
            whole.merge(worker.measured)
        failure = worker.failure(interrupted)
        if failure is not None:
            whole.fail([failure] * len(worker.plan.numbers))
    return whole


# --- the worker's side


def main() -> int:
    """Play what standard input says; end when it ends."""
    # A behaviour may print: what the parent reads goes another way.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Ctrl-C reaches every process of a terminal; the parent says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_work(out))
    return 0


async def _work(out: TextIO) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    told = json.loads(await lines.readline())
    plan = Plan(**{**told["plan"], "urls": tuple(told["plan"]["urls"])})
    play, ended = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    obeying = asyncio.ensure_future(_obey(lines, play, ended))
    bots = Swarm(plan, _Teller(out))
    try:
        await until(bots.join(), ended)
        _tell(out, {"ready": True})
        await until(_all([play]), ended)
        measured = await bots.play(float(told["seconds"]), ended)
        _tell(out, {"measured": measured.to_wire(), "cut_short": ended.is_set()})
    finally:
        await bots.leave()
        obeying.cancel()


async def _obey(lines: asyncio.StreamReader, play: asyncio.Event, ended: asyncio.Event) -> None:
    while line := await lines.readline():
        if json.loads(line) == "play":
            play.set()
        else:
            break
    ended.set()


class _Teller:
    """Tells the parent how far the bots are, not too often."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next = 0.0

    def __call__(self, phase: str, done: float) -> None:
        if monotonic() >= self._next:
            self._next = monotonic() + TOLD_EVERY_S
            _tell(self._out, {phase: int(done) if phase == "joining" else float(done)})


def _tell(out: TextIO, line: dict[str, Any]) -> None:
    try:
        print(json.dumps(line), file=out, flush=True)
    except BrokenPipeError:
        pass  # The parent has gone: standard input ends, too.


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's maker of loops, where there is one."""
    try:
        import uvloop
    except ImportError:
        return None  # Windows, PyPy: asyncio's own loop.
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
