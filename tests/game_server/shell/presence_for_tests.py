"""Nodes with players on one Redis, written by hand unless started."""

from __future__ import annotations

from dataclasses import dataclass, field

from game_server.cluster.presence import Devices
from game_server.cluster.records import Presence
from game_server.shell.presence_reader import PresenceReader
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_presence import Presences
from protocol.lobby_messages import Where
from tests.game_server.shell.seals import PlainSeals


@dataclass
class Node:
    """A node's presences, flushed by hand unless started."""

    link: RedisLink
    name: str
    presences: Presences
    replaced: list[str] = field(default_factory=list)
    clock_ns: int = 0

    def here(
        self, player: str, where: Where = Where.LOBBY, match: str = "", since_ms: int = 0, session: str = ""
    ) -> str:
        session = session or f"{self.name}-{player}-{where.name}"
        self.presences.here(Presence(player, player.title(), where, match, self.name, 1, session, since_ms))
        return session

    async def flush(self) -> None:
        await self.presences.flush()


class Cluster:
    """Nodes on one Redis."""

    def __init__(self, url: str, timeout_s: float = 1.0) -> None:
        self.url, self.timeout_s = url, timeout_s
        self.nodes: list[Node] = []

    def node(self, name: str, devices: Devices = "newest", ttl_s: float = 10.0, boot: int = 1) -> Node:
        link = RedisLink(self.url, timeout_s=self.timeout_s)
        node = Node(link, name, None)  # type: ignore[arg-type]
        node.presences = Presences(
            link, "arena", name, boot, PlainSeals(), devices=devices, ttl_s=ttl_s, flush_s=0.1, poll_s=0.3,
            clock_ns=lambda: node.clock_ns,
        )  # fmt: skip
        node.presences.on_replaced = node.replaced.append
        self.nodes.append(node)
        return node

    async def close(self) -> None:
        for node in self.nodes:
            await node.presences.stop()
            await node.link.close()


async def places(presences: PresenceReader, *players: str) -> dict[str, tuple[Where, str, str]]:
    """Where these players are shown, by name."""
    return {p.player: (p.where, p.match, p.node) for p in await presences.where(players)}
