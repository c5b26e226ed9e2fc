"""What nodes tell each other through the directory: plain values, written whole and never counted up in place.

Capacity and listings are hints; the owner record and the node itself are the truth.
To test: `tests/game_server/cluster/test_records.py`.
"""

from dataclasses import dataclass

from protocol.lobby_messages import Where

Attributes = tuple[tuple[str, str], ...]
"""What a match is, for filters: pairs of key and value, sorted by key, each key once."""


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node as it describes itself with each renewal.

    `boot` is the Unix milliseconds of its start: of two processes with one name the later is the higher. `address` is
    where clients reach it, `ws://host:port`, or "" when a gateway routes `/n/<node>/`. `seats` are taken ones,
    `players` all who are connected, lobby included.
    """

    node: str
    boot: int
    address: str
    game: str
    build: str
    schema_hash: int
    matches: int
    matches_max: int
    seats: int
    players: int
    draining: bool


@dataclass(frozen=True, slots=True)
class MatchSpec:
    """A match that is to be created: minted by who asks for it, under an id that the request determines."""

    match: str
    attributes: Attributes = ()
    private: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a match is: the fenced record. Of two owners the one with the higher epoch is right."""

    match: str
    node: str
    boot: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """A match's seats as its owner counts them. `generation` binds tickets: one of another generation is refused.

    `players` are the proven players who are seated or kept in grace, whose reservations are thereby used. A ledger that
    is `known` was written before: if the directory does not have it in this generation, it has lost reservations, and
    nothing is written.
    """

    match: str
    epoch: int
    generation: int
    seats_max: int
    taken: int
    players: tuple[str, ...] = ()
    known: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A match as the lobby shows it. `seats` are taken or reserved ones."""

    match: str
    node: str
    boot: int
    seats: int
    seats_max: int
    spectators: int
    attributes: Attributes = ()
    private: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """Where a player is, on one device. `session` tells the player's devices apart; a later `since_ms` is newer."""

    player: str
    name: str
    where: Where
    match: str
    node: str
    boot: int
    session: str
    since_ms: int
