"""The echo: text for text, binary for binary, on the product's transport."""

from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench.echo import echo_server
from game_server.shell.settings import read_settings
from game_server.shell.websocket_server import WebSocketServer


@pytest.fixture
async def server() -> AsyncIterator[WebSocketServer]:
    server = echo_server(read_settings({}, port=0))
    await server.listen()
    yield server
    await server.drain(0)
    server.stop_listening()


@pytest.mark.parametrize("message", ["", "Zoë", "x" * 300, "y" * 100_000, b"", b"\xff" * 125, b"\x00" * 70_000])
async def test_a_message_comes_back_as_it_went(server: WebSocketServer, message: str | bytes) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/match/1", compression=None, max_size=None) as socket:
        await socket.send(message)
        assert await socket.recv() == message


async def test_fragments_come_back_as_one_message(server: WebSocketServer) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/match/1", compression=None) as socket:
        await socket.send(["a"] * 100)
        assert await socket.recv() == "a" * 100


async def test_text_that_is_not_utf8_is_refused_with_1007(server: WebSocketServer) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/match/1", compression=None) as socket:
        await socket.send(b"\xff", text=True)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1007
