"""The lobby for frame loops: its socket lives in a thread, what it told can be read at any time, nothing ever blocks.

    thread of the socket                         thread of the frames
    Lobby: requests, reconnects
      writes whole new values, never changes one  -> matches, players, party, welcome, status
      writes into the request that it was asked    -> seat, search, error of the newest request
      deque, loop.call_soon_threadsafe            <- quick_play, join, cancel, ...

To test: `tests/game_client/shell/test_lobby_bridge.py`.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Any

from game_client.facts import Status
from game_client.lobby_records import Listing, LobbyRefused, Party, Presence, Seat
from game_client.shell.bridge import CLOSE_WITHIN_S, Bridge
from game_client.shell.driver import JoinRefused, Token
from game_client.shell.lobby import Lobby
from game_client.shell.tickets import Tickets
from game_client.shell.wire import Proxy
from protocol.lobby_messages import PAGE_MAX, LobbyWelcome, MatchesChanged, RefusedCode, Searching

PLAYERS_EVERY_S = 3.0
"""How often who is online is asked for."""


@dataclass(slots=True)
class _Asked:
    """One request, and what became of it; only the socket's thread writes it."""

    seat: Seat | None = None
    search: Searching | None = None
    error: LobbyRefused | None = None


class LobbyBridge:
    """A lobby, for a program with a frame loop. Dials at once, in the background.

    One request at a time: each forgets the `seat`, `search` and `error` of the one before, and gives it up.
    The options are those of `Lobby`; `filters` say which matches are in `matches`. A `token` that is a function is
    called in the socket's thread.
    """

    def __init__(
        self,
        url: str,
        name: str = "",
        *,
        token: Token | None = None,
        guest_file: str | Path | None = None,
        filters: Mapping[str, str] | None = None,
        proxy: Proxy = None,
        ssl: SSLContext | None = None,
    ) -> None:
        self.matches: Sequence[Listing] | None = None
        """The public matches as they are now; None before they came."""
        self.players: Sequence[Presence] = ()
        """Who is online, 200 at most; a few seconds old."""
        self.party = Party()
        """The party as it is now; its code is "" outside one."""
        self._lobby = Lobby(url, name=name, token=token, guest_file=guest_file, patient=True, proxy=proxy, ssl=ssl)
        self._lobby.on_news = self._hear
        self._lobby.watch(filters)
        self._asked = _Asked()
        self._acts: deque[Callable[[], None]] = deque()
        self._asking: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="tickwire-lobby", daemon=True)
        self._thread.start()

    # --- the thread of the frames

    @property
    def status(self) -> Status:
        """How the connection is, for the player to read."""
        return self._lobby.status

    @property
    def welcome(self) -> LobbyWelcome | None:
        """Who we are here; None before the lobby said so."""
        return self._lobby.welcome

    @property
    def seat(self) -> Seat | None:
        """Where to play; None before one was found."""
        return self._asked.seat

    @property
    def search(self) -> Searching | None:
        """What the request waits for: found, wanted, sentence; None before it was said."""
        return self._asked.search

    @property
    def error(self) -> LobbyRefused | None:
        """Why the last request was refused: code, sentence, retry_after_ms; None while it was not."""
        return self._asked.error

    def quick_play(self, required: Mapping[str, str] | None = None, preferred: Mapping[str, str] | None = None) -> None:
        """Find a match with a free seat, or create one."""
        self._ask(lambda asked: self._lobby.quick_play(required, preferred, on_search=_searching(asked)))

    def enqueue(self, filters: Mapping[str, str] | None = None) -> None:
        """Wait for a match with players of like skill."""
        self._ask(lambda asked: self._lobby.enqueue(filters, on_search=_searching(asked)))

    def create(self, private: bool = False, attributes: Mapping[str, str] | None = None) -> None:
        """Create a match and sit down in it."""
        self._ask(lambda asked: self._lobby.create(attributes, private=private))

    def join(self, match: str, spectate: bool = False) -> None:
        """Sit down in a match, or watch it."""
        self._ask(lambda asked: self._lobby.join(match, spectate=spectate))

    def join_code(self, code: str) -> None:
        """Sit down in the match that a code names."""
        self._ask(lambda asked: self._lobby.join_code(code))

    def rejoin(self) -> None:
        """Go back to the match where a seat is still kept."""
        self._ask(lambda asked: self._lobby.rejoin())

    def party_create(self) -> None:
        """Found a party; `party` then has its code."""
        self._ask(lambda asked: self._lobby.party_create())

    def party_join(self, code: str) -> None:
        """Join the party that a code names."""
        self._ask(lambda asked: self._lobby.party_join(code))

    def party_leave(self) -> None:
        """Leave the party."""
        self._ask(lambda asked: self._lobby.party_leave())

    def cancel(self) -> None:
        """Give up what is waited for."""
        self._asked = _Asked()
        self._act(self._give_up)

    def play(self, seat: Seat) -> Bridge:
        """Play in a seat: a `Bridge` that asks this lobby again, until it is closed, when it needs another ticket."""
        road, tickets = self._lobby.road, Tickets(seat, self._seat_again)
        return Bridge(seat.url, token=tickets, spectate=seat.spectate, proxy=road.proxy, ssl=road.ssl)

    def close(self) -> None:
        """Leave; returns when the thread has ended, at most 2 s later."""
        self._closed = True
        self._act(self._end)
        self._thread.join(CLOSE_WITHIN_S)

    def __enter__(self) -> "LobbyBridge":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, begin: Callable[[_Asked], Awaitable[Any]]) -> None:
        asked = self._asked = _Asked()
        if self._closed:
            asked.error = LobbyRefused(RefusedCode.UNAVAILABLE, f"the lobby is {self.status}")
        else:
            self._act(lambda: self._begin(asked, begin))

    def _act(self, act: Callable[[], None]) -> None:
        self._acts.append(act)
        if self._loop is not None:
            with suppress(RuntimeError):  # The loop has ended: it was closed before.
                self._loop.call_soon_threadsafe(self._run_acts)

    # --- the thread of the socket

    def _run_acts(self) -> None:
        while self._acts:
            self._acts.popleft()()

    def _begin(self, asked: _Asked, begin: Callable[[_Asked], Awaitable[Any]]) -> None:
        self._give_up()
        self._asking = asyncio.get_running_loop().create_task(self._wait(asked, begin))

    def _give_up(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _end(self) -> None:
        assert self._ending is not None, "the loop runs"
        self._ending.set()

    async def _wait(self, asked: _Asked, begin: Callable[[_Asked], Awaitable[Any]]) -> None:
        try:
            answer = await begin(asked)
        except LobbyRefused as refused:
            asked.error = refused
        except Exception as error:
            # A request that no lobby takes: the thread of the frames has gone on long ago.
            asked.error = LobbyRefused(RefusedCode.BAD_REQUEST, str(error))
        else:
            if isinstance(answer, Seat):
                asked.seat = answer

    def _hear(self, news: Any) -> None:
        self.party = self._lobby.party
        if isinstance(news, MatchesChanged):
            self.matches = tuple(self._lobby.matches.values())
        elif isinstance(news, Seat):
            # The leader of the party asked for it.
            self._asked.seat = news

    async def _seat_again(self, seat: Seat) -> Seat:
        loop = self._loop
        if loop is None or self._closed:
            raise LobbyRefused(RefusedCode.UNAVAILABLE, "the seat is not kept any more, and the lobby was left")
        asking = asyncio.run_coroutine_threadsafe(self._lobby.seat_again(seat), loop)
        return await asyncio.wrap_future(asking)

    def _run(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._ending = asyncio.Event()
        tasks = [asyncio.create_task(self._start()), asyncio.create_task(self._ask_who_is_online())]
        await asyncio.sleep(0)  # The lobby has begun: requests may come.
        self._loop = asyncio.get_running_loop()
        self._run_acts()
        await self._ending.wait()
        self._give_up()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lobby.stop()

    async def _start(self) -> None:
        try:
            await self._lobby.start()
        except JoinRefused:
            pass  # The status says so.

    async def _ask_who_is_online(self) -> None:
        while True:
            if self.status.phase == "live":
                try:
                    self.players = tuple(await self._lobby.list_players(most=PAGE_MAX))
                except LobbyRefused:
                    pass  # It will be there again.
                await asyncio.sleep(PLAYERS_EVERY_S)
            else:
                await self._until_live()

    async def _until_live(self) -> None:
        try:
            await self._lobby.changed()
        except LobbyRefused:
            await asyncio.sleep(PLAYERS_EVERY_S)  # Closed for good.


def _searching(asked: _Asked) -> Callable[[Searching], None]:
    def hear(searching: Searching) -> None:
        asked.search = searching

    return hear
