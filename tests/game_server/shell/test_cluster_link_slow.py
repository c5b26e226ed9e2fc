"""A Redis that takes its time: ticks go on meanwhile, which is counted, since a clock would tell of the machine."""

import asyncio

import pytest

from game_server.shell.redis_directory import Directory
from tests.game_server.shell.slow_redis import slow_way
from tests.game_server.shell.test_cluster_link import Joined, joined, renewals_come_often  # noqa: F401
from tests.redis_servers import RedisProcess, eventually


async def ticks_during_renewals(node: Joined, monkeypatch: pytest.MonkeyPatch, count: int) -> list[int]:
    """How many ticks ran between asking for a renewal and its answer, or its failure, of one match."""
    found: list[int] = []
    renew = node.directory.renew

    async def counted(*arguments: object) -> object:
        before = node.ticks()
        try:
            return await renew(*arguments)  # type: ignore[arg-type]
        finally:
            found.append(node.ticks() - before)

    monkeypatch.setattr(node.directory, "renew", counted)
    await eventually(lambda: len(found) >= count, 15)
    return found[:count]


@pytest.mark.slow
async def test_ticks_go_on_while_redis_takes_200_ms(
    redis_process: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with slow_way(redis_process.port) as way, joined(way.url, matches=["1"]) as node:
        way.delay_s = 0.1
        ticks = await ticks_during_renewals(node, monkeypatch, 2)
        # 200 ms are ten ticks of 20 ms.
        assert min(ticks) >= 8
        assert node.runner.hosted["1"].match.counts.rebases == 0 and not node.link.frozen
        assert node.link.lease_remaining_s() > 5


@pytest.mark.slow
async def test_ticks_go_on_while_redis_takes_2_s_which_is_too_long(redis_process: RedisProcess) -> None:
    async with slow_way(redis_process.port) as way, joined(way.url, matches=["1"]) as node:
        way.delay_s = 1.0
        before = node.ticks()
        await eventually(lambda: not node.link.available)
        # The link gives an answer up after half a second here: 25 ticks.
        assert node.ticks() - before >= 20
        await eventually(lambda: node.ticks() - before >= 100)
        assert node.runner.hosted["1"].match.counts.rebases == 0 and not node.link.available
        way.delay_s = 0.0
        await eventually(lambda: node.link.available)


@pytest.mark.slow
async def test_no_turn_of_the_loop_does_the_work_of_many_matches(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred ledgers are cut into pieces, and ticks come between them."""
    sizes: list[int] = []
    write = Directory.write_ledgers

    async def counted(self: Directory, node: str, boot: int, ledgers: list[object]) -> object:
        sizes.append(len(ledgers))
        return await write(self, node, boot, ledgers)  # type: ignore[arg-type]

    monkeypatch.setattr(Directory, "write_ledgers", counted)
    names = [str(n) for n in range(200)]
    async with joined(redis_url, matches=names) as node:

        async def all_are_listed() -> bool:
            return (await node.directory.listed(limit=1)).total == 200

        async with asyncio.timeout(10):
            while not await all_are_listed():
                await asyncio.sleep(0.05)
        assert max(sizes) <= 16 and sum(sizes) >= 200
