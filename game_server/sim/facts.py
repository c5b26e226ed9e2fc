"""What a match is told (facts) and what it wants done (effects)."""

from dataclasses import dataclass, field
from typing import Any

from protocol.declare import Record
from protocol.messages import Hello, Message


@dataclass(frozen=True, slots=True)
class Join:
    """A connection said HELLO and wants a seat under `name`."""

    connection: int
    name: str
    hello: Hello


@dataclass(frozen=True, slots=True)
class FromConnection:
    """A checked message of a seated connection, with the input or command that it carries."""

    connection: int
    message: Message
    value: Record | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A connection has ended."""

    connection: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """A connection's write buffer is not empty: give it no state."""

    connection: int


@dataclass(frozen=True, slots=True)
class Unblocked:
    """A connection's write buffer is empty again."""

    connection: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End the match; its connections close with `code`."""

    code: int
    sentence: str


Fact = Join | FromConnection | Gone | Blocked | Unblocked | Stop


@dataclass(frozen=True, slots=True)
class Seated:
    """`connection` has `seat`."""

    connection: int
    seat: int


@dataclass(frozen=True, slots=True)
class Send:
    """Write `frame` to `connection`."""

    connection: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Tell `connection` why and close it."""

    connection: int
    code: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Told:
    """Something to log: `level` is a logging level's name."""

    level: str
    event: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """The match is over; forget it."""

    code: int
    sentence: str


Effect = Seated | Send | Close | Told | Ended
