"""A real nginx with deploy/gateway.conf in front of fake nodes that a fake DNS names: who gets what."""

import asyncio
import http.client
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from tests.integration.fake_nodes import FakeDns, FakeNode, deaf_address, fake_dns, fake_node
from tests.integration.nginx_process import DEPLOY, free_port, nginx_process, replaced, temporary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

ONE, TWO, THREE, GONE = "00000000aaaa", "00000000bbbb", "00000000cccc", "0123456789ab"
NAMES = (ONE, TWO, THREE)
ADDRESSES = ("127.0.1.1", "127.0.1.2", "127.0.1.3")
FORBIDDEN = (
    "/",
    "/n/redis/v1/match/m",
    "/n/redis:6379/v1/match/m",
    "/n/%72edis/v1/match/m",
    "/n/redis%00/v1/match/m",
    "/n/0123456789abc/v1/match/m",
    "/n/0123456789AB/v1/match/m",
    "/n/0123456789a/v1/match/m",
    "/n/0123456789ab.redis/v1/match/m",
    "/n/0123456789ab%2eredis/v1/match/m",
    "/n/0123456789ab@redis/v1/match/m",
    "/n/0123456789ab%20redis/v1/match/m",
    "/n/0123456789ab%0aredis/v1/match/m",
    "/n/0123456789ab:6379/v1/match/m",
    "/n/0123456789ab/metrics",
    "/n/0123456789ab/v1/lobby",
    "/n/0123456789ab/healthz",
    "/n/0123456789ab/v1/match/../../../../n/redis/v1/match/m",
    "/n/127.0.0.1/v1/match/m",
    "/n//v1/match/m",
    "/v1/lobbyist",
    "/v1/matches",
    "/metrics",
)


@dataclass
class Gateway:
    """An nginx that runs, and what stands behind it."""

    port: int
    nodes: dict[str, FakeNode]
    dns: FakeDns
    at: Path

    def dial(self, path: str, **more: Any) -> connect:
        """A WebSocket through the gateway."""
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, **more)

    async def ask(self, path: str, *, address: str = "127.0.0.1") -> tuple[int, dict[str, Any], Any]:
        """Status, body and headers of a plain GET, sent as `path` stands."""
        return await asyncio.to_thread(self._ask, path, address)

    def _ask(self, path: str, address: str) -> tuple[int, dict[str, Any], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, 10, source_address=(address, 0))
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            # What nginx cannot read at all it refuses with a page of its own.
            return answer.status, {} if body.startswith(b"<html>") else json.loads(body), answer.headers
        finally:
            connection.close()


@asynccontextmanager
async def gateway(nginx: str, at: Path, *, near: str = "127.0.0.0/8") -> AsyncIterator[Gateway]:
    """Run the shipped configuration in front of three fake nodes; addresses outside `near` have limits."""
    port, node_port = free_port(), free_port()
    names = {"node": list(ADDRESSES), **{name: [ip] for name, ip in zip(NAMES, ADDRESSES, strict=True)}}
    async with AsyncExitStack() as stack:
        nodes = {}
        for name, address in zip(NAMES, ADDRESSES, strict=True):
            nodes[name] = await stack.enter_async_context(fake_node(FakeNode(name, address), node_port))
        dns, dns_port = await stack.enter_async_context(fake_dns(names))
        configuration = replaced(
            (DEPLOY / "gateway.conf").read_text(encoding="utf-8"),
            {
                "listen 80 ": f"listen 127.0.0.1:{port} ",
                "resolver 127.0.0.11 ": f"resolver 127.0.0.1:{dns_port} ",
                ":7777;": f":{node_port};",
                "        127.0.0.0/8 1;": f"        {near} 1;",
                "/dev/stdout": f"{at}/access.log",
                "/dev/stderr": f"{at}/error.log",
                "/tmp/nginx.pid": f"{at}/nginx.pid",
                "worker_rlimit_nofile 65536;": "",
                "worker_connections 16384;": "worker_connections 512;",
                "http {": f"http {{ {temporary(at)}",
            },
        )
        await stack.enter_async_context(nginx_process(nginx, configuration, at, port))
        yield Gateway(port, nodes, dns, at)


async def told(socket: ClientConnection) -> dict[str, Any]:
    """What the node behind this socket was asked."""
    found: dict[str, Any] = json.loads(await socket.recv())
    return found


async def test_lobbies_and_matches_without_a_node_spread_over_all_nodes(nginx: str, tmp_path: Path) -> None:
    async with gateway(nginx, tmp_path) as at:
        for path in ("/v1/lobby", "/v1/match/m-1"):
            reached: Counter[str] = Counter()
            for _ in range(60):
                async with at.dial(path) as socket:
                    asked = await told(socket)
                    assert asked["path"] == path
                    reached[asked["node"]] += 1
            assert set(reached) == set(NAMES) and min(reached.values()) >= 8


