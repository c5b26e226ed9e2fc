"""A flood over a real socket: one client sends inputs as fast as the wire takes them, the others play on.

To test: `tests/bench/test_flood.py`.
"""

import asyncio
from dataclasses import dataclass
from math import floor
from time import monotonic

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from demo_client.children import ServerChild
from game_client import join
from protocol.codec import decode, encode
from protocol.messages import SUBPROTOCOL, Hello, InputFrame, Welcome
from protocol.rows import Direction

FRAMES_PER_WRITE = 500
UNSENT_BYTES_MAX = 256 * 1024
SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class SocketFlood:
    """How a match fared under a flood."""

    frames: int
    ticks_missed: int
    rebases: int
    bystander_hz: float
    bystander_gap_ms_max: float


def masked(payload: bytes) -> bytes:
    """Return a small binary WebSocket frame from a client; the mask is zero, which is legal. *Source*: RFC 6455 5.2."""
    assert len(payload) < 126, "a small frame"
    return bytes((0x82, 0x80 | len(payload), 0, 0, 0, 0)) + payload


def flood(server: ServerChild, seconds: float) -> SocketFlood:
    """Flood the server's match 1 for `seconds`."""
    return asyncio.run(_flood(server, seconds))


async def _flood(server: ServerChild, seconds: float) -> SocketFlood:
    async with join(server.url(), name="bystander") as bystander:
        bystander.send_input(thrust=1)
        await asyncio.sleep(SETTLE_S)
        # The snapshot before is older than the clock's reading, the one after is younger: no tick is counted as run
        # that was due outside of the span.
        before = await asyncio.to_thread(server.health)
        bystander.stats.forget_samples()
        began, states = monotonic(), bystander.stats.states
        await _pour(server.url(), began + seconds)
        took = monotonic() - began
        seen, gap_ms_max = bystander.stats.states - states, bystander.stats.state_gap_max_ms
        await asyncio.sleep(0.05)
        after = await asyncio.to_thread(server.health)
    rate = bystander.tick_rate_hz
    ran = after["matches"][0]["tick"] - before["matches"][0]["tick"]
    return SocketFlood(
        # What the server took in; what was still in the socket's buffers does not count.
        frames=after["messages_in"] - before["messages_in"],
        ticks_missed=max(0, floor(took * rate) - ran),
        rebases=after["matches"][0]["rebases"] - before["matches"][0]["rebases"],
        bystander_hz=seen / took,
        bystander_gap_ms_max=gap_ms_max,
    )


async def _pour(url: str, until: float) -> None:
    while monotonic() < until:
        async with connect(url, compression=None, subprotocols=[Subprotocol(SUBPROTOCOL)]) as socket:
            await _pour_into(socket, until)


async def _pour_into(socket: ClientConnection, until: float) -> None:
    try:
        await socket.send(encode(Hello(0, 0, -1, -1, 0, 0)))
        welcome = decode(bytes(await socket.recv(decode=False)), Direction.TO_CLIENT)
        assert isinstance(welcome, Welcome), "WELCOME answers HELLO"
        reading = asyncio.create_task(_read(socket))
        began = monotonic()
        while monotonic() < until and not reading.done():
            tick = welcome.tick + int((monotonic() - began) * welcome.tick_rate_hz)
            burst = [masked(encode(InputFrame(0, tick + n % 8, 1, 0, [1, 1, True, 0]))) for n in range(8)]
            socket.transport.write(b"".join(burst) * (FRAMES_PER_WRITE // 8))
            while socket.transport.get_write_buffer_size() > UNSENT_BYTES_MAX and monotonic() < until:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0)
        reading.cancel()
        # What is still unsent must not keep the socket from closing.
        socket.transport.abort()
    except ConnectionClosed:
        await asyncio.sleep(0.01)  # The server had enough of this socket; the flood comes again on another one.


async def _read(socket: ClientConnection) -> None:
    try:
        while True:
            await socket.recv()
    except ConnectionClosed:
        pass
