"""The asyncio client: `async with join(url, name="Ada") as client`.

It carries facts to a `ClientSession` and does what that wants done: dialling, sending, one timer.
To test: `tests/game_client/shell/test_connection.py`.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from math import ceil
from random import Random
from ssl import SSLContext
from time import monotonic_ns
from types import TracebackType
from typing import Any, TypeAlias
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed

from game_client.facts import (
    BytesReceived,
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
from game_client.session import GOING_AWAY, ClientSession
from game_client.shell.wire import Proxy, Refused, Road, Wire, dial
from game_client.stats import ClientStats
from protocol.errors import TickwireError, UsageFault

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


class Client:
    """One player in one match; comes back by itself after a lost socket.

    `on_state(StateApplied)`, `on_event(EventCame)` and `on_status(Status)` may be set; they are called inside the event
    loop, at once.
    `name` is for servers that believe one, `token` for those that want proof. A `patient` client goes on dialling when
    the first dial fails. It dials directly unless given a `proxy`: its URL, or True for the one that the environment
    names; from `local_addr` if one is given.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        token: Token | None = None,
        spectate: bool = False,
        rng: Random | None = None,
        patient: bool = False,
        proxy: Proxy = None,
        ssl: SSLContext | None = None,
        local_addr: str | None = None,
    ) -> None:
        self.name = name
        self.token = token
        self.patient = patient
        self.road = Road(proxy, ssl, local_addr, spectate)
        self.session = ClientSession(url, rng or Random(), monotonic_ns())
        self.on_state: Callable[[StateApplied], None] | None = None
        self.on_status: Callable[[Status], None] | None = None
        self.on_event: Callable[[EventCame], None] | None = None
        self._wires: dict[int, Wire] = {}
        self._dials: dict[int, asyncio.Task[Any]] = {}
        self._measuring: dict[int, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cut_until_ns = 0
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
        """Send a command, an object or a name with its fields; while reconnecting it waits. *Raises* `UsageFault`."""
        self.session.send_command(command, **fields)
        self._turn()

    def take_events(self) -> list[tuple[int, Any]]:
        """Return the events since the last call, each with its tick."""
        return self.session.take_events()

    def cut(self, seconds: float) -> None:
        """End all sockets as a broken network does, and let no dial through for so long: to show or test a resume."""
        self._cut_until_ns = monotonic_ns() + int(seconds * 1e9)
        for wire in list(self._wires.values()):
            wire.cut()
        for socket in list(self._dials):
            self._dials.pop(socket).cancel()
            self._handle(DialFailed(socket, "the network is cut"))

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
        """Join: dial and wait until the first state is here. *Raises* `JoinRefused`; nothing goes on then."""
        try:
            await self._join()
        except BaseException:
            # Cancelled, too: a client that goes on dialling for nobody would take a seat at last.
            await self.stop()
            raise

    async def _join(self) -> None:
        self._news = asyncio.Event()
        self._act(lambda now_ns: self.session.advance(now_ns))
        while self.fault is None and self.status.phase == "dialling" and (self.patient or self.status.attempt == 0):
            self._news.clear()
            await self._news.wait()
        if self.status.phase != "live":
            raise self.fault or JoinRefused(self.status.code, self.status.reason)

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

    def _hear_frame(self, socket: int, data: bytes) -> None:
        try:
            self.session.handle(FrameReceived(socket, data), monotonic_ns())
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
            case SendFrame(socket, data):
                if socket in self._wires:
                    self._wires[socket].write_frame(data)
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
                if self.on_status is not None:
                    self._call(self.on_status, self.status)
            case DialNow(socket, url, resume_token):
                self._dials[socket] = self._task(self._dial(socket, url, resume_token))
            case CloseSocket(socket, code):
                self._drop(socket, code)

    def _call(self, callback: Callable[[Any], None], effect: Any) -> None:
        try:
            callback(effect)
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
        for socket, wire in self._wires.items():
            # Parts of a frame, pings: a slow server is not a silent one.
            self.session.handle(BytesReceived(socket), wire.heard_ns)
        self._act(self.session.advance)

    # --- sockets

    async def _dial(self, socket: int, url: str, resume_token: str) -> None:
        try:
            outcome = await self._open(socket, url, resume_token)
        except Exception as error:
            outcome = Refused(f"{url} cannot be dialled from here: {error!r}", hopeless=True)
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

    async def _open(self, socket: int, url: str, resume_token: str) -> Wire | Refused:
        if monotonic_ns() < self._cut_until_ns:
            return Refused("the network is cut")
        try:
            credential = resume_token or await self._credential()
        except Exception as error:
            # A lobby that cannot be reached may be there later; whatever else was raised will be raised again.
            return Refused(f"there is no token to join with: {error!r}", hopeless=not isinstance(error, OSError))
        outcome = await dial(url, credential, socket, self.road)
        if isinstance(outcome, Refused) and outcome.status == TICKET_USED and credential == self.token:
            # "Ask the lobby again": a token that was given as text stays the same whenever it is dialled with.
            return Refused(outcome.reason, outcome.status, hopeless=True)
        return outcome

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


def join(
    url: str,
    *,
    name: str = "",
    token: Token | None = None,
    spectate: bool = False,
    rng: Random | None = None,
    proxy: Proxy = None,
    ssl: SSLContext | None = None,
    local_addr: str | None = None,
) -> Client:
    """Join the match at `url`: `async with join(url, name="Ada") as client`. *Raises* `JoinRefused` on entering.

    Without a name the server chooses one, if it lets strangers in; others want a `token`. With `spectate` the client
    only watches. `proxy` is a proxy's URL, or True for the one that the environment names.
    """
    return Client(url, name=name, token=token, spectate=spectate, rng=rng, proxy=proxy, ssl=ssl, local_addr=local_addr)
