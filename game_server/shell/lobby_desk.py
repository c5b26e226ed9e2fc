"""The desk: how each request of a player is answered, as a coroutine over the directory.

A request that is sent again, here or at another node, means the same match: its id is made of player and request. Quick
play asks the directory for a match under its request's name, so two who look at once share one; a match that turns out
full is left out of the next question. Whatever the desk has no part for (queue, parties, presence) is refused in words.
Raises `LobbyRefused`; everything may raise `DirectoryUnavailable`, which the socket tells as `unavailable`.
To test: `tests/game_server/shell/test_lobby_desk.py`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, assert_never

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.filters import attributes_of, pairs_of
from game_server.cluster.lobby_facts import Answer, Request
from game_server.cluster.lobby_match import match_code, match_id, read_match_code
from game_server.cluster.queue_ticket import ticket_id
from game_server.cluster.records import Attributes, Listing, MatchSpec, Presence
from game_server.session.signing import Signer
from game_server.shell.lobby_queue import LobbyQueue
from game_server.shell.lobby_quick_play import LOOK_AGAIN_S, QuickSearch
from game_server.shell.lobby_search import Search, Visitor
from game_server.shell.lobby_seating import Seating
from game_server.shell.redis_party import Parties
from game_server.shell.redis_presence import Presences
from protocol.lobby_messages import (
    CreateMatch,
    Done,
    Enqueue,
    JoinByCode,
    JoinMatch,
    ListMatches,
    ListPlayers,
    Matches,
    PartyCreate,
    PartyJoin,
    PartyLeave,
    Players,
    QuickPlay,
    RefusedCode,
    Rejoin,
    SeatFound,
    Where,
)  # fmt: skip

if TYPE_CHECKING:
    from game_server.shell.redis_directory import Directory

CODES_TRIED = 4
LISTED_WITHIN_S, LISTED_POLL_S = 3.0, 0.1
CODE_PREFIX = "tickwire-code-1."
RETRY_MS = 2_000


class LobbyDesk:
    """Answers requests. `queue`, `parties` and `presences` may be missing."""

    def __init__(
        self,
        directory: "Directory",
        seating: Seating,
        signer: Signer,
        filters: Sequence[str],
        seats_max: int,
        *,
        queue: LobbyQueue | None = None,
        parties: Parties | None = None,
        presences: Presences | None = None,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        self._directory, self._seating, self._signer = directory, seating, signer
        self._filters, self._seats_max = tuple(filters), seats_max
        self._queue, self._parties, self._presences = queue, parties, presences
        self._look_again_s = look_again_s

    async def answer(self, visitor: Visitor, message: Request, search: Search) -> Answer:
        """Return the answer to a request. Raises `LobbyRefused`, `DirectoryUnavailable`."""
        match message:
            case ListMatches():
                return await self._list(message)
            case QuickPlay():
                return await self._quick_play(visitor, message, search)
            case CreateMatch():
                return await self._create(visitor, message, search)
            case JoinMatch(_, match, spectate):
                return await self._join(visitor, search, match, spectate=bool(spectate))
            case JoinByCode(_, code):
                return await self._join_by_code(visitor, search, read_match_code(code))
            case Rejoin():
                return await self._rejoin(visitor, search)
            case Enqueue(_, pairs):
                return await self._enqueue(visitor, search, self.filters_of(pairs))
            case ListPlayers():
                return await self._players(message)
            case PartyCreate() | PartyJoin() | PartyLeave():
                return await self._party(visitor, message)
            case _:
                assert_never(message)

    async def seat_of(self, player: str) -> str:
        """Return the match where a player still has a seat, or ""."""
        if self._presences is None:
            return ""
        sessions = await self._presences.sessions([player])
        seated = [each for each in sessions if each.where is Where.MATCH and each.match]
        return max(seated, key=lambda each: each.since_ms).match if seated else ""

    async def follow_call(self, visitor: Visitor, match: str) -> SeatFound:
        """Return a party member's seat in the match that the leader chose; it is reserved already."""
        return await self._seating.seat(visitor, Search(""), match, [visitor.player], code=await self._code_of(match))

    async def _code_of(self, match: str) -> str:
        """Return the code of a match for somebody who has a seat in it: who needs another ticket brings it."""
        listing = await self._directory.listing(match)
        return "" if listing is None else listing.code

    async def abandon(self, visitor: Visitor, request: str) -> None:
        """Take out of the queue what a request of an earlier socket put in; it would make its player busy."""
        ticket = ticket_id(visitor.player, request)
        with suppress(DirectoryUnavailable):  # then it ends by itself in some seconds
            if self._queue is not None:
                await self._queue.abandon(ticket)

    async def give_back(self, visitor: Visitor, match: str) -> None:
        """Give back a seat that a player has reserved and not taken."""
        with suppress(DirectoryUnavailable):  # then it runs out
            await self._seating.release(match, [visitor.player])

    def filters_of(self, pairs: Sequence[str]) -> Attributes:
        """Return the filters in a message. Raises `LobbyRefused` bad_filter."""
        return attributes_of(pairs, self._filters)

    # Looking

    async def _list(self, message: ListMatches) -> Matches:
        page = await self._directory.listed(self.filters_of(message.filters), message.after, message.limit)
        return Matches(message.request, [listing_row(each) for each in page.listings], page.next, page.total)

    async def _players(self, message: ListPlayers) -> Players:
        if self._presences is None:
            raise _without("players are not listed")
        page = await self._presences.online(message.after, message.limit)
        return Players(message.request, [presence_row(each) for each in page.players], page.next, page.total)

    # Seats

    async def _join(self, visitor: Visitor, search: Search, match: str, *, spectate: bool = False) -> SeatFound:
        together, party = ([visitor.player], "") if spectate else await self._together_in(visitor, match)
        await self._check_open(visitor, search, match)
        return await self._take(visitor, search, match, together, party, spectate=spectate)

    async def _check_open(self, visitor: Visitor, search: Search, match: str) -> None:
        """Refuse a private match to whom it does not expect: its id is no secret, presence tells it.

        A match that was just made is waited for, since only its listing says what it is.
        """
        clock = asyncio.get_running_loop().time
        until_s = clock() + LISTED_WITHIN_S
        while True:
            listing = await self._directory.listing(match)
            if (listing is not None and not listing.private) or await self._directory.expects(match, visitor.player):
                return
            if listing is not None or await self._directory.owner(match) is None:
                raise LobbyRefused(RefusedCode.NO_MATCH, "there is no such match, or it is private and has a code")
            if clock() > until_s:
                raise LobbyRefused(RefusedCode.NOT_READY, "this match is not listed yet: try again", RETRY_MS)
            await search.pause(LISTED_POLL_S)

    async def _join_by_code(self, visitor: Visitor, search: Search, code: str) -> SeatFound:
        match = await self._directory.by_code(code)
        if match is None:
            raise LobbyRefused(RefusedCode.NO_MATCH, f"no match has the code {code}")
        together, party = await self._together_in(visitor, match)
        return await self._take(visitor, search, match, together, party, code=code)

    async def _rejoin(self, visitor: Visitor, search: Search) -> SeatFound:
        nothing = LobbyRefused(RefusedCode.NOTHING_TO_REJOIN, "no seat is kept for you in any match")
        match = await self.seat_of(visitor.player)
        if not match:
            raise nothing
        try:
            code = await self._code_of(match)
            return await self._seating.seat(visitor, search, match, [visitor.player], code=code)
        except LobbyRefused as refused:
            if refused.code in (RefusedCode.NO_MATCH, RefusedCode.FULL):
                raise nothing from None
            raise

    async def _create(self, visitor: Visitor, message: CreateMatch, search: Search) -> SeatFound:
        attributes = self.filters_of(message.attributes)
        together, party = await self._together(visitor)
        match = match_id(visitor.player, message.request)
        code = await self._code(visitor, message.request, match) if message.private else ""
        spec = MatchSpec(match, attributes, bool(message.private), code)
        await self._seating.make(spec, visitor.schema_hash, search)
        return await self._take(visitor, search, match, together, party, code=code)

    async def _code(self, visitor: Visitor, request: str, match: str) -> str:
        """Return a code that no other match has: the same one for the same request."""
        secret = self._signer.sign(CODE_PREFIX, [visitor.player, request])
        for attempt in range(CODES_TRIED):
            code = match_code(secret, attempt)
            if await self._directory.by_code(code) in (None, match):
                return code
        raise LobbyRefused(RefusedCode.UNAVAILABLE, "no free code for a match was found: try again", RETRY_MS)

    async def _together(self, visitor: Visitor) -> tuple[list[str], str]:
        """Return who takes seats with the visitor, who is the first, and their party's code, "" without one."""
        party = None if self._parties is None else await self._parties.state(visitor.player)
        if party is None or len(party.players) < 2:
            return [visitor.player], ""
        party.check_leader(visitor.player)
        if len(party.players) > self._seats_max:
            sentence = f"a party of {len(party.players)} does not fit into matches of {self._seats_max}"
            raise LobbyRefused(RefusedCode.PARTY_FULL, sentence)
        return list(party.players), party.code

    async def _together_in(self, visitor: Visitor, match: str) -> tuple[list[str], str]:
        """Return who takes seats in a match: a member whom it expects may ask for another ticket without the leader."""
        try:
            return await self._together(visitor)
        except LobbyRefused as refused:
            expected = refused.code is RefusedCode.NOT_LEADER and await self._directory.expects(match, visitor.player)
            if not expected:
                raise
        return [visitor.player], ""

    async def _take(
        self,
        visitor: Visitor,
        search: Search,
        match: str,
        together: Sequence[str],
        party: str,
        *,
        spectate: bool = False,
        code: str = "",
    ) -> SeatFound:
        """Take seats for all at once, and call the others to the match."""
        seat = await self._seating.seat(visitor, search, match, together, spectate=spectate, code=code)
        if party and self._parties is not None:
            await self._parties.call(party, search.request, match)
        return seat

    async def _quick_play(self, visitor: Visitor, message: QuickPlay, search: Search) -> SeatFound:
        stages = [
            self.filters_of([*message.required, *message.preferred[:kept]])
            for kept in range(len(message.preferred), -1, -2)
        ]
        together, party = await self._together(visitor)
        quick = QuickSearch(
            self._directory, self._seating, visitor, search, together, stages, self._seats_max,
            widen_after_s=message.widen_after_ms / 1000, look_again_s=self._look_again_s,
        )  # fmt: skip
        seat = await quick.run()
        if party and self._parties is not None:
            await self._parties.call(party, search.request, seat.match)
        return seat

    # Queue

    async def _enqueue(self, visitor: Visitor, search: Search, filters: Attributes) -> SeatFound:
        if self._queue is None:
            raise _without("there is no queue")
        together, party = await self._together(visitor)
        ticket = ticket_id(visitor.player, search.request)
        if party and self._parties is not None:
            together = list((await self._parties.search(visitor.player, ticket)).players)
        match = await self._queue.wait(ticket, together, filters, visitor.schema_hash, search)
        # Assigned is assigned: whoever gave up meanwhile finds the seat under way.
        return await self._take(visitor, Search(search.request), match, together, party)

    # Parties

    async def _party(self, visitor: Visitor, message: PartyCreate | PartyJoin | PartyLeave) -> Done:
        if self._parties is None:
            raise _without("there are no parties")
        match message:
            case PartyCreate():
                await self._parties.create(visitor.player, visitor.name)
            case PartyJoin(_, code):
                await self._parties.join(code, visitor.player, visitor.name)
            case PartyLeave():
                await self._parties.leave(visitor.player)
            case _:
                assert_never(message)
        return Done(message.request)


def listing_row(listing: Listing) -> list[Any]:
    """Return a match as MATCHES and MATCHES_CHANGED have it."""
    return [listing.match, listing.seats, listing.seats_max, listing.spectators, pairs_of(listing.attributes)]


def presence_row(presence: Presence) -> list[Any]:
    """Return a player as PLAYERS and PRESENCE have it."""
    return [presence.player, presence.name, int(presence.where), presence.match]


def _without(what: str) -> LobbyRefused:
    return LobbyRefused(RefusedCode.BAD_REQUEST, f"{what} on this server")
