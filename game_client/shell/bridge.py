"""The client for frame loops: the socket lives in a thread, `pump()` brings the world up to date, nothing ever blocks.

    thread of the socket                       thread of the frames
    Client: pace of inputs, ACKs, reconnects
      applied frames, events  -> deque ->      pump(): the same frames on a second WireState
      loop.call_soon_threadsafe <-             send_input, send_command

The second state costs a tenth of a millisecond per tick, and the world never changes while a frame is drawn.
To test: `tests/game_client/shell/test_bridge.py`.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from ssl import SSLContext
from time import monotonic_ns
from typing import Any, TypeAlias

from game_client.facts import EventCame, StateApplied, Status
from game_client.following import EVENTS_UNTAKEN_MAX
from game_client.records import command_place, record_values
from game_client.replica import Replica
from game_client.resume import COMMANDS_UNACKNOWLEDGED_MAX
from game_client.shell.connection import Client, JoinRefused, Token
from game_client.shell.wire import Proxy
from game_client.stats import ClientStats
from protocol.errors import UsageFault
from protocol.messages import Keyframe, State
from protocol.schema import Schema
from protocol.state_codec import WireEntity, WireState

FRAMES_WAITING_MAX = 256
"""When so many were not pumped (a window is being dragged), one copy of the whole state takes their place."""
CLOSE_WITHIN_S = 2.0

OnState: TypeAlias = Callable[[int, int, Replica], None]
"""Called with (tick, arrival_ns, world) for each applied state; `Interpolator.record` is one."""


@dataclass(frozen=True, slots=True)
class _Handed:
    """What the socket's thread hands over: a frame, or all entities at a tick."""

    arrival_ns: int
    tick: int
    what: State | Keyframe | dict[int, WireEntity]
    schema: Schema
    seat: int | None
    tick_rate_hz: int


