"""Live lists over a real directory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.records import Attributes
from game_server.shell.lobby_hub import LobbyHub
from game_server.shell.redis_directory import Directory
from protocol.lobby_messages import MatchesChanged
from tests.game_server.shell.directory_for_tests import listing, node_record, open_directory
from tests.redis_servers import RedisProcess, eventually

DUEL: Attributes = (("mode", "duel"),)


class Told:
    """What a watcher knows, by what it was told."""

    def __init__(self) -> None:
        self.messages: list[MatchesChanged] = []
        self.seats: dict[str, int] = {}

    def __call__(self, news: MatchesChanged) -> None:
        self.messages.append(news)
        for match in news.gone:
            del self.seats[match]
        self.seats.update((row[0], row[1]) for row in news.changed)


@pytest.fixture
async def hub(redis_url: str) -> AsyncIterator[LobbyHub]:
    directory = await open_directory(redis_url)
    await directory.renew(node_record())
    hub = LobbyHub(directory, poll_s=0.05, debounce_s=0.0)
    hub.start()
    yield hub
    await hub.stop()
    await directory.link.close()


def directory_of(hub: LobbyHub) -> Directory:
    return hub._directory


async def test_a_watcher_is_told_at_once_even_of_nothing(hub: LobbyHub) -> None:
    told = Told()
    hub.watch((), told)
    await eventually(lambda: bool(told.messages))
    assert told.messages == [MatchesChanged([], [], 0)]


async def test_watchers_are_told_what_their_filters_show(hub: LobbyHub) -> None:
    every, duels = Told(), Told()
    hub.watch((), every)
    hub.watch(DUEL, duels)
    await directory_of(hub).publish([listing("a", attributes=DUEL), listing("b")])
    await eventually(lambda: every.seats == {"a": 0, "b": 0} and duels.seats == {"a": 0})
    await directory_of(hub).publish([listing("b", seats=3)])
    await directory_of(hub).unlist("n0", 1, ["a"])
    await eventually(lambda: every.seats == {"b": 3} and duels.seats == {})
    assert (every.messages[-1].total, duels.messages[-1].total) == (1, 0)


async def test_a_slow_watcher_gets_one_merged_difference(hub: LobbyHub) -> None:
    slow, quick = Told(), Told()
    number = hub.watch((), slow)
    hub.watch((), quick)
    await eventually(lambda: bool(slow.messages))
    hub.block(number, True)
    for seats in range(1, 6):
        await directory_of(hub).publish([listing("a", seats=seats)])
        await eventually(lambda seats=seats: quick.seats == {"a": seats})
    assert len(slow.messages) == 1
    hub.block(number, False)
    assert slow.seats == {"a": 5} and len(slow.messages) == 2


async def test_who_leaves_is_told_nothing_more_and_nobody_polls_for_nobody(hub: LobbyHub) -> None:
    told = Told()
    number = hub.watch((), told)
    await eventually(lambda: bool(told.messages))
    hub.leave(number)
    polls = hub.polls
    await directory_of(hub).publish([listing("a")])
    hub.wake()
    other = Told()
    hub.watch((), other)
    await eventually(lambda: other.seats == {"a": 0})
    assert not told.seats and hub.polls <= polls + 4


async def test_a_redis_that_comes_back_empty_is_told_as_a_difference(redis_process: RedisProcess) -> None:
    directory = await open_directory(redis_process.url)
    await directory.renew(node_record())
    await directory.publish([listing("a"), listing("b", seats=1)])
    hub, told = LobbyHub(directory, poll_s=0.05, debounce_s=0.0), Told()
    hub.start()
    hub.watch((), told)
    await eventually(lambda: told.seats == {"a": 0, "b": 1})
    redis_process.kill()
    redis_process.start()

    async def published() -> bool:
        try:
            await directory.renew(node_record())
            await directory.publish([listing("b", seats=2), listing("c")])
        except DirectoryUnavailable:
            return False
        return True

    while not await published():
        await asyncio.sleep(0.02)
    await eventually(lambda: told.seats == {"b": 2, "c": 0}, 8)
    await hub.stop()
    await directory.link.close()
