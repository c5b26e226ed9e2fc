"""What a node says in Redis of its players: who is here, where, on which device.

A player's record is refreshed every 20 s, a node's every 2 s, so a million present players are some 50,000 cheap calls
a second. Writing a player answers who else is there for the player; other sessions' nodes are asked to look again.
Channels: `tickwire:player:<id>` when something changed, `tickwire:look:<node>`. Nothing depends on them.
The keys are told of in `presence_reader.py`.
To test: `tests/game_server/shell/test_redis_presence.py`.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.presence import REFRESH_NS, Devices, PresenceBook, Writes, gives_way, shown
from game_server.cluster.records import Presence
from game_server.shell.lasting import lasting
from game_server.shell.log import get_log
from game_server.shell.presence_reader import (
    CHUNK,
    GAMES_KEY,
    KIND,
    PresenceReader,
    Seals,
    index_key,
    look_channel,
    look_key,
    page_keys,
    player_key,
    presence_script,
)
from game_server.shell.presence_watch import POLL_S, PresenceWatch, PresenceWatches, player_channel
from game_server.shell.redis_link import Call, RedisLink
from game_server.shell.redis_subscriber import Subscriber

FLUSH_S = 2.0
DEBOUNCE_S = 0.05
INDEX_REMEMBERS_MS = 60_000
WRITTEN_AT_ONCE = 64
"""What sealing them costs stands between two ticks."""

_ALIVE, _GAME, _INDEX, _LOOK, _PUT, _ROSTER = map(presence_script, ("alive", "game", "index", "look", "put", "roster"))


class Presences(PresenceReader):
    """What a node says of its own players, besides what it reads of all.

    `on_replaced(session)` is called for a session that must end because the player is on a newer device.
    Between `start` and `stop` a task writes every 2 s and soon after a change.
    """

    def __init__(
        self,
        link: RedisLink,
        game: str,
        node: str,
        boot: int,
        sealer: Seals,
        *,
        devices: Devices = "newest",
        ttl_s: float = 10.0,
        flush_s: float = FLUSH_S,
        poll_s: float = POLL_S,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__(link, game, sealer)
        self._node, self._boot, self._devices = node, boot, devices
        self._ttl_ms, self._flush_s, self._clock_ns = round(ttl_s * 1000), flush_s, clock_ns
        self._book = PresenceBook()
        self._on_roster: dict[str, Presence] = {}  # as Redis has it
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._subscriber: Subscriber | None = None
        self._watches = PresenceWatches(link, self.where, poll_s)
        self.on_replaced: Callable[[str], None] | None = None
        self.superseded = False

    def here(self, presence: Presence) -> None:
        """A session of this node's is there, or is somewhere else now."""
        self._book.here(presence)
        self._wake.set()

    def gone(self, player: str, session: str) -> None:
        """A session has ended."""
        self._book.gone(player, session)
        self._wake.set()

    def start(self) -> None:
        """Begin to write, in the running loop."""
        self._subscriber = Subscriber(self._link, {look_channel(self._node)}, lambda *_: self._wake.set())
        self._subscriber.start()
        self._task = lasting(self._run, "presence")
        self._watches.start()

    async def stop(self) -> None:
        """Write no more; `depart` besides, if the node goes for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self._subscriber is not None:
            await self._subscriber.stop()
            self._subscriber = None
        await self._watches.stop()

    def watch(self, players: Iterable[str], on_change: Callable[[list[Presence]], None]) -> PresenceWatch:
        """Have `on_change` told where these players are, at once and whenever that changes, until it is closed."""
        return self._watches.watch(players, on_change)

    async def depart(self) -> None:
        """Take this node's presence away at once. Raises `DirectoryUnavailable`; then it goes by itself."""
        keys = (*page_keys(self._node), look_key(self._node))
        index = index_key(self._game)
        players = {presence.player for presence in self._on_roster.values()}
        calls = [Call(None, keys, ("DEL", *keys)), Call(None, (index,), ("HDEL", index, self._node))]
        calls += [Call(_PUT, (player_key(p.player),), (p.session, b"", self._ttl_ms)) for p in self._book.sessions()]
        await self._link.pipeline(calls + [self._tell(player) for player in players], chunk=CHUNK)

    async def flush(self) -> None:
        """Say that the node is present and write what changed or is due. Raises `DirectoryUnavailable`."""
        async with self._flushing:
            if not await self._say_alive():
                return
            while (writes := self._book.take(self._clock_ns(), WRITTEN_AT_ONCE)).here or writes.gone:
                try:
                    await self._write(writes)
                except BaseException:
                    self._book.put_back(writes)
                    raise

    async def _run(self) -> None:
        while True:
            try:
                await self.flush()
            except DirectoryUnavailable:
                await asyncio.sleep(DEBOUNCE_S * 4)
            except Exception:
                # Ours. Without another turn all players would vanish, and nobody would know why.
                get_log().error("presence_failed", exc_info=True)
                await asyncio.sleep(DEBOUNCE_S * 4)
            try:
                async with asyncio.timeout(self._flush_s):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()
            await asyncio.sleep(DEBOUNCE_S)

    async def _say_alive(self) -> bool:
        keys = (*page_keys(self._node), look_key(self._node))
        call = Call(_ALIVE, keys, (self._boot, self._ttl_ms))
        game = Call(_GAME, (GAMES_KEY,), (self._game,))
        alive, _, _ = await self._link.pipeline([call, self._index_call(len(self._on_roster)), game])
        self.superseded = not alive[0]
        if self.superseded:
            return False
        if alive[1] != len(self._on_roster):  # a Redis that restarted empty, or a roster that ran out
            roster = page_keys(self._node)[1:]
            await self._link.pipeline([Call(None, roster, ("DEL", *roster))])
            self._on_roster.clear()
            self._book.forget_written()
        self._book.look_again(player.decode() for player in alive[2])
        return True

    async def _write(self, writes: Writes) -> None:
        ttl_ms = max(3 * REFRESH_NS // 1_000_000, self._ttl_ms)
        calls = [Call(_PUT, (player_key(p.player),), (p.session, self._seal(p), ttl_ms)) for p in writes.here]
        calls += [Call(_PUT, (player_key(p.player),), (p.session, b"", ttl_ms)) for p in writes.gone]
        if not calls:
            return
        answers = await self._link.pipeline(calls, chunk=CHUNK)
        everyone = await self._with_rivals([self._read(records) for records in answers])
        changed = {p.player for p in writes.here if p.session in writes.changed} | {p.player for p in writes.gone}
        # Of a player who was written twice the later answer counts.
        sessions_of = {p.player: some for p, some in zip([*writes.here, *writes.gone], everyone, strict=True)}
        roster = self._roster_changes(sessions_of)
        later = self._roster_calls(roster)
        for player in changed:
            others = {session.node for session in sessions_of[player]} - {self._node}
            later += [call for node in others for call in self._ask_to_look(node, player)]
            later.append(self._tell(player))
        now = {player: own for player, own in (self._on_roster | roster).items() if own is not None}
        if len(now) != len(self._on_roster):
            later.append(self._index_call(len(now)))
        await self._link.pipeline(later, chunk=CHUNK)
        self._on_roster = now
        self._replace(sessions_of)

    async def _with_rivals(self, answers: list[list[Presence]]) -> list[list[Presence]]:
        """The answers without the sessions of nodes that are not present any more; asks only if there are others."""
        foreign = [s for sessions in answers for s in sessions if (s.node, s.boot) != (self._node, self._boot)]
        if not foreign:
            return answers
        present = set(await self.of_present_nodes(foreign))
        return [[s for s in some if (s.node, s.boot) == (self._node, self._boot) or s in present] for some in answers]

    def _roster_changes(self, sessions_of: dict[str, list[Presence]]) -> dict[str, Presence | None]:
        """Who comes onto the roster and who leaves it: a player is on it while the shown session is here."""
        changes: dict[str, Presence | None] = {}
        for player, sessions in sessions_of.items():
            best = shown(sessions)
            own = best if best is not None and best.node == self._node else None
            if self._on_roster.get(player) != own:
                changes[player] = own
        return changes

    def _index_call(self, players: int) -> Call:
        args = (self._node, self._boot, players, self._ttl_ms, INDEX_REMEMBERS_MS)
        return Call(_INDEX, (index_key(self._game),), args)

    def _roster_calls(self, changes: dict[str, Presence | None]) -> list[Call]:
        flat: list[str | bytes] = []
        for player, own in changes.items():
            flat += [player, self._seal(own) if own else b""]
        keys = page_keys(self._node)
        step = 2 * CHUNK
        return [Call(_ROSTER, keys, (self._boot, self._ttl_ms, *flat[n : n + step])) for n in range(0, len(flat), step)]

    def _replace(self, sessions_of: dict[str, list[Presence]]) -> None:
        for player, sessions in sessions_of.items():
            for own in self._book.sessions_of(player):
                if gives_way(own, sessions, self._devices) and self.on_replaced is not None:
                    self.on_replaced(own.session)

    def _ask_to_look(self, node: str, player: str) -> list[Call]:
        return [
            Call(_LOOK, (look_key(node),), (player, self._ttl_ms)),
            Call(None, (look_channel(node),), ("PUBLISH", look_channel(node), b"")),
        ]

    def _tell(self, player: str) -> Call:
        return Call(None, (player_channel(player),), ("PUBLISH", player_channel(player), b""))

    def _seal(self, presence: Presence) -> bytes:
        p = presence  # `astuple` would copy each of them deeply, for three times the time of the seal
        fields = [p.player, p.name, int(p.where), p.match, p.node, p.boot, p.session, p.since_ms]
        return self._sealer.seal(KIND, fields, 0)
