"""What a node's machine is told (facts) and what it wants done (effects).

To test: `tests/game_server/cluster/test_node.py` uses each; `test_node_facts.py` checks that none is forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from game_server.cluster.records import Ledger, Listing, MatchSpec, Owner


@dataclass(frozen=True, slots=True)
class Hosted:
    """A match runs here from now on; `standing` ones were not ordered by a lobby and are never removed for emptiness.

    `owner` is None while the directory has not yet said whose it is.
    """

    spec: MatchSpec
    seats_max: int
    generation: int
    owner: Owner | None = None
    standing: bool = False


@dataclass(frozen=True, slots=True)
class NotHosted:
    """A match that was ordered could not be created."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class Owned:
    """The directory said whose a standing match is."""

    owner: Owner


@dataclass(frozen=True, slots=True)
class Counted:
    """Who is in a match now. `players` are proven ones with a seat; `ended` matches wait to be forgotten."""

    match: str
    taken: int
    players: tuple[str, ...] = ()
    spectators: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Renewed:
    """A renewal that was sent after `sent_ns` was accepted. `lasting`: a majority of the replicas has it too."""

    sent_ns: int
    listings: int
    orders: int
    run_id: str
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """The directory did not answer what was asked in this `lane`."""

    lane: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """A later start of the same node has the lease."""

    boot: int


@dataclass(frozen=True, slots=True)
class OrderAnnounced:
    """An order waits in the directory."""


@dataclass(frozen=True, slots=True)
class DirectoryBack:
    """The directory can be reached again."""


@dataclass(frozen=True, slots=True)
class OrdersRead:
    """What the lobby wants to run here."""

    orders: tuple[tuple[MatchSpec, Owner], ...]


@dataclass(frozen=True, slots=True)
class LedgerTold:
    """The directory's answer to one ledger. `known`: it had one of this generation; `fenced`: a newer owner exists."""

    match: str
    known: bool
    reserved: tuple[str, ...] = ()
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class LedgersWritten:
    """Ledgers were written. `generation` is a fresh one, for a match whose ledger the directory had lost."""

    answers: tuple[LedgerTold, ...]
    generation: int


@dataclass(frozen=True, slots=True)
class Published:
    """Listings were written."""

    listings: tuple[Listing, ...]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The directory has forgotten matches."""

    matches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drain:
    """Take no orders any more; the node is about to stop."""


Fact = (
    Hosted | NotHosted | Owned | Counted | Renewed | Failed | Superseded | OrderAnnounced | DirectoryBack | OrdersRead
    | LedgersWritten | Published | Withdrawn | Drain
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Renew:
    """Renew the lease; the answer is `Renewed` with this `sent_ns`, `Superseded`, or `Failed("renew")`."""

    sent_ns: int


@dataclass(frozen=True, slots=True)
class ReadOrders:
    """Read the orders; the answer is `OrdersRead`, or `Failed("orders")`."""


@dataclass(frozen=True, slots=True)
class Host:
    """Create a match and run it; the answer is `Hosted`."""

    spec: MatchSpec
    owner: Owner


@dataclass(frozen=True, slots=True)
class Done:
    """An order is carried out; with a `refused` owner it cannot be, and the match is nobody's again."""

    match: str
    refused: Owner | None = None


@dataclass(frozen=True, slots=True)
class ClaimMatch:
    """Ask whose a standing match is, above `seen_epoch`; the answer is `Owned`, or `Failed("publish")`."""

    spec: MatchSpec
    seen_epoch: int


@dataclass(frozen=True, slots=True)
class WriteLedgers:
    """Write ledgers; the answer is `LedgersWritten`, or `Failed("publish")`."""

    ledgers: tuple[Ledger, ...]


@dataclass(frozen=True, slots=True)
class Publish:
    """Write listings, and who has or reserved a seat in each; the answer is `Published`, or `Failed("publish")`."""

    listings: tuple[Listing, ...]
    reserved: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Unlist matches that are no more, forget whose they were; the answer is `Withdrawn`, or `Failed("publish")`."""

    matches: tuple[str, ...]
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """End a match, if it has not ended, and forget it."""

    match: str
    reason: str


@dataclass(frozen=True, slots=True)
class MoveAway:
    """Another owner of a match is newer: send its clients there, and forget it here."""

    match: str


@dataclass(frozen=True, slots=True)
class FreezeMatches:
    """Run no tick until `ThawMatches`."""


@dataclass(frozen=True, slots=True)
class ThawMatches:
    """Go on."""


@dataclass(frozen=True, slots=True)
class StepDown:
    """Stop this process: a later start, `boot`, has its name."""

    boot: int


@dataclass(frozen=True, slots=True)
class Told:
    """Something to log: `level` is a logging level's name."""

    level: str
    event: str
    fields: dict[str, Any] = field(default_factory=dict)


Effect = (
    Renew | ReadOrders | Host | Done | ClaimMatch | WriteLedgers | Publish | Withdraw | Remove | MoveAway
    | FreezeMatches | ThawMatches | StepDown | Told
)  # fmt: skip
