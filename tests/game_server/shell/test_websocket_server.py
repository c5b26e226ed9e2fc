"""The listener, over real sockets: what it accepts, what it refuses, and that one client cannot disturb another."""

import asyncio
import json
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from game_server.shell.serve import Node
from game_server.shell.websocket_server import HELD_BYTES_MAX, SPARE_CONNECTIONS, Connection
from protocol.codec import encode
from protocol.messages import SUBPROTOCOL, Keyframe, Refusal, Welcome
from tests.game_server.shell.game_for_tests import EXPLODE, HELLO, dial, push, running


async def http(node: Node, request: str) -> tuple[int, dict[str, Any]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else {}


def only_connection(node: Node) -> Connection:
    (connection,) = node.server.connections
    return connection


async def test_a_client_is_welcomed_and_gets_states() -> None:
    async with running() as node:
        player = await dial(node.url())
        assert player.socket.subprotocol == SUBPROTOCOL
        welcome = await player.join()
        assert (welcome.tick_rate_hz, welcome.seat) == (50, 0)
        assert isinstance(await player.next(), Keyframe)
        states = await player.states(5)
        assert states[-1].tick - states[0].tick == sum(each.base_back for each in states[1:])
        await player.socket.close()
        assert player.socket.close_code == 1000


async def test_the_name_of_a_player_reaches_the_game() -> None:
    async with running() as node:
        bearer = await dial(node.url(), "Ada%20L")
        browser = await dial(node.url(), subprotocols=[SUBPROTOCOL, "tickwire.name.Zo%C3%AB"])
        guest = await dial(node.url())
        for player in (bearer, browser, guest):
            await player.join()
        names = [seat.name for seat in node.runner.hosted["1"].match.game.seats]
        assert names == ["Ada L", "Zoë", "Guest"]
        for player in (bearer, browser, guest):
            await player.socket.close()


@pytest.mark.parametrize(
    ("path", "name", "subprotocol", "status"),
    [
        ("/v1/match/9", None, SUBPROTOCOL, 404),
        ("/nothing", None, SUBPROTOCOL, 404),
        ("/v1/match/1", "x" * 33, SUBPROTOCOL, 400),
        ("/v1/match/1", None, "other.v1", 400),
    ],
)
async def test_an_upgrade_that_cannot_be_granted_says_why_in_json(
    path: str, name: str | None, subprotocol: str, status: int
) -> None:
    async with running() as node:
        with pytest.raises(InvalidStatus) as caught:
            await dial(node.url().replace("/v1/match/1", path), name, subprotocols=[subprotocol])
        assert caught.value.response.status_code == status
        assert json.loads(bytes(caught.value.response.body))["error"]


async def test_healthz_answers_on_the_same_port() -> None:
    async with running(matches=2) as node:
        player = await dial(node.url("2"))
        await player.join()
        await player.states(3)
        status, body = await http(node, "GET /healthz HTTP/1.1\nHost: x\n\n")
        assert status == 200
        assert body["status"] == "ok" and body["connections"] == 1
        assert [(each["match"], each["seats"]) for each in body["matches"]] == [("1", 0), ("2", 1)]
        assert body["messages_in"] == 1 and body["messages_out"] >= 5
        assert body["bytes_in"] > 0 and body["bytes_out"] > 0
        await player.socket.close()


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET / HTTP/1.1\nHost: x\n\n", 404),
        ("GET /v1/match/1 HTTP/1.1\nHost: x\n\n", 426),
        ("nonsense\n\n", 400),
        ("GET /healthz HTTP/1.1\nX: " + "y" * 20_000, 431),
    ],
)
async def test_plain_http_gets_a_status_and_a_sentence(request_text: str, status: int) -> None:
    async with running() as node:
        found, body = await http(node, request_text)
        assert found == status
        assert body["error"]


async def test_a_socket_that_asks_for_nothing_is_cut() -> None:
    async with running(handshake_seconds=0.1) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        try:
            assert await asyncio.wait_for(reader.read(), 2) == b""
        except ConnectionResetError:
            pass
        writer.close()


async def test_beyond_the_limit_of_connections_a_request_is_answered_503() -> None:
    async with running(connections_max=1) as node:
        player = await dial(node.url())
        with pytest.raises(InvalidStatus) as caught:
            await dial(node.url())
        assert caught.value.response.status_code == 503
        assert caught.value.response.headers["Retry-After"] == "5"
        await player.socket.close()


