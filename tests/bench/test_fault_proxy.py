"""The proxy that does what networks do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.fault_proxy import WELCOME_TAG, FaultProxy, is_welcome


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except OSError:
            pass  # Cut, as it was meant to be.
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.01)


async def test_bytes_pass_both_ways_until_the_pipe_is_cut() -> None:
    async with echo() as port, FaultProxy("127.0.0.1", port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        (pipe,) = proxy.pipes
        pipe.cut()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_a_stalled_pipe_holds_bytes_back_and_then_passes_them_all() -> None:
    async with echo() as port, FaultProxy("127.0.0.1", port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        (pipe,) = proxy.pipes
        pipe.stall()
        writer.write(b"bc")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.05)
        pipe.flow()
        assert await reader.readexactly(2) == b"bc"
        writer.close()


async def test_a_connection_that_loses_its_welcome_gets_the_first_answer_and_nothing_after_it() -> None:
    async with echo() as port, FaultProxy("127.0.0.1", port) as proxy:
        proxy.welcomes_to_lose = 1
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"101")
        assert await reader.readexactly(3) == b"101"
        writer.write(b"WELCOME")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.05)
        assert proxy.welcomes_to_lose == 0
        writer.close()


async def test_a_server_that_does_not_listen_costs_the_client_its_connection() -> None:
    async with echo() as port:
        pass
    async with FaultProxy("127.0.0.1", port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_a_welcome_that_was_swallowed_is_counted_in_however_many_pieces_it_came_and_nothing_else_is() -> None:
    async with echo() as port, FaultProxy("127.0.0.1", port) as proxy:
        for pieces, lost in (
            ((b"\x82\x7e\x01", bytes((0, 0x99, WELCOME_TAG))), 1),
            ((b"\x82\x03", b"\x93\x00\x01"), 1),
        ):
            proxy.welcomes_to_lose = 1
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"101")
            await reader.readexactly(3)
            for piece in pieces:
                writer.write(piece)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.readexactly(1), 0.02)
            assert proxy.welcomes_lost == lost
            writer.close()
    assert proxy.welcomes_lost == 1


async def test_what_a_stalled_client_sent_reaches_the_server_though_it_has_gone() -> None:
    async with echo() as port, FaultProxy("127.0.0.1", port) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        while not proxy.pipes or not next(iter(proxy.pipes)).reaches_server:
            await asyncio.sleep(0.001)
        (pipe,) = proxy.pipes
        pipe.stall()
        writer.write(b"late")
        writer.transport.abort()
        assert pipe.reaches_server
        pipe.cut()
        assert not pipe.reaches_server


@pytest.mark.parametrize(
    ("data", "welcome"),
    [
        (bytes((0x82, 0x7E, 1, 0, 0x9A, WELCOME_TAG)), True),
        (bytes((0x8A, 2, 7, 7, 0x89, 0, 0x82, 5, 0x9A, WELCOME_TAG)), True),
        (bytes((0x8A, 2, 7, 7, 0x82, 5, 0x9A, WELCOME_TAG + 1)), False),
        (bytes((0x8A, 2, 7)), False),
        (bytes((0x88, 2, 3, 0xE8)), False),
        (b"", False),
    ],
)
def test_a_welcome_is_found_behind_pongs_and_nothing_else_is_taken_for_one(data: bytes, welcome: bool) -> None:
    assert is_welcome(data) is welcome
