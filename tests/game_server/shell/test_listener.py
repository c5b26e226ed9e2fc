"""The listener: who waits when nothing can be accepted is told of, and let in later."""

import asyncio
import errno
import socket
from typing import cast

import pytest
from structlog.testing import capture_logs

from game_server.shell import listener as module
from game_server.shell.listener import Listener


class Greeting(asyncio.Protocol):
    """Says hello and goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by class.
        plain = cast(asyncio.Transport, transport)
        plain.write(b"hello")
        plain.close()


async def greeted(listener: Listener, within_s: float = 2.0) -> bytes:
    host, port = listener.sockets[0].getsockname()[:2]
    async with asyncio.timeout(within_s):
        reader, writer = await asyncio.open_connection(host, port)
        greeting = await reader.read()
        writer.close()
        return greeting


async def test_who_comes_gets_a_protocol_and_after_close_nobody_does() -> None:
    listener = Listener(Greeting)
    await listener.listen("127.0.0.1", 0, 16)
    assert [await greeted(listener) for _ in range(3)] == [b"hello"] * 3
    address = listener.sockets[0].getsockname()
    listener.close()
    assert not listener.sockets
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(*address)


async def test_without_file_descriptors_it_is_told_and_who_waits_is_let_in_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EXHAUSTED_PAUSE_S", 0.1)
    accept = socket.socket.accept
    faults = [OSError(errno.EMFILE, "too many"), OSError(errno.ENFILE, "too many")]
    tried = 0

    def failing(sock: socket.socket) -> tuple[socket.socket, object]:
        nonlocal tried
        tried += 1
        if faults:
            raise faults.pop()
        return accept(sock)

    monkeypatch.setattr(socket.socket, "accept", failing)
    with capture_logs() as logs:
        listener = Listener(Greeting)
        await listener.listen("127.0.0.1", 0, 16)
        begun = asyncio.get_running_loop().time()
        assert await greeted(listener) == b"hello"
        assert asyncio.get_running_loop().time() - begun > 0.19
        listener.close()
    assert [each["event"] for each in logs] == ["out_of_file_descriptors"] * 2
    assert tried < 8, "a pause is a pause"


async def test_a_listener_that_is_closed_during_a_pause_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXHAUSTED_PAUSE_S", 0.01)
    listener = Listener(Greeting)
    await listener.listen("127.0.0.1", 0, 16)
    with capture_logs():
        listener._pause(listener.sockets[0])
    listener.close()
    await asyncio.sleep(0.03)
    assert not listener.sockets


async def test_a_taken_port_leaves_nothing_open() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listener = Listener(Greeting)
        with pytest.raises(OSError, match="in use"):
            await listener.listen("127.0.0.1", other.getsockname()[1], 16)
