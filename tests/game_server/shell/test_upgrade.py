"""The HTTP half of a socket, over real ones: every limit and every refusal, and who is let in."""

import asyncio
import gc
import json
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from game_server import Player as Proven
from game_server import Refused, Upgrade
from game_server.session.credentials import ResumeToken
from protocol.codec import encode
from protocol.handshake import BEARER_ENTRY, SPECTATOR_QUERY
from protocol.messages import SUBPROTOCOL, Moved
from tests.game_server.shell.cluster_for_tests import FakeCluster
from tests.game_server.shell.game_for_tests import HELLO, Counted, ask, dial, running, until, upgrade_request


async def test_the_name_of_a_player_reaches_the_game() -> None:
    async with running() as node:
        bearer = await dial(node.url(), "Ada%20L")
        browser = await dial(node.url(), subprotocols=[SUBPROTOCOL, "tickwire.bearer.Zo%C3%AB"])
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
        body = json.loads(bytes(caught.value.response.body))
        assert body["error"] and body["reason"]


async def test_healthz_answers_on_the_same_port() -> None:
    async with running(matches=2) as node:
        player = await dial(node.url("2"))
        await player.join()
        await player.states(3)
        status, body, _ = await ask(node, "GET /healthz HTTP/1.1\nHost: x\n\n")
        assert status == 200
        assert body["status"] == "ok" and body["connections"] == 1
        assert [(each["match"], each["seats"]) for each in body["matches"]] == [("1", 0), ("2", 1)]
        assert body["messages_in"] >= 1 and body["messages_out"] >= 5
        assert body["bytes_in"] > 0 and body["bytes_out"] > 0
        await player.socket.close()


MANY = "".join(f"X-{n}: y\n" for n in range(65))


@pytest.mark.parametrize(
    ("request_text", "status", "reason"),
    [
        ("GET / HTTP/1.1\nHost: x\n\n", 404, "path"),
        ("GET /v1/match/1/ HTTP/1.1\nHost: x\n\n", 404, "no_match"),
        ("GET /v1/match/%31 HTTP/1.1\nHost: x\n\n", 404, "no_match"),
        ("GET //v1/match/1 HTTP/1.1\nHost: x\n\n", 404, "path"),
        ("GET http://x/v1/match/1 HTTP/1.1\nHost: x\n\n", 404, "path"),
        ("POST /v1/match/1 HTTP/1.1\nHost: x\n\n", 405, "method"),
        ("DELETE /healthz HTTP/1.1\nHost: x\n\n", 405, "method"),
        ("GET /v1/match/1?token=abc HTTP/1.1\nHost: x\n\n", 400, "query"),
        ("GET /v1/match/1 HTTP/1.1\nHost: x\n\n", 426, "no_upgrade"),
        ("nonsense\n\n", 400, "malformed"),
        ("GET /healthz HTTP/2.0\nHost: x\n\n", 400, "malformed"),
        ("GET /healthz HTTP/1.1\nHost: x\nContent-Length: 5\n\nhello", 400, "malformed"),
        ("GET /healthz HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n", 400, "malformed"),
        ("GET /healthz HTTP/1.1\nHost: x\nbad header\n\n", 400, "malformed"),
        ("GET /healthz HTTP/1.1\nX: " + "y" * 20_000, 431, "head"),
        ("GET /healthz HTTP/1.1\nX: " + "y" * 6000 + "\n\n", 431, "head"),
        (f"GET /healthz HTTP/1.1\n{MANY}\n", 431, "head"),
        (upgrade_request().replace("Version: 13", "Version: 8"), 400, "handshake"),
        (upgrade_request().replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400, "handshake"),
        (upgrade_request("/v1/match/1", "Authorization: Bearer a", "Authorization: Bearer b"), 400, "header"),
        (upgrade_request("/v1/match/1", "Authorization: Basic QWRhOg=="), 400, "credential"),
        (upgrade_request("/v1/match/1", "Tickwire-Attempt: -1"), 400, "attempt"),
        (upgrade_request("/v1/match/1", "Origin: http://a.test", "Origin: http://b.test"), 400, "header"),
    ],
)
async def test_plain_http_gets_a_status_and_a_sentence(request_text: str, status: int, reason: str) -> None:
    async with running() as node:
        node.server.tally = counted = Counted()
        found, body, _ = await ask(node, request_text)
        assert (found, body.get("reason")) == (status, reason)
        assert body["error"]
        assert counted.refusals == [(status, reason)]


