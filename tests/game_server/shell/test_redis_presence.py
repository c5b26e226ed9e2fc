"""Presence in a real Redis: two nodes, several devices, a node that dies, a Redis that loses everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.presence_reader import player_key
from game_server.shell.redis_link import RedisLink
from protocol.lobby_messages import Where
from tests.game_server.shell.presence_for_tests import Cluster, places
from tests.redis_servers import ClusterSetUp, RedisProcess, eventually


@pytest.fixture
async def cluster(redis_url: str) -> AsyncIterator[Cluster]:
    cluster = Cluster(redis_url)
    yield cluster
    await cluster.close()


async def test_who_is_here_is_seen_from_everywhere_until_gone(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    lobby = a.here("ann")
    b.here("bob", Where.MATCH, "m-1")
    await a.flush()
    await b.flush()
    for node in (a, b):
        assert await places(node.presences, "ann", "bob", "eve") == {
            "ann": (Where.LOBBY, "", "a"), "bob": (Where.MATCH, "m-1", "b")}  # fmt: skip
    a.presences.gone("ann", lobby)
    await a.flush()
    assert await places(b.presences, "ann") == {}
    assert await cluster.nodes[0].link.call("EXISTS", player_key("ann")) == 0, "no key is left"


async def test_a_dead_node_s_players_vanish_with_its_ttl(cluster: Cluster) -> None:
    dying, well = cluster.node("a", ttl_s=0.2), cluster.node("b")
    dying.here("ann")
    well.here("bob")
    await dying.flush()
    await well.flush()
    assert set(await places(well.presences, "ann", "bob")) == {"ann", "bob"}
    deadline = time.monotonic() + 2
    while set(await places(well.presences, "ann", "bob")) != {"bob"}:
        assert time.monotonic() < deadline
    page = await well.presences.online()
    assert [p.player for p in page.players] == ["bob"]


async def test_a_node_that_departs_is_gone_at_once(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    a.here("ann")
    await a.flush()
    await a.presences.depart()
    assert await places(b.presences, "ann") == {}
    assert await b.link.call("EXISTS", player_key("ann")) == 0
    assert await b.presences.count() == 0


async def test_a_node_started_anew_does_not_show_the_players_of_its_former_life(cluster: Cluster) -> None:
    old, new = cluster.node("a"), cluster.node("a", boot=2)
    old.here("ann")
    await old.flush()
    await new.flush()
    assert await places(new.presences, "ann") == {}
    assert (await new.presences.online()).players == []
    old.here("bob")
    await old.flush()
    assert old.presences.superseded and not new.presences.superseded
    assert await places(new.presences, "ann", "bob") == {}


async def test_the_newest_device_wins_on_whichever_node_it_is(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    old = a.here("ann", since_ms=1)
    await a.flush()
    b.here("ann", since_ms=2)
    await b.flush()
    assert (a.replaced, b.replaced) == ([], [])
    await a.flush()  # asked to look again, although no message reached it
    assert (a.replaced, b.replaced) == ([old], [])
    a.presences.gone("ann", old)
    await a.flush()
    assert await places(a.presences, "ann") == {"ann": (Where.LOBBY, "", "b")}


async def test_two_devices_on_one_node_and_a_clock_that_is_behind(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    older = a.here("ann", since_ms=1, session="1")
    a.here("ann", since_ms=2, session="2")
    await a.flush()
    assert a.replaced == [older]
    a.presences.gone("ann", older)
    late = b.here("ann", since_ms=0)
    await b.flush()
    assert b.replaced == [late], "whose beginning is earlier gives way, whoever wrote first"


async def test_both_devices_stay_if_the_setting_says_so_and_the_player_counts_once(cluster: Cluster) -> None:
    a, b = cluster.node("a", "both"), cluster.node("b", "both")
    a.here("ann", since_ms=1)
    b.here("ann", since_ms=2)
    for node in (a, b, a):
        await node.flush()
    assert (a.replaced, b.replaced) == ([], [])
    assert len(await a.presences.sessions(["ann"])) == 2
    page = await a.presences.online()
    assert ([(p.player, p.node) for p in page.players], page.total) == ([("ann", "b")], 1)


async def test_who_plays_is_shown_there_and_in_the_lobby_again_afterwards(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    a.here("ann", since_ms=1)
    await a.flush()
    match = b.here("ann", Where.MATCH, "m-1", since_ms=2)
    for node in (b, a):
        await node.flush()
    page = await a.presences.online()
    assert ([(p.where, p.node) for p in page.players], page.total) == ([(Where.MATCH, "b")], 1)
    b.presences.gone("ann", match)
    for node in (b, a):
        await node.flush()
    page = await a.presences.online()
    assert ([(p.where, p.node) for p in page.players], page.total) == ([(Where.LOBBY, "a")], 1)
    assert a.replaced == []


async def test_after_a_redis_that_came_back_empty_all_is_written_again(redis_process: RedisProcess) -> None:
    cluster = Cluster(redis_process.url)
    node = cluster.node("a")
    for n in range(20):
        node.here(f"p{n}")
    await node.flush()
    redis_process.kill()
    with pytest.raises(DirectoryUnavailable):
        await node.flush()
    left = node.here("late")
    with pytest.raises(DirectoryUnavailable):
        await node.flush()
    redis_process.start()
    await eventually(lambda: node.link.available)
    await node.flush()
    assert len(await places(node.presences, *(f"p{n}" for n in range(20)), "late")) == 21
    node.presences.gone("late", left)
    await node.flush()
    assert [p.player for p in (await node.presences.online("", 100)).players] == sorted(f"p{n}" for n in range(20))
    await cluster.close()


async def test_what_could_not_be_written_is_written_as_soon_as_redis_answers(redis_process: RedisProcess) -> None:
    cluster = Cluster(redis_process.url, timeout_s=0.2)
    node = cluster.node("a")
    left = node.here("ann")
    await node.flush()
    redis_process.pause()
    node.presences.gone("ann", left)
    node.here("bob")
    real, node.presences._say_alive = node.presences._say_alive, _yes  # so that the writing itself fails
    with pytest.raises(DirectoryUnavailable):
        await node.flush()
    node.presences._say_alive = real
    redis_process.go_on()
    await eventually(lambda: node.link.available)
    await node.flush()
    assert set(await places(node.presences, "ann", "bob")) == {"bob"}
    assert [p.player for p in (await node.presences.online()).players] == ["bob"]
    await cluster.close()


async def _yes() -> bool:
    return True


async def test_a_record_lives_on_while_its_player_stays_and_is_refreshed_in_time(cluster: Cluster) -> None:
    node = cluster.node("a")
    node.here("ann")
    await node.flush()
    await node.link.call("PEXPIRE", player_key("ann"), 5_000)
    node.clock_ns += 19_000_000_000
    await node.flush()
    assert await node.link.call("PTTL", player_key("ann")) <= 5_000
    node.clock_ns += 2_000_000_000
    await node.flush()
    assert await node.link.call("PTTL", player_key("ann")) > 50_000


async def test_an_idle_flush_is_one_round_trip_and_a_thousand_players_are_few(cluster: Cluster) -> None:
    node = cluster.node("a")
    await node.flush()
    before = node.link.round_trips
    await node.flush()
    assert node.link.round_trips - before == 1
    for n in range(1000):
        node.here(f"p{n}")
    before = node.link.round_trips
    await node.flush()
    assert node.link.round_trips - before <= 1 + 2 * 17
    assert len(await places(node.presences, *(f"p{n}" for n in range(1000)))) == 1000


async def test_by_itself_it_writes_soon_and_tells_the_older_device_at_once(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    for node in (a, b):
        node.presences.start()
    old = a.here("ann", since_ms=1)
    await asyncio.sleep(0)
    while not await places(b.presences, "ann"):
        await asyncio.sleep(0.01)
    b.here("ann", since_ms=2)
    await eventually(lambda: a.replaced == [old], seconds=2)


async def test_watchers_are_told_of_changes_within_one_poll_although_pub_sub_is_killed(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    for node in (a, b):
        node.presences.start()
    told: list[tuple[str, Where, str]] = []
    watch = b.presences.watch(
        ["ann", "eve"], lambda changes: told.extend((p.player, p.where, p.match) for p in changes)
    )
    await eventually(lambda: len(told) == 2)
    assert sorted(told) == [("ann", Where.NOWHERE, ""), ("eve", Where.NOWHERE, "")]
    killer = asyncio.create_task(_kill_pub_sub(cluster.url))
    for match in ("m-1", "m-2", "m-3"):
        a.here("ann", Where.MATCH, match, session="s")
        await eventually(lambda match=match: told[-1] == ("ann", Where.MATCH, match), seconds=1.0)
    a.presences.gone("ann", "s")
    await eventually(lambda: told[-1] == ("ann", Where.NOWHERE, ""), seconds=1.0)
    killer.cancel()
    await asyncio.wait([killer])
    count = len(told)
    watch.close()
    a.here("eve")
    await asyncio.sleep(0.5)
    assert len(told) == count


async def _kill_pub_sub(url: str) -> None:
    link = RedisLink(url)
    try:
        while True:
            await link.call("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(0.01)
    finally:
        await link.close()


async def test_an_error_of_whoever_is_told_does_not_end_it(cluster: Cluster) -> None:
    a, b = cluster.node("a"), cluster.node("b")
    first = a.here("ann", Where.MATCH, "m-1")

    def fails(session: str) -> None:
        failed.append(session)
        raise RuntimeError("a game's mistake")

    failed: list[str] = []
    a.presences.on_replaced = fails
    a.presences.start()
    b.here("ann", Where.MATCH, "m-2")
    await b.flush()
    await eventually(lambda: failed)
    a.presences.gone("ann", first)
    a.here("bob")
    async with asyncio.timeout(5):
        while not await places(b.presences, "bob"):
            await asyncio.sleep(0.02)


async def test_it_works_in_a_cluster(redis_cluster: ClusterSetUp) -> None:
    cluster = Cluster(redis_cluster.url)
    a, b = cluster.node("a"), cluster.node("b")
    for n in range(50):
        (a if n % 2 else b).here(f"p{n}")
    old = a.here("ann", since_ms=1)
    await a.flush()
    b.here("ann", since_ms=2)
    for node in (b, a):
        await node.flush()
    assert a.replaced == [old]
    assert len(await places(a.presences, *(f"p{n}" for n in range(50)))) == 50
    assert (await b.presences.online("", 100)).total == 51
    await cluster.close()
