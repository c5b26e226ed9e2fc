"""A match that runs on this node, and what the directory knows of it.

To test: `tests/game_server/cluster/test_hosted_match.py`.
"""

from dataclasses import dataclass

from game_server.cluster.node_facts import Counted
from game_server.cluster.records import Ledger, Listing, MatchSpec, Owner


@dataclass(slots=True, eq=False)
class HostedMatch:
    """A match, who is in it, and what was told of it. Without an `owner` nothing is told."""

    spec: MatchSpec
    seats_max: int
    generation: int
    owner: Owner | None
    standing: bool
    counted: Counted
    reserved: tuple[str, ...] = ()
    known: bool = False
    """Whether the directory should have a ledger of this generation; if it has not, it must not take a second one."""
    told: Listing | None = None
    """What it lists, as far as this node knows."""
    removing: bool = False
    """Whether its ledger says that it is full, so that nobody reserves a seat in it any more."""
    empty_since_ns: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nobody is here or may come."""
        return not (self.counted.taken or self.counted.spectators or self.reserved)

    @property
    def expected(self) -> tuple[str, ...]:
        """Who is counted in the listing, whose claims are thereby used: those who sit here, and those who may come."""
        return (*self.counted.players, *self.reserved)

    def note_emptiness(self, now_ns: int) -> None:
        """Remember since when it is empty."""
        if not self.empty:
            self.empty_since_ns = None
        elif self.empty_since_ns is None:
            self.empty_since_ns = now_ns

    def note_reserved(self, players: tuple[str, ...]) -> None:
        """Take over who has reserved a seat; one that is taken by now is not reserved besides."""
        self.reserved = tuple(each for each in players if each not in self.counted.players)

    def ledger(self) -> Ledger:
        """Return the ledger to write."""
        assert self.owner is not None, "only what is owned has a ledger"
        taken = self.seats_max if self.removing else self.counted.taken
        return Ledger(
            self.spec.match, self.owner.epoch, self.generation, self.seats_max, taken, self.counted.players, self.known
        )  # fmt: skip

    def listing(self, node: str, boot: int) -> Listing:
        """Return the listing to publish."""
        spec, counted = self.spec, self.counted
        seats = min(self.seats_max, counted.taken + len(self.reserved))
        return Listing(
            spec.match, node, boot, seats, self.seats_max, counted.spectators, spec.attributes, spec.private, spec.code
        )
