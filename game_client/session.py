"""The client's session: everything a client decides, without a socket or a clock. A pure machine with four doors.

    handle(fact, now_ns)   a frame came, a socket opened, closed, could not be dialled
    advance(now_ns)        sends the input, the ACK, the dial that are due
    effects()              what to send, dial and tell; drain it after every call
    deadline_ns            when `advance` should be called next

| state | SocketOpened | frame | SocketClosed, DialFailed | deadline |
|---|---|---|---|---|
| WAITING (to dial) | ignored | ignored | ignored | DialNow -> DIALLING |
| DIALLING | HELLO -> JOINING | ignored | WAITING or CLOSED | 10 s: WAITING |
| JOINING | ignored | WELCOME, first KEYFRAME -> LIVE | WAITING or CLOSED | 5 s: WAITING |
| LIVE | ignored | STATE, KEYFRAME, EVENT, ... | WAITING or CLOSED | input, ACK; silence: WAITING |
| CLOSED | ignored | ignored | ignored | |

A state that does not start from the held tick is not applied: one RESYNC asks for one that does.
To test: `tests/game_client/test_session.py`.
"""

from collections import deque
from enum import Enum
from random import Random
from typing import Any, assert_never

from game_client.clock_sync import SECOND_NS, ClockSync
from game_client.facts import (
    CloseSocket,
    DialFailed,
    DialNow,
    Effect,
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
from game_client.reconnect import Reconnect
from game_client.records import HeldInput, command_place, record_values, remote_event
from game_client.replica import Replica
from game_client.stats import ClientStats
from protocol.close_codes import Return, close_code
from protocol.codec import decode, encode
from protocol.errors import PeerFault, UsageFault
from protocol.messages import (
    CLOCK_MODULO,
    CLOCK_SHIFT,
    Ack,
    CommandAck,
    CommandFrame,
    Direction,
    EventAck,
    EventFrame,
    Hello,
    InputFrame,
    Keyframe,
    Message,
    Moved,
    Paused,
    Refusal,
    Resync,
    State,
    StateFlag,
    Welcome,
)  # fmt: skip
from protocol.schema import Schema
from protocol.state_codec import WireState

ACK_AFTER_NS = 100_000_000
COMMANDS_UNACKNOWLEDGED_MAX = 256
"""One more is refused with a `UsageFault`: the server stopped listening."""
EVENTS_UNTAKEN_MAX = 1024
"""Events that nobody takes; the oldest goes first, and is counted."""
SILENCE_LEAST_NS = SECOND_NS
DIAL_WITHIN_NS = 10 * SECOND_NS
"""A dial that nobody answered for so long has failed, whatever became of it: the shell gives up earlier."""
WELCOME_WITHIN_NS = 5 * SECOND_NS
RESYNC_AGAIN_NS = 2 * SECOND_NS
"""The server limits RESYNCs; one that it dropped is sent again, for a keyframe."""
VIEW_BACK_MAX = 4095
NEVER_STATUS = (400, 401, 403, 404, 426)
"""HTTP statuses after which the same dial cannot succeed."""


class SessionState(Enum):
    """Where the client stands."""

    WAITING = "waiting"
    DIALLING = "dialling"
    JOINING = "joining"
    LIVE = "live"
    CLOSED = "closed"


class ClientSession:
    """One client's life in one match, over as many sockets as it takes.

    `world`, `seat`, `tick`, `tick_rate_hz`, `status` and `stats` may be read at any time. Set `playhead_tick` to what
    an interpolator shows, for the server's lag compensation.
    """

    def __init__(self, url: str, rng: Random, now_ns: int = 0) -> None:
        self.url = url
        self.state = SessionState.WAITING
        self.status = Status()
        self.stats = ClientStats()
        self.world = Replica()
        self.schema = Schema()
        self.wire_state = WireState(self.schema)
        self.seat: int | None = None
        self.tick_rate_hz = 0
        self.paused = False
        self.playhead_tick: float | None = None
        self.events: deque[tuple[int, Any]] = deque()
        self.clock = ClockSync(1)
        self._effects: list[Effect] = []
        self._reconnect = Reconnect(rng)
        self._dial_ns = self._dialled_ns = now_ns
        self._ever_live = False
        self._retry_after_ms = 0
        self._refusal: Refusal | None = None
        self._welcomed = False
        self._opened_ns = self._live_ns = self._heard_ns = self._state_ns = 0
        self._rtt_ns = 0
        self._ack_due_ns: int | None = None
        self._resync_ns: int | None = None
        self._resync_tick = -1
        self._held: HeldInput | None = None
        self._inputs_sent: deque[tuple[int, int]] = deque(maxlen=256)
        self._last_event = 0
        self._commands: deque[CommandFrame] = deque()
        self._last_command = 0

    # --- the four doors

    @property
    def tick(self) -> int:
        """The last applied tick, -1 before the first."""
        return self.wire_state.tick

    @property
    def deadline_ns(self) -> int | None:
        """When `advance` should be called next, None if only a fact can change anything."""
        match self.state:
            case SessionState.WAITING:
                return self._dial_ns
            case SessionState.CLOSED:
                return None
            case SessionState.DIALLING:
                return self._dialled_ns + DIAL_WITHIN_NS
            case SessionState.JOINING:
                return self._opened_ns + WELCOME_WITHIN_NS
            case SessionState.LIVE:
                due = self._heard_ns + self._silence_ns()
                if self._ack_due_ns is not None and self._ack_due_ns < due:
                    due = self._ack_due_ns
                if self._held is not None and self._held.values is not None:
                    due = min(due, self.clock.deadline_ns)
                return due
            case _:
                assert_never(self.state)

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: Fact, now_ns: int) -> None:
        """Take one fact."""
        self._must_be_drained()
        match fact:
            case FrameReceived(data):
                if self.state in (SessionState.JOINING, SessionState.LIVE):
                    self._receive(data, now_ns)
            case SocketOpened():
                if self.state is SessionState.DIALLING:
                    self._hello(now_ns)
            case SocketClosed(code, reason):
                if self.state in (SessionState.JOINING, SessionState.LIVE):
                    self._closed(code, reason, now_ns)
            case DialFailed():
                if self.state is SessionState.DIALLING:
                    self._dial_failed(fact, now_ns)
            case RoundTripMeasured(rtt_ns):
                self._rtt_ns = self.clock.rtt_ns = rtt_ns
                self.stats.round_trip(rtt_ns)
            case _:
                assert_never(fact)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._must_be_drained()
        self.stats.roll(now_ns)
        match self.state:
            case SessionState.WAITING if now_ns >= self._dial_ns:
                self.state, self._dialled_ns = SessionState.DIALLING, now_ns
                self._effects.append(DialNow(self.url))
            case SessionState.DIALLING if now_ns >= self._dialled_ns + DIAL_WITHIN_NS:
                self._effects.append(CloseSocket(1001))
                self._dial_failed(DialFailed(f"{self.url} did not answer within 10 s"), now_ns)
            case SessionState.JOINING if now_ns >= self._opened_ns + WELCOME_WITHIN_NS:
                self._give_up("the server did not answer within 5 s", now_ns)
            case SessionState.LIVE if now_ns >= self._heard_ns + self._silence_ns():
                self._give_up("the server fell silent", now_ns)
            case SessionState.LIVE:
                self._send_input(now_ns)
                if self._ack_due_ns is not None and now_ns >= self._ack_due_ns:
                    self._ack_due_ns = None
                    self._send(Ack(self.tick))

    # --- what a player does

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        """Hold an input from now on: an Input object, or its fields.

        Levels stay as given until the next call. An `Edge` field is how often the button was pressed since the last
        call. Ignored before the first WELCOME, when nobody is there to be controlled. *Raises* `UsageFault`.
        """
        if self.schema.input is None:
            if self._ever_live:
                raise UsageFault("this game takes no per-tick input, only commands")
            return
        self.hold_values(record_values(self.schema.input, record, fields))

    def hold_values(self, values: list[Any]) -> None:
        """Hold an input given by position, as `record_values` makes it."""
        if self._held is not None:
            self._held.hold(values)

    def send_command(self, command: object, **fields: Any) -> None:
        """Send a command, an object or a name with its fields; it is kept until acknowledged. *Raises* `UsageFault`."""
        name = command if isinstance(command, str) else type(command).__name__
        place, kind = command_place(self.schema.commands, name)
        self.command_values(place, record_values(kind, None if isinstance(command, str) else command, fields))

    def command_values(self, place: int, values: list[Any]) -> None:
        """Send the command of a schema place, its values by position. *Raises* `UsageFault`."""
        if self.state is not SessionState.LIVE:
            raise UsageFault(f"a command while {self.status}: send it when the status is live")
        if len(self._commands) >= COMMANDS_UNACKNOWLEDGED_MAX:
            raise UsageFault(f"{COMMANDS_UNACKNOWLEDGED_MAX} commands are not acknowledged: wait, or send fewer")
        self._last_command += 1
        frame = CommandFrame(self._last_command, place, values)
        self._commands.append(frame)
        self._send(frame)

    @property
    def commands_unacknowledged(self) -> int:
        """How many commands the server has not acknowledged."""
        return len(self._commands)

    def take_events(self) -> list[tuple[int, Any]]:
        """Return the events since the last call, each with its tick."""
        events = list(self.events)
        self.events.clear()
        return events

    def leave(self) -> None:
        """End for good."""
        if self.state is not SessionState.CLOSED:
            self._effects.append(CloseSocket(1000))
            self._change(SessionState.CLOSED, Status("closed", 0, "left", 1000))

    # --- sockets come and go

    def _must_be_drained(self) -> None:
        if len(self._effects) > 1000:
            raise UsageFault("effects() was not drained: call it after every handle() and advance()")

    def _send(self, message: Message) -> None:
        self._effects.append(SendFrame(encode(message)))

    def _change(self, state: SessionState, status: Status) -> None:
        self.state = state
        if status != self.status:
            self.status = status
            self._effects.append(StatusChanged())

    def _hello(self, now_ns: int) -> None:
        # A plain rejoin: nothing is claimed to be known. A resume will claim epoch, tick, hash and last event here.
        self.state = SessionState.JOINING
        self._opened_ns = self._heard_ns = now_ns
        self._refusal, self._retry_after_ms, self._welcomed = None, 0, False
        self._send(Hello(schema_hash=0, epoch=0, last_tick=-1, hash_tick=-1, hash=0, last_event=0))

    def _dial_failed(self, failed: DialFailed, now_ns: int) -> None:
        self._retry_after_ms = failed.retry_after_ms
        returns = Return.BACKOFF if failed.status else Return.AT_ONCE
        if failed.hopeless or failed.status in NEVER_STATUS:
            returns = Return.NEVER
        self._return(returns, failed.status, failed.reason, now_ns)

    def _give_up(self, reason: str, now_ns: int) -> None:
        self._effects.append(CloseSocket(1001))
        self._closed(1006, reason, now_ns)

    def _closed(self, code: int, reason: str, now_ns: int) -> None:
        if self._refusal is not None:
            code, reason = self._refusal.code, self._refusal.sentence
        if self.state is SessionState.LIVE:
            self._reconnect.connected_for(now_ns - self._live_ns)
        row = close_code(code)
        self._return(row.client, code, reason or row.meaning, now_ns)

    def _return(self, returns: Return, code: int, reason: str, now_ns: int) -> None:
        if returns is Return.NEVER:
            if code != 1000:
                self.stats.errors += 1
            self._change(SessionState.CLOSED, Status("closed", 0, reason, code))
            return
        self._dial_ns = self._reconnect.next_dial_ns(returns, now_ns, self._retry_after_ms)
        phase = "reconnecting" if self._ever_live else "dialling"
        self._change(SessionState.WAITING, Status(phase, self._reconnect.attempt, reason, code))

    def _silence_ns(self) -> int:
        interval_ns = SECOND_NS // self.tick_rate_hz
        return 2 * max(SILENCE_LEAST_NS, 4 * interval_ns + self._rtt_ns)

    # --- frames

    def _receive(self, data: bytes, now_ns: int) -> None:
        self._heard_ns = now_ns
        try:
            message = decode(data, Direction.TO_CLIENT)
            if not self._welcomed and not isinstance(message, Welcome | Refusal | Moved):
                raise PeerFault(f"{type(message).__name__} came before WELCOME")
            match message:
                case State():
                    self._hear_state(message, now_ns)
                case Keyframe():
                    self._hear_keyframe(message, now_ns)
                case EventFrame():
                    self._hear_event(message, now_ns)
                case Welcome():
                    self._hear_welcome(message, now_ns)
                case _:
                    self._hear_rest(message, now_ns)
        except PeerFault as fault:
            self.stats.errors += 1
            self._effects.append(CloseSocket(fault.close_code))
            self._change(SessionState.CLOSED, Status("closed", 0, fault.reason, fault.close_code))

    def _hear_rest(self, message: Message, now_ns: int) -> None:
        match message:
            case CommandAck(_, durable):
                while self._commands and self._commands[0].sequence <= durable:
                    self._commands.popleft()
            case Refusal():
                self._refusal, self._retry_after_ms = message, message.retry_after_ms
            case Moved(url, _):
                self.url = url
            case Paused():
                self.paused = True
                self._go_live(now_ns)

    def _hear_welcome(self, welcome: Welcome, now_ns: int) -> None:
        if self._welcomed:
            raise PeerFault("WELCOME comes once, in answer to HELLO")
        self._welcomed = True
        self.schema = Schema.from_wire(welcome.schema)
        self.seat = None if welcome.seat < 0 else welcome.seat
        self.tick_rate_hz = welcome.tick_rate_hz
        self.wire_state = WireState(self.schema)
        self.world.bind(self.wire_state)
        self._rtt_ns = self._rtt_ns or now_ns - self._opened_ns
        self.clock = ClockSync(welcome.tick_rate_hz, self._rtt_ns)
        held, self._held = self._held, None
        if self.schema.input is not None and self.seat is not None:
            self._held = HeldInput(self.schema.input)
            # The levels stay held across a reconnect; a new seat counts presses from 0.
            if held is not None and held.values is not None and held.kind == self.schema.input:
                pairs = zip(held.kind.fields, held.values, strict=True)
                self._held.hold([0 if field.type == "edge" else value for field, value in pairs])
        # A new seat never heard the old one's commands; applying them for it could apply them twice.
        self.stats.commands_lost += len(self._commands)
        self._commands.clear()
        self._last_command = welcome.last_command
        self._last_event = 0
        self._inputs_sent.clear()
        self._ack_due_ns = self._resync_ns = None

    def _go_live(self, now_ns: int) -> None:
        if self.state is SessionState.JOINING:
            self.stats.reconnects += self._ever_live
            self._live_ns, self._ever_live = now_ns, True
            self._state_ns = 0
            self._change(SessionState.LIVE, Status("live"))

    # --- states

    def _hear_keyframe(self, frame: Keyframe, now_ns: int) -> None:
        self.wire_state.apply_keyframe(frame)
        self.stats.keyframes += 1
        self._resync_ns = None
        self._go_live(now_ns)
        self._applied(frame, now_ns)

    def _hear_state(self, frame: State, now_ns: int) -> None:
        if not self.wire_state.can_apply(frame):
            self._ask_again(self.tick, now_ns)
            return
        try:
            self.wire_state.apply_state(frame)
        except PeerFault:
            # A delta that does not fit what is held: the two ends differ, whoever is wrong.
            self._desync(now_ns)
            return
        if self._resync_ns is not None and self._resync_tick >= 0:
            self._resync_ns = None
        self._applied(frame, now_ns)

    def _applied(self, frame: State | Keyframe, now_ns: int) -> None:
        self.paused = False
        self.stats.states += 1
        if self._state_ns:
            self.stats.gap(now_ns - self._state_ns)
        self._state_ns = now_ns
        if frame.flags & StateFlag.SUBSTITUTED:
            self.stats.substituted += 1
        self.clock.heard(frame.tick, frame.slack, frame.flags >> CLOCK_SHIFT, now_ns)
        sent = self._inputs_sent
        while sent and sent[0][0] <= frame.tick:
            self.stats.input_to_ack_ms.append((now_ns - sent.popleft()[1]) / 1_000_000)
        if self._ack_due_ns is None:
            self._ack_due_ns = now_ns + ACK_AFTER_NS
        self._effects.append(StateApplied(frame.tick, frame))
        if frame.hash is not None and frame.hash != self.wire_state.hash():
            self._desync(now_ns)

    def _desync(self, now_ns: int) -> None:
        if self._resync_ns is None or self._resync_tick >= 0:
            self.stats.desyncs += 1
            self._resync_ns = None
        self._ask_again(-1, now_ns)

    def _ask_again(self, tick: int, now_ns: int) -> None:
        if self._resync_ns is not None:
            if now_ns - self._resync_ns < RESYNC_AGAIN_NS:
                return
            tick = -1
        self._resync_ns, self._resync_tick = now_ns, tick
        self.stats.resyncs += 1
        self._send(Resync(tick, self._last_event))

    # --- events, inputs

    def _hear_event(self, frame: EventFrame, now_ns: int) -> None:
        if frame.sequence > self._last_event + 1:
            # Cannot happen on one socket. A keyframe, because a delta would race with the states on their way.
            self._ask_again(-1, now_ns)
            return
        if frame.sequence == self._last_event + 1:
            self._last_event = frame.sequence
            event = remote_event(self.schema.events, frame.kind, frame.values)
            if event is None:
                raise PeerFault(f"event kind {frame.kind} does not fit the schema")
            if len(self.events) >= EVENTS_UNTAKEN_MAX:
                self.events.popleft()
                self.stats.events_lost += 1
            self.events.append((frame.tick, event))
            self._effects.append(EventCame(frame.tick, event))
        self._send(EventAck(self._last_event))

    def _send_input(self, now_ns: int) -> None:
        held = self._held
        if held is None or held.values is None or not self.clock.running:
            return
        label = self.clock.take_label(now_ns)
        if label is None:
            return
        view_back = 0
        if self.playhead_tick is not None:
            view_back = max(0, min(VIEW_BACK_MAX, round((label - self.playhead_tick) * 8)))
        clock = self.clock.generation % CLOCK_MODULO
        self._send(InputFrame(clock, label, max(0, label - self.tick), view_back, held.values))
        self._inputs_sent.append((label, now_ns))
        self._ack_due_ns = None
