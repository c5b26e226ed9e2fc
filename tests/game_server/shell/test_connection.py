"""Connections, over real sockets: frames in all their shapes, pings, closes, and what each costs whom."""

import asyncio
import socket
import struct
import time

import pytest
from websockets.frames import Frame, Opcode

from game_server.session.rate_limit import allowances
from game_server.shell.connection import Connection
from game_server.shell.line import Line
from game_server.shell.serve import Node
from game_server.shell.websocket_server import Transport
from protocol.codec import encode
from protocol.messages import EventAck, Welcome
from tests.game_server.shell.game_for_tests import (
    HELLO,
    Counted,
    bytes_until_blocked,
    dial,
    push,
    running,
    until,
    upgrade_narrow,
    upgrade_request,
)  # fmt: skip


def only_connection(node: Node) -> Connection:
    (connection,) = node.server.connections
    return connection


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("text", 1003),
        (b"x" * 4097, 1009),
        (b"\xc1garbage", 1002),
        (b"", 1002),
        (encode(HELLO), 1002),
    ],
)
async def test_what_is_not_spoken_here_closes_its_sender_and_nobody_else(what: str | bytes, code: int) -> None:
    async with running() as node:
        bad, good = await dial(node.url()), await dial(node.url())
        await bad.join()
        await good.join()
        await bad.socket.send(what)
        found, refusal = await asyncio.wait_for(bad.closed(), 5)
        assert found == code
        assert refusal is not None and refusal.code == code and refusal.sentence
        assert len(await good.states(10)) == 10
        assert len(node.runner.lines) == 1
        await good.socket.close()


async def test_bytes_that_are_no_frame_close_with_1002_and_not_after_two_seconds() -> None:
    async with running() as node:
        player = await dial(node.url())
        await player.join()
        begun = time.monotonic()
        player.socket.transport.write(b"\x82\x05hello")  # a client's frame must be masked
        found, refusal = await asyncio.wait_for(player.closed(), 5)
        assert found == 1002 and refusal is not None
        assert time.monotonic() - begun < 1.0


async def test_a_message_may_come_in_fragments_but_not_grow_by_them() -> None:
    async with running() as node:
        player = await dial(node.url())
        hello = encode(HELLO)
        await player.socket.send([hello[:2], hello[2:5], hello[5:]])
        assert isinstance(await player.next(), Welcome)
        write = player.socket.transport.write
        write(Frame(Opcode.BINARY, b"x" * 3000, fin=False).serialize(mask=True))
        write(Frame(Opcode.CONT, b"x" * 3000, fin=True).serialize(mask=True))
        assert (await asyncio.wait_for(player.closed(), 5))[0] == 1009


async def test_a_frame_may_come_byte_by_byte_and_many_frames_at_once() -> None:
    async with running(rate_limit_factor=0) as node:
        player = await dial(node.url())
        write = player.socket.transport.write
        for byte in Frame(Opcode.BINARY, encode(HELLO)).serialize(mask=True):
            write(bytes([byte]))
            await asyncio.sleep(0)
        assert isinstance(await player.next(), Welcome)
        write(b"".join(Frame(Opcode.BINARY, push(n)).serialize(mask=True) for n in range(1000)))
        async with asyncio.timeout(5):
            while node.runner.traffic.messages_in < 1001:
                await asyncio.sleep(0.01)
        assert node.server.flooding == 0
        await player.socket.close()


async def test_a_ping_is_answered_and_a_pong_is_measured() -> None:
    async with running(ping_seconds=0.05) as node:
        player = await dial(node.url())
        await player.join()
        assert await asyncio.wait_for(await player.socket.ping(), 2) >= 0
        connection = only_connection(node)
        async with asyncio.timeout(2):
            while connection.rtt_ns is None:
                await player.next()
        assert 0 < connection.rtt_ns < 1_000_000_000
        await player.socket.close()


async def test_a_client_that_answers_its_pings_is_not_cut() -> None:
    async with running(ping_seconds=0.05) as node:
        player = await dial(node.url())
        await player.join()
        assert len(await player.states(25)) == 25  # half a second: ten pings
        assert len(node.runner.lines) == 1
        await player.socket.close()


