"""What a session is told (facts) and what it wants done (effects)."""

from dataclasses import dataclass

from protocol.declare import Record
from protocol.messages import Message


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A binary frame came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A text frame came."""


@dataclass(frozen=True, slots=True)
class ControlFrameReceived:
    """A ping or pong came."""


@dataclass(frozen=True, slots=True)
class SeatGiven:
    """The match gave this session `seat`."""

    seat: int


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """The socket has ended, whoever ended it."""


Fact = FrameReceived | TextReceived | ControlFrameReceived | SeatGiven | SocketClosed


@dataclass(frozen=True, slots=True)
class Passed:
    """A checked message for the match, with the input or command that it carries."""

    message: Message
    value: Record | None = None


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Say why, then close. `cause` is what `PeerFault` calls it, for the metrics."""

    code: int
    sentence: str
    cause: str


Effect = Passed | CloseSocket
