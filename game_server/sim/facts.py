"""What a match is told (facts) and what it wants done (effects)."""

from dataclasses import dataclass, field
from typing import Any

from protocol.declare import Record
from protocol.messages import Hello, Message, Welcome


@dataclass(frozen=True, slots=True)
class Claim:
    """What a resume token says, its signature checked: whose place it is, and the how-manieth token this is.

    `place` is a seat, or from `seats_max` up a spectator's place. `player` is the proven identity, "" if there is none.
    """

    place: int
    player: str
    epoch: int
    n: int


@dataclass(frozen=True, slots=True)
class Join:
    """A connection said HELLO: it wants a seat, to watch, or (with a `claim`) its old place back.

    `attempt` counts the dials of its client, so that the older of two sockets with the same claim is known.
    """

    connection: int
    name: str
    hello: Hello
    player: str = ""
    spectator: bool = False
    attempt: int = 0
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class FromConnection:
    """A checked message of a seated connection, with the input or command that it carries."""

    connection: int
    message: Message
    value: Record | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A connection has ended; the table of close codes says whether `code` keeps the seat for a resume."""

    connection: int
    code: int = 1006


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A ping of a connection came back."""

    connection: int
    rtt_ns: int


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


@dataclass(frozen=True, slots=True)
class Freeze:
    """Run no tick until `Thaw`: this node may not act. Sockets stay open, clients are told PAUSED."""


@dataclass(frozen=True, slots=True)
class Thaw:
    """Go on where the match was frozen, on a clock of a new generation."""


Fact = Join | FromConnection | Gone | RoundTrip | Blocked | Unblocked | Stop | Freeze | Thaw


@dataclass(frozen=True, slots=True)
class Seated:
    """`connection` has `seat`."""

    connection: int
    seat: int


@dataclass(frozen=True, slots=True)
class Greet:
    """Write `welcome` to `connection`, its resume token being the signed `claim`."""

    connection: int
    welcome: Welcome
    claim: Claim


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
class Cut:
    """Abort `connection` without a word, as `code`: a close would wait behind all that it does not read."""

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
class Ranked:
    """The game told who won: the proven players of each team, the best team first."""

    teams: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The match is over; forget it."""

    code: int
    sentence: str


Effect = Seated | Greet | Send | Close | Cut | Told | Ranked | Ended
