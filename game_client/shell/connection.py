"""The asyncio client: `async with join(url, name="Ada") as client`.

It carries facts to a `ClientSession` and does what that wants done: dialling, sending, one timer.
To test: `tests/game_client/shell/test_connection.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from math import ceil
from random import Random
from time import monotonic_ns
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed

from game_client.facts import (
    CloseSocket,
    DialFailed,
    DialNow,
    EventCame,
    Fact,
    FrameReceived,
    RoundTripMeasured,
    SendFrame,
    SocketClosed,
    SocketOpened,
    StateApplied,
    Status,
    StatusChanged,
)  # fmt: skip
from game_client.replica import Replica
from game_client.session import ClientSession
from game_client.shell.wire import Proxy, Wire, dial
from game_client.stats import ClientStats
from protocol.errors import TickwireError

PING_S = 2.0


class JoinRefused(TickwireError):
    """The match cannot be joined: `code` is a close code or an HTTP status, `sentence` says why."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.sentence} ({self.code})" if self.code else self.sentence


class Client:
    """One player in one match; comes back by itself after a lost socket.

    `on_state(StateApplied)` and `on_event(EventCame)` may be set; they are called inside the event loop, at once.
    A `patient` client goes on dialling when the first dial fails. It dials directly unless given a `proxy`: its URL, or
    True for the one that the environment names.
    """

    def __init__(
        self, url: str, *, name: str = "", rng: Random | None = None, patient: bool = False, proxy: Proxy = None
    ) -> None:
        self.name = name
        self.proxy = proxy
        self.patient = patient
        self.session = ClientSession(url, rng or Random(), monotonic_ns())
        self.on_state: Callable[[StateApplied], None] | None = None
        self.on_event: Callable[[EventCame], None] | None = None
        self._wire: Wire | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._dialling: asyncio.Task[Any] | None = None
        self._measuring: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._news: asyncio.Event | None = None
        self.fault: Exception | None = None
        self._turning = False

    # --- what may be read

    @property
    def world(self) -> Replica:
        """What this seat may see of the match."""
        return self.session.world

    @property
    def seat(self) -> int | None:
        """The seat, None for a spectator."""
        return self.session.seat

    @property
    def tick(self) -> int:
        """The last applied tick, -1 before the first."""
        return self.session.tick

    @property
    def tick_rate_hz(self) -> int:
        """The match's rate."""
        return self.session.tick_rate_hz

    @property
    def status(self) -> Status:
        """How the connection is."""
        return self.session.status

    @property
    def stats(self) -> ClientStats:
        """Counts and measurements."""
        return self.session.stats

    @property
    def playhead_tick(self) -> float | None:
        """Which tick an interpolator shows; set it for the server's lag compensation."""
        return self.session.playhead_tick

    @playhead_tick.setter
    def playhead_tick(self, tick: float | None) -> None:
        self.session.playhead_tick = tick

    # --- what may be done

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        """Hold an input from now on: an Input object, or its fields. *Raises* `UsageFault`."""
        self.session.send_input(record, **fields)
        self._turn()

    def send_command(self, command: object, **fields: Any) -> None:
        """Send a command, an object or a name with its fields. *Raises* `UsageFault`."""
        self.session.send_command(command, **fields)
        self._turn()

    def take_events(self) -> list[tuple[int, Any]]:
        """Return the events since the last call, each with its tick."""
        return self.session.take_events()

    async def states(self) -> AsyncIterator[int]:
        """Yield the tick whenever the world moved on, until the match is over for this client.

        Of several states that came while the caller was busy only the newest is yielded; it includes the others.
        """
        assert self._news is not None, "states() needs `async with`"
        seen = -1
        while True:
            if self.fault is not None:
                raise self.fault
            if self.tick != seen and self.status.phase == "live":
                seen = self.tick
                yield seen
            elif self.status.phase == "closed":
                return
            else:
                self._news.clear()
                await self._news.wait()

    async def __aenter__(self) -> "Client":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Join: dial and wait until the first state is here. *Raises* `JoinRefused`."""
        self._news = asyncio.Event()
        self._act(lambda now_ns: self.session.advance(now_ns))
        while self.fault is None and self.status.phase == "dialling" and (self.patient or self.status.attempt == 0):
            self._news.clear()
            await self._news.wait()
        if self.status.phase != "live":
            status = self.status
            await self.stop()
            raise self.fault or JoinRefused(status.code, status.reason)

    async def stop(self) -> None:
        """Leave the match and close the socket."""
        self._act(lambda now_ns: self.session.leave())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- the machine's driver

    def act(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call a method of the session from inside the loop, and do what it wants done."""
        self._act(lambda now_ns: act(*arguments))

    def _handle(self, fact: Fact) -> None:
        self._act(lambda now_ns: self.session.handle(fact, now_ns))

    def _hear_frame(self, data: bytes) -> None:
        try:
            self.session.handle(FrameReceived(data), monotonic_ns())
            self._turn()
        except Exception as error:
            self._fail(error)

    def _act(self, act: Callable[[int], None]) -> None:
        try:
            act(monotonic_ns())
            self._turn()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        # A callback of the caller's raised, or a bug of ours: it surfaces where the caller waits, not in the loop.
        self.fault = self.fault or error
        self.stats.errors += 1
        if self._news is not None:
            self._news.set()

    def _turn(self) -> None:
        if self._turning:
            return  # A callback sends from within a turn, which goes on with what it left.
        self._turning = True
        try:
            while effects := self.session.effects():
                for effect in effects:
                    self._do(effect)
        finally:
            self._turning = False
        self._arm()

    def _do(self, effect: object) -> None:
        match effect:
            case SendFrame(data):
                if self._wire is not None:
                    self._wire.write_frame(data)
            case StateApplied():
                if self._news is not None:
                    self._news.set()
                if self.on_state is not None:
                    self._call(self.on_state, effect)
            case EventCame():
                if self.on_event is not None:
                    self._call(self.on_event, effect)
            case StatusChanged():
                if self._news is not None:
                    self._news.set()
            case DialNow(url):
                self._dialling = self._task(self._dial(url))
            case CloseSocket(code):
                self._drop(code)

    def _call(self, callback: Callable[[Any], None], effect: Any) -> None:
        try:
            callback(effect)
        except Exception as error:
            self._fail(error)

    def _drop(self, code: int) -> None:
        wire, self._wire = self._wire, None
        for task in (self._dialling, self._measuring):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        if wire is not None:
            wire.detach()
            self._task(wire.close(code))

    def _task(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _arm(self) -> None:
        deadline_ns = self.session.deadline_ns
        if deadline_ns is None:
            return
        if self._timer is not None:
            # A timer that rings too early looks again; only one that would ring too late is replaced.
            if self._timer_ns <= deadline_ns:
                return
            self._timer.cancel()
        # Loops count in milliseconds (uvloop does); rounding up spares a timer that rings before its time.
        delay_ms = max(0, ceil((deadline_ns - monotonic_ns()) / 1_000_000))
        self._timer_ns = deadline_ns
        self._timer = asyncio.get_running_loop().call_later(delay_ms / 1000, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._act(self.session.advance)

    # --- sockets

    async def _dial(self, url: str) -> None:
        outcome = await dial(url, self.name, self.proxy)
        if isinstance(outcome, DialFailed):
            self._handle(outcome)
            return
        if self.session.status.phase == "closed":
            await outcome.close(1000)
            return
        self._wire = outcome
        outcome.stats = self.stats
        self._handle(SocketOpened())
        outcome.attach(self._hear_frame, self._hear_end)
        if self._wire is outcome:
            self._measuring = self._task(self._measure(outcome))

    def _hear_end(self, end: SocketClosed) -> None:
        self._wire = None
        if self._measuring is not None:
            self._measuring.cancel()
        self._handle(end)

    async def _measure(self, wire: Wire) -> None:
        try:
            while wire is self._wire:
                # websockets' own latency is in the loop's time, which uvloop counts in whole milliseconds.
                began_ns = monotonic_ns()
                pong = await wire.ping()
                wire.note_ping()
                await pong
                if wire is self._wire:
                    self._handle(RoundTripMeasured(monotonic_ns() - began_ns))
                await asyncio.sleep(PING_S)
        except ConnectionClosed:
            pass  # The wire itself tells its end.


def join(url: str, *, name: str = "", rng: Random | None = None, proxy: Proxy = None) -> Client:
    """Join the match at `url`: `async with join(url, name="Ada") as client`. *Raises* `JoinRefused` on entering.

    Without a name the server chooses one. `proxy` is a proxy's URL, or True for the one that the environment names.
    """
    return Client(url, name=name, rng=rng, proxy=proxy)
