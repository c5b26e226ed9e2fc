"""Live lists of matches: one poll of the directory for all watchers of a node, woken early by its channel.

    changes since the last version -> the table of all public matches -> each watcher's difference -> MATCHES_CHANGED

A watcher that is blocked is told nothing; once it reads again it gets the difference between what it knew and what is.
While the directory is away everybody keeps what was told; afterwards the difference is told, merged.
To test: `tests/game_server/shell/test_lobby_hub.py`.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.keys import lobby_key
from game_server.cluster.lobby_view import Difference, LobbyView
from game_server.cluster.records import Attributes, Listing
from game_server.shell.lasting import lasting
from game_server.shell.lobby_desk import listing_row
from protocol.lobby_messages import PAGE_MAX, MatchesChanged

if TYPE_CHECKING:
    from game_server.shell.redis_directory import Directory

POLL_S = 2.0
DEBOUNCE_S = 0.1
TURN_MAX = 200
"""So many watchers are told in one turn of the loop, so that a tick can come between."""

OnNews = Callable[[MatchesChanged], None]


class Watcher:
    """One who watches matches; `LobbyHub.watch` makes it."""

    def __init__(self, view: LobbyView, on_news: OnNews, blocked: bool) -> None:
        self.view, self.on_news, self.blocked = view, on_news, blocked


class LobbyHub:
    """The matches of a game as the lobby shows them, and who watches. `polls` counts, for metrics and tests."""

    def __init__(self, directory: "Directory", *, poll_s: float = POLL_S, debounce_s: float = DEBOUNCE_S) -> None:
        self._directory, self._poll_s, self._debounce_s = directory, poll_s, debounce_s
        self._table: dict[str, Listing] = {}
        self._version, self._run_id = 0, ""
        self._loaded = False
        self._watchers: dict[int, Watcher] = {}
        self._numbers = 0
        self._totals: dict[Attributes, int] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.polls = 0

    def start(self) -> None:
        """Begin to poll, in the running loop."""
        self._task = lasting(self._run, "lobby hub")

    async def stop(self) -> None:
        """Tell nobody anything any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def wake(self) -> None:
        """Something changed: poll soon."""
        self._wake.set()

    def watch(self, filters: Attributes, on_news: OnNews, *, is_blocked: bool = False) -> int:
        """Tell of all matches that meet `filters`, at once and as they change; return a number to `leave` by."""
        self._numbers += 1
        watcher = self._watchers[self._numbers] = Watcher(LobbyView(filters, self._table), on_news, is_blocked)
        if self._loaded:
            self._tell(watcher, {})
        self._wake.set()
        return self._numbers

    def leave(self, number: int) -> None:
        """Watch no more."""
        self._watchers.pop(number, None)

    def block(self, number: int, is_blocked: bool) -> None:
        """A watcher's socket takes no more, or takes all again: then it is told what it missed, merged."""
        watcher = self._watchers.get(number)
        if watcher is not None:
            watcher.blocked = is_blocked
            if not is_blocked and self._loaded:
                self._tell(watcher, {})

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._wake.wait()
                self._wake.clear()
                if self._loaded:
                    await asyncio.sleep(self._debounce_s)
            except TimeoutError:
                pass
            if not self._watchers:
                continue
            try:
                await self._poll()
            except DirectoryUnavailable:
                continue  # what was told stays true as far as anybody knows
            await self._tell_all()

    async def _poll(self) -> None:
        self.polls += 1
        # A Redis that restarted empty counts versions anew, and may have come to the one that is known here.
        run_id = await self._directory.link.run_id(lobby_key(self._directory.game))
        changes = await self._directory.changes(self._version)
        if self._loaded and changes.complete and run_id == self._run_id:
            # Nothing is awaited here: a watcher that comes meanwhile sees a whole table.
            for match in changes.gone:
                self._table.pop(match, None)
            self._table.update((each.match, each) for each in changes.changed)
            touched = [*changes.gone, *(each.match for each in changes.changed)]
        else:
            touched = await self._read_all()
        self._version, self._run_id, self._loaded = changes.version, run_id, True
        self._totals.clear()
        for watcher in self._watchers.values():
            watcher.view.touch(touched)

    async def _read_all(self) -> list[str]:
        """Read the whole list; return the matches about which something is new."""
        found: dict[str, Listing] = {}
        after = ""
        while True:
            page = await self._directory.listed((), after, PAGE_MAX)
            found.update((each.match, each) for each in page.listings)
            after = page.next
            if not after:
                break
        before, self._table = self._table, found
        return [match for match in {**before, **found} if before.get(match) != found.get(match)]

    async def _tell_all(self) -> None:
        encoded: dict[tuple[Difference, int], MatchesChanged] = {}
        for n, watcher in enumerate(list(self._watchers.values())):
            self._tell(watcher, encoded)
            if n % TURN_MAX == TURN_MAX - 1:
                await asyncio.sleep(0)

    def _tell(self, watcher: Watcher, made: dict[tuple[Difference, int], MatchesChanged]) -> None:
        """Tell a watcher what it does not know; those who are told the same share one message."""
        while watcher.view.waits and not watcher.blocked:
            is_first = not watcher.view.is_told
            difference = watcher.view.take(self._table)
            if not difference and not is_first:
                return
            key = difference, self._total(watcher.view.filters)
            if key not in made:
                rows = [listing_row(each) for each in difference.changed]
                made[key] = MatchesChanged(rows, list(difference.gone), key[1])
            watcher.on_news(made[key])

    def _total(self, filters: Attributes) -> int:
        """How many matches meet these filters."""
        if filters not in self._totals:
            wanted = frozenset(filters)
            self._totals[filters] = sum(1 for each in self._table.values() if wanted <= set(each.attributes))
        return self._totals[filters]
