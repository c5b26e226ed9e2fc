"""The asyncio lobby: `async with Lobby(url, name="Ada") as lobby: seat = await lobby.quick_play()`.

A `Driver` whose session is a lobby's; each request is a coroutine that returns the answer.
To test: `tests/game_client/shell/test_lobby.py`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from ssl import SSLContext
from time import monotonic_ns
from typing import Any

from game_client.facts import Answered, NewsCame, Status, StatusChanged
from game_client.lobby import LobbySession
from game_client.lobby_records import (
    Listing,
    LobbyRefused,
    Party,
    Presence,
    Seat,
    listing_of,
    pairs_of,
    presence_of,
)  # fmt: skip
from game_client.shell.connection import Client
from game_client.shell.driver import Driver, Token
from game_client.shell.guest_file import GuestFile
from game_client.shell.tickets import Tickets
from game_client.shell.wire import Proxy, Road
from protocol.errors import UsageFault
from protocol.handshake import GUEST_PREFIX
from protocol.lobby_messages import (
    PAGE_MAX,
    CreateMatch,
    Enqueue,
    JoinByCode,
    JoinMatch,
    ListMatches,
    ListPlayers,
    LobbyWelcome,
    Matches,
    PartyCreate,
    PartyJoin,
    PartyLeave,
    Players,
    QuickPlay,
    Refused,
    RefusedCode,
    Rejoin,
    Searching,
)  # fmt: skip

WIDEN_AFTER_S = 5.0
SEATS_UNTAKEN_MAX = 16
"""Seats that a party's leader got and nobody here took: their tickets are too old by then."""

OnSearch = Callable[[Searching], None]
"""Called with what a request waits for, as often as the lobby says it."""


