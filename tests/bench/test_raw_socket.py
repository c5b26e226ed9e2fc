"""A raw socket against a real server: it upgrades, is welcomed, is refused, and tells how it ended."""

import asyncio
from collections.abc import Iterator

import pytest
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from bench.raw_socket import RawSocket, Request, masked_frame, run_loop
from bench.serving import serve
from demo_client.children import Children, ServerChild


@pytest.fixture(scope="module")
def server() -> Iterator[ServerChild]:
    with Children() as children:
        yield serve(children, "bench.games:Quiet")


def test_a_request_says_what_it_is_given_and_nothing_else() -> None:
    head = Request("ws://127.0.0.1:7/v1/match/1?role=spectator", "secret", 3, "https://a.example").head().decode()
    assert head.startswith("GET /v1/match/1?role=spectator HTTP/1.1\r\nHost: 127.0.0.1:7\r\n")
    assert "Authorization: Bearer secret\r\nTickwire-Attempt: 3\r\nOrigin: https://a.example\r\n\r\n" in head
    plain = Request("ws://127.0.0.1:7/v1/match/1").head().decode()
    assert not any(name in plain for name in ("Authorization", "Attempt", "Origin"))


def test_a_masked_frame_is_legal() -> None:
    protocol = Protocol(Side.SERVER)
    protocol.receive_data(masked_frame(b"\x92\x01") + masked_frame(b"p", opcode=10))
    frames = [(frame.opcode, frame.data) for frame in protocol.events_received()]
    assert frames == [(Opcode.BINARY, b"\x92\x01"), (Opcode.PONG, b"p")]


def test_it_is_welcomed_and_leaves_in_order(server: ServerChild) -> None:
    async def join() -> RawSocket:
        raw = RawSocket(Request(server.url(), "raw"), address="127.0.0.3")
        assert await raw.join()
        assert raw.live
        assert raw.transport.get_extra_info("sockname")[0] == "127.0.0.3"
        raw.leave()
        assert await raw.wait_end(10)
        return raw

    raw = run_loop(join())
    assert raw.welcome is not None and raw.welcome.tick_rate_hz == 4
    assert raw.dialled_s < raw.welcomed_s <= raw.ended_s
    assert (raw.close_code, raw.live) == (1000, False)


def test_a_refusal_tells_its_status(server: ServerChild) -> None:
    raw = RawSocket(Request(server.url("nowhere")))
    assert not run_loop(raw.join())
    assert (raw.status, raw.welcome, raw.failure) == (404, None, "status 404")


def test_a_server_that_is_not_there_is_no_exception() -> None:
    raw = RawSocket(Request("ws://127.0.0.1:1/v1/match/1"))
    assert not run_loop(raw.join())
    assert raw.failure == "ConnectionRefusedError before the upgrade"
    raw.cut()


def test_a_cut_is_told_as_one(server: ServerChild) -> None:
    async def join_and_cut() -> RawSocket:
        raw = RawSocket(Request(server.url(), "cut"))
        await raw.join()
        raw.cut()
        assert await raw.wait_end(10)
        return raw

    assert run_loop(join_and_cut()).close_code == 1006


def test_frames_are_found_however_the_stream_is_cut() -> None:
    class Heard(RawSocket):
        def _hear(self, tag: int, data: bytes, start: int, at: int, stop: int) -> None:
            heard.append((tag, data[at:stop]))

    async def feed() -> None:
        for size in (1, 2, 7, len(stream)):
            raw = Heard(Request("ws://127.0.0.1:1/"))
            raw.status = 101
            for at in range(0, len(stream), size):
                raw.data_received(stream[at : at + size])

    heard: list[tuple[int, bytes]] = []
    small, large = b"\x92\x12\x05", b"\xdc\x00\x20\x12" + bytes(31) + bytes(200)
    stream = b"\x82\x03" + small + b"\x82\x7e" + len(large).to_bytes(2, "big") + large
    asyncio.run(feed())
    assert heard == [(0x12, b"\x05"), (0x12, bytes(231))] * 4