async def test_statuses_bring_the_headers_that_belong_to_them() -> None:
    async with running(auth="ticket", secret="k:" + "ab" * 32) as node:
        assert (await ask(node, "GET /v1/match/1 HTTP/1.1\nHost: x\n\n"))[2]["upgrade"] == "websocket"
        assert (await ask(node, "PUT /v1/match/1 HTTP/1.1\nHost: x\n\n"))[2]["allow"] == "GET"
        status, body, headers = await ask(node, upgrade_request())
        assert (status, body["reason"], headers["www-authenticate"]) == (401, "no_credential", "Bearer")


@pytest.mark.parametrize("drip", [b"", b"G", b"GET /healthz HTTP/1.1\r\n"])
async def test_a_socket_that_does_not_finish_its_request_in_time_is_answered_408_and_closed(drip: bytes) -> None:
    async with running(handshake_seconds=0.2) as node:
        node.server.tally = counted = Counted()
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(drip)
        assert (await asyncio.wait_for(reader.read(), 2)).startswith(b"HTTP/1.1 408 ")
        assert counted.refusals == [(408, "timeout")]
        writer.close()


async def test_trickling_bytes_does_not_buy_time() -> None:
    async with running(handshake_seconds=0.3) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)

        async def trickle() -> None:
            for byte in upgrade_request("/v1/match/1", "X: " + "y" * 500).replace("\n", "\r\n").encode():
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        task = asyncio.create_task(trickle())
        async with asyncio.timeout(1):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        task.cancel()
        writer.close()


FORGED_ORIGINS = [
    "https://evil.test", "http://tickwire.test.evil.test", "http://eviltickwire.test", "http://tickwire.test:81",
    "http://tickwire.test@evil.test", "http://evil.test#tickwire.test", "http://tickwire.test/", "file://",
    "tickwire.test", "http://tickwire.test evil.test", "https://[::1", "null",
]  # fmt: skip


async def test_pages_of_other_origins_are_refused_before_anybody_is_asked_who_they_are() -> None:
    asked = []

    class Asked:
        def authenticate(self, upgrade: Upgrade) -> Proven:
            asked.append(upgrade)
            return Proven("", "Ada")

    async with running(Asked()) as node:
        for each in FORGED_ORIGINS:
            status, body, _ = await ask(node, upgrade_request("/v1/match/1", f"Origin: {each}"))
            assert (status, body["reason"]) == (403, "origin"), each
        assert not asked
        player = await dial(node.url(), origin=f"http://127.0.0.1:{node.server.port}")
        await player.join()
        assert len(asked) == 1
        await player.socket.close()