class Lobby(Driver):
    """A player in a lobby; comes back by itself after a lost socket, with the requests that are not answered.

    Every request raises `LobbyRefused`. One whose task is cancelled is given up in the lobby, too. `patience_s` is how
    long a request that was refused for a while is tried again.
    `guest_file` keeps what a player without proof is known by. `schema_hash` finds only matches of that vocabulary.
    `on_status(Status)` and `on_news(message)` may be set; they are called inside the event loop, at once: when the
    connection changes, and with each message that is no answer.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        token: Token | None = None,
        guest_file: str | Path | None = None,
        patience_s: float = 0.0,
        schema_hash: int = 0,
        rng: Random | None = None,
        patient: bool = False,
        proxy: Proxy = None,
        ssl: SSLContext | None = None,
        local_addr: str | None = None,
    ) -> None:
        self._file = None if guest_file is None else GuestFile(guest_file)
        guest = "" if self._file is None or token is not None else self._file.read()
        if isinstance(token, str) and token.startswith(GUEST_PREFIX):
            guest, token = token, None
        # The ids come from the system's randomness, whatever the caller repeats: no two requests may share one.
        self.session = LobbySession(
            url, rng or Random(), Random(), monotonic_ns(), guest=guest, schema_hash=schema_hash
        )  # fmt: skip
        super().__init__(self.session, name, token, Road(proxy, ssl, local_addr), patient)
        self.on_status: Callable[[Status], None] | None = None
        self.on_news: Callable[[Any], None] | None = None
        self._patience_ns = int(patience_s * 1e9)
        self._answers: dict[str, asyncio.Future[Any]] = {}
        self._searches: dict[str, OnSearch] = {}
        self._seats: asyncio.Queue[Seat] = asyncio.Queue(SEATS_UNTAKEN_MAX)
        self._changes = 0

    # --- what may be read

    @property
    def welcome(self) -> LobbyWelcome | None:
        """Who we are here: `player`, `name`, `filters`, `rejoin`, `rating`, ...; None before the lobby said so."""
        return self.session.welcome

    @property
    def guest(self) -> str:
        """The credential by which a player without proof is known again, "" if there is none."""
        return self.session.guest

    @property
    def matches(self) -> Mapping[str, Listing]:
        """The watched matches by their ids, as they are now."""
        return self.session.matches

    @property
    def watched_players(self) -> Mapping[str, Presence]:
        """Where the watched players are now."""
        return self.session.players

    @property
    def party(self) -> Party:
        """The party as it is now; its code is "" outside one."""
        return self.session.party

    # --- seats

    async def quick_play(
        self,
        required: Mapping[str, str] | None = None,
        preferred: Mapping[str, str] | None = None,
        *,
        widen_after_s: float = WIDEN_AFTER_S,
        on_search: OnSearch | None = None,
    ) -> Seat:
        """Find a match with free seats, or create one. The last of the `preferred` attributes is given up first."""
        fields = {"required": pairs_of(required), "preferred": pairs_of(preferred)}
        return await self._seat(QuickPlay, on_search, widen_after_ms=round(widen_after_s * 1000), **fields)

    async def enqueue(self, filters: Mapping[str, str] | None = None, *, on_search: OnSearch | None = None) -> Seat:
        """Wait for a match with players of like skill, the party together."""
        return await self._seat(Enqueue, on_search, filters=pairs_of(filters))

    async def create(self, attributes: Mapping[str, str] | None = None, *, private: bool = False) -> Seat:
        """Create a match and sit down in it; the `code` of a private one is what others join it by."""
        return await self._seat(CreateMatch, attributes=pairs_of(attributes), private=int(private))

    async def join(self, match: str, *, spectate: bool = False) -> Seat:
        """Sit down in a match, or watch it."""
        return await self._seat(JoinMatch, match=match, spectate=int(spectate))

    async def join_code(self, code: str) -> Seat:
        """Sit down in the match that a code names."""
        return await self._seat(JoinByCode, code=code)

    async def rejoin(self) -> Seat:
        """Go back to the match where this player still has a seat."""
        return await self._seat(Rejoin)

    async def seat_again(self, seat: Seat) -> Seat:
        """Return a fresh ticket for the match of a seat whose ticket was used, or is too old."""
        if seat.code and not seat.spectate:
            return await self.join_code(seat.code)
        try:
            return await self.join(seat.match, spectate=seat.spectate)
        except LobbyRefused as refused:
            if refused.code != RefusedCode.NO_MATCH or seat.spectate:
                raise
            return await self._seat_kept(seat, refused)

    async def _seat_kept(self, seat: Seat, refused: LobbyRefused) -> Seat:
        # The id of a private match (a ranked one is) opens it to nobody, but the way back to a kept seat does.
        try:
            kept = await self.rejoin()
        except LobbyRefused:
            raise refused from None
        if kept.match != seat.match:
            raise refused
        return kept

    async def next_seat(self) -> Seat:
        """Wait for a seat that was not asked for here: the leader of the party got it for all.

        *Raises* `LobbyRefused` when none will come, since the lobby is closed.
        """
        while self._seats.empty():
            await self.changed()
        return self._seats.get_nowait()

    def play(self, seat: Seat, **options: Any) -> Client:
        """Play in a seat: `async with lobby.play(seat) as client`; the options are those of `Client`.

        When the ticket is used or too old, and when the seat is not kept any more, it asks this lobby for another.
        """
        road = self.road
        options = {"proxy": road.proxy, "ssl": road.ssl, "local_addr": road.local_addr, **options}
        return Client(seat.url, token=Tickets(seat, self.seat_again), spectate=seat.spectate, **options)

    def cancel(self) -> None:
        """Give all requests up that wait; unless an answer is under way they are refused as cancelled."""
        for request in list(self._answers):
            self.session.cancel(request, monotonic_ns())
        self._turn()

    # --- lists

    async def list_matches(self, filters: Mapping[str, str] | None = None, *, most: int = 1000) -> list[Listing]:
        """Return public matches, `most` of them at most, by as many pages as they need."""
        found: list[Listing] = []
        after = ""
        while len(found) < most:
            limit = min(PAGE_MAX, most - len(found))
            page: Matches = await self._ask(ListMatches, filters=pairs_of(filters), after=after, limit=limit)
            found += [listing_of(row) for row in page.listings]
            after = page.next
            if not after:
                break
        return found

    async def list_players(self, *, most: int = 1000) -> list[Presence]:
        """Return who is online, `most` of them at most, by as many pages as they need."""
        found: list[Presence] = []
        after = ""
        while len(found) < most:
            page: Players = await self._ask(ListPlayers, after=after, limit=min(PAGE_MAX, most - len(found)))
            found += [presence_of(row) for row in page.players]
            after = page.next
            if not after:
                break
        return found

    def watch(self, filters: Mapping[str, str] | None = None) -> None:
        """Keep `matches` up to date from now on, with those that `filters` let through. *Raises* `UsageFault`."""
        self.session.watch(filters or {})
        self._turn()

    def unwatch(self) -> None:
        """Keep `matches` up to date no more."""
        self.session.watch(None)
        self._turn()

    def watch_players(self, players: Sequence[str]) -> None:
        """Keep `watched_players` up to date with where these are, by their ids. *Raises* `UsageFault`."""
        self.session.watch_players(players)
        self._turn()

    async def changed(self) -> None:
        """Wait until something else is to be read here. *Raises* `LobbyRefused` when nothing will be."""
        before = self._changes
        if self.status.phase == "closed":
            raise LobbyRefused(RefusedCode.UNAVAILABLE, f"the lobby is {self.status}")
        while self._changes == before and self.fault is None:
            await self._wait_news()
        if self.fault is not None:
            raise self.fault

    # --- parties

    async def party_create(self) -> Party:
        """Found a party; others join it by its `code`."""
        await self._ask(PartyCreate)
        return await self._wait_party()

    async def party_join(self, code: str) -> Party:
        """Join the party that a code names."""
        await self._ask(PartyJoin, code=code)
        return await self._wait_party()

    async def party_leave(self) -> None:
        """Leave the party."""
        await self._ask(PartyLeave)

    async def _wait_party(self) -> Party:
        while not self.party.code:
            await self.changed()
        return self.party

    # --- requests and answers

    async def _seat(self, kind: type[Any], on_search: OnSearch | None = None, **fields: Any) -> Seat:
        seat: Seat = await self._ask(kind, on_search, **fields)
        return seat

    async def _ask(self, kind: type[Any], on_search: OnSearch | None = None, **fields: Any) -> Any:
        if self._news is None:
            raise UsageFault("a request before the lobby was entered: `async with lobby`, or `await lobby.start()`")
        if self.fault is not None:
            raise self.fault
        request = self.session.ask(kind, monotonic_ns(), self._patience_ns, **fields)
        answer = self._answers[request] = asyncio.get_running_loop().create_future()
        if on_search is not None:
            self._searches[request] = on_search
        try:
            self._turn()
            return await answer
        except asyncio.CancelledError:
            self.session.cancel(request, monotonic_ns())
            self._turn()
            raise
        finally:
            del self._answers[request]
            self._searches.pop(request, None)

    def _hear(self, effect: Any) -> None:
        match effect:
            case Answered(request, answer):
                self._answer(request, answer)
            case NewsCame(news):
                self._hear_news(news)
            case StatusChanged():
                self._changes += 1
                self._tell_news()
                if self.on_status is not None:
                    self._call(self.on_status, self.status)

    def _answer(self, request: str, answer: Any) -> None:
        waiting = self._answers.get(request)
        if waiting is None or waiting.done():
            return  # Given up, and its answer was under way.
        if isinstance(answer, Refused):
            waiting.set_exception(LobbyRefused.told(answer))
        else:
            waiting.set_result(answer)

    def _hear_news(self, news: Any) -> None:
        match news:
            case Searching(request) if request in self._searches:
                self._call(self._searches[request], news)
            case LobbyWelcome():
                self._keep_guest()
            case Seat():
                if self._seats.full():
                    self._seats.get_nowait()
                self._seats.put_nowait(news)
        self._changes += 1
        self._tell_news()
        if self.on_news is not None:
            self._call(self.on_news, news)

    def _keep_guest(self) -> None:
        if self._file is not None and self.guest:
            self.stats.errors += not self._file.write(self.guest)

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(error)
