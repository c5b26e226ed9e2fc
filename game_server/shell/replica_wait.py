"""Waiting until replicas have what was written: WAIT, on connections that only wait.

WAIT holds up everything that comes after it on its connection, so it has one of its own for each master. There a key of
no meaning is written first: replication is one stream, so a replica that has it has all that was written before.
To test: `tests/game_server/shell/test_replica_wait.py`.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from redis.exceptions import ResponseError

from game_server.shell.redis_server import RedisServer, RedisServers
from game_server.shell.redis_socket import SocketLost
from game_server.shell.redis_topology import Topology
from game_server.shell.redis_url import Address, RedisUrl

MARK_LIVES_MS = 5_000
REMEMBER_S = 60.0
MARKS_TRIED_MAX = 100_000


class ReplicaWait:
    """Waits for the majority of the replicas of masters."""

    def __init__(self, url: RedisUrl, topology: Topology, timeout_s: float) -> None:
        self._servers = RedisServers(url.connection, timeout_s)
        self._topology, self._timeout_s = topology, timeout_s
        self._marks: dict[Address, str] = {}
        self._most: dict[Address, tuple[int, float]] = {}

    async def wait(self, masters: Iterable[Address]) -> bool:
        """Return whether a majority of each master's replicas has what was written. Raises `SocketLost`."""
        await self._servers.keep(self._topology.masters)
        results = await asyncio.gather(*(self._wait(self._servers.at(master)) for master in masters))
        return all(results)

    async def close(self) -> None:
        """Hang up."""
        await self._servers.keep(())

    async def _wait(self, server: RedisServer) -> bool:
        marked, info = await server.ask(
            [("SET", self._mark(server.address), "", "PX", MARK_LIVES_MS), ("INFO", "replication")]
        )
        connected = 0 if isinstance(info, ResponseError) else _connected(info)
        if isinstance(marked, ResponseError):
            self._marks.pop(server.address, None)  # its slot may have moved
            raise SocketLost(f"a key cannot be written: {marked}")
        wanted = self._wanted(server.address, connected)
        if wanted == 0:
            return True
        (confirmed,) = await server.ask([("WAIT", wanted, round(self._timeout_s * 500))])
        if isinstance(confirmed, ResponseError):
            raise SocketLost(f"WAIT is refused: {confirmed}")
        if confirmed >= wanted:
            return True
        # Perhaps one of them is known to be gone by now.
        await self._topology.refresh()
        return bool(confirmed >= self._wanted(server.address, connected))

    def _wanted(self, master: Address, connected: int) -> int:
        replicas = self._topology.replicas_of(master)
        if replicas is None:
            replicas = self._most_of_late(master, connected)
        return replicas // 2 + 1 if replicas else 0

    def _most_of_late(self, master: Address, connected: int) -> int:
        """Of a single server: one that is cut off loses its replicas, and must not seem to have none."""
        now = asyncio.get_running_loop().time()
        most, since = self._most.get(master, (0, 0.0))
        if connected >= most or now - since > REMEMBER_S:
            self._most[master] = (connected, now)
            return connected
        return most

    def _mark(self, master: Address) -> str:
        """A key that this master has."""
        if master not in self._marks:
            names = (f"tw1:{{wait:{n}}}" for n in range(MARKS_TRIED_MAX))
            found = next((name for name in names if self._topology.master_of(name) == master), None)
            if found is None:
                raise SocketLost("the server is no master any more")
            self._marks[master] = found
        return self._marks[master]


def _connected(info: Any) -> int:
    fields = dict(line.partition(":")[::2] for line in info.decode().splitlines())
    return int(fields.get("connected_slaves", "0"))
