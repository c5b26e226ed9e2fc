"""A small game that can be made to fail, and a client that speaks the wire by hand."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from game_server import Authenticator, Command, Entity, Game, Input, Seat, replicated
from game_server.shell.line import Line
from game_server.shell.serve import Node
from game_server.shell.settings import read_settings
from protocol.codec import decode, encode
from protocol.messages import SUBPROTOCOL, Ack, CommandFrame, Hello, InputFrame, Message, Refusal, State, Welcome
from protocol.rows import Direction


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
    """A client by hand: it sends what the test sends, and acknowledges the `states` that it is asked for."""

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
        """Return the next `count` states, passing over everything else, and acknowledge them."""
        found: list[State] = []
        while len(found) < count:
            message = await self.next()
            if isinstance(message, State):
                found.append(message)
                await self.send(Ack(message.tick))
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


async def dial(url: str, name: str | None = None, headers: dict[str, str] | None = None, **options: Any) -> Player:
    """Open a socket to a match."""
    headers = dict(headers or {}) | ({} if name is None else {"Authorization": f"Bearer {name}"})
    options.setdefault("subprotocols", [SUBPROTOCOL])
    return Player(await connect(url, additional_headers=headers, compression=None, ping_interval=None, **options))


class Counted:
    """A tally that remembers what it was told."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, str]] = []
        self.measured: list[tuple[float, int, int]] = []
        self.refusals: list[tuple[int, str]] = []
        self.violations: list[str] = []

    def disconnected(self, code: int, cause: str, duration_s: float, bytes_in: int, bytes_out: int) -> None:
        """Remember an end."""
        self.ended.append((code, cause))
        self.measured.append((duration_s, bytes_in, bytes_out))

    def upgrade_refused(self, status: int, reason: str) -> None:
        """Remember a refusal."""
        self.refusals.append((status, reason))

    def violation(self, cause: str) -> None:
        """Remember a violation."""
        self.violations.append(cause)


async def ask(node: Node, request: str | bytes, *, within_s: float = 5.0) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Send `request` (newlines become CRLF in a text), return status, JSON body and headers; 0 if it was cut."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
    try:
        writer.write(request.replace("\n", "\r\n").encode() if isinstance(request, str) else request)
        answer = await asyncio.wait_for(reader.read(), within_s)
    except ConnectionError:
        answer = b""
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        pass
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head:
        return 0, {}, {}
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), json.loads(body) if body else {}, headers


def upgrade_request(path: str = "/v1/match/1", *lines: str, subprotocol: str = SUBPROTOCOL) -> str:
    """Return an upgrade request for `ask`, with more header lines."""
    return "\n".join((
        f"GET {path} HTTP/1.1", "Host: tickwire.test", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Sec-WebSocket-Protocol: {subprotocol}", *lines, "", "",
    ))  # fmt: skip


async def until(condition: Callable[[], object], within_s: float = 3.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(authenticator: Authenticator | None = None, **settings: Any) -> AsyncIterator[Node]:
    """Run a node of Dots in this loop."""
    if authenticator is not None:
        settings["auth"] = "own"
    node = Node(Dots, read_settings({}, port=0, shutdown_seconds=2.0, **settings), authenticator=authenticator)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()
        await asyncio.sleep(0)


STATE_BYTES = 2000


def upgrade_narrow(port: int, context: ssl.SSLContext | None) -> socket.socket:
    """Upgrade with a small receive buffer, on a socket that reads nothing by itself, as asyncio's TLS would."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(5)
    sock.connect(("127.0.0.1", port))
    if context is not None:
        sock = context.wrap_socket(sock, server_hostname="127.0.0.1")
    sock.sendall(upgrade_request().replace("\n", "\r\n").encode())
    assert sock.recv(200).startswith(b"HTTP/1.1 101 ")
    return sock


async def bytes_until_blocked(node: Node) -> tuple[int, int]:
    """Send states to the only client; return how many bytes went before it counted as slow, and how many wait."""
    (connection,) = node.server.connections
    before = connection.bytes_out
    with pytest.MonkeyPatch.context() as patch:
        blocked: list[bool] = []
        patch.setattr(Line, "blocked", lambda line, is_blocked: blocked.append(is_blocked))
        async with asyncio.timeout(5):
            while not blocked:
                connection.send(bytes(STATE_BYTES))
                connection.flush()
                await asyncio.sleep(0.001)
    return connection.bytes_out - before, connection._transport.get_write_buffer_size()
