"""What drives a pure session over real sockets: dials, frames, one timer. `Client` and `Lobby` are two of them.

To test: `tests/game_client/shell/test_driver.py`.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from math import ceil
from time import monotonic_ns
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed

from game_client.facts import (
    GOING_AWAY,
    BytesReceived,
    CloseSocket,
    DialFailed,
    DialNow,
    FrameReceived,
    RoundTripMeasured,
    SendFrame,
    SocketClosed,
    SocketFact,
    SocketOpened,
    Status,
)  # fmt: skip
from game_client.lobby_records import LobbyRefused
from game_client.shell.wire import Refused, Road, Wire, dial
from game_client.stats import ClientStats
from protocol.errors import TickwireError, UsageFault
from protocol.lobby_messages import RefusedCode

PING_S = 2.0
TICKET_USED = 409

Token: TypeAlias = str | Callable[[], str | Awaitable[str]]
"""A ticket or a JSON Web Token; or what returns a fresh one, called before each dial that needs one."""


class JoinRefused(TickwireError):
    """The match cannot be joined: `code` is a close code or an HTTP status, `sentence` says why."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.sentence} ({self.code})" if self.code else self.sentence


class Machine(Protocol):
    """A session with the four doors, whose effects are dials, frames, closes and whatever its driver knows."""

    status: Status
    stats: ClientStats

    @property
    def url(self) -> str:
        """Where to dial now."""

    @property
    def deadline_ns(self) -> int | None:
        """When `advance` should be called next."""

    def handle(self, fact: SocketFact, now_ns: int) -> None:
        """Take one fact."""

    def advance(self, now_ns: int) -> None:
        """Do what is due."""

    def effects(self) -> list[Any]:
        """Return what to do, and forget it."""

    def leave(self) -> None:
        """End for good."""


