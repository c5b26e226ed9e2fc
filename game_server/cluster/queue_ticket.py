"""Who waits in the skill queue, and how far from their own rating they accept others after how long.

A ticket is one player or one party. Its rating is the mean of its members'. The spread begins at 100 points to either
side and grows by 50 every 5 seconds; after a minute any rating will do. Times are milliseconds of the directory's
clock, which is one for all nodes.
To test: `tests/game_server/cluster/test_queue_ticket.py`.
"""

import hashlib
from dataclasses import dataclass

from game_server.cluster.ratings import MU_FIRST, SIGMA_FIRST, points
from game_server.cluster.records import Attributes
from protocol.errors import UsageFault

SPREAD_FIRST, SPREAD_STEP, STEP_MS = 100, 50, 5_000
ANYONE_AFTER_MS = 60_000
ANYONE = 1_000_000
"""A spread wider than any two ratings differ."""

Needs = frozenset[tuple[str, str | int]]
"""What must be equal: the filters, and the version of the game where a ticket names one."""


@dataclass(frozen=True, slots=True)
class QueuedPlayer:
    """A player who waits, with the rating as it was when the wait began."""

    player: str
    mu: float = MU_FIRST
    sigma: float = SIGMA_FIRST


@dataclass(frozen=True, slots=True)
class QueueTicket:
    """One player or one party in the queue, under the id of their request. `schema_hash` 0 takes any version."""

    request: str
    players: tuple[QueuedPlayer, ...]
    since_ms: int
    filters: Attributes = ()
    schema_hash: int = 0

    def __post_init__(self) -> None:
        if not self.players:
            raise UsageFault(f"ticket {self.request} of nobody: name at least one player")

    @property
    def seats(self) -> int:
        """How many seats they need, together."""
        return len(self.players)

    @property
    def points(self) -> int:
        """Their rating: the mean of the members'."""
        return sum(points(each.mu) for each in self.players) // len(self.players)

    @property
    def needs(self) -> Needs:
        """What a match must be for them."""
        version = [("version", self.schema_hash)] if self.schema_hash else []
        return frozenset([*self.filters, *version])

    @property
    def age(self) -> tuple[int, str]:
        """Sorts the oldest first, and is never the same for two."""
        return self.since_ms, self.request


@dataclass(frozen=True, slots=True)
class Assigned:
    """A ticket has left the queue: its players play in this match."""

    match: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a ticket still waits: `found` of `wanted` players, the `spread` in points (0: any), a sentence for people."""

    found: int
    wanted: int
    spread: int
    widens_in_ms: int
    sentence: str


def ticket_id(player: str, request: str) -> str:
    """Return the id in the queue of a player's request: players choose theirs without knowing each other's."""
    return hashlib.sha256(f"{player}\n{request}".encode()).hexdigest()[:24]


def spread_after(waited_ms: int) -> int:
    """Return how many points to either side are accepted after a wait."""
    if waited_ms >= ANYONE_AFTER_MS:
        return ANYONE
    return SPREAD_FIRST + SPREAD_STEP * (max(0, waited_ms) // STEP_MS)


def widens_in_ms(waited_ms: int) -> int:
    """Return how long until the spread grows; 0 when it does not any more."""
    if waited_ms >= ANYONE_AFTER_MS:
        return 0
    return STEP_MS - max(0, waited_ms) % STEP_MS


def explained(found: int, wanted: int, waited_ms: int) -> Waiting:
    """Say what a ticket waits for: `3 of 8 found, +-150 now, widening in 5 s`."""
    spread, widens = spread_after(waited_ms), widens_in_ms(waited_ms)
    if spread == ANYONE:
        return Waiting(found, wanted, 0, 0, f"{found} of {wanted} found, any rating now")
    next_is_any = spread_after(waited_ms + widens) == ANYONE
    what = "any rating" if next_is_any else "widening"
    seconds = -(-widens // 1000)
    return Waiting(found, wanted, spread, widens, f"{found} of {wanted} found, +-{spread} now, {what} in {seconds} s")
