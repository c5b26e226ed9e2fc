"""What a lobby tells, as values: matches, players, a seat, a party, a refusal; read from the rows of its messages.

To test: `tests/game_client/test_lobby_records.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import PeerFault, TickwireError
from protocol.lobby_messages import Refused, Where


class LobbyRefused(TickwireError):
    """A lobby refused: `code` is a `RefusedCode`, `sentence` says why; after `retry_after_ms` try again (0: do not)."""

    def __init__(self, code: str, sentence: str, retry_after_ms: int = 0) -> None:
        super().__init__(code, sentence, retry_after_ms)
        self.code, self.sentence, self.retry_after_ms = code, sentence, retry_after_ms

    @classmethod
    def told(cls, refused: Refused) -> "LobbyRefused":
        """Return the error that a REFUSED is."""
        return cls(refused.code, refused.sentence, refused.retry_after_ms)

    def __str__(self) -> str:
        return f"{self.sentence} ({self.code})"


@dataclass(frozen=True, slots=True)
class Listing:
    """A public match. `seats` are taken or reserved ones; `attributes` is what it can be filtered by."""

    match: str
    seats: int
    seats_max: int
    spectators: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Presence:
    """A player, and where they are; `match` is "" outside one."""

    player: str
    name: str
    where: Where
    match: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where to play: a whole `url`, and a `ticket` that is good once, within `expires_in_ms` of its coming.

    `code` is what others join a private match by, "" for a public one.
    """

    match: str
    url: str
    ticket: str
    spectate: bool = False
    code: str = ""
    expires_in_ms: int = 0


@dataclass(frozen=True, slots=True)
class Party:
    """A party: the code by which others join it, its members as (player, name), the leader first; "" is no party."""

    code: str = ""
    members: tuple[tuple[str, str], ...] = ()


def pairs_of(attributes: Mapping[str, str] | None) -> list[str]:
    """Return attributes as a message carries them: `[key, value, key, value]`."""
    return [text for pair in (attributes or {}).items() for text in pair]


def listing_of(row: Any) -> Listing:
    """Return the match of a row `[match, seats, seats_max, spectators, [key, value, ...]]`. *Raises* `PeerFault`."""
    match row:
        case [str(name), int(seats), int(seats_max), int(spectators), list(pairs)] if _texts(pairs):
            return Listing(name, seats, seats_max, spectators, dict(zip(pairs[::2], pairs[1::2], strict=False)))
    raise PeerFault("a row of MATCHES is no match")


def presence_of(row: Any) -> Presence:
    """Return the player of a row `[player, name, where, match]`. *Raises* `PeerFault`."""
    match row:
        case [str(player), str(name), int(where), str(match)] if where in Where._value2member_map_:
            return Presence(player, name, Where(where), match)
    raise PeerFault("a row of PLAYERS is no player")


def party_of(code: str, rows: Sequence[Any]) -> Party:
    """Return the party of PARTY's rows `[player, name]`; without members it is none. *Raises* `PeerFault`."""
    members: list[tuple[str, str]] = []
    for row in rows:
        match row:
            case [str(player), str(name)]:
                members.append((player, name))
            case _:
                raise PeerFault("a row of PARTY is no member")
    return Party(code, tuple(members)) if members else Party()


def _texts(items: list[Any]) -> bool:
    return len(items) % 2 == 0 and all(type(each) is str for each in items)
