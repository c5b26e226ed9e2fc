"""A node's part in the cluster, put together, in this process: who it is, and that two nodes find each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from game_server.cluster.records import MatchSpec
from game_server.session.credentials import ResumeToken
from game_server.shell.authenticators import issue_ticket
from game_server.shell.cluster import address_of, make_identity
from game_server.shell.serve import Node
from game_server.shell.settings import read_settings
from protocol.errors import NodeFault
from protocol.messages import Moved
from tests.game_server.shell.game_for_tests import Dots, ask, dial, upgrade_request
from tests.redis_servers import eventually, free_port

SECRET = "k:" + "ab" * 32


@asynccontextmanager
async def member(redis_url: str, name: str, **settings: Any) -> AsyncIterator[Node]:
    """Run a node of the cluster at `redis_url` in this loop."""
    found = read_settings({}, port=0, node_id=name, redis_url=redis_url, secret=SECRET, metrics_port=-1, **settings)
    node = Node(Dots, found, redis_url=redis_url)
    await node.start()
    try:
        yield node
    finally:
        await node.stop()
        await asyncio.sleep(0)


async def create(node: Node, match: str, **attributes: str) -> None:
    """Do what a lobby does: have a match created on a node, and wait until it runs."""
    assert node.cluster is not None
    directory, spec = node.cluster.directory, MatchSpec(match, tuple(sorted(attributes.items())))
    await directory.order(spec, await directory.create(spec, node.cluster.link.record()))
    await eventually(lambda: match in node.runner.hosted and node.cluster.link.generation_of(match) is not None)


def test_a_node_says_who_it_is() -> None:
    identity = make_identity(Dots, read_settings({}, node_id="east", boot=99, matches_max=7))
    assert (identity.node, identity.boot, identity.game, identity.matches_max) == ("east", 99, "Dots", 7)
    assert identity.schema_hash == Dots.vocabulary.schema.hash and identity.alone
    assert make_identity(Dots, read_settings({})).boot > 1_700_000_000_000


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, ""),
        ({"redis_url": "redis://a"}, "ws://127.0.0.1:5"),
        ({"redis_url": "redis://a", "host": "::1"}, "ws://[::1]:5"),
        ({"redis_url": "redis://a", "tls_cert_file": "a.pem"}, "wss://127.0.0.1:5"),
        ({"redis_url": "redis://a", "gateway": True}, ""),
        ({"public_url": "wss://game.test:443"}, "wss://game.test:443"),
    ],
)
def test_where_clients_reach_it(settings: dict[str, Any], address: str) -> None:
    assert address_of(read_settings({}, secret=SECRET, **settings), 5) == address


async def test_whoever_asks_the_wrong_node_is_sent_to_the_right_one_and_plays_there(redis_url: str) -> None:
    async with member(redis_url, "a") as a, member(redis_url, "b") as b:
        await create(b, "m-1", mode="duel")
        assert b.runner.hosted["m-1"].match.game.attributes == {"mode": "duel"}
        for path in ("/v1/match/m-1", "/n/b/v1/match/m-1"):
            lost = await dial(a.url("x").replace("/v1/match/x", path))
            moved = await lost.next()
            assert moved == Moved(f"ws://127.0.0.1:{b.server.port}/v1/match/m-1", "")
            assert (await lost.closed())[0] == 1012
        player = await dial(moved.url)
        await player.join()
        assert len(await player.states(3)) == 3
        await player.socket.close()
        status, _, _ = await ask(a, upgrade_request("/v1/match/m-9"))
        assert status == 404


async def test_a_token_for_a_match_of_another_node_is_good_on_any(redis_url: str) -> None:
    async with member(redis_url, "a") as a, member(redis_url, "b") as b:
        await create(b, "m-1")
        player = await dial(b.url("m-1"), "Ada")
        token = (await player.join()).resume_token
        assert ResumeToken.verify(a.signer, token).match == "m-1"
        lost = await dial(a.url("m-1"), token)
        assert isinstance(await lost.next(), Moved)
        await lost.closed()
        await player.socket.close()


async def test_a_ticket_of_the_lobby_is_good_once_and_for_its_ledger_alone(redis_url: str) -> None:
    async with member(redis_url, "a", matches=1) as node:
        assert node.cluster is not None
        link = node.cluster.link
        await eventually(lambda: link.generation_of("a-1") is not None)

        async def status(epoch: int) -> int:
            ticket = issue_ticket(node.signer, "a-1", "player-7", "Ada", node="a", epoch=epoch)
            return (await ask(node, upgrade_request("/v1/match/a-1", f"Authorization: Bearer {ticket}")))[0]

        generation = link.generation_of("a-1")
        assert generation is not None
        assert await status(generation - 1) == 409
        ticket = issue_ticket(node.signer, "a-1", "player-7", "Ada", node="a", epoch=generation)
        player = await dial(node.url("a-1"), ticket)
        await player.join()
        assert [each.player for each in node.runner.hosted["a-1"].match.game.seats] == ["player-7"]
        await player.socket.close()


async def test_a_redis_that_is_not_there_is_told_before_the_port_is_open() -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    node = Node(Dots, read_settings({}, port=0, redis_url=url, secret=SECRET, metrics_port=-1), redis_url=url)
    with pytest.raises(NodeFault, match="cannot be used"):
        await node.start()


async def test_health_and_readiness_tell_of_the_directory(redis_url: str) -> None:
    async with member(redis_url, "a") as node:
        status, body, _ = await ask(node, "GET /healthz HTTP/1.1\nHost: x\n\n")
        assert (status, body["directory"], body["frozen"]) == (200, "ok", False)
        assert (await ask(node, "GET /readyz HTTP/1.1\nHost: x\n\n"))[:2] == (200, {"ready": True, "reasons": []})
        text = {each.name: each for each in node.metrics.collect()}
        assert text["tickwire_redis_up"].samples[0].value == 1
        assert 5 < text["tickwire_lease_remaining_seconds"].samples[0].value <= 9
        assert sum(each.value for each in text["tickwire_redis_round_trip_seconds"].samples if "count" in each.name) > 0
