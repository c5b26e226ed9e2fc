"""What a lobby's session is told (facts) and what it wants done (effects).

To test: `tests/game_server/cluster/test_lobby_facts.py`.
"""

from dataclasses import dataclass

from protocol.lobby_messages import (
    CreateMatch,
    Done,
    Enqueue,
    JoinByCode,
    JoinMatch,
    ListMatches,
    ListPlayers,
    LobbyMessage,
    LobbyWelcome,
    Matches,
    PartyCreate,
    PartyJoin,
    PartyLeave,
    Players,
    QuickPlay,
    Refused,
    Rejoin,
    SeatFound,
    WatchMatches,
    WatchPlayers,
)

SeatRequest = QuickPlay | CreateMatch | JoinMatch | JoinByCode | Rejoin | Enqueue
"""A request that ends with a seat: one at a time."""

Request = SeatRequest | ListMatches | ListPlayers | PartyCreate | PartyJoin | PartyLeave
"""A message that is answered once."""

Answer = SeatFound | Matches | Players | Done | Refused
"""What answers a request."""


@dataclass(frozen=True, slots=True)
class FrameCame:
    """A binary frame came."""

    data: bytes


@dataclass(frozen=True, slots=True)
class FragmentCame:
    """A part of a frame came that does not end it."""


@dataclass(frozen=True, slots=True)
class TextCame:
    """A text frame came."""


@dataclass(frozen=True, slots=True)
class ControlCame:
    """A ping came, or a pong that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Greeted:
    """HELLO has been answered."""

    welcome: LobbyWelcome


@dataclass(frozen=True, slots=True)
class Answered:
    """A request has been carried out, or refused."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class News:
    """Something that the player is to be told: how far a request is, what changed of what is watched."""

    message: LobbyMessage


@dataclass(frozen=True, slots=True)
class Replaced:
    """The player is in the lobby on a newer device."""


@dataclass(frozen=True, slots=True)
class SocketEnded:
    """The socket has ended, whoever ended it."""


Fact = FrameCame | FragmentCame | TextCame | ControlCame | Greeted | Answered | News | Replaced | SocketEnded


@dataclass(frozen=True, slots=True)
class Greet:
    """Find out what WELCOME says to a client with this version of the game (0: any), then tell `Greeted`."""

    schema_hash: int


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Carry a request out, then tell `Answered`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Abandon:
    """The player gives a request up, here or of an earlier socket; if it runs here, tell `Answered` all the same."""

    request: str


@dataclass(frozen=True, slots=True)
class Watch:
    """Tell from now on of these matches or players."""

    what: WatchMatches | WatchPlayers


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send this."""

    message: LobbyMessage


@dataclass(frozen=True, slots=True)
class CloseLobby:
    """Say why, then close. `cause` is what `PeerFault` calls it, for the metrics."""

    code: int
    sentence: str
    cause: str


Effect = Greet | CarryOut | Abandon | Watch | SendMessage | CloseLobby
