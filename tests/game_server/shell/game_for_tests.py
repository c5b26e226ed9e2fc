"""A small game that can be made to fail, and a client that speaks the wire by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from pydantic import BaseModel, Field
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from game_server import Command, Entity, Game, Input, Seat, replicated
from game_server.shell.serve import Node
from game_server.shell.settings import read_settings
from protocol.codec import decode, encode
from protocol.messages import SUBPROTOCOL, CommandFrame, Direction, Hello, InputFrame, Message, Refusal, State, Welcome


class Push(Input):
    """The only control."""

    dx: Annotated[int, Field(ge=-1, le=1)] = 0


class Explode(Command):
    """Makes the game's hook raise."""


class Dot(Entity):
    """What a seat owns."""

    x: int = replicated(0)


class DotOptions(BaseModel):
    """What the command line may set."""

    start: Annotated[int, Field(ge=0)] = 0
    title: str = "dots"


class Dots(Game):
    """Every dot moves each tick, so that every tick has something to tell."""

    tick_rate_hz, seats_max, input, options = 50, 4, Push, DotOptions

    def on_join(self, seat: Seat) -> None:
        self.world.spawn(Dot(x=self.options.start), owner=seat)

    def on_tick(self, tick: int) -> None:
        for dot in self.world.all(Dot):
            dot.x = (dot.x + 1) % 1000

    def on_command(self, seat: Seat, command: Any) -> None:
        raise RuntimeError("boom")

    def on_leave(self, seat: Seat) -> None:
        self.world.despawn(self.world.owned(seat, Dot))


EXPLODE = CommandFrame(1, 0, [])
HELLO = Hello(0, 0, -1, -1, 0, 0)


def push(tick: int, dx: int = 1) -> bytes:
    """Return an INPUT frame."""
    return encode(InputFrame(0, tick, 0, 0, [dx]))


class Player:
    """A client by hand: it answers nothing that the test does not send."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, message: Message) -> None:
        """Send one message."""
        await self.socket.send(encode(message))

    async def next(self) -> Message:
        """Return the next message."""
        frame = await self.socket.recv()
        assert isinstance(frame, bytes)
        return decode(frame, Direction.TO_CLIENT)

    async def join(self) -> Welcome:
        """Say HELLO, return what answers."""
        await self.send(HELLO)
        welcome = await self.next()
        assert isinstance(welcome, Welcome), welcome
        return welcome

    async def states(self, count: int) -> list[State]:
        """Return the next `count` states, passing over everything else."""
        found: list[State] = []
        while len(found) < count:
            message = await self.next()
            if isinstance(message, State):
                found.append(message)
        return found

    async def closed(self) -> tuple[int | None, Refusal | None]:
        """Wait for the end; return the close code and the last refusal."""
        refusal = None
        try:
            while True:
                message = await self.next()
                refusal = message if isinstance(message, Refusal) else refusal
        except ConnectionClosed:
            return self.socket.close_code, refusal

    async def abort(self) -> None:
        """Cut the socket."""
        self.socket.transport.abort()
        await self.socket.wait_closed()


async def dial(url: str, name: str | None = None, **options: Any) -> Player:
    """Open a socket to a match."""
    headers = {} if name is None else {"Authorization": f"Bearer {name}"}
    options.setdefault("subprotocols", [SUBPROTOCOL])
    return Player(await connect(url, additional_headers=headers, compression=None, ping_interval=None, **options))


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Node]:
    """Run a node of Dots in this loop."""
    node = Node(Dots, read_settings({}, port=0, shutdown_seconds=2.0, **settings))
    await node.start()
    try:
        yield node
    finally:
        await node.stop()
        await asyncio.sleep(0)
