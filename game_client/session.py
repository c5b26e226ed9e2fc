"""The client's session: everything a client decides, without a socket or a clock. A pure machine with four doors.

    handle(fact, now_ns)   something came, a socket opened, closed, could not be dialled
    advance(now_ns)        sends the input, the ACK, the dial that are due
    effects()              what to send, dial and tell; drain it after every call
    deadline_ns            when `advance` should be called next

At most one socket is current: the newest that opened and got HELLO. Others are pending dials, or mean nothing.

| state | a dial opened | frame of the current | the current closed | a dial failed | deadline |
|---|---|---|---|---|---|
| WAITING: no current, no dial | - | - | - | - | dial: DIALLING |
| DIALLING: no current | HELLO: JOINING | - | - | back | dial beside; 10 s: as failed |
| JOINING: HELLO sent | newer: HELLO on it | WELCOME; first state: LIVE | back | as SILENT | dial beside; 5 s: closed |
| LIVE | - | STATE, EVENT, ... | back | - | input, ACK; silence: SILENT |
| SILENT: not heard any more | HELLO: JOINING | as LIVE: LIVE | back | SILENT or CLOSED | input, ACK, dial beside |
| CLOSED | - | - | - | - | none |

*back* is DIALLING while dials are pending, else WAITING; CLOSED when the code says that a client does not return.
- A socket that opens where the table has "-", or that is not pending, is closed with 1001. So are dials that are given
  up: older ones when a newer one opens, all at WELCOME, whose token is newer than theirs, and at the end of a silence.
  1000 gives the seat up; `leave` alone sends it.
- Without a resume token no dial goes beside another socket; silence of twice the time is a lost socket then.
- 4005, and 401, 403 or 409 in answer to a resume token: the token is forgotten, the next dial is due at once.
- The end of a socket on which MOVED came is followed at once, as `address.py` says.
To test: `tests/game_client/test_session.py`, `test_session_return.py`, `test_session_resume.py`, `..._model.py`.
"""

from enum import Enum
from random import Random
from typing import Any, assert_never

from game_client.address import Address
from game_client.clock_sync import SECOND_NS
from game_client.current_socket import CurrentSocket
from game_client.facts import (
    GOING_AWAY,
    NO_CLOSE_FRAME,
    BytesReceived,
    CloseSocket,
    DialFailed,
    DialNow,
    Effect,
    EventCame,
    FrameReceived,
    RoundTripMeasured,
    SendFrame,
    SocketClosed,
    SocketFact,
    SocketOpened,
    StateApplied,
    Status,
    StatusChanged,
)  # fmt: skip
from game_client.records import command_place, record_values
from game_client.redial import NEVER_STATUS, Redial
from game_client.resume import REJOIN_REASON, TOKEN_REFUSED_STATUS
from game_client.round_trip import RoundTrip
from game_client.seat_view import SeatView
from protocol.close_codes import SEAT_GONE, Return, close_code
from protocol.codec import decode, encode
from protocol.errors import PeerFault, UsageFault
from protocol.handshake import MATCH_PATH, RESUME_PREFIX
from protocol.messages import CommandAck, EventFrame, Keyframe, Message, Moved, Paused, Refusal, State, Welcome
from protocol.rows import Direction

WELCOME_WITHIN_NS = 5 * SECOND_NS
SILENT_REASON = "the server fell silent"


class SessionState(Enum):
    """Where the client stands."""

    WAITING = "waiting"
    DIALLING = "dialling"
    JOINING = "joining"
    LIVE = "live"
    SILENT = "silent"
    CLOSED = "closed"


