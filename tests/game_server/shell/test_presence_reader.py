"""Who is online, as anybody can read it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from game_server.cluster.records import Presence
from game_server.shell.presence_reader import GAMES_KEY, PresenceReader, games, player_key, present_key, read_presence
from protocol.lobby_messages import Where
from tests.game_server.shell.presence_for_tests import Cluster, places
from tests.game_server.shell.seals import PlainSeals


@pytest.fixture
async def cluster(redis_url: str) -> AsyncIterator[Cluster]:
    cluster = Cluster(redis_url)
    yield cluster
    await cluster.close()


async def test_pages_go_through_all_nodes_and_miss_nobody(cluster: Cluster) -> None:
    nodes = [cluster.node(name) for name in "abc"]
    for n in range(30):
        nodes[n % 3].here(f"p{n:02}")
    for node in nodes:
        await node.flush()
    found: list[str] = []
    after = ""
    while True:
        page = await nodes[0].presences.online(after, 7)
        assert page.total == 30 and len(page.players) <= 7
        found += [presence.player for presence in page.players]
        after = page.next
        if not after:
            break
    assert sorted(found) == [f"p{n:02}" for n in range(30)]


async def test_what_is_not_sealed_by_the_cluster_is_not_believed(cluster: Cluster) -> None:
    node = cluster.node("a")
    node.here("ann")
    await node.flush()
    await node.link.call("HSET", player_key("ann"), "forged", b"not sealed")
    await node.link.call("HSET", player_key("bob"), "copied", (await node.link.call("HVALS", player_key("ann")))[0])
    assert set(await places(node.presences, "ann", "bob")) == {"ann"}, "nor is a record under another player's key"
    assert await node.presences.sessions(["bob"]) == []
    assert node.presences.unsealed == 1


async def test_nobody_is_online_where_nobody_is(cluster: Cluster) -> None:
    reader = PresenceReader(cluster.node("a").link, "arena", PlainSeals())
    page = await reader.online()
    assert (page.players, page.next, page.total, await reader.count()) == ([], "", 0, 0)
    assert await reader.where([]) == []


async def test_players_of_another_game_are_online_there(cluster: Cluster) -> None:
    node = cluster.node("a")
    node.here("ann")
    await node.flush()
    other = PresenceReader(node.link, "chess", PlainSeals())
    assert (await other.online()).players == []
    assert await places(other, "ann") != {}, "but who asks for a player by name finds the player anywhere"


async def test_a_roster_counts_only_while_its_node_is_present(cluster: Cluster) -> None:
    node = cluster.node("a")
    node.here("ann")
    await node.flush()
    await node.link.call("DEL", present_key("a"))
    assert (await node.presences.online()).players == []


async def test_the_games_that_are_played_are_known(cluster: Cluster) -> None:
    node = cluster.node("a")
    assert await games(node.link) == []
    await node.flush()
    assert await games(node.link) == ["arena"]
    await node.link.call("ZADD", GAMES_KEY, 1, "long ago")
    assert await games(node.link) == ["arena"]


def test_a_record_of_another_shape_is_refused() -> None:
    assert read_presence(["ann", "Ann", 2, "m-1", "a", 1, "s", 5]) == Presence(
        "ann", "Ann", Where.MATCH, "m-1", "a", 1, "s", 5
    )
    for fields in (["ann"], ["ann", "Ann", 9, "m-1", "a", 1, "s", 5]):
        with pytest.raises(ValueError):
            read_presence(fields)
