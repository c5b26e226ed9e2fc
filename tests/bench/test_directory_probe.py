"""A probe of the directory measures each kind of question."""

import asyncio
from random import Random

from bench.directory_probe import probe
from bench.directory_quick_plays import KEYS, LOBBY, NODE, _listing
from game_server.cluster.records import Ledger
from game_server.cluster.sealed import Sealer
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink


def test_each_kind_of_question_is_timed(redis_url: str) -> None:
    async def run() -> dict[str, list[float]]:
        link = RedisLink(redis_url)
        await link.connect()
        try:
            directory = Directory(link, LOBBY, Sealer(KEYS))
            await directory.renew(NODE)
            listings = [each for each in (_listing(n, 0, Random(n)) for n in range(40)) if each.seats < 8]
            await directory.publish(listings)
            await directory.write_ledgers("n0", 1, [Ledger(each.match, 1, 1, 8, each.seats) for each in listings])
            return await probe(redis_url, 0.3)
        finally:
            await link.close()

    took = asyncio.run(run())
    assert took.keys() == {"create", "join", "renew"}
    assert all(len(times) > 1 and min(times) > 0 for times in took.values())