async def test_a_path_with_a_node_reaches_that_node_whole_with_all_that_the_client_sent(
    nginx: str, tmp_path: Path
) -> None:
    async with gateway(nginx, tmp_path) as at:
        for name in NAMES * 3:
            headers = {"Authorization": "Bearer secret", "X-Forwarded-For": "6.6.6.6", "Tickwire-Attempt": "7"}
            path = f"/n/{name}/v1/match/m-1?role=spectator"
            async with at.dial(path, additional_headers=headers, subprotocols=None) as socket:
                asked = await told(socket)
                assert (asked["node"], asked["path"]) == (name, path)
                assert asked["headers"]["authorization"] == "Bearer secret"
                assert asked["headers"]["tickwire-attempt"] == "7"
                assert asked["headers"]["x-forwarded-for"] == "127.0.0.1"
                assert asked["headers"]["host"] == f"127.0.0.1:{at.port}"
                await socket.send(b"\0" * 3000)
                assert await socket.recv() == b"\0" * 3000
        assert "secret" not in (tmp_path / "access.log").read_text()


async def test_a_node_that_nobody_knows_or_that_refuses_connections_leaves_its_clients_to_another(
    nginx: str, tmp_path: Path
) -> None:
    async with gateway(nginx, tmp_path) as at:
        at.dns.names["0000dead0000"] = ["127.0.1.9"]
        for name in (GONE, "0000dead0000"):
            async with at.dial(f"/n/{name}/v1/match/m-1") as socket:
                asked = await told(socket)
                assert asked["node"] in NAMES and asked["path"] == f"/n/{name}/v1/match/m-1"
                await socket.send("still a WebSocket")
                assert await socket.recv() == "still a WebSocket"


async def test_an_address_that_answers_nothing_costs_a_second_and_no_more(nginx: str, tmp_path: Path) -> None:
    async with gateway(nginx, tmp_path) as at:
        async with deaf_address("127.0.1.8", at_port(at)):
            at.dns.names[GONE] = ["127.0.1.8"]
            begun = time.monotonic()
            async with at.dial(f"/n/{GONE}/v1/match/m-1") as socket:
                assert (await told(socket))["node"] in NAMES
            assert 0.8 < time.monotonic() - begun < 2.5


def at_port(at: Gateway) -> int:
    """The port on which the fake nodes listen, as the configuration has it."""
    text = (at.at / "nginx.conf").read_text()
    return int(text.split("set $tickwire_any node:")[1].split(";")[0])


async def test_a_node_that_stops_leaves_lobbies_to_others_and_keeps_its_own_refusals(
    nginx: str, tmp_path: Path
) -> None:
    async with gateway(nginx, tmp_path) as at:
        at.nodes[ONE].status = 503
        for _ in range(20):
            async with at.dial("/v1/lobby") as socket:
                assert (await told(socket))["node"] in (TWO, THREE)
        assert "/v1/lobby" in at.nodes[ONE].asked
        with pytest.raises(InvalidStatus) as caught:
            await at.dial(f"/n/{ONE}/v1/match/m-1")
        assert caught.value.response.status_code == 503
        assert json.loads(bytes(caught.value.response.body))["node"] == ONE
        for status in (401, 404, 409, 429, 500, 502):
            at.nodes[TWO].status = status
            found, body, _ = await at.ask(f"/n/{TWO}/v1/match/m-1")
            assert (found, body["node"]) == (status, TWO)


async def test_no_path_names_anything_but_a_node(nginx: str, tmp_path: Path) -> None:
    async with gateway(nginx, tmp_path) as at:
        at.dns.names["redis"] = ["127.0.1.1"]
        for path in FORBIDDEN:
            status, _, _ = await at.ask(path)
            assert status in (400, 404), path
        assert not any(node.asked for node in at.nodes.values())
        assert not at.dns.questions


async def test_a_new_node_is_found_and_a_removed_one_forgotten_within_seconds(nginx: str, tmp_path: Path) -> None:
    async with gateway(nginx, tmp_path) as at:
        at.dns.names["node"] = [ADDRESSES[0]]
        async with at.dial("/v1/lobby") as socket:
            assert (await told(socket))["node"] == ONE
        at.dns.names["node"] = [ADDRESSES[1]]
        begun = time.monotonic()
        while True:
            async with at.dial("/v1/lobby") as socket:
                if (await told(socket))["node"] == TWO:
                    break
            assert time.monotonic() - begun < 4
            await asyncio.sleep(0.05)


async def test_without_any_node_the_answer_is_an_honest_503(nginx: str, tmp_path: Path) -> None:
    async with gateway(nginx, tmp_path) as at:
        at.dns.names["node"] = ["127.0.1.9"]
        for path in ("/v1/lobby", "/v1/match/m-1", f"/n/{GONE}/v1/match/m-1", "/healthz"):
            status, body, headers = await at.ask(path)
            assert (status, body["reason"], headers["Retry-After"]) == (503, "no_node", "1"), path


async def test_a_flood_from_one_address_is_refused_and_its_neighbour_is_not(nginx: str, tmp_path: Path) -> None:
    async with gateway(nginx, tmp_path, near="127.0.0.9") as at:
        found = [await at.ask("/healthz", address="127.0.0.2") for _ in range(400)]
        statuses = [status for status, _, _ in found]
        assert statuses[:256] == [200] * 256 and 429 in statuses
        refused = found[statuses.index(429)]
        assert refused[1]["reason"] == "address_rate" and refused[2]["Retry-After"] == "1"
        assert (await at.ask(f"/n/{ONE}/v1/match/m-1", address="127.0.0.2"))[0] in (200, 429)
        assert (await at.ask("/healthz", address="127.0.0.3"))[0] == 200
        assert (await at.ask("/healthz", address="127.0.0.9"))[0] == 200