class ClientSession(SeatView):
    """One client's life in one match, over as many sockets as it takes. What may be read is `SeatView`'s."""

    def __init__(self, url: str, rng: Random, now_ns: int = 0) -> None:
        super().__init__()
        self._effects: list[Effect] = []
        self._address = Address(url)
        self._redial = Redial(rng, now_ns)
        self._is_closed = self._ever_live = False
        self._socket = CurrentSocket()
        self._round_trip = RoundTrip()

    # --- the four doors

    @property
    def state(self) -> SessionState:
        """The row of the table."""
        if self._is_closed:
            return SessionState.CLOSED
        if not self._socket:
            return SessionState.DIALLING if self._redial.pending else SessionState.WAITING
        if not self._socket.is_live:
            return SessionState.JOINING
        return SessionState.SILENT if self._socket.is_silent else SessionState.LIVE

    @property
    def deadline_ns(self) -> int | None:
        """When `advance` should be called next, None if only a fact can change anything."""
        if self._is_closed:
            return None
        dues = [self._redial.deadline_ns]
        socket = self._socket
        if socket:
            if not socket.is_silent and (socket.is_live or self._held.token):
                dues.append(socket.heard_ns + self._silence_ns())
            dues.append(self._following.deadline_ns if socket.is_live else socket.opened_ns + WELCOME_WITHIN_NS)
        return min([due for due in dues if due is not None], default=None)

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: SocketFact, now_ns: int) -> None:
        """Take one fact."""
        self._must_be_drained()
        match fact:
            case SocketOpened(socket):
                self._opened(socket, now_ns)
            case DialFailed(socket):
                if self._redial.ended(socket):
                    self._dial_failed(fact, now_ns)
            case _ if fact.socket != self._socket.number:
                pass  # Frames and ends of a socket that is not current mean nothing.
            case FrameReceived(_, data):
                self._hear(now_ns)
                self._receive(data, now_ns)
            case BytesReceived():
                self._hear(now_ns)
            case SocketClosed(_, code, reason):
                self._closed(code, reason, now_ns)
            case RoundTripMeasured(_, rtt_ns):
                self._hear(now_ns)
                self._measure(rtt_ns)
                self.stats.round_trip(rtt_ns)
            case _:
                assert_never(fact)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._must_be_drained()
        self.stats.roll(now_ns)
        socket = self._socket
        if socket and not socket.is_live and now_ns >= socket.opened_ns + WELCOME_WITHIN_NS:
            self._give_up(NO_CLOSE_FRAME, "the server did not answer within 5 s", now_ns)
        elif socket and not socket.is_silent and now_ns >= socket.heard_ns + self._silence_ns():
            self._fall_silent(now_ns)
        if self._socket.is_live:
            self._following.advance(now_ns)
            self._send_out()
        if not self._is_closed:
            self._advance_dials(now_ns)

    def _must_be_drained(self) -> None:
        if len(self._effects) > 1000:
            raise UsageFault("effects() was not drained: call it after every handle() and advance()")

    @property
    def _resumes(self) -> bool:
        return bool(self._held.token) and not self._address.ticket

    # --- what a player does

    @property
    def url(self) -> str:
        """Where the match is dialled now."""
        return self._address.url

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        """Hold an input from now on: an Input object, or its fields.

        Levels stay as given until the next call. An `Edge` field is how often the button was pressed since the last
        call; presses while there is no connection are forgotten. Ignored before the first WELCOME, when nobody is
        there to be controlled. *Raises* `UsageFault`.
        """
        if self.schema.input is None:
            if self._held.known:
                raise UsageFault("this game takes no per-tick input, only commands")
            return
        self.hold_values(record_values(self.schema.input, record, fields))

    def hold_values(self, values: list[Any]) -> None:
        """Hold an input given by position, as `record_values` makes it."""
        held = self._held.input
        if held is not None:
            held.hold(values if self.state is SessionState.LIVE else held.without_presses(values))

    def send_command(self, command: object, **fields: Any) -> None:
        """Send a command, an object or a name with its fields; it is kept until acknowledged.

        While reconnecting it waits, and goes out once the seat is resumed. *Raises* `UsageFault`.
        """
        name = command if isinstance(command, str) else type(command).__name__
        place, kind = command_place(self.schema.commands, name) if self._held.known else (0, None)
        values = [] if kind is None else record_values(kind, None if isinstance(command, str) else command, fields)
        self.command_values(place, values)

    def command_values(self, place: int, values: list[Any]) -> None:
        """Send the command of a schema place, its values by position. *Raises* `UsageFault`."""
        if self._is_closed:
            raise UsageFault(f"a command while {self.status}: there is no match any more")
        frame = self._held.add_command(place, values)
        if self._socket.welcomed:
            self._send(frame)

    def redirect(self, url: str) -> None:
        """Dial another address from now on: a lobby told that the match is there."""
        self._address.begin(url)

    def leave(self) -> None:
        """End for good, and give the seat up."""
        if not self._is_closed:
            self._end(1000, "left", close_with=1000)

    # --- dials

    def _advance_dials(self, now_ns: int) -> None:
        for socket in self._redial.expired(now_ns):
            self._give_up_dials([socket])
            self._dial_failed(DialFailed(socket, f"{self.url} did not answer within 10 s"), now_ns)
        due_ns = self._redial.due_ns
        if due_ns is not None and now_ns >= due_ns and not self._is_closed:
            socket, gives_way = self._redial.dial(now_ns, self._resumes, self._round_trip.ns)
            self._give_up_dials(gives_way)
            credential, moved = self._address.ticket or self._held.token, self._address.dialled()
            self._effects.append(DialNow(socket, self.url, credential, again=moved and not credential))
            self._tell_returning(self.status.reason, self.status.code)

    def _opened(self, socket: int, now_ns: int) -> None:
        if not self._redial.ended(socket):
            self._give_up_dials([socket] if socket != self._socket.number else [])
            return
        self._drop_socket(GOING_AWAY)
        self._give_up_dials(self._redial.opened(socket))
        self._socket = CurrentSocket(socket, self._resumes, opened_ns=now_ns, heard_ns=now_ns)
        self._following.begin_socket()
        self._round_trip.begin_socket()
        self._send(self._held.hello(self._resumes))

    def _dial_failed(self, failed: DialFailed, now_ns: int) -> None:
        if self._socket and not self._socket.is_silent:
            return  # One that was dialled beside the socket that is joining.
        self._address.failed()
        if self._address.ticket and failed.status in TOKEN_REFUSED_STATUS:
            self._address.ticket = ""
            self._redial.follow(now_ns)
        elif self._held.token and failed.status in TOKEN_REFUSED_STATUS:
            self._forget_seat(failed.status, now_ns)
        elif failed.hopeless or failed.status in NEVER_STATUS:
            self._end(failed.status, failed.reason)
        else:
            returns = Return.BACKOFF if failed.status else Return.AT_ONCE
            self._redial.retry(returns, now_ns, failed.retry_after_ms, beside=self._resumes)
            self._tell_returning(failed.reason, failed.status)

    def _forget_seat(self, code: int, now_ns: int) -> None:
        self._drop_socket(GOING_AWAY)
        self._held.forget_token()
        self._give_up_dials(self._redial.stop())
        self._redial.at_once(now_ns)
        self._tell_returning(REJOIN_REASON, code)

    def _give_up_dials(self, sockets: list[int]) -> None:
        self._effects += [CloseSocket(socket, GOING_AWAY) for socket in sockets]

    # --- the current socket comes and goes

    def _send(self, message: Message) -> None:
        assert self._socket.number is not None, "frames go to the current socket"
        self._effects.append(SendFrame(self._socket.number, encode(message)))

    def _send_out(self) -> None:
        outbox, self._following.outbox = self._following.outbox, []
        for each in outbox:
            if isinstance(each, StateApplied | EventCame):
                self._effects.append(each)
            else:
                self._send(each)

    def _tell(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._effects.append(StatusChanged())

    def _tell_returning(self, reason: str, code: int) -> None:
        phase = "reconnecting" if self._ever_live else "dialling"
        self._tell(Status(phase, self._redial.attempt, reason, code))

    def _drop_socket(self, code: int | None) -> None:
        """Let no socket be current, and close the one that was, if it has not closed itself (code None)."""
        if self._socket.number is not None and code is not None:
            self._effects.append(CloseSocket(self._socket.number, code))
        self._socket = CurrentSocket()

    def _end(self, code: int, reason: str, *, close_with: int | None = GOING_AWAY) -> None:
        self._drop_socket(close_with)
        self._give_up_dials(self._redial.stop())
        self._is_closed = True
        self._tell(Status("closed", 0, reason, code))

    def _give_up(self, code: int, reason: str, now_ns: int) -> None:
        self._closed(code, reason, now_ns, close_with=GOING_AWAY)

    def _closed(self, code: int, reason: str, now_ns: int, *, close_with: int | None = None) -> None:
        retry_after_ms, was = 0, self._socket
        if was.refusal is not None:
            code, reason, retry_after_ms = was.refusal.code, was.refusal.sentence, was.refusal.retry_after_ms
        row = close_code(code)
        self._drop_socket(close_with)
        if row.client is Return.NEVER:
            self.stats.errors += code != 1000
            self._end(code, reason or row.meaning)
            return
        if code == SEAT_GONE:
            self._held.forget_token()
            self._give_up_dials(self._redial.stop())
        follows = was.moved and not retry_after_ms and self._address.follows_at_once
        returns = row.client
        if was.moved:
            # Those under way to the old address would only hear the same.
            self._give_up_dials(self._redial.stop())
            returns = Return.AT_ONCE if follows else Return.BACKOFF
        if was.was_lost:
            self._redial.lost(returns, now_ns, now_ns - was.live_ns, retry_after_ms)
        elif not follows:
            self._redial.retry(returns, now_ns, retry_after_ms, beside=self._resumes)
        if code == SEAT_GONE and was.was_refused_resume:
            self._redial.at_once(now_ns)
        elif follows:
            self._redial.follow(now_ns)
        self._tell_returning(reason or row.meaning, code)

    def _silence_ns(self) -> int:
        return self._round_trip.silence_ns(self.tick_rate_hz, beside=bool(self._held.token))

    def _fall_silent(self, now_ns: int) -> None:
        if self._socket.refusal is not None or (self._socket.is_live and not self._held.token):
            self._give_up(NO_CLOSE_FRAME, SILENT_REASON, now_ns)
        elif self._held.token:
            if self._socket.is_live:
                self._redial.lost(Return.AT_ONCE, now_ns, now_ns - self._socket.live_ns)
            else:
                self._redial.retry(Return.AT_ONCE, now_ns, beside=True)
            self._socket.is_silent = True
            self._tell_returning(SILENT_REASON, NO_CLOSE_FRAME)

    def _hear(self, now_ns: int) -> None:
        if now_ns <= self._socket.heard_ns:
            return  # Told again, by whoever looks at the socket now and then.
        self._socket.heard_ns = now_ns
        if self._socket.is_silent:
            self._socket.is_silent = False
            self._give_up_dials(self._redial.stop())
            if self._socket.is_live:
                self._be_live(now_ns)

    def _be_live(self, now_ns: int) -> None:
        self._give_up_dials(self._redial.live())
        self._address.live()
        self._socket.is_live, self._socket.live_ns = True, now_ns
        self._tell(Status("live"))

    def _go_live(self, now_ns: int) -> None:
        if not self._socket.is_live:
            self.stats.reconnects += self._ever_live
            self._ever_live = True
            self._be_live(now_ns)

    def _measure(self, rtt_ns: int) -> None:
        self._round_trip.measured(rtt_ns)
        self.clock.rtt_ns = self._round_trip.ns

    def _applied(self, now_ns: int, by_delta: bool) -> None:
        self.paused = False
        self._go_live(now_ns)
        if self._socket.goes_on is not None:
            self.stats.came_back(self._socket.goes_on, by_delta, now_ns - self._socket.opened_ns)
            self._socket.goes_on = None

    # --- frames

    def _receive(self, data: bytes, now_ns: int) -> None:
        try:
            message = decode(data, Direction.TO_CLIENT)
            if not self._socket.welcomed and not isinstance(message, Welcome | Refusal | Moved):
                raise PeerFault(f"{type(message).__name__} came before WELCOME")
            match message:
                case State():
                    if self._following.hear_state(message, now_ns):
                        self._applied(now_ns, by_delta=True)
                case Keyframe():
                    self._following.hear_keyframe(message, now_ns)
                    self._applied(now_ns, by_delta=False)
                case EventFrame():
                    self._following.hear_event(message, now_ns)
                case Welcome():
                    self._hear_welcome(message, now_ns)
                case _:
                    self._hear_rest(message, now_ns)
            self._send_out()
        except PeerFault as fault:
            self.stats.errors += 1
            self._following.outbox.clear()
            stranger = (
                "" if self._socket.welcomed else f"{self.url} does not speak as a match, {MATCH_PATH}<id>, does: "
            )
            self._end(fault.close_code, stranger + fault.reason, close_with=fault.close_code)

    def _hear_rest(self, message: Message, now_ns: int) -> None:
        match message:
            case CommandAck(_, durable):
                self._held.acknowledge(durable)
            case Refusal():
                self._socket.refusal = message
            case Moved():
                self._hear_moved(message)
            case Paused():
                self.paused = True
                self._go_live(now_ns)

    def _hear_moved(self, moved: Moved) -> None:
        resume = moved.ticket.startswith(RESUME_PREFIX)
        self._address.move(moved.url, "" if resume else moved.ticket)
        self._held.token = moved.ticket if resume else self._held.token
        self._socket.moved = True

    def _hear_welcome(self, welcome: Welcome, now_ns: int) -> None:
        if self._socket.welcomed:
            raise PeerFault("WELCOME comes once, in answer to HELLO")
        if welcome.epoch < self._held.epoch:
            # A node that lost the match and does not know it yet: 1011 is returned to with backoff.
            self._give_up(1011, f"the server is at epoch {welcome.epoch}, {self._held.epoch} was seen", now_ns)
            return
        waiting, again = len(self._held.commands), self._held.known
        goes_on = self._held.welcome(welcome, self._socket.resuming)
        self._address.welcomed()
        self._socket.welcomed = True
        self._give_up_dials(self._redial.stop())
        self.tick_rate_hz = welcome.tick_rate_hz
        if not goes_on:
            self._following.begin_seat(welcome.tick_rate_hz)
        self._measure(now_ns - self._socket.opened_ns)
        self.stats.came_to_nothing(waiting - len(self._held.commands), self._held.events_missed)
        self._socket.goes_on = goes_on if again else None
        for frame in self._held.commands_after(welcome.last_command):
            self._send(frame)