async def test_a_page_whose_name_was_bound_to_this_machine_cannot_join_a_development_server() -> None:
    page = ("/v1/match/1", "Origin: http://evil.test")
    rebound = upgrade_request(*page).replace("Host: tickwire.test", "Host: evil.test")
    async with running() as node:
        status, body, _ = await ask(node, rebound)
        assert (status, body["reason"]) == (403, "origin")
        player = await dial(node.url(), origin=f"http://127.0.0.1:{node.server.port}")
        await player.join()
        await player.socket.close()
    for allowing in ({"allowed_origins": "http://evil.test"}, {"auth": "dev-anywhere"}):
        async with running(**allowing) as node:
            reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
            writer.write(rebound.replace("\n", "\r\n").encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            writer.transport.abort()
            await until(lambda node=node: not node.server.connections)


async def test_the_credential_of_a_browser_is_a_subprotocol_and_is_never_selected() -> None:
    async with running() as node:
        player = await dial(node.url(), subprotocols=[BEARER_ENTRY + "Ada", SUBPROTOCOL])
        assert player.socket.subprotocol == SUBPROTOCOL
        await player.socket.close()
        entry = f"{SUBPROTOCOL}, {BEARER_ENTRY}Ada"
        status, body, _ = await ask(
            node, upgrade_request("/v1/match/1", "Authorization: Bearer Bob", subprotocol=entry)
        )
        assert (status, body["reason"]) == (400, "credential")


async def test_a_welcome_brings_a_token_that_opens_its_match_again_and_no_other() -> None:
    async with running(matches=2) as node:
        player = await dial(node.url(), "Ada")
        token = (await player.join()).resume_token
        await player.abort()
        claimed = ResumeToken.verify(node.signer, token)
        assert (claimed.match, claimed.name, claimed.epoch) == ("1", "Ada", node.epoch)
        again = await dial(node.url(), token)
        (line,) = node.runner.lines.values()
        assert line.entrant.claim is not None and line.entrant.claim.n == claimed.n
        assert line.entrant.name == "Ada"
        await again.socket.close()
        status, body, _ = await ask(node, upgrade_request("/v1/match/2", f"Authorization: Bearer {token}"))
        assert (status, body["reason"]) == (409, "wrong_match")
        forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
        status, body, _ = await ask(node, upgrade_request("/v1/match/1", f"Authorization: Bearer {forged}"))
        assert (status, body["reason"]) == (403, "forged")


async def test_the_role_and_the_attempt_reach_the_match() -> None:
    async with running() as node:
        player = await dial(f"{node.url()}?{SPECTATOR_QUERY}", headers={"Tickwire-Attempt": "7"})
        (line,) = node.runner.lines.values()
        assert (line.entrant.spectator, line.entrant.attempt) == (True, 7)
        await player.socket.close()


class Slow:
    """An authenticator that asks somebody, and takes its time."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = self.cancelled = 0

    async def authenticate(self, upgrade: Upgrade) -> Proven:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if upgrade.credential == "refuse":
            raise Refused(403, "not you", reason="banned")
        if upgrade.credential == "break":
            raise KeyError(upgrade.credential)
        return Proven("id", "Ada")


async def test_an_authenticator_may_take_its_time_and_frames_wait_for_it() -> None:
    slow = Slow()
    async with running(slow) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        hello = Frame(Opcode.BINARY, encode(HELLO)).serialize(mask=True)
        writer.write(upgrade_request().replace("\n", "\r\n").encode() + hello)
        await until(lambda: node.server.connections)
        await asyncio.sleep(0.05)
        assert not node.runner.lines and node.runner.traffic.messages_in == 0
        slow.go.set()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
        assert head.startswith(b"HTTP/1.1 101 ")
        await until(lambda: node.runner.traffic.messages_in == 1)
        writer.transport.abort()
        await until(lambda: not node.server.connections)


async def test_an_authenticator_that_waits_is_cancelled_with_its_socket() -> None:
    slow = Slow()
    async with running(slow) as node:
        _, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(upgrade_request().replace("\n", "\r\n").encode())
        await until(lambda: slow.begun)
        writer.transport.abort()
        await until(lambda: slow.cancelled == 1)
        await until(lambda: not node.server.connections)


class Spiteful(Slow):
    """Raises something of its own when it is cancelled."""

    async def authenticate(self, upgrade: Upgrade) -> Proven:
        try:
            return await super().authenticate(upgrade)
        except asyncio.CancelledError:
            raise RuntimeError(f"the lookup of {upgrade.credential} failed") from None


async def test_what_an_authenticator_raises_after_its_socket_ended_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spiteful = Spiteful()
    async with running(spiteful) as node:
        _, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(upgrade_request("/v1/match/1", "Authorization: Bearer s3cret").replace("\n", "\r\n").encode())
        await until(lambda: spiteful.begun)
        writer.transport.abort()
        await until(lambda: spiteful.cancelled == 1)
        await until(lambda: not node.server.connections)
        await asyncio.sleep(0.01)
        gc.collect()
    assert "s3cret" not in caplog.text and "never retrieved" not in caplog.text


async def test_a_node_that_stopped_meanwhile_lets_nobody_in() -> None:
    slow = Slow()
    async with running(slow) as node:
        asking = asyncio.create_task(ask(node, upgrade_request()))
        await until(lambda: slow.begun)
        stopping = asyncio.create_task(node.stop())
        await asyncio.sleep(0.02)
        slow.go.set()
        status, body, _ = await asking
        assert (status, body["reason"]) == (503, "stopping")
        await stopping


async def test_an_authenticator_that_takes_too_long_is_cancelled_and_answered_503() -> None:
    slow = Slow()
    async with running(slow, handshake_seconds=0.2) as node:
        status, body, headers = await ask(node, upgrade_request())
        assert (status, body["reason"]) == (503, "authenticator_slow") and headers["retry-after"]
        assert slow.cancelled == 1


async def test_frames_without_end_before_the_upgrade_are_refused() -> None:
    slow = Slow()
    async with running(slow) as node:
        status, body, _ = await ask(node, upgrade_request().replace("\n", "\r\n").encode() + bytes(9000))
        assert (status, body["reason"]) == (400, "hasty")
        # At once, so that the authenticator was not even begun; and while it waits:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(upgrade_request().replace("\n", "\r\n").encode())
        await until(lambda: slow.begun)
        writer.write(bytes(9000))
        assert (await asyncio.wait_for(reader.read(), 2)).startswith(b"HTTP/1.1 400 ")
        await until(lambda: slow.cancelled == 1)
        writer.close()


@pytest.mark.parametrize(
    ("credential", "status", "reason"), [("refuse", 403, "banned"), ("break", 503, "authenticator_failed")]
)
async def test_what_an_authenticator_raises_is_answered_and_nobody_else_notices(
    credential: str, status: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = Slow()
    slow.go.set()
    async with running(slow) as node:
        found, body, _ = await ask(node, upgrade_request("/v1/match/1", f"Authorization: Bearer {credential}"))
        assert (found, body["reason"]) == (status, reason)
        player = await dial(node.url(), "Ada")
        await player.join()
        await player.socket.close()
    told = capsys.readouterr()
    assert "'break'" not in told.out + told.err


async def test_an_error_of_ours_in_a_request_is_answered_500_and_costs_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running() as node:
        with monkeypatch.context() as patch:
            patch.setattr(node.server.doorkeeper, "check_origin", None)
            status, body, _ = await ask(node, upgrade_request())
        assert (status, body["reason"]) == (500, "error")
        player = await dial(node.url())
        await player.join()
        await player.socket.close()


@pytest.mark.parametrize(
    "request_text",
    [
        upgrade_request("/v1/match/9"),
        upgrade_request().replace("Version: 13", "Version: 8"),
        "GET /healthz HTTP/1.1\nHost: x\n\n",
        "nonsense\n\n",
    ],
)
async def test_what_a_refused_request_needed_is_freed_without_a_collection(request_text: str) -> None:
    async with running() as node:
        await ask(node, request_text)
        gc.collect()
        gc.disable()
        try:
            await ask(node, request_text)
            assert not [each for each in gc.get_objects() if isinstance(each, ServerProtocol | Request)]
        finally:
            gc.enable()


async def test_a_match_on_another_node_answers_moved_and_1012_and_nothing_else() -> None:
    async with running() as node:
        node.server.cluster = FakeCluster(urls={"m-9": "ws://other:7777/v1/match/m-9"})
        node.server.tally = counted = Counted()
        for path in ("/v1/match/m-9", "/n/other/v1/match/m-9"):
            player = await dial(node.url().replace("/v1/match/1", path), "Ada")
            with suppress(ConnectionClosed):
                await player.send(HELLO)  # which is what a client does that does not know yet
            assert await player.next() == Moved("ws://other:7777/v1/match/m-9", "")
            assert await player.closed() == (1012, None)
        await until(lambda: not node.server.connections)
        assert counted.ended == [(1012, "moved")] * 2 and node.runner.lines == {}


async def test_a_match_that_nobody_has_is_404_and_without_a_directory_503() -> None:
    async with running() as node:
        node.server.cluster = cluster = FakeCluster()
        status, body, _ = await ask(node, upgrade_request("/v1/match/m-9"))
        assert (status, body["reason"]) == (404, "no_match")
        cluster.available = False
        status, body, headers = await ask(node, upgrade_request("/v1/match/m-9"))
        assert (status, body["reason"], headers["retry-after"]) == (503, "directory", "2")
        assert cluster.asked == ["m-9", "m-9"]
        # What is here needs nobody.
        assert (await ask_upgrade(node.server.port))[0] == b"HTTP/1.1 101 Switching Protocols"


async def test_nobody_comes_to_a_private_match_by_its_id_alone() -> None:
    async with running() as node:
        node.server.cluster = FakeCluster(private={"1"})
        status, body, _ = await ask(node, upgrade_request("/v1/match/1"))
        assert (status, body["reason"]) == (403, "private")
        status, body, _ = await ask(node, upgrade_request("/v1/match/1", "Authorization: Bearer tickwire-ticket-1.x"))
        assert (status, body["reason"]) == (403, "forged")


async def ask_upgrade(port: int) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(upgrade_request().replace("\n", "\r\n").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    return head.split(b"\r\n")


async def test_nobody_with_a_forged_credential_learns_where_a_match_is() -> None:
    async with running() as node:
        node.server.cluster = cluster = FakeCluster(urls={"m-9": "ws://other:7777/v1/match/m-9"})
        forged = "Authorization: Bearer tickwire-resume-1.x"
        status, body, _ = await ask(node, upgrade_request("/v1/match/m-9", forged))
        assert (status, body["reason"]) == (403, "forged") and cluster.asked == []


async def test_who_hangs_up_while_a_match_is_looked_for_is_forgotten() -> None:
    async with running() as node:
        node.server.cluster = cluster = FakeCluster(answer_after=asyncio.Event())
        _, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(upgrade_request("/v1/match/m-9").replace("\n", "\r\n").encode())
        await until(lambda: cluster.asked)
        writer.transport.abort()
        await until(lambda: not node.server.connections)
