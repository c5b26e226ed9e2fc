from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.server import serve

from game_client.facts import DialFailed, SocketClosed
from game_client.shell.wire import Wire, dial, header_bytes
from tests.game_client.shell.tiny_server import TinyServer


@pytest.mark.parametrize(
    ("payload", "header"), [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (4_000_000, 10)]
)
def test_headers_are_as_long_as_rfc_6455_says(payload: int, header: int) -> None:
    assert header_bytes(payload) == header


class Ears:
    """What a wire told."""

    def __init__(self, wire: Wire) -> None:
        self.frames: list[bytes] = []
        self.end: asyncio.Future[SocketClosed] = asyncio.get_running_loop().create_future()
        self.stats = wire.stats
        wire.attach(self.frames.append, self.end.set_result)


async def listen(talk: Any) -> tuple[Any, str]:
    """A server that runs `talk` for each socket, and its URL."""
    server = await serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None, subprotocols=["tickwire.v1"])
    return server, f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


async def test_bytes_are_counted_at_the_socket_with_headers_both_ways() -> None:
    sizes = [1, 125, 126, 70_000]
    echoed = asyncio.Event()

    async def talk(socket: Any) -> None:
        for size in sizes:
            assert await socket.recv() == bytes(size)
            await socket.send(bytes(size))
        echoed.set()
        await socket.wait_closed()

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        taken = 0
        receive = wire.protocol.receive_data

        def count(data: bytes) -> None:
            nonlocal taken
            taken += len(data)
            receive(data)

        wire.protocol.receive_data = count  # type: ignore[method-assign]
        written: list[bytes] = []
        write = wire.transport.write
        wire.transport = Recorder(wire.transport, written, write)  # type: ignore[assignment]
        for size in sizes:
            wire.write_frame(bytes(size))
        await echoed.wait()
        while len(ears.frames) < len(sizes):
            await asyncio.sleep(0)
        assert [len(frame) for frame in ears.frames] == sizes
        assert ears.stats.bytes_up == sum(map(len, written))
        assert ears.stats.bytes_down == taken
        await wire.close()


class Recorder:
    """A transport that keeps what is written."""

    def __init__(self, transport: Any, written: list[bytes], write: Any) -> None:
        self._transport, self._written, self._write = transport, written, write

    def write(self, data: bytes) -> None:
        self._written.append(bytes(data))
        self._write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_a_fragmented_frame_arrives_whole() -> None:
    async def talk(socket: Any) -> None:
        await socket.send([b"one ", b"two ", b"three"])
        await socket.wait_closed()

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        while not ears.frames:
            await asyncio.sleep(0.001)
        assert ears.frames == [b"one two three"]
        await wire.close()


async def test_a_text_frame_is_closed_with_1003() -> None:
    async def talk(socket: Any) -> None:
        await socket.send("words")
        await socket.wait_closed()
        codes.append(socket.close_code)

    codes: list[int] = []
    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        Ears(wire)
        await wire.wait_closed()
        while not codes:
            await asyncio.sleep(0.001)
    assert codes == [1003]


@pytest.mark.parametrize(("code", "told"), [(1011, 1011), (4001, 4001), (None, 1006)])
async def test_the_end_is_told_with_its_code(code: int | None, told: int) -> None:
    async def talk(socket: Any) -> None:
        if code is None:
            socket.transport.abort()
        else:
            await socket.close(code, "because")

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        end = await Ears(wire).end
    assert end.code == told
    assert code is None or end.reason == "because"


async def test_a_detached_wire_tells_nothing() -> None:
    async def talk(socket: Any) -> None:
        await socket.close(1011)

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        wire.detach()
        await wire.wait_closed()
        await asyncio.sleep(0)
    assert not ears.end.done()


async def test_the_name_travels_percent_encoded() -> None:
    async with TinyServer() as server:
        wire = await dial(server.url, "Zoë & Co")
        assert isinstance(wire, Wire)
        assert wire.request is not None
        assert wire.request.headers["Authorization"] == "Bearer Zo%C3%AB%20%26%20Co"
        await wire.close()


async def test_an_http_refusal_carries_status_sentence_and_delay() -> None:
    async with TinyServer(deny=503, retry_after="3") as server:
        assert await dial(server.url, "Ada") == DialFailed("not today", 503, 3000)


async def test_a_retry_after_that_is_a_date_is_left_to_the_backoff() -> None:
    async with TinyServer(deny=503, retry_after="Wed, 21 Oct 2099 07:28:00 GMT") as server:
        assert await dial(server.url, "Ada") == DialFailed("not today", 503, 0)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/v1/match/1", "http://127.0.0.1/", "nonsense"])
async def test_what_cannot_be_reached_is_a_failed_dial_not_an_exception(url: str) -> None:
    outcome = await dial(url, "Ada")
    assert isinstance(outcome, DialFailed)
    assert url in outcome.reason
    assert outcome.status == 0
    assert outcome.hopeless == (not url.startswith("ws:"))
