"""A real nginx in front of a node, with the configuration that deploy/nginx.conf ships."""

import asyncio
import http.client
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from game_server import Player as Proven
from game_server import Upgrade
from game_server.shell.serve import Node
from tests.game_server.shell.game_for_tests import Counted, dial, running, until
from tests.integration.nginx_process import DEPLOY, free_port, nginx_process, replaced, temporary

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

WHOLE = """
worker_processes 1;
pid {at}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    {temporary}
    include {at}/tickwire.conf;
}}
"""


class Anyone:
    """Lets everybody in, and remembers where they came from."""

    def __init__(self) -> None:
        self.ips: list[str] = []

    def authenticate(self, upgrade: Upgrade) -> Proven:
        self.ips.append(upgrade.client_ip)
        return Proven("", "Ada")


@asynccontextmanager
async def proxied(nginx: str, node: Node, at: Path, own_machine: str = "127.0.0.0/8") -> AsyncIterator[str]:
    """Run nginx in front of `node`; yield the URL of match 1 through it."""
    port = free_port()
    shipped = replaced(
        (DEPLOY / "nginx.conf").read_text(encoding="utf-8"),
        {
            "listen 80 ": f"listen 127.0.0.1:{port} ",
            "127.0.0.1:7777": f"127.0.0.1:{node.server.port}",
            "    127.0.0.0/8 1;": f"    {own_machine} 1;",
            "/var/log/nginx/tickwire.log": f"{at}/access.log",
        },
    )
    (at / "tickwire.conf").write_text(shipped)
    async with nginx_process(nginx, WHOLE.format(at=at, temporary=temporary(at)), at, port):
        yield f"ws://127.0.0.1:{port}/v1/match/1"


def health(url: str, address: str) -> tuple[int, bytes]:
    """Ask for /healthz through nginx, from an address of this machine."""
    url = url.replace("ws://", "http://").replace("/v1/match/1", "")
    connection = http.client.HTTPConnection(url.removeprefix("http://"), source_address=(address, 0), timeout=5)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


async def test_a_player_joins_plays_and_resumes_through_nginx_and_is_known_by_the_own_address(
    nginx: str, tmp_path: Path
) -> None:
    anyone = Anyone()
    async with running(anyone, trusted_proxies="127.0.0.1") as node, proxied(nginx, node, tmp_path) as url:
        told = {"X-Forwarded-For": "6.6.6.6"}
        player = await dial(url, "secret-credential", told, local_addr=("127.0.0.2", 0))
        welcome = await player.join()
        assert len(await player.states(20)) == 20
        assert anyone.ips == ["127.0.0.2"]
        await player.abort()
        again = await dial(url, welcome.resume_token)
        returned = await again.join()
        assert returned.seat == welcome.seat and returned.resume_token != welcome.resume_token
        assert len(await again.states(5)) == 5
        await again.socket.close()
        assert again.socket.close_code == 1000
        await until(lambda: "/v1/match/1" in (tmp_path / "access.log").read_text())
        logged = (tmp_path / "access.log").read_text()
        assert "secret-credential" not in logged and welcome.resume_token not in logged


async def test_a_page_of_the_proxys_own_origin_may_connect_and_another_may_not(nginx: str, tmp_path: Path) -> None:
    async with running() as node, proxied(nginx, node, tmp_path) as url:
        player = await dial(url, origin=url.replace("ws:", "http:").replace("/v1/match/1", ""))
        await player.join()
        await player.socket.close()
        with pytest.raises(InvalidStatus) as caught:
            await dial(url, origin="http://evil.test")
        assert caught.value.response.status_code == 403
        assert json.loads(bytes(caught.value.response.body))["reason"] == "origin"


async def test_a_client_that_never_reads_is_cut_and_its_seat_kept_while_its_neighbour_plays_on(
    nginx: str, tmp_path: Path
) -> None:
    async with running() as node, proxied(nginx, node, tmp_path) as url:
        node.server.tally = counted = Counted()
        deaf, good = await dial(url), await dial(url)
        await deaf.join()
        await good.join()
        begun = time.monotonic()
        deaf.socket.transport.pause_reading()
        gaps: list[int] = []
        while not counted.ended and time.monotonic() - begun < 8:
            (state,) = await good.states(1)
            gaps.append(state.base_back)
        assert counted.ended and counted.ended[0][0] == 4008
        assert 4.5 < time.monotonic() - begun < 6.5
        assert sum(gap == 1 for gap in gaps) >= 0.9 * len(gaps)
        assert node.runner.hosted["1"].match.game.seats[0].id == 0
        await deaf.abort()
        await good.socket.close()


async def test_health_is_asked_for_by_the_own_address_too(nginx: str, tmp_path: Path) -> None:
    limits = {"connections_per_ip_max": 3, "handshakes_per_ip_per_second_max": 1, "unlimited_networks": "127.0.0.1"}
    async with running(trusted_proxies="127.0.0.1", **limits) as node, proxied(nginx, node, tmp_path) as url:
        found = [await asyncio.to_thread(health, url, "127.0.0.2") for _ in range(5)]
        assert [status for status, _ in found] == [200] * 3 + [429] * 2
        assert b"address_rate" in found[-1][1]
        assert (await asyncio.to_thread(health, url, "127.0.0.3"))[0] == 200


async def test_nginx_is_a_second_line_that_a_flood_does_not_pass(nginx: str, tmp_path: Path) -> None:
    async with running(trusted_proxies="127.0.0.1") as node, proxied(nginx, node, tmp_path, "127.0.0.9") as url:
        node.server.tally = counted = Counted()
        found = [await asyncio.to_thread(health, url, "127.0.0.2") for _ in range(120)]
        statuses = [status for status, _ in found]
        assert statuses[:64] == [200] * 64 and 429 in statuses
        assert not counted.refusals
        assert (await asyncio.to_thread(health, url, "127.0.0.9"))[0] == 200
