"""One Redis server of a set-up: its shared connection, and whether it may be asked.

To test: `tests/game_server/shell/test_redis_server.py`.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, ResponseError

from game_server.shell.redis_socket import Command, RedisSocket, SocketLost
from game_server.shell.redis_url import Address

MASTER = b"master"

Result = TypeVar("Result")


class RedisServer:
    """A server at an address. Of two commands that are asked one after the other the first runs first.

    `down` is set by who asked in vain; nobody asks any more until `try_again` has found it well. `version` and `run_id`
    are what the server said when the present connection was opened: a connection does not outlive a process.
    """

    def __init__(
        self, address: Address, connect: Callable[[Address], AbstractConnection], timeout_s: float, role: bytes = MASTER
    ) -> None:
        self.address = address
        self._connect, self._timeout_s, self._role = connect, timeout_s, role
        self._socket: RedisSocket | None = None
        self._opening: asyncio.Task[RedisSocket] | None = None
        self._closed = False
        self.down = False
        self.version = self.run_id = ""
        self.round_trips = 0

    async def ask(self, commands: Sequence[Command], scripts: dict[str, str] | None = None) -> list[Any]:
        """Send commands in one go and return their answers, errors among them. Raises `SocketLost`.

        Of `scripts`, text by hash, those that this connection has not brought yet are loaded in the same round trip.
        """
        socket = await self._opened()
        missing = {sha: text for sha, text in (scripts or {}).items() if sha not in socket.scripts}
        socket.scripts.update(missing)
        loads: list[Command] = [("SCRIPT", "LOAD", text) for text in missing.values()]
        self.round_trips += 1
        return (await socket.exchange([*loads, *commands]))[len(loads) :]

    def forget_scripts(self) -> None:
        """Have all scripts loaded anew: the server said that it does not know one."""
        if self._socket is not None:
            self._socket.scripts.clear()

    async def open(self) -> None:
        """Connect if it is not connected. Raises `SocketLost` with what is wrong."""
        await self._opened()

    async def hang_up(self) -> None:
        """Close the connection; the next call makes another, with the address looked up anew."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
            self._opening = None
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def close(self) -> None:
        """Close for good."""
        self._closed = True
        await self.hang_up()

    async def try_again(self) -> None:
        """Look whether a server that was down is well, by a new connection; then it is down no more."""
        try:
            await self.hang_up()
            await self.open()
            self.down = False
        except SocketLost:
            pass

    async def _opened(self) -> RedisSocket:
        if self._socket is not None and not self._socket.lost:
            return self._socket
        if self._closed:
            raise SocketLost("the link is closed")
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name="redis connection")
        return await joined(self._opening)

    async def _open(self) -> RedisSocket:
        socket = RedisSocket(self._connect(self.address), self._timeout_s)
        try:
            async with asyncio.timeout(self._timeout_s):
                await socket.open()
                self._read_greeting(*await socket.exchange([("INFO", "server"), ("ROLE",)]))
        except TimeoutError:
            await socket.close()
            raise SocketLost(f"no answer for {self._timeout_s:g} s") from None
        except BaseException:
            await socket.close()
            raise
        self._socket = socket
        return socket

    def _read_greeting(self, info: Any, role: Any) -> None:
        if isinstance(info, ResponseError):
            raise SocketLost(f"INFO is refused: {info}")
        fields = dict(line.partition(":")[::2] for line in info.decode().splitlines())
        self.version, self.run_id = fields.get("redis_version", ""), fields.get("run_id", "")
        if isinstance(role, NoPermissionError):
            return  # a user without ROLE: then a replica is noticed by its first READONLY
        if isinstance(role, ResponseError):
            raise SocketLost(f"ROLE is refused: {role}")
        if role[0] != self._role:
            raise SocketLost(f"it is a {role[0].decode()}, no {self._role.decode()}")


class RedisServers:
    """The servers of a set-up by their addresses; one is made when it is first asked for."""

    def __init__(self, connect: Callable[[Address], AbstractConnection], timeout_s: float) -> None:
        self._connect, self._timeout_s = connect, timeout_s
        self._servers: dict[Address, RedisServer] = {}
        self._round_trips_gone = 0

    def __iter__(self) -> Iterator[RedisServer]:
        return iter(list(self._servers.values()))

    def at(self, address: Address) -> RedisServer:
        """Return the server at an address."""
        server = self._servers.get(address)
        if server is None:
            server = self._servers[address] = RedisServer(address, self._connect, self._timeout_s)
        return server

    async def keep(self, addresses: Iterable[Address]) -> None:
        """Close those at any other address."""
        for address in set(self._servers) - set(addresses):
            server = self._servers.pop(address)
            self._round_trips_gone += server.round_trips
            await server.close()

    @property
    def round_trips(self) -> int:
        """How often a server was asked, those that are closed included."""
        return self._round_trips_gone + sum(server.round_trips for server in self._servers.values())


async def joined(task: asyncio.Task[Result]) -> Result:
    """Wait for a task that others wait for too. Raises `SocketLost` when it was given up."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if task.cancelled() and current is not None and not current.cancelling():
            raise SocketLost("the link was closed") from None
        raise