async def test_two_pings_without_an_answer_cut_the_socket() -> None:
    async with running(ping_seconds=0.05) as node:
        player = await dial(node.url())
        await player.join()
        player.socket.transport.pause_reading()
        async with asyncio.timeout(3):
            while node.server.connections:
                await asyncio.sleep(0.01)
        assert not node.runner.lines
        await player.abort()


async def test_a_client_that_does_not_read_gets_one_merged_state_when_it_does() -> None:
    async with running(ping_seconds=60) as node:
        player = await dial(node.url())
        await player.join()
        await player.states(3)
        connection = only_connection(node)
        connection.pause_writing()
        await asyncio.sleep(0.3)
        connection.resume_writing()
        assert max(each.base_back for each in await player.states(20)) >= 10
        await player.socket.close()


async def test_a_client_that_holds_too_much_is_cut() -> None:
    async with running(ping_seconds=60) as node:
        player = await dial(node.url())
        await player.join()
        player.socket.transport.pause_reading()
        connection = only_connection(node)
        for _ in range(40):
            connection.send(bytes(1_000_000))
            connection.flush()
        async with asyncio.timeout(3):
            while node.server.connections:
                await asyncio.sleep(0.01)
        await player.abort()


async def test_a_client_that_pings_and_does_not_read_is_cut() -> None:
    async with running(ping_seconds=60, handshake_seconds=60, rate_limit_factor=0) as node:
        player = await dial(node.url())
        await player.join()
        transport = player.socket.transport
        transport.pause_reading()
        connection = only_connection(node)
        block = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 500
        held = 0
        async with asyncio.timeout(20):
            while node.server.connections:
                if transport.get_write_buffer_size() < 1_000_000:
                    transport.write(block)
                await asyncio.sleep(0)
                if not connection._transport.is_closing():
                    held = max(held, connection._transport.get_write_buffer_size())
        assert held < 2 * Transport().held_bytes_max
        assert not node.runner.lines
        await player.abort()


async def test_pongs_that_answer_no_ping_keep_no_socket_alive() -> None:
    async with running(ping_seconds=0.05, rate_limit_factor=0) as node:
        player = await dial(node.url())
        await player.join()
        transport = player.socket.transport
        transport.pause_reading()
        async with asyncio.timeout(3):
            while node.server.connections:
                for payload in (b"", *(bytes((0, 0, 0, n)) for n in range(20))):
                    transport.write(Frame(Opcode.PONG, payload).serialize(mask=True))
                await asyncio.sleep(0.01)
        assert not node.runner.lines
        await player.abort()


async def test_a_pong_that_nobody_asked_for_measures_nothing() -> None:
    async with running(ping_seconds=60) as node:
        player = await dial(node.url())
        await player.join()
        await asyncio.wait_for(await player.socket.ping(), 2)
        connection = only_connection(node)
        measured = connection.rtt_ns
        assert measured is not None
        for payload in (b"", b"none"):
            await player.socket.pong(payload)
        await asyncio.wait_for(await player.socket.ping(), 2)
        assert connection.rtt_ns == measured
        await player.socket.close()


async def test_the_first_ping_comes_at_once_and_the_match_hears_of_it_though_hello_comes_later() -> None:
    async with running(ping_seconds=60) as node:
        player = await dial(node.url())
        connection = only_connection(node)
        await until(lambda: connection.rtt_ns is not None)
        told: list[int] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Line, "round_trip", lambda line, rtt_ns: told.append(rtt_ns))
            await asyncio.wait_for(await player.socket.ping(), 2)
            assert not told, "the match does not know this connection yet"
            await player.join()
            await player.states(3)  # whoever is seated at a tick is known by the first frame that follows
            assert told == [connection.rtt_ns]
        await player.socket.close()


