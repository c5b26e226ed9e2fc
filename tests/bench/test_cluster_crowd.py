"""A crowd on two nodes."""

import asyncio

from bench.cluster_crowd import all_listed, frozen_nodes, gather, seated_in, wait_for
from bench.node_group import NodeGroup, node_group
from bench.raw_groups import leave_all
from tests.redis_servers import RedisProcess


async def crowded(nodes: NodeGroup) -> None:
    crowd = await gather(nodes, matches_each=1, players_each=3, watchers=4)
    assert crowd.matches == ["n1-1", "n2-1"]
    assert (crowd.sockets, crowd.dropped) == (10, 0)
    assert await seated_in(nodes, [*crowd.matches, "none"]) == {"n1-1": 3, "n2-1": 3, "none": 0}
    assert await frozen_nodes(nodes) == 0
    async with nodes.directory() as directory:
        assert set(await all_listed(directory)) == {"n1-1", "n2-1"}
    await leave_all(crowd.players[:1])
    assert crowd.dropped == 1
    await crowd.leave()


def test_players_and_watchers_are_on_all_nodes_and_whoever_goes_is_missed(redis_process: RedisProcess) -> None:
    with node_group("bench.games:Booth", redis_process.url, 2, matches=1) as nodes:
        asyncio.run(crowded(nodes))


def test_waiting_ends_when_it_came_to_pass_or_in_time() -> None:
    async def yes() -> bool:
        return True

    async def broken() -> bool:
        raise OSError

    assert asyncio.run(wait_for(yes, 1.0)) < 0.5
    assert asyncio.run(wait_for(broken, 0.05)) == 0.05