async def test_sockets_that_ask_for_nothing_are_limited_too_and_a_full_node_still_tells_its_health() -> None:
    async with running(connections_max=2) as node:
        idle = [await asyncio.open_connection("127.0.0.1", node.server.port) for _ in range(SPARE_CONNECTIONS + 1)]
        status, _ = await http(node, "GET /healthz HTTP/1.1\nHost: x\n\n")
        assert status == 200
        idle += [await asyncio.open_connection("127.0.0.1", node.server.port) for _ in range(40)]
        answer = await asyncio.wait_for(idle[-1][0].read(), 2)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 5\r\n" in answer
        assert len(node.server.connections) == 2 + SPARE_CONNECTIONS
        for _, writer in idle:
            writer.close()
        async with asyncio.timeout(2):
            while node.server.connections:
                await asyncio.sleep(0.01)
        player = await dial(node.url())
        await player.join()
        await player.socket.close()


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
    async with running() as node:
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
            while connection.rtt_ms is None:
                await player.next()
        assert 0 < connection.rtt_ms < 1000
        await player.socket.close()


async def test_a_client_that_answers_its_pings_is_not_cut() -> None:
    async with running(ping_seconds=0.05) as node:
        player = await dial(node.url())
        await player.join()
        assert len(await player.states(25)) == 25  # half a second: ten pings
        assert len(node.runner.lines) == 1
        await player.socket.close()


async def test_three_pings_without_an_answer_cut_the_socket() -> None:
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
    async with running(ping_seconds=60, handshake_seconds=60) as node:
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
        assert held < 2 * HELD_BYTES_MAX
        assert not node.runner.lines
        await player.abort()


async def test_pongs_that_answer_no_ping_keep_no_socket_alive() -> None:
    async with running(ping_seconds=0.05) as node:
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


async def test_a_pong_before_any_ping_measures_nothing() -> None:
    async with running(ping_seconds=60) as node:
        player = await dial(node.url())
        await player.join()
        await player.socket.pong(b"")
        await asyncio.wait_for(await player.socket.ping(), 2)
        assert only_connection(node).rtt_ms is None
        await player.socket.close()


async def test_a_flood_from_one_socket_does_not_stop_anothers_states() -> None:
    async with running() as node:
        flooder, player = await dial(node.url()), await dial(node.url())
        await flooder.join()
        await player.join()
        await player.states(2)
        block = b"".join(Frame(Opcode.BINARY, push(n % 100)).serialize(mask=True) for n in range(2000))
        flooding = True

        async def flood() -> None:
            while flooding:
                flooder.socket.transport.write(block)
                await asyncio.sleep(0)
                while flooding and flooder.socket.transport.get_write_buffer_size() > 1_000_000:
                    await asyncio.sleep(0.001)

        task = asyncio.create_task(flood())
        heard = node.runner.traffic.messages_in
        first = (await player.states(1))[0]
        begun = time.monotonic()
        last = (await player.states(50))[-1]
        spent = time.monotonic() - begun
        flooding = False
        await task
        assert node.runner.traffic.messages_in - heard > 1000
        assert last.tick - first.tick <= 75
        assert spent < 2.5
        await flooder.abort()
        await player.socket.close()


async def test_a_hook_that_raises_closes_its_match_with_4010_and_the_next_one_lives() -> None:
    async with running(matches=2) as node:
        victim, neighbour = await dial(node.url("1")), await dial(node.url("2"))
        await victim.join()
        await neighbour.join()
        await victim.send(EXPLODE)
        code, refusal = await asyncio.wait_for(victim.closed(), 5)
        assert code == 4010 and isinstance(refusal, Refusal)
        assert len(await neighbour.states(10)) == 10
        with pytest.raises(InvalidStatus) as caught:
            await dial(node.url("1"))
        assert caught.value.response.status_code == 404
        await neighbour.socket.close()


async def test_a_client_that_never_says_hello_is_refused() -> None:
    async with running(handshake_seconds=0.5) as node:
        player = await dial(node.url())
        code, refusal = await asyncio.wait_for(player.closed(), 3)
        assert code == 1008 and refusal is not None


async def test_stopping_says_503_and_closes_with_1012() -> None:
    async with running() as node:
        player = await dial(node.url())
        await player.join()
        player.socket.transport.pause_reading()
        stopping = asyncio.create_task(node.stop())
        await asyncio.sleep(0.05)
        status, body = await http(node, "GET /healthz HTTP/1.1\nHost: x\n\n")
        assert (status, body["status"]) == (503, "stopping")
        with pytest.raises(InvalidStatus):
            await dial(node.url())
        player.socket.transport.resume_reading()
        code, refusal = await asyncio.wait_for(player.closed(), 3)
        assert code == 1012 and refusal is not None and refusal.retry_after_ms == 1000
        await stopping