class Bridge:
    """One player in one match, for a program with a frame loop. Dials at once, in the background.

    The options are those of `join`. A `token` that is a function is called in the socket's thread.
    """

    def __init__(
        self,
        url: str,
        name: str = "",
        *,
        token: Token | None = None,
        spectate: bool = False,
        proxy: Proxy = None,
        ssl: SSLContext | None = None,
    ) -> None:
        self.world = Replica()
        self.seat: int | None = None
        self.tick_rate_hz = 0
        self._state = WireState(Schema())
        self._client = Client(url, name=name, token=token, spectate=spectate, patient=True, proxy=proxy, ssl=ssl)
        self._client.on_state = self._hand_state
        self._client.on_event = self._hand_event
        self._handed: deque[_Handed] = deque()
        self._handed_events: deque[tuple[int, Any]] = deque(maxlen=EVENTS_UNTAKEN_MAX)
        self._events: list[tuple[int, Any]] = []
        self._input: list[Any] | None = None
        self._commands_handed = 0
        self._commands_taken = 0  # Written by the other thread.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="tickwire-bridge", daemon=True)
        self._thread.start()

    # --- the thread of the frames

    @property
    def tick(self) -> int:
        """The tick that the world shows, -1 before the first."""
        return self._state.tick

    @property
    def status(self) -> Status:
        """How the connection is, for the player to read."""
        return self._client.status

    @property
    def stats(self) -> ClientStats:
        """Counts and measurements; the other thread writes them."""
        return self._client.stats

    @property
    def playhead_tick(self) -> float | None:
        """Which tick an interpolator shows; set it for the server's lag compensation."""
        return self._client.playhead_tick

    @playhead_tick.setter
    def playhead_tick(self, tick: float | None) -> None:
        self._client.playhead_tick = tick

    def pump(self, on_state: OnState | None = None) -> int:
        """Bring the world up to the newest state; return how many states that took. Call it once per frame."""
        applied = 0
        while True:
            try:
                handed = self._handed.popleft()
            except IndexError:
                break
            if self._apply(handed):
                applied += 1
                if on_state is not None:
                    on_state(handed.tick, handed.arrival_ns, self.world)
        while self._handed_events:
            self._events.append(self._handed_events.popleft())
        del self._events[:-EVENTS_UNTAKEN_MAX]
        return applied

    def take_events(self) -> list[tuple[int, Any]]:
        """Return the events that `pump` brought since the last call, each with its tick."""
        events, self._events = self._events, []
        return events

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        """Hold an input from now on: an Input object, or its fields. Ignored before the first state.

        An `Edge` field is how often the button was pressed since the last call. *Raises* `UsageFault`.
        """
        kind = self._state.schema.input
        if kind is None:
            if self.tick_rate_hz:
                raise UsageFault("this game takes no per-tick input, only commands")
            return
        values = record_values(kind, record, fields)
        pressed = any(value for value, field in zip(values, kind.fields, strict=True) if field.type == "edge")
        if pressed or values != self._input:
            self._input = list(values)
            self._call(self._client.session.hold_values, values)

    def send_command(self, command: object, **fields: Any) -> None:
        """Send a command, an object or a name with its fields; while reconnecting it waits. *Raises* `UsageFault`."""
        if self.status.phase == "closed":
            raise UsageFault(f"a command while {self.status}: there is no match any more")
        if not self.tick_rate_hz:
            raise UsageFault(f"a command while {self.status}: send it when the status is live")
        name = command if isinstance(command, str) else type(command).__name__
        place, kind = command_place(self._state.schema.commands, name)
        values = record_values(kind, None if isinstance(command, str) else command, fields)
        if self.seat is None:
            raise UsageFault("a spectator sends no commands")
        # Those on their way first: one that is taken between the two counts twice, never not at all.
        on_their_way = self._commands_handed - self._commands_taken
        if on_their_way + self._client.session.commands_unacknowledged >= COMMANDS_UNACKNOWLEDGED_MAX:
            raise UsageFault(f"{COMMANDS_UNACKNOWLEDGED_MAX} commands are not acknowledged: wait, or send fewer")
        self._commands_handed += 1
        self._call(self._take_command, self._state.schema, place, values)

    def cut(self, seconds: float) -> None:
        """End all sockets as a broken network does, and let no dial through for so long: to show or test a resume."""
        self._call(self._client.cut, seconds)

    def close(self) -> None:
        """Leave the match; returns when the thread has ended, at most 2 s later."""
        self._closed = True
        loop, ending = self._loop, self._ending
        if loop is not None and ending is not None:
            try:
                loop.call_soon_threadsafe(ending.set)
            except RuntimeError:
                pass  # The loop has ended by itself.
        self._thread.join(CLOSE_WITHIN_S)

    def __enter__(self) -> "Bridge":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _apply(self, handed: _Handed) -> bool:
        if handed.schema is not self._state.schema:
            self._state = WireState(handed.schema)
            self.world.bind(self._state)
            self._input = None
        self.seat, self.tick_rate_hz = handed.seat, handed.tick_rate_hz
        match handed.what:
            case State() as frame:
                if not self._state.can_apply(frame):
                    return False
                self._state.apply_state(frame)
            case Keyframe() as frame:
                self._state.apply_keyframe(frame)
            case entities:
                self._state.entities, self._state.tick = entities, handed.tick
        return True

    def _call(self, act: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._client.act, act, *arguments)
            except RuntimeError:
                pass  # The loop has ended; the status says why.

    # --- the thread of the socket

    def _hand_state(self, applied: StateApplied) -> None:
        session = self._client.session
        what: State | Keyframe | dict[int, WireEntity] = applied.frame
        if len(self._handed) >= FRAMES_WAITING_MAX:
            self._handed.clear()
            # A shallow copy will do: a WireEntity gets a new list of values whenever one changes.
            what = {each.id: copy(each) for each in session.wire_state.entities.values()}
        arrival_ns = monotonic_ns()
        self._handed.append(_Handed(arrival_ns, applied.tick, what, session.schema, session.seat, session.tick_rate_hz))

    def _hand_event(self, came: EventCame) -> None:
        self._client.session.take_events()
        self._handed_events.append((came.tick, came.event))

    def _take_command(self, schema: Schema, place: int, values: list[Any]) -> None:
        session = self._client.session
        try:
            if self.status.phase == "closed" or session.schema != schema:
                # The match that it was meant for went while it was on its way.
                self.stats.commands_lost += 1
            else:
                session.command_values(place, values)
        finally:
            self._commands_taken += 1

    def _run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._ending = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        starting = asyncio.create_task(self._start())
        # close() may have come before there was a loop to tell.
        if not self._closed:
            await self._ending.wait()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await self._client.stop()

    async def _start(self) -> None:
        try:
            await self._client.start()
        except JoinRefused:
            pass  # The status says so.
