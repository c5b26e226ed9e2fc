"""Seats: a match made on some node, waited for, reserved for one player or a whole party, with a ticket for each.

    spec -> a node drawn -> owner record -> order -> the node writes its ledger -> reserve -> ticket

A node that does not take its order within a third of the time loses it to another; the owner record decides, so a slow
one that begins after all sees that the match is not its own. Everything may raise `DirectoryUnavailable`.
To test: `tests/game_server/shell/test_lobby_seating.py`.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.placement import choose
from game_server.cluster.records import MatchSpec, NodeRecord, Owner
from game_server.session.credentials import TICKET_LIFETIME_MS
from game_server.session.signing import Signer
from game_server.shell.authenticators import issue_ticket
from game_server.shell.lobby_search import Search, Visitor
from protocol.handshake import MATCH_PATH, NODE_PATH
from protocol.lobby_messages import RefusedCode, SeatFound

if TYPE_CHECKING:
    from game_server.shell.directory_matches import Reserved
    from game_server.shell.redis_directory import Directory

NODES_TRIED = 3
COUNTED_WITHIN_S = 2.5
"""A node tells with its next renewal, every 2 s, how many matches it has."""
PLACED_MAX = 1_000
READY_WITHIN_S = 5.0
POLL_FIRST_S, POLL_LAST_S = 0.02, 0.2
RETRY_MS = 2_000


class Seating:
    """Finds seats in matches that are named, and makes matches."""

    def __init__(
        self,
        directory: "Directory",
        signer: Signer,
        *,
        rng: random.Random | None = None,
        ready_within_s: float = READY_WITHIN_S,
    ) -> None:
        self._directory, self._signer = directory, signer
        self._rng = rng or random.SystemRandom()
        # Until when, and which node got a match whose renewals do not count it yet.
        self._placed: deque[tuple[float, str]] = deque(maxlen=PLACED_MAX)
        self._ready_within_s = ready_within_s

    async def make(self, spec: MatchSpec, schema_hash: int, search: Search | None = None) -> Owner:
        """Make a match on some node and wait until it can be joined. A repeat means the same match.

        Raises `LobbyRefused` no_capacity, version, not_ready, cancelled.
        """
        tried: list[str] = []
        owner: Owner | None = None
        for _ in range(NODES_TRIED):
            node = await self._draw(schema_hash, tried)
            if node is None:
                break
            # The owner before did not begin: only now may another have it, above its epoch.
            owner = await self._directory.create(spec, node, replaces=owner)
            self._placed.append((asyncio.get_running_loop().time() + COUNTED_WITHIN_S, owner.node))
            await self._directory.order(spec, owner)
            if await self._is_ready(spec.match, self._ready_within_s / NODES_TRIED, search):
                return owner
            tried.append(owner.node)
        if owner is not None:
            raise LobbyRefused(RefusedCode.NOT_READY, "no node began the match in time: try again", RETRY_MS)
        raise await self._no_node(schema_hash)

    async def check_capacity(self, schema_hash: int) -> None:
        """Raise `LobbyRefused` no_capacity or version when no node could make a match now."""
        if await self._draw(schema_hash, ()) is None:
            raise await self._no_node(schema_hash)

    async def seat(
        self,
        visitor: Visitor,
        search: Search,
        match: str,
        players: Sequence[str],
        *,
        spectate: bool = False,
        code: str = "",
        unborn: bool = False,
    ) -> SeatFound:
        """Reserve seats for `players`, all or none, and return the visitor's. Who watches has no seat to reserve.

        An `unborn` match may be one that somebody else is about to make.
        Raises `LobbyRefused` full, no_match, not_ready, version, cancelled.
        """
        reserved = await self._reserve(match, () if spectate else players, search, unborn)
        node = await self._directory.node(reserved.owner.node)
        if node is None or node.boot != reserved.owner.boot:
            raise LobbyRefused(RefusedCode.NOT_READY, "the node of this match is away: try again", RETRY_MS)
        if visitor.schema_hash and node.schema_hash != visitor.schema_hash:
            if players and not spectate:
                await self._directory.release(match, players)
            raise LobbyRefused(RefusedCode.VERSION, "this match plays another version of the game than your client")
        ticket = issue_ticket(
            self._signer, match, visitor.player, visitor.name,
            spectator=spectate, node=node.node, epoch=reserved.generation,
        )  # fmt: skip
        return SeatFound(search.request, seat_url(node, match), match, ticket, TICKET_LIFETIME_MS, int(spectate), code)

    async def release(self, match: str, players: Sequence[str]) -> None:
        """Give reserved seats back."""
        await self._directory.release(match, players)

    async def _reserve(self, match: str, players: Sequence[str], search: Search, unborn: bool) -> "Reserved":
        """Reserve as soon as the match is ready, within the time for that."""
        begun_s = asyncio.get_running_loop().time()
        until_s = {RefusedCode.NOT_READY: begun_s + self._ready_within_s}
        if unborn:
            until_s[RefusedCode.NO_MATCH] = begun_s + self._ready_within_s / 2
        pause_s = POLL_FIRST_S
        given_up = False
        while True:
            search.check()
            try:
                return await self._directory.reserve(match, players)
            except LobbyRefused as refused:
                if given_up or asyncio.get_running_loop().time() >= until_s.get(refused.code, begun_s):
                    raise
                # Whoever was to make it may have given up; or has made it between the two questions.
                given_up = refused.code is RefusedCode.NO_MATCH and not await self._directory.is_pending(match)
            if not given_up:
                await search.pause(pause_s)
                pause_s = min(2 * pause_s, POLL_LAST_S)

    async def _is_ready(self, match: str, within_s: float, search: Search | None) -> bool:
        """Wait until a match can be joined; a full one can, as far as its node is concerned."""
        search = search or Search("")
        until_s = asyncio.get_running_loop().time() + within_s
        pause_s = POLL_FIRST_S
        while True:
            try:
                await self._directory.reserve(match, ())
            except LobbyRefused as refused:
                if refused.code is RefusedCode.FULL:
                    return True
            else:
                return True
            if asyncio.get_running_loop().time() > until_s:
                return False
            await search.pause(pause_s)
            pause_s = min(2 * pause_s, POLL_LAST_S)

    async def _draw(self, schema_hash: int, tried: Sequence[str]) -> NodeRecord | None:
        candidates = await self._directory.candidates(schema_hash)
        while self._placed and self._placed[0][0] < asyncio.get_running_loop().time():
            self._placed.popleft()
        return choose(candidates, self._rng, tried, Counter(node for _, node in self._placed))

    async def _no_node(self, schema_hash: int) -> LobbyRefused:
        nodes = await self._directory.nodes()
        if schema_hash and nodes and all(node.schema_hash != schema_hash for node in nodes):
            return LobbyRefused(RefusedCode.VERSION, "no node runs the version of the game that your client has")
        return LobbyRefused(RefusedCode.NO_CAPACITY, "no node has a place for one more match now", RETRY_MS)


def seat_url(node: NodeRecord, match: str) -> str:
    """Return where a client reaches a match on a node: a whole url, or a path that a gateway routes."""
    return f"{node.address}{MATCH_PATH}{match}" if node.address else f"{NODE_PATH}{node.node}{MATCH_PATH}{match}"
