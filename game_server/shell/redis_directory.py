"""The directory: what nodes must agree on, in Redis. Listings and quick play here, the rest in what this builds on.

    nodes     leases, records                  `directory_nodes.py`
    matches   owners, orders, ledgers, seats   `directory_matches.py`
    listings  what the lobby shows, claims of quick play

Every method is one round trip, or one for some hundred entries; none is on the path of a tick.
To test: `tests/game_server/shell/test_redis_directory.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from game_server.cluster.filters import index_name, index_names
from game_server.cluster.keys import lobby_channel
from game_server.cluster.record_fields import listing_fields, listing_of
from game_server.cluster.records import Attributes, Listing, MatchSpec
from game_server.cluster.sealed import Unsealed
from game_server.shell.directory_matches import DirectoryMatches
from game_server.shell.directory_scripts import script
from game_server.shell.redis_link import Call

CLAIM_LIVES_MS = 10_000
REQUEST_LIVES_MS = 60_000
PENDING_LIVES_MS = 10_000
CHANGES_MAX = 1_000
KIND = "listing"
NOTHING: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the listings; `next` is what to ask the next page with, "" at the end; `total` are all."""

    listings: tuple[Listing, ...]
    next: str
    total: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed up to `version`; if it is not `complete`, the list must be read anew."""

    version: int
    changed: tuple[Listing, ...]
    gone: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class QuickClaim:
    """Seats that are claimed for a few seconds in a match, which somebody must `create`: you, if it is true."""

    match: str
    create: bool


class Directory(DirectoryMatches):
    """All of it."""

    async def publish(self, listings: Sequence[Listing], reserved: Mapping[str, Sequence[str]] = NOTHING) -> None:
        """List matches as they are now. Players in `reserved` are counted in `seats`: their claims are used up.

        They must be all who are: those who sit there as well, or their seats count twice until the claims run out.
        Nothing is listed of a node whose boot has not renewed; its next renewal tells it that they are missing.
        Raises `DirectoryUnavailable`.
        """
        answers = await self.link.pipeline(
            [self._publish_call(each, reserved.get(each.match, ())) for each in listings], chunk=100
        )
        if any(answers):
            await self._announce()

    async def unlist(self, node: str, boot: int, matches: Sequence[str]) -> None:
        """Take a node's matches off the list. Raises `DirectoryUnavailable`."""
        if matches and await self.link.run(script("lobby_unlist"), self._lobby, (node, boot, *matches)):
            await self._announce()

    async def listed(self, filters: Attributes = (), after: str = "", limit: int = 100) -> Page:
        """Return a page of public matches with these attributes, in the order of their names.

        Raises `DirectoryUnavailable`.
        """
        total, last, *sealed = await self.link.run(
            script("lobby_listed"), self._lobby, (index_name(filters), after, limit)
        )
        return Page(tuple(self._listings(sealed)), last.decode(), total)

    async def listing(self, match: str) -> Listing | None:
        """Return one listing, public or private. Raises `DirectoryUnavailable`."""
        return self._listing(await self.link.run(script("lobby_listing"), self._lobby, (match, "")))

    async def by_code(self, code: str) -> str | None:
        """Return the match that a code names. Raises `DirectoryUnavailable`."""
        listing = self._listing(await self.link.run(script("lobby_listing"), self._lobby, ("", code)))
        return None if listing is None else listing.match

    async def changes(self, since: int) -> Changes:
        """Return what changed after the version `since`. Raises `DirectoryUnavailable`."""
        version, complete, count, *rest = await self.link.run(
            script("lobby_changes"), self._lobby, (since, CHANGES_MAX)
        )
        gone = tuple(each.decode() for each in rest[:count])
        return Changes(version, tuple(self._listings(rest[count:])), gone, bool(complete))

    async def claim(
        self,
        request: str,
        players: Sequence[str],
        filters: Attributes = (),
        spec: MatchSpec | None = None,
        exclude: Sequence[str] = (),
        *,
        seats_max: int = 0,
        schema_hash: int = 0,
    ) -> QuickClaim | None:
        """Claim seats in the fullest listed match with room for all; else let the match of `spec` be created.

        Only matches of the version `schema_hash` are looked at, unless it is 0 or they are about to be made.
        The same request is answered the same for a minute, unless the match is in `exclude`. A `spec` goes with the
        `seats_max` that its match will have. None: nothing was found, and no spec given, or that of a match which is in
        `exclude` or dead by now: bring another. Raises `DirectoryUnavailable`.
        """
        new = ("", "", 0) if spec is None else (spec.match, _indexes(spec.attributes), seats_max)
        answer = await self.link.run(script("lobby_claim"), self._lobby, (
            request, index_name(filters), CLAIM_LIVES_MS, REQUEST_LIVES_MS, PENDING_LIVES_MS, *new, schema_hash,
            len(players), *players, *exclude,
        ))  # fmt: skip
        return None if answer is None else QuickClaim(answer[0].decode(), bool(answer[1]))

    async def drop_claim(self, request: str, players: Sequence[str]) -> None:
        """Give up what a quick play claimed. Raises `DirectoryUnavailable`."""
        await self.link.run(script("lobby_unclaim"), self._lobby, (request, *players))

    async def is_pending(self, match: str) -> bool:
        """Tell whether quick play still waits for a match to be created. Raises `DirectoryUnavailable`."""
        (lobby,) = self._lobby
        return await self.link.call("ZSCORE", f"{lobby}:pending", match) is not None

    async def abandon_pending(self, match: str) -> None:
        """A match that quick play wanted created is not. Raises `DirectoryUnavailable`."""
        await self.link.run(script("lobby_abandon"), self._lobby, (match,))

    async def _announce(self) -> None:
        await self.link.call("PUBLISH", lobby_channel(self.game), "changed")

    def _publish_call(self, listing: Listing, players: Sequence[str]) -> Call:
        free = max(0, listing.seats_max - listing.seats)
        indexes = "" if listing.private else _indexes(listing.attributes)
        return Call(script("lobby_publish"), self._lobby, (
            listing.match, listing.node, listing.boot, free, listing.seats_max, int(listing.private), listing.code,
            indexes, self.sealer.seal(KIND, listing_fields(listing), listing.boot), *players,
        ))  # fmt: skip

    def _listings(self, answers: Sequence[bytes | None]) -> list[Listing]:
        return [each for each in map(self._listing, answers) if each is not None]

    def _listing(self, sealed: bytes | None) -> Listing | None:
        if sealed is None:
            return None
        try:
            return listing_of(self.sealer.open(KIND, sealed)[0])
        except (Unsealed, TypeError, ValueError):
            return None


def _indexes(attributes: Attributes) -> str:
    return "".join(f"{name}|" for name in index_names(attributes))
