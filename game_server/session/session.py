"""The session: a connection's door. Everything is decoded, ordered and checked here before the match hears of it.

| state | FrameReceived | TextReceived | ControlFrameReceived | SeatGiven | SocketClosed | deadline passes |
|---|---|---|---|---|---|---|
| CONNECTED | HELLO -> JOINING, else close 1002 | close 1003 | counted | error | CLOSED | close 4008 |
| JOINING | close 1002 | close 1003 | counted | LIVE | CLOSED | |
| LIVE | anything but HELLO, else close 1002 | close 1003 | counted | error | CLOSED | |
| CLOSED | ignored | ignored | ignored | ignored | ignored | |

A close leads to CLOSED. Whatever exceeds its limit (`rate_limit.py`) closes 1008, a frame too big 1009, and an INPUT or
COMMAND of a spectator 1008. A HELLO that is late can be the network's fault, so 4008 lets its client come back at once.
Frames are counted before anything looks into them: a flood costs its sender at once. When the whole process stood
still, `forgive` excuses how much came meanwhile, and a late HELLO.
To test: `tests/game_server/session/test_session.py`.
"""

from enum import Enum
from typing import assert_never

from game_server.session.facts import (
    CloseSocket,
    ControlFrameReceived,
    Effect,
    Fact,
    FrameReceived,
    Passed,
    SeatGiven,
    SocketClosed,
    TextReceived,
)  # fmt: skip
from game_server.session.rate_limit import RateLimits
from protocol.codec import decode
from protocol.declare import Record
from protocol.errors import PeerFault, UsageFault
from protocol.messages import CommandFrame, Hello, InputFrame, Message
from protocol.rows import Direction
from protocol.vocabulary import Vocabulary

HELLO_NS = 5_000_000_000
EFFECTS_MAX = 10_000
"""So many effects that nobody took are a caller's bug."""


class SessionState(Enum):
    """Where a connection stands."""

    CONNECTED = "connected"
    JOINING = "joining"
    LIVE = "live"
    CLOSED = "closed"


class Session:
    """One connection's door: frames in, checked messages out. Without `limits` everything may come at any rate."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        now_ns: int,
        hello_within_ns: int = HELLO_NS,
        limits: RateLimits | None = None,
        spectator: bool = False,
    ) -> None:
        self.state = SessionState.CONNECTED
        self.seat: int | None = None
        self.spectator = spectator
        self._vocabulary = vocabulary
        self._limits = limits
        self._hello_by_ns = now_ns + hello_within_ns
        self._effects: list[Effect] = []

    @property
    def deadline_ns(self) -> int | None:
        """By when HELLO must have come; None once it has."""
        return self._hello_by_ns if self.state is SessionState.CONNECTED else None

    def forgive(self, until_ns: int) -> None:
        """Count no frames against the limits before `until_ns`, and let HELLO come until then."""
        self._hello_by_ns = max(self._hello_by_ns, until_ns)
        if self._limits is not None:
            self._limits.forgive(until_ns)

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it; called after every `handle` and `advance`."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: Fact, now_ns: int) -> None:
        """Take one fact. Raises `UsageFault` for what the table calls an error, or when effects are not drained."""
        if len(self._effects) >= EFFECTS_MAX:
            raise UsageFault("effects() was not drained: call it after every handle() and advance()")
        if self.state is SessionState.CLOSED:
            return
        try:
            self._take(fact, now_ns)
        except PeerFault as fault:
            self._close(fault)

    def _take(self, fact: Fact, now_ns: int) -> None:
        match fact:
            case FrameReceived(data):
                self._receive(data, now_ns)
            case TextReceived():
                raise PeerFault("only binary frames are spoken here", 1003, "text")
            case ControlFrameReceived():
                if self._limits is not None:
                    self._limits.control_frame(now_ns)
            case SeatGiven(seat):
                if self.state is not SessionState.JOINING:
                    raise UsageFault(f"a seat for a session that is {self.state.value}: it must be joining")
                self.state, self.seat = SessionState.LIVE, seat
            case SocketClosed():
                self.state = SessionState.CLOSED
            case _:
                assert_never(fact)

    def advance(self, now_ns: int) -> None:
        """Close a connection that never said HELLO."""
        if self.deadline_ns is not None and now_ns >= self.deadline_ns:
            self._close(PeerFault("HELLO did not come in time", 4008, "order"))

    def _receive(self, data: bytes, now_ns: int) -> None:
        limits = self._limits
        if limits is not None:
            limits.frame(len(data), now_ns)
        message = decode(data, Direction.TO_SERVER)
        if limits is not None:
            limits.message(message, now_ns)
        if self.state is SessionState.CONNECTED:
            if not isinstance(message, Hello):
                raise PeerFault("the first frame must be HELLO", cause="order")
            self.state = SessionState.JOINING
        elif self.state is SessionState.JOINING or isinstance(message, Hello):
            raise PeerFault("HELLO comes once, and WELCOME answers it before anything else is sent", cause="order")
        elif self.spectator and isinstance(message, InputFrame | CommandFrame):
            raise PeerFault("a spectator only watches", 1008, "order")
        self._effects.append(Passed(message, self._value(message)))

    def _value(self, message: Message) -> Record | None:
        match message:
            case InputFrame():
                return self._vocabulary.parse_input(message.values)
            case CommandFrame():
                return self._vocabulary.parse_command(message.kind, message.values)
            case _:
                return None

    def _close(self, fault: PeerFault) -> None:
        self.state = SessionState.CLOSED
        self._effects.append(CloseSocket(fault.close_code, fault.reason, fault.cause))