async def test_a_client_whose_pongs_come_later_than_the_next_ping_is_not_cut() -> None:
    async with running(ping_seconds=0.2, handshake_seconds=60, rate_limit_factor=0) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(upgrade_request().replace("\n", "\r\n").encode())
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(8):
            # Without a HELLO nothing but pings comes.
            ping = await asyncio.wait_for(reader.readexactly(6), 2)
            assert ping.startswith(b"\x89\x04")
            pong = Frame(Opcode.PONG, ping[2:]).serialize(mask=True)
            asyncio.get_running_loop().call_later(0.3, writer.write, pong)
        rtt_ns = only_connection(node).rtt_ns
        assert rtt_ns is not None and rtt_ns > 290_000_000
        writer.transport.abort()
        await until(lambda: not node.server.connections)


async def test_a_client_that_says_no_hello_is_refused_and_may_return() -> None:
    async with running(handshake_seconds=0.5) as node:
        player = await dial(node.url())
        code, refusal = await asyncio.wait_for(player.closed(), 3)
        assert code == 4008 and refusal is not None


async def test_pings_beyond_their_allowance_cost_their_sender_and_nobody_else() -> None:
    async with running() as node:
        flooder, good = await dial(node.url()), await dial(node.url())
        await flooder.join()
        await good.join()
        flooder.socket.transport.write(Frame(Opcode.PING, b"x").serialize(mask=True) * 2000)
        code, refusal = await asyncio.wait_for(flooder.closed(), 5)
        assert code == 1008 and refusal is not None
        assert len(await good.states(5)) == 5
        await good.socket.close()


async def test_more_than_eight_fragments_close_with_1009_and_empty_ones_count() -> None:
    for piece in (b"x", b""):
        async with running() as node:
            node.server.tally = counted = Counted()
            player = await dial(node.url())
            await player.join()
            write = player.socket.transport.write
            write(Frame(Opcode.BINARY, piece, fin=False).serialize(mask=True))
            write(Frame(Opcode.CONT, piece, fin=False).serialize(mask=True) * 4096)
            code, refusal = await asyncio.wait_for(player.closed(), 5)
            assert code == 1009
            assert refusal is not None and "8 fragments" in refusal.sentence
            assert counted.violations == ["size"]


