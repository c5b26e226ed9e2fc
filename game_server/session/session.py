"""The session: a connection's door. Everything is decoded, ordered and checked here before the match hears of it.

| state | FrameReceived | TextReceived | SeatGiven | SocketClosed | deadline passes |
|---|---|---|---|---|---|
| CONNECTED | HELLO -> JOINING, else close 1002 | close 1003 | error | CLOSED | close 1008 |
| JOINING | close 1002 | close 1003 | LIVE | CLOSED | |
| LIVE | anything but HELLO, else close 1002 | close 1003 | error | CLOSED | |
| CLOSED | ignored | ignored | ignored | ignored | |

To test: `tests/game_server/session/test_session.py`.
"""

from enum import Enum

from game_server.session.facts import (
    CloseSocket,
    Effect,
    Fact,
    FrameReceived,
    Passed,
    SeatGiven,
    SocketClosed,
    TextReceived,
)  # fmt: skip
from protocol.codec import decode
from protocol.declare import Record
from protocol.errors import PeerFault, UsageFault
from protocol.messages import CommandFrame, Direction, Hello, InputFrame, Message
from protocol.vocabulary import Vocabulary

HELLO_NS = 5_000_000_000


class SessionState(Enum):
    """Where a connection stands."""

    CONNECTED = "connected"
    JOINING = "joining"
    LIVE = "live"
    CLOSED = "closed"


class Session:
    """One connection's door: frames in, checked messages out."""

    def __init__(self, vocabulary: Vocabulary, now_ns: int, hello_within_ns: int = HELLO_NS) -> None:
        self.state = SessionState.CONNECTED
        self.seat: int | None = None
        self._vocabulary = vocabulary
        self._hello_by_ns = now_ns + hello_within_ns
        self._effects: list[Effect] = []

    @property
    def deadline_ns(self) -> int | None:
        """By when HELLO must have come; None once it has."""
        return self._hello_by_ns if self.state is SessionState.CONNECTED else None

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: Fact, now_ns: int) -> None:
        """Take one fact."""
        if self.state is SessionState.CLOSED:
            return
        match fact:
            case FrameReceived(data):
                try:
                    self._receive(data)
                except PeerFault as fault:
                    self._close(fault.close_code, fault.reason)
            case TextReceived():
                self._close(1003, "only binary frames are spoken here")
            case SeatGiven(seat):
                if self.state is not SessionState.JOINING:
                    raise UsageFault(f"a seat for a session that is {self.state.value}: it must be joining")
                self.state, self.seat = SessionState.LIVE, seat
            case SocketClosed():
                self.state = SessionState.CLOSED

    def advance(self, now_ns: int) -> None:
        """Close a connection that never said HELLO."""
        if self.deadline_ns is not None and now_ns >= self.deadline_ns:
            self._close(1008, "HELLO did not come in time")

    def _receive(self, data: bytes) -> None:
        message = decode(data, Direction.TO_SERVER)
        if self.state is SessionState.CONNECTED:
            if not isinstance(message, Hello):
                raise PeerFault("the first frame must be HELLO")
            self.state = SessionState.JOINING
        elif self.state is SessionState.JOINING or isinstance(message, Hello):
            raise PeerFault("HELLO comes once, and WELCOME answers it before anything else is sent")
        self._effects.append(Passed(message, self._value(message)))

    def _value(self, message: Message) -> Record | None:
        match message:
            case InputFrame():
                return self._vocabulary.parse_input(message.values)
            case CommandFrame():
                return self._vocabulary.parse_command(message.kind, message.values)
            case _:
                return None

    def _close(self, code: int, sentence: str) -> None:
        self.state = SessionState.CLOSED
        self._effects.append(CloseSocket(code, sentence))
