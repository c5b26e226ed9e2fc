"""Several nodes on one Redis, by name and with their own settings."""

import asyncio

import pytest

from bench.node_group import NodeGroup, node_group, standing
from bench.serving import health
from demo_client.children import ChildFailed
from tests.redis_servers import RedisProcess


async def names(nodes: NodeGroup) -> dict[str, int]:
    async with nodes.directory() as directory:
        return {each.node: each.matches_max for each in await directory.nodes()}


def test_nodes_have_their_own_settings_and_are_seen_in_the_directory(redis_process: RedisProcess) -> None:
    with node_group("bench.games:Quiet", redis_process.url, 2, each=[{"matches_max": 7}], matches=1) as nodes:
        assert asyncio.run(names(nodes)) == {"n1": 7, "n2": 100}
        assert nodes.game_name == "Quiet"
        assert [each["match"] for each in health(nodes.servers[1])["matches"]] == [standing(2)]
        assert nodes.url(2).endswith("/v1/match/n2-1")
        assert nodes.lobby(0) != nodes.lobby(1) == nodes.lobby(3)
    assert not any(server.alive for server in nodes.servers)


def test_a_node_that_cannot_start_is_told_and_the_others_are_ended(redis_process: RedisProcess) -> None:
    with (
        pytest.raises(ChildFailed, match="TICKWIRE_MATCHES_MAX"),
        node_group("bench.games:Quiet", redis_process.url, 2, each=[{}, {"matches_max": 0}]),
    ):
        pass
