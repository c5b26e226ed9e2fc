"""Those who watch players on this node: one poll reads for all of them, and a published change wakes it early.

To test: `tests/game_server/shell/test_presence_watch.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.presence import Told, nowhere
from game_server.cluster.records import Presence
from game_server.shell.lasting import lasting
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_subscriber import Subscriber

POLL_S = 1.8
DEBOUNCE_S = 0.05
POLLED_MAX = 20_000
"""Of more watched players than this one poll reads the next ones, and so on."""

Where = Callable[[Iterable[str]], Awaitable[list[Presence]]]
OnChange = Callable[[list[Presence]], None]


class PresenceWatch:
    """One who watches; `PresenceWatches.watch` makes it."""

    def __init__(self, watches: "PresenceWatches", on_change: OnChange) -> None:
        self._watches, self.on_change = watches, on_change
        self.told = Told()

    def replace(self, players: Iterable[str]) -> None:
        """Watch these from now on."""
        self._watches.set_players(self, frozenset(players))

    def close(self) -> None:
        """Watch nobody any more."""
        self._watches.set_players(self, frozenset())


class PresenceWatches:
    """All who watch. `where` is what tells of players where they are."""

    def __init__(self, link: RedisLink, where: Where, poll_s: float = POLL_S) -> None:
        self._where, self._poll_s = where, poll_s
        self._of_player: dict[str, set[PresenceWatch]] = {}
        self._due: set[str] = set()
        self._next = 0
        self._wake = asyncio.Event()
        self._subscriber = Subscriber(link, (), self._heard)
        self._subscriber.on_connected = self._connected
        self._all_due = False
        self._task: asyncio.Task[None] | None = None

    @property
    def subscriber(self) -> Subscriber:
        """What listens, for its counters."""
        return self._subscriber

    def start(self) -> None:
        """Begin, in the running loop."""
        self._subscriber.start()
        self._task = lasting(self._run, "presence watches")

    async def stop(self) -> None:
        """Tell nobody anything any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
            await self._subscriber.stop()

    def watch(self, players: Iterable[str], on_change: OnChange) -> PresenceWatch:
        """Have `on_change` told where these players are, soon and whenever that changes."""
        watch = PresenceWatch(self, on_change)
        watch.replace(players)
        return watch

    def set_players(self, watch: PresenceWatch, players: frozenset[str]) -> None:
        """Replace whom one watches."""
        before = watch.told.players
        for player in before - players:
            watchers = self._of_player[player]
            watchers.discard(watch)
            if not watchers:
                del self._of_player[player]
                self._subscriber.remove(player_channel(player))
        for player in players - before:
            if player not in self._of_player:
                self._of_player[player] = set()
                self._subscriber.add(player_channel(player))
            self._of_player[player].add(watch)
        watch.told.watch(players)
        self._due |= players - before
        self._wake.set()

    def _heard(self, channel: str, _: bytes) -> None:
        self._due.add(channel.removeprefix(player_channel("")))
        self._wake.set()

    def _connected(self) -> None:
        self._all_due = True
        self._wake.set()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        full_at = clock() + self._poll_s
        while True:
            try:
                async with asyncio.timeout_at(full_at):
                    await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(DEBOUNCE_S)
            except TimeoutError:
                self._all_due = True
            if self._all_due:
                full_at = clock() + self._poll_s
            await self._read(self._take())

    def _take(self) -> set[str]:
        due = self._due
        self._due = set()
        if self._all_due:
            self._all_due = False
            everyone = list(self._of_player)
            start = self._next if self._next < len(everyone) else 0
            self._next = start + POLLED_MAX
            due = due | set(everyone[start : self._next])
        return {player for player in due if player in self._of_player}

    async def _read(self, players: set[str]) -> None:
        if not players:
            return
        try:
            found = {presence.player: presence for presence in await self._where(players)}
        except DirectoryUnavailable:
            self._due |= players  # what was told stays true as far as anybody knows
            return
        now = {player: found.get(player) or nowhere(player) for player in players}
        for watch in {watch for player in players for watch in self._of_player.get(player, ())}:
            changes = watch.told.changes(now)
            if changes:
                # By way of the loop: an error in there is the loop's to report, and ends nothing here.
                asyncio.get_running_loop().call_soon(watch.on_change, changes)


def player_channel(player: str) -> str:
    """Where it is published that something about a player changed."""
    return f"tickwire:player:{player}"
