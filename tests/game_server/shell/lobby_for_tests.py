"""Whole nodes on one Redis, and players who speak to their lobbies by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from game_server.shell.cluster import make_identity
from game_server.shell.serve import Node
from game_server.shell.settings import read_settings
from protocol.codec import decode_lobby, encode
from protocol.lobby_messages import LobbyHello, LobbyMessage, LobbyWelcome, Refused, SeatFound
from protocol.messages import SUBPROTOCOL
from protocol.rows import Direction
from tests.game_server.shell.game_for_tests import Dots
from tests.game_server.shell.game_for_tests import Player as MatchPlayer

M = TypeVar("M")


class Rooms(Dots):
    """Dots with filters."""

    tick_rate_hz, seats_max = 20, 4
    filters: ClassVar[tuple[str, ...]] = ("mode", "region")


class Guest:
    """A player in the lobby, by hand."""

    def __init__(self, socket: ClientConnection, url: str) -> None:
        self.socket, self.url = socket, url
        self.heard: list[LobbyMessage] = []
        self.welcome: LobbyWelcome

    async def send(self, message: LobbyMessage) -> None:
        await self.socket.send(encode(message))

    async def next(self) -> LobbyMessage:
        frame = await self.socket.recv()
        assert isinstance(frame, bytes)
        message = decode_lobby(frame, Direction.TO_CLIENT)
        self.heard.append(message)
        return message

    async def next_of(self, kind: type[M], within_s: float = 8.0) -> M:
        """Pass over everything until a message of this kind."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.next()
                if isinstance(message, kind):
                    return message

    async def ask(self, message: Any, within_s: float = 12.0) -> Any:
        """Send a request; return what answers it."""
        await self.send(message)
        return await self.answer(message.request, within_s)

    async def answer(self, request: str, within_s: float = 12.0) -> Any:
        """Return what answers a request, passing over everything else."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.next()
                if getattr(message, "request", None) == request and type(message).__name__ != "Searching":
                    return message

    async def seat(self, message: Any) -> SeatFound:
        """Send a request, return its seat."""
        answer = await self.ask(message)
        assert isinstance(answer, SeatFound), answer
        return answer

    async def refusal(self, message: Any) -> str:
        """Send a request, return the code with which it is refused."""
        answer = await self.ask(message)
        assert isinstance(answer, Refused), answer
        assert answer.sentence
        return answer.code

    async def play(self, seat: SeatFound) -> MatchPlayer:
        """Go where a seat is, and join."""
        url = seat.url if "://" in seat.url else self.url.removesuffix("/v1/lobby") + seat.url
        query = "?role=spectator" if seat.spectate else ""
        socket = await connect(
            url + query, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None,  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {seat.ticket}"},
        )  # fmt: skip
        player = MatchPlayer(socket)
        await player.join()
        return player

    async def closed(self) -> int | None:
        """Wait for the end; return the close code."""
        async with asyncio.timeout(5):
            try:
                while True:
                    await self.next()
            except ConnectionClosed:
                return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()


class Nodes:
    """Nodes of `Rooms` on one Redis."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.nodes: list[Node] = []
        self._guests: list[Guest] = []

    async def start(self, name: str, **settings: Any) -> Node:
        """Start one."""
        given = {"port": 0, "redis_url": self.url, "secret": "k:" + "ab" * 32, "node_id": name, "shutdown_seconds": 2.0,
                 "metrics_port": -1, "matches": 0, "empty_seconds": 30.0} | settings  # fmt: skip
        read = read_settings({}, **given)
        node = Node(Rooms, read, redis_url=self.url, identity=make_identity(Rooms, read))
        await node.start()
        self.nodes.append(node)
        return node

    async def guest(self, name: str = "Ann", node: int = 0, credential: str = "", schema_hash: int = 0) -> Guest:
        """Come to a node's lobby."""
        url = f"ws://127.0.0.1:{self.nodes[node].server.port}/v1/lobby"
        socket = await connect(
            url, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None,  # type: ignore[list-item]
            additional_headers={"Authorization": f"Bearer {credential or name}"},
        )  # fmt: skip
        guest = Guest(socket, url)
        self._guests.append(guest)
        await guest.send(LobbyHello(schema_hash))
        guest.welcome = await guest.next_of(LobbyWelcome)
        return guest

    async def close(self) -> None:
        for guest in self._guests:
            await guest.close()
        for node in self.nodes:
            await node.stop()


@asynccontextmanager
async def nodes(url: str, *names: str, **settings: Any) -> AsyncIterator[Nodes]:
    """Run nodes on a Redis."""
    these = Nodes(url)
    try:
        for name in names or ("n1",):
            await these.start(name, **settings)
        yield these
    finally:
        await these.close()