async def test_each_fragment_counts_as_a_frame() -> None:
    async with running() as node:
        player = await dial(node.url())
        await player.join()
        limit = allowances(50, 1.0).frames
        # An EVENT_ACK in eight frames; as messages these are within every limit.
        ack, empty = encode(EventAck(0)), Frame(Opcode.CONT, b"", fin=False)
        parts = [Frame(Opcode.BINARY, ack[:1], fin=False), *[empty] * 6, Frame(Opcode.CONT, ack[1:])]
        message = b"".join(each.serialize(mask=True) for each in parts)
        player.socket.transport.write(message * (limit.burst // 16))
        await player.states(5)
        assert node.runner.lines
        player.socket.transport.write(message * 300)
        code, refusal = await asyncio.wait_for(player.closed(), 5)
        assert code == 1008
        assert refusal is not None and "too many frames" in refusal.sentence


async def test_a_ping_between_two_fragments_is_answered_and_the_message_goes_on() -> None:
    async with running() as node:
        player = await dial(node.url())
        hello = encode(HELLO)
        write = player.socket.transport.write
        write(Frame(Opcode.BINARY, hello[:3], fin=False).serialize(mask=True))
        await asyncio.wait_for(await player.socket.ping(b"between"), 2)
        write(Frame(Opcode.CONT, hello[3:], fin=True).serialize(mask=True))
        assert isinstance(await player.next(), Welcome)
        await player.socket.close()


async def test_a_close_reason_that_is_not_utf_8_closes_with_1007() -> None:
    async with running() as node:
        player = await dial(node.url())
        await player.join()
        player.socket.transport.write(Frame(Opcode.CLOSE, b"\x03\xe8\xff").serialize(mask=True))
        assert (await asyncio.wait_for(player.closed(), 5))[0] == 1007


async def test_after_the_upgrade_nothing_of_the_handshake_is_kept() -> None:
    async with running() as node:
        player = await dial(node.url())
        await player.join()
        connection = only_connection(node)
        assert not hasattr(connection, "__dict__")
        assert connection._handshake is None and connection._reader is None
        await player.socket.close()


@pytest.mark.parametrize("code", [1000, 1001, 4123])
async def test_a_client_that_closes_is_told_of_once_with_its_own_code(code: int) -> None:
    async with running() as node:
        node.server.tally = counted = Counted()
        player = await dial(node.url())
        await player.join()
        await player.states(2)
        await player.socket.close(code)
        await until(lambda: counted.ended)
        assert counted.ended == [(code, "left")]
        duration_s, bytes_in, bytes_out = counted.measured[0]
        assert 0 < duration_s < 5 and bytes_in > 100 and bytes_out > 100


async def test_a_socket_that_just_ends_counts_as_1006_by_how_it_ended() -> None:
    async with running() as node:
        node.server.tally = counted = Counted()
        player = await dial(node.url())
        await player.join()
        player.socket.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        await player.abort()
        await until(lambda: counted.ended)
        other = await dial(node.url())
        await other.join()
        other.socket.transport.write_eof()
        await until(lambda: len(counted.ended) == 2)
        assert counted.ended == [(1006, "reset"), (1006, "eof")]
        await other.abort()


async def test_a_connection_that_the_server_closes_counts_by_the_servers_code_and_cause() -> None:
    async with running(ping_seconds=0.05) as node:
        node.server.tally = counted = Counted()
        player = await dial(node.url())
        await player.join()
        await player.socket.send("text")
        assert (await asyncio.wait_for(player.closed(), 5))[0] == 1003
        await until(lambda: counted.ended)
        deaf = await dial(node.url())
        await deaf.join()
        deaf.socket.transport.pause_reading()
        await until(lambda: len(counted.ended) == 2)
        assert counted.ended == [(1003, "text"), (1006, "silent")]
        await deaf.abort()


async def test_a_seat_is_given_up_by_1000_and_kept_after_1006() -> None:
    async with running() as node:
        match = node.runner.hosted["1"].match
        leaver, loser = await dial(node.url()), await dial(node.url())
        await leaver.join()
        await loser.join()
        await loser.abort()
        await leaver.socket.close()
        await until(lambda: not node.server.connections)
        await until(lambda: len(match.game.seats) == 1)
        assert match.game.seats[0].id == 1


async def test_the_round_trip_of_a_ping_reaches_the_match() -> None:
    async with running(ping_seconds=0.05) as node:
        player = await dial(node.url())
        await player.join()
        told: list[int] = []
        (line,) = node.runner.lines.values()
        handle = line.hosted.match.handle
        line.hosted.match.handle = lambda fact, now_ns: (told.append(type(fact).__name__), handle(fact, now_ns))[1]  # type: ignore
        async with asyncio.timeout(2):
            while "RoundTrip" not in told:
                await player.next()
        await player.socket.close()


async def narrow_and_full(node: Node) -> socket.socket:
    """Upgrade a client that reads nothing, and write to it until it takes no more."""
    sock = await asyncio.to_thread(upgrade_narrow, node.server.port, None)
    await until(lambda: node.runner.lines)
    await bytes_until_blocked(node)
    return sock


async def test_a_client_that_closes_and_does_not_read_is_cut_after_the_close_seconds() -> None:
    async with running(ping_seconds=60, close_seconds=0.2) as node:
        node.server.tally = counted = Counted()
        with await narrow_and_full(node) as sock:
            begun = time.monotonic()
            sock.sendall(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
            await until(lambda: not node.server.connections)
            assert 0.15 < time.monotonic() - begun < 1.5
        assert counted.ended == [(1000, "left")]


async def test_a_client_that_ends_its_side_and_does_not_read_is_cut_after_the_close_seconds() -> None:
    async with running(ping_seconds=60, close_seconds=0.2) as node:
        node.server.tally = counted = Counted()
        with await narrow_and_full(node) as sock:
            sock.shutdown(socket.SHUT_WR)
            await until(lambda: not node.server.connections)
        assert counted.ended == [(1006, "eof")]