class Driver:
    """A session's sockets and its timer. What a session tells besides dials and frames is `_hear`'s to override.

    `name` is for servers that believe one, `token` for those that want proof. A `patient` one goes on dialling when
    the first dial fails. `fault` is what a callback of the caller's raised, or a bug.
    """

    def __init__(self, machine: Machine, name: str, token: Token | None, road: Road, patient: bool) -> None:
        self.name = name
        self.token = token
        self.road = road
        self.patient = patient
        self.fault: Exception | None = None
        self._machine = machine
        self._brought: str | None = None
        """The own credential that the last dial brought."""
        self._wires: dict[int, Wire] = {}
        self._dials: dict[int, asyncio.Task[Any]] = {}
        self._measuring: dict[int, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cut_until_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._news: asyncio.Event | None = None
        self._turning = False

    @property
    def status(self) -> Status:
        """How the connection is."""
        return self._machine.status

    @property
    def stats(self) -> ClientStats:
        """Counts and measurements."""
        return self._machine.stats

    def cut(self, seconds: float) -> None:
        """End all sockets as a broken network does, and let no dial through for so long: to show or test a return."""
        self._cut_until_ns = monotonic_ns() + int(seconds * 1e9)
        for wire in list(self._wires.values()):
            wire.cut()
        for socket in list(self._dials):
            self._dials.pop(socket).cancel()
            self._handle(DialFailed(socket, "the network is cut"))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Dial and wait until it is live. *Raises* `JoinRefused`; nothing goes on then."""
        try:
            await self._join()
        except BaseException:
            # Cancelled, too: a client that goes on dialling for nobody would take a seat at last.
            await self.stop()
            raise

    async def _join(self) -> None:
        self._news = asyncio.Event()
        self._act(lambda now_ns: self._machine.advance(now_ns))
        while self.fault is None and self.status.phase == "dialling" and (self.patient or self.status.attempt == 0):
            await self._wait_news()
        if self.status.phase != "live":
            raise self.fault or JoinRefused(self.status.code, self.status.reason)

    async def stop(self) -> None:
        """Leave and close the socket."""
        self._act(lambda now_ns: self._machine.leave())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait_news(self) -> None:
        assert self._news is not None, "it has started"
        self._news.clear()
        await self._news.wait()

    # --- the machine

    def act(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call a method of the session from inside the loop, and do what it wants done."""
        self._act(lambda now_ns: act(*arguments))

    def _handle(self, fact: SocketFact) -> None:
        self._act(lambda now_ns: self._machine.handle(fact, now_ns))

    def _hear_frame(self, socket: int, data: bytes) -> None:
        try:
            self._machine.handle(FrameReceived(socket, data), monotonic_ns())
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
        self._tell_news()

    def _tell_news(self) -> None:
        if self._news is not None:
            self._news.set()

    def _turn(self) -> None:
        if self._turning or self._news is None:
            return  # A callback sends from within a turn, which goes on with what it left; so does a start.
        self._turning = True
        try:
            while effects := self._machine.effects():
                for effect in effects:
                    self._do(effect)
        finally:
            self._turning = False
        self._arm()

    def _do(self, effect: Any) -> None:
        match effect:
            case SendFrame(socket, data):
                if socket in self._wires:
                    self._wires[socket].write_frame(data)
            case DialNow(socket):
                self._dials[socket] = self._task(self._dial(effect))
            case CloseSocket(socket, code):
                self._drop(socket, code)
            case _:
                self._hear(effect)

    def _hear(self, effect: Any) -> None:
        """Take an effect that is neither a dial nor a frame nor a close."""

    def _call(self, callback: Callable[[Any], None], told: Any) -> None:
        try:
            callback(told)
        except Exception as error:
            self._fail(error)

    def _drop(self, socket: int, code: int) -> None:
        dialling = self._dials.pop(socket, None)
        if dialling is not None and dialling is not asyncio.current_task():
            dialling.cancel()
        self._stop_measuring(socket)
        wire = self._wires.pop(socket, None)
        if wire is not None:
            wire.detach()
            self._task(wire.close(code))

    def _stop_measuring(self, socket: int) -> None:
        measuring = self._measuring.pop(socket, None)
        if measuring is not None and measuring is not asyncio.current_task():
            measuring.cancel()

    def _task(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _arm(self) -> None:
        deadline_ns = self._machine.deadline_ns
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
        for socket, wire in self._wires.items():
            # Parts of a frame, pings: a slow server is not a silent one.
            self._machine.handle(BytesReceived(socket), wire.heard_ns)
        self._act(self._machine.advance)

    # --- sockets

    async def _dial(self, wanted: DialNow) -> None:
        socket = wanted.socket
        try:
            outcome = await self._open(wanted)
        except Exception as error:
            outcome = Refused(f"{wanted.url} cannot be dialled from here: {error!r}", hopeless=True)
        if self._dials.pop(socket, None) is None:
            # It was given up in the very turn in which it opened.
            if isinstance(outcome, Wire):
                await outcome.close(GOING_AWAY)
            return
        if isinstance(outcome, Refused):
            self._handle(DialFailed(socket, outcome.reason, outcome.status, outcome.retry_after_ms, outcome.hopeless))
            return
        self._wires[socket] = outcome
        outcome.stats = self.stats
        self._handle(SocketOpened(socket))
        outcome.attach(partial(self._hear_frame, socket), partial(self._hear_end, socket))
        if self._wires.get(socket) is outcome:
            self._measuring[socket] = self._task(self._measure(socket, outcome))

    async def _open(self, wanted: DialNow) -> Wire | Refused:
        if monotonic_ns() < self._cut_until_ns:
            return Refused("the network is cut")
        if wanted.credential:
            return await dial(wanted.url, wanted.credential, wanted.socket, self.road)
        outcome = await self._open_as_oneself(wanted, again=wanted.again)
        if not isinstance(outcome, Refused) or outcome.status != TICKET_USED:
            return outcome
        # "Ask the lobby again."
        if callable(self.token):
            return await self._open_as_oneself(wanted, again=False)
        # A token that was given as text stays the same whenever it is dialled with.
        return outcome if self.token is None else Refused(outcome.reason, outcome.status, hopeless=True)

    async def _open_as_oneself(self, wanted: DialNow, again: bool) -> Wire | Refused:
        try:
            if not again or self._brought is None:
                self._brought = await self._credential()
        except LobbyRefused as refused:
            # Busy: the player searches for the next match while this one goes on; that ends some time.
            passes = refused.retry_after_ms or refused.code == RefusedCode.BUSY
            return Refused(str(refused), 0, refused.retry_after_ms, hopeless=not passes)
        except Exception as error:
            # A lobby that cannot be reached may be there later; whatever else was raised will be raised again.
            return Refused(f"there is no token to join with: {error!r}", hopeless=not isinstance(error, OSError))
        # Whoever gave the credential may have said that the match is elsewhere.
        return await dial(self._machine.url, self._brought, wanted.socket, self.road)

    async def _credential(self) -> str:
        token = self.token
        if token is None:
            return quote(self.name, safe="")
        if isinstance(token, str):
            return token
        fresh = token()
        credential: object = await fresh if inspect.isawaitable(fresh) else fresh
        if not isinstance(credential, str):
            raise UsageFault(f"the token function returned {type(credential).__name__}, a str is needed")
        return credential

    def _hear_end(self, socket: int, code: int, reason: str) -> None:
        self._stop_measuring(socket)
        self._wires.pop(socket, None)
        self._handle(SocketClosed(socket, code, reason))

    async def _measure(self, socket: int, wire: Wire) -> None:
        try:
            while self._wires.get(socket) is wire:
                # websockets' own latency is in the loop's time, which uvloop counts in whole milliseconds.
                began_ns = monotonic_ns()
                pong = await wire.ping()
                wire.note_ping()
                await pong
                if self._wires.get(socket) is wire:
                    self._handle(RoundTripMeasured(socket, monotonic_ns() - began_ns))
                await asyncio.sleep(PING_S)
        except ConnectionClosed:
            pass  # The wire itself tells its end.
