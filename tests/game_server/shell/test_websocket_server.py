"""The listener, over real sockets: who is let in, who is not, and that one client cannot disturb another."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from game_server.shell.authenticators import Player, Upgrade
from game_server.shell.line import Entrant, Peer
from game_server.shell.serve import Node
from game_server.shell.websocket_server import HEALTH_PER_SECOND_MAX
from protocol.messages import SUBPROTOCOL, Keyframe, Refusal
from tests.game_server.shell.game_for_tests import EXPLODE, Counted, ask, dial, push, running, until, upgrade_request


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


async def idle(node: Node, count: int) -> list[asyncio.StreamWriter]:
    """Open sockets that ask for nothing."""
    return [(await asyncio.open_connection("127.0.0.1", node.server.port))[1] for _ in range(count)]


async def test_beyond_the_limit_of_connections_a_request_is_answered_503() -> None:
    async with running(connections_max=1) as node:
        node.server.tally = counted = Counted()
        player = await dial(node.url())
        status, body, headers = await ask(node, upgrade_request())
        assert (status, body["reason"], headers["retry-after"]) == (503, "full", "5")
        assert body["error"]
        assert counted.refusals == [(503, "full")]
        await player.socket.close()


async def test_a_full_node_still_tells_its_health_so_many_times_a_second() -> None:
    async with running(connections_max=1, unauthenticated_max=1000) as node:
        player = await dial(node.url())
        found = [(await ask(node, "GET /healthz HTTP/1.1\nHost: x\n\n"))[0] for _ in range(HEALTH_PER_SECOND_MAX + 5)]
        assert found[:HEALTH_PER_SECOND_MAX] == [200] * HEALTH_PER_SECOND_MAX
        assert 503 in found
        await player.socket.close()


async def test_a_refused_socket_is_answered_when_its_head_has_come_and_not_before() -> None:
    async with running(connections_max=1) as node:
        player = await dial(node.url())
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        head = upgrade_request().replace("\n", "\r\n").encode()
        writer.write(head[:40])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.1)
        writer.write(head[40:])
        assert (await asyncio.wait_for(reader.read(), 2)).startswith(b"HTTP/1.1 503 ")
        writer.close()
        await player.socket.close()


async def test_refused_sockets_that_ask_for_nothing_are_limited_and_then_cut() -> None:
    async with running(connections_max=1, unauthenticated_max=8) as node:
        player = await dial(node.url())
        writers = await idle(node, 40)
        await until(lambda: len(node.server.connections) == 9)
        for writer in writers:
            writer.close()
        await until(lambda: len(node.server.connections) == 1)
        await player.join()
        await player.socket.close()


async def test_the_oldest_socket_that_proved_nothing_gives_way_to_a_new_one() -> None:
    async with running(unauthenticated_max=4) as node:
        node.server.tally = counted = Counted()
        writers = await idle(node, 40)
        await until(lambda: len(node.server.connections) == 4)
        player = await asyncio.wait_for(dial(node.url()), 2)
        await player.join()
        assert counted.refusals == [(503, "evicted")] * 37
        for writer in writers:
            writer.close()
        await player.socket.close()


async def test_who_has_been_let_in_gives_way_to_nobody() -> None:
    async with running(unauthenticated_max=2) as node:
        player = await dial(node.url())
        await player.join()
        writers = await idle(node, 10)
        await until(lambda: len(node.server.connections) == 3)
        assert len(await player.states(3)) == 3
        for writer in writers:
            writer.close()
        await player.socket.close()


async def test_a_polite_refusal_is_given_again_and_again() -> None:
    async with running(connections_max=1, unauthenticated_max=2) as node:
        player = await dial(node.url())
        assert [(await ask(node, upgrade_request()))[0] for _ in range(6)] == [503] * 6
        await player.socket.close()


async def test_an_address_may_hold_so_many_connections() -> None:
    async with running(connections_per_ip_max=2, unlimited_networks="") as node:
        players = [await dial(node.url()) for _ in range(2)]
        status, body, headers = await ask(node, upgrade_request())
        assert (status, body["reason"]) == (429, "address_full") and int(headers["retry-after"]) > 0
        await players[0].socket.close()
        await until(lambda: len(node.server.connections) == 1)
        await asyncio.sleep(0.1)  # two handshakes' worth of the address's allowance
        players.append(await dial(node.url()))
        for player in players[1:]:
            await player.socket.close()


async def test_an_address_may_ask_so_many_times_a_second() -> None:
    async with running(connections_per_ip_max=5, handshakes_per_ip_per_second_max=1, unlimited_networks="") as node:
        found = [await ask(node, "GET /healthz HTTP/1.1\nHost: x\n\n") for _ in range(7)]
        assert [status for status, _, _ in found][:6] == [200] * 5 + [429]
        assert found[5][1]["reason"] == "address_rate"


async def test_a_node_takes_so_many_handshakes_a_second_and_no_more() -> None:
    async with running(handshakes_per_second_max=5) as node:
        found = [await ask(node, upgrade_request("/v1/match/9")) for _ in range(20)]
        assert [status for status, _, _ in found[:10]] == [404] * 10
        assert any(status == 503 and body["reason"] == "rate" for status, body, _ in found[10:])


async def test_behind_a_proxy_the_clients_own_address_is_limited() -> None:
    settings = {"trusted_proxies": "127.0.0.1", "unlimited_networks": "", "connections_per_ip_max": 2}
    async with running(auth="dev-anywhere", **settings) as node:
        player = [await dial(node.url(), headers={"X-Forwarded-For": "192.0.2.7"}) for _ in range(2)]
        status, body, _ = await ask(node, upgrade_request("/v1/match/1", "X-Forwarded-For: 6.6.6.6, 192.0.2.7"))
        assert (status, body["reason"]) == (429, "address_full")
        player.append(await dial(node.url(), headers={"X-Forwarded-For": "192.0.2.8"}))
        for each in player:
            await each.socket.close()


async def test_behind_a_proxy_a_full_node_tells_its_health_and_one_address_cannot_ask_on_and_on() -> None:
    settings = {"trusted_proxies": "127.0.0.1", "connections_per_ip_max": 3, "handshakes_per_ip_per_second_max": 1}
    async with running(handshakes_per_second_max=1, **settings) as node:

        async def health(ip: str) -> tuple[int, str]:
            status, body, _ = await ask(node, f"GET /healthz HTTP/1.1\nHost: x\nX-Forwarded-For: {ip}\n\n")
            return status, body.get("reason", "")

        assert [await health("192.0.2.7") for _ in range(4)] == [(200, "")] * 3 + [(429, "address_rate")]
        found = [await health(f"198.51.100.{n}") for n in range(HEALTH_PER_SECOND_MAX + 5)]
        # The node's own rate was used up by two of the first three.
        assert found[: HEALTH_PER_SECOND_MAX - 1] == [(200, "")] * (HEALTH_PER_SECOND_MAX - 1)
        assert (503, "rate") in found


@pytest.mark.parametrize("lines", [(), ("X-Forwarded-For: unknown",), ("X-Forwarded-For: ",)])
async def test_a_proxy_that_names_nobody_lets_nobody_in_and_is_told_of(lines: tuple[str, ...]) -> None:
    with capture_logs() as logs:
        async with running(trusted_proxies="127.0.0.1") as node:
            node.server.tally = counted = Counted()
            status, body, _ = await ask(node, upgrade_request("/v1/match/1", *lines))
            assert (status, body["reason"]) == (400, "forwarded") and "X-Forwarded-For" in body["error"]
            assert counted.refusals == [(400, "forwarded")]
            health = [(await ask(node, "GET /healthz HTTP/1.1\nHost: x\n\n"))[0] for _ in range(20)]
            assert health[:HEALTH_PER_SECOND_MAX] == [200] * HEALTH_PER_SECOND_MAX and 400 in health
    told = [each for each in logs if each["event"] == "upgrade_refused"]
    assert told[0]["log_level"] == "warning" and told[0]["reason"] == "forwarded"


async def test_whoever_is_no_proxy_cannot_speak_for_others() -> None:
    async with running(unlimited_networks="", connections_per_ip_max=1) as node:
        player = await dial(node.url(), headers={"X-Forwarded-For": "192.0.2.7"})
        status, body, _ = await ask(node, upgrade_request("/v1/match/1", "X-Forwarded-For: 192.0.2.8"))
        assert (status, body["reason"]) == (429, "address_full")
        await player.socket.close()


async def test_a_flood_without_rate_limits_does_not_stop_anothers_states() -> None:
    async with running(rate_limit_factor=0) as node:
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


async def test_a_flood_is_cut_within_a_second_and_costs_its_sender_alone() -> None:
    async with running() as node:
        node.server.tally = counted = Counted()
        flooder, player = await dial(node.url()), await dial(node.url())
        await flooder.join()
        await player.join()
        begun = time.monotonic()
        flooder.socket.transport.write(Frame(Opcode.BINARY, push(1)).serialize(mask=True) * 20_000)
        code, refusal = await asyncio.wait_for(flooder.closed(), 5)
        assert code == 1008 and refusal is not None and refusal.sentence
        assert time.monotonic() - begun < 1.0
        assert len(await player.states(5)) == 5
        await until(lambda: counted.ended == [(1008, "policy")])
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


async def test_stopping_says_503_and_closes_with_1012() -> None:
    async with running() as node:
        player = await dial(node.url())
        await player.join()
        player.socket.transport.pause_reading()
        stopping = asyncio.create_task(node.stop())
        await asyncio.sleep(0.05)
        status, body, _ = await ask(node, "GET /healthz HTTP/1.1\nHost: x\n\n")
        assert (status, body["status"]) == (503, "stopping")
        with pytest.raises(InvalidStatus):
            await dial(node.url())
        player.socket.transport.resume_reading()
        code, refusal = await asyncio.wait_for(player.closed(), 3)
        assert code == 1012 and refusal is not None and refusal.retry_after_ms == 1000
        await stopping


class EchoLobby:
    """A lobby whose sockets send back what they get; it remembers what they were told."""

    def __init__(self) -> None:
        self.entrants: list[Entrant] = []
        self.told: list[str] = []

    def open_line(self, peer: Peer, entrant: Entrant) -> "EchoLine":
        self.entrants.append(entrant)
        return EchoLine(self, peer)


class EchoLine:
    """One of its sockets. A frame b"end" closes it."""

    deadline_ns: int | None = None
    is_live = False

    def __init__(self, lobby: EchoLobby, peer: Peer) -> None:
        self.lobby, self.peer = lobby, peer

    def frame(self, data: bytes) -> None:
        if data == b"end":
            self.peer.close(1008, "enough")
        self.peer.send(data)
        self.peer.flush()

    def fragment(self) -> None:
        self.lobby.told.append("fragment")

    def text(self, data: bytes) -> None:
        self.lobby.told.append("text")

    def control(self) -> None:
        self.lobby.told.append("control")

    def round_trip(self, rtt_ns: int) -> None:
        self.lobby.told.append("round trip")

    def blocked(self, is_blocked: bool) -> None:
        self.lobby.told.append(f"blocked {is_blocked}")

    def advance(self) -> None:
        self.lobby.told.append("advance")

    def lost(self, code: int) -> None:
        self.lobby.told.append(f"lost {code}")

    def farewell(self, code: int, sentence: str, retry_after_ms: int) -> bytes:
        return f"farewell {code} {sentence} {retry_after_ms}".encode()


def lobby_url(node: Node) -> str:
    return node.url().partition("/v1/")[0] + "/v1/lobby"


async def test_sockets_of_the_lobby_talk_to_it_and_to_no_match() -> None:
    async with running() as node:
        node.server.lobby = lobby = EchoLobby()
        node.server.tally = counted = Counted()
        player = await dial(lobby_url(node), "Ada")
        assert player.socket.subprotocol == SUBPROTOCOL
        await player.socket.send(b"hello")
        assert await player.socket.recv() == b"hello"
        assert [(each.name, each.player) for each in lobby.entrants] == [("Ada", "")] and not node.runner.lines
        await player.socket.send("text")
        await player.socket.ping()
        await until(lambda: {"text", "control"} <= set(lobby.told))
        await player.socket.close()
        await until(lambda: counted.ended)
        assert counted.ended == [(1000, "left")] and "lost 1000" in lobby.told


async def test_a_socket_of_the_lobby_is_told_in_its_own_words_why_it_is_closed() -> None:
    async with running() as node:
        node.server.lobby = EchoLobby()
        player = await dial(lobby_url(node))
        await player.socket.send(b"end")
        assert await player.socket.recv() == b"farewell 1008 enough 0"
        await player.socket.wait_closed()
        assert player.socket.close_code == 1008


async def test_the_lobby_waits_for_an_authenticator_that_waits() -> None:
    class Slow:
        async def authenticate(self, upgrade: Upgrade) -> Player:
            await asyncio.sleep(0)
            assert upgrade.match == "", "the lobby is no match"
            return Player("ada-1", "Ada")

    async with running(Slow()) as node:
        node.server.lobby = lobby = EchoLobby()
        player = await dial(lobby_url(node))
        assert [(each.name, each.player) for each in lobby.entrants] == [("Ada", "ada-1")]
        await player.socket.close()


async def test_a_node_without_a_lobby_answers_404_at_its_path() -> None:
    async with running() as node:
        node.server.lobby = None
        status, body, _ = await ask(node, upgrade_request("/v1/lobby"))
        assert (status, body["reason"]) == (404, "path")
