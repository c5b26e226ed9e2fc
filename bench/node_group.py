"""Several nodes on one Redis, each a process of its own with settings of its own, and a look into their directory.

To test: `tests/bench/test_node_group.py`.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.serving import environment
from demo_client.children import STOP_S, ServerChild
from game_server.cluster.sealed import Sealer
from game_server.session.signing import Signer
from game_server.shell.cluster import SEALS
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink
from protocol.handshake import LOBBY_PATH

SECRET = f"bench:{'5e' * 32}"
SIGNER = Signer.read(SECRET)


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes that serve the same game from the same Redis."""

    game: str
    redis_url: str
    servers: tuple[ServerChild, ...]

    @property
    def game_name(self) -> str:
        """What the directory calls the game."""
        return self.game.rpartition(":")[2]

    def lobby(self, number: int = 0) -> str:
        """Return where a lobby is: players are spread over the nodes by their numbers."""
        return f"ws://{self.servers[number % len(self.servers)].address}{LOBBY_PATH}"

    def url(self, node: int, match: int = 1) -> str:
        """Return where a standing match of a node is joined, both counted from 1."""
        return self.servers[node - 1].url(standing(node, match))

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Directory]:
        """Yield the directory as the nodes see it. Raises `NodeFault`, `DirectoryUnavailable`."""
        link = RedisLink(self.redis_url, timeout_s=5.0)
        try:
            await link.connect()
            yield Directory(link, self.game_name, Sealer(SIGNER.derived(SEALS)))
        finally:
            await link.close()


def standing(node: int, match: int = 1) -> str:
    """Return the id of a match that a node of a group runs from its start on, both counted from 1."""
    return f"n{node}-{match}"


@contextmanager
def node_group(
    game: str, redis_url: str, count: int = 3, *, each: Sequence[dict[str, Any]] = (), options: str = "",
    **settings: Any,
) -> Iterator[NodeGroup]:  # fmt: skip
    """Start nodes n1, n2, ... all at once; `each` has what one has of its own. Raises `ChildFailed`."""
    shared = {"secret": SECRET, "redis_url": redis_url, "matches": 0, "handshakes_per_second_max": 10_000,
              "unauthenticated_max": 5_000, **settings}  # fmt: skip
    arguments = ["game_server", "serve", game, "--port", "0", "--log-format", "json"]
    for option in options.split():
        arguments += ["--option", option]
    servers: list[ServerChild] = []
    with tempfile.TemporaryDirectory(prefix="tickwire-") as folder:
        try:
            for number in range(count):
                own = each[number] if number < len(each) else {}
                with environment(**{**shared, "node_id": f"n{number + 1}", **own}):
                    servers.append(ServerChild(f"node{number + 1}", arguments, Path(folder)))
            for server in servers:
                server.wait_serving()
            yield NodeGroup(game, redis_url, tuple(servers))
        finally:
            for server in servers:
                server.ask_to_stop()
            for server in servers:
                server.stop(STOP_S)
