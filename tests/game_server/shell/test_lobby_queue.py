"""The skill queue as one request: given up, cut off, sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.matchmaker import QueueRules
from game_server.cluster.queue_ticket import Assigned, Waiting
from game_server.shell.lobby_queue import LobbyQueue
from game_server.shell.lobby_search import Search
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_matchmaker import Matchmaker
from game_server.shell.redis_queue import MatchQueue
from protocol.lobby_messages import LobbyMessage, Searching
from tests.game_server.shell.queue_for_tests import TestSeals, queued
from tests.redis_servers import eventually

RULES = QueueRules(2, 2)


async def create(spec: object, schema_hash: int) -> None:
    """Every match can be made."""


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[MatchQueue]:
    link = RedisLink(redis_url)
    await link.connect()
    maker = Matchmaker(link, "Arena", TestSeals(), RULES, create, leader="n1")
    queue = MatchQueue(link, "Arena", TestSeals(), RULES, maker)
    queue.start()
    yield queue
    await queue.stop()
    await link.close()


async def test_two_who_wait_get_the_same_match_and_are_told_on_the_way(queue: MatchQueue) -> None:
    told: list[LobbyMessage] = []
    first = asyncio.create_task(LobbyQueue(queue).wait("a", ["ann"], (), 0, Search("r", told.append)))
    await eventually(lambda: bool(told))
    second = await LobbyQueue(queue).wait("b", ["ben"], (), 0, Search("r"))
    assert await first == second
    assert isinstance(told[0], Searching) and (told[0].found, told[0].wanted) == (1, 2)


async def test_who_gives_up_is_out_of_the_queue(queue: MatchQueue) -> None:
    search = Search("r")
    waiting = asyncio.create_task(LobbyQueue(queue).wait("a", ["ann"], (), 0, search))
    await asyncio.sleep(0.1)
    search.give_up()
    with pytest.raises(LobbyRefused, match="cancelled"):
        await waiting
    assert not isinstance((await queue.status(["a"]))["a"], Waiting | Assigned)


async def test_a_cut_lets_the_ticket_go_and_a_repeat_takes_it_up(queue: MatchQueue) -> None:
    waiting = asyncio.create_task(LobbyQueue(queue).wait("a", ["ann"], (), 0, Search("r")))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert "a" not in queue._own
    again = asyncio.create_task(LobbyQueue(queue).wait("a", ["ann"], (), 0, Search("r")))
    match = await LobbyQueue(queue).wait("b", ["ben"], (), 0, Search("r"))
    assert await again == match


async def test_what_a_socket_left_behind_can_be_taken_out_and_nothing_is_written_of_what_never_was(
    queue: MatchQueue,
) -> None:
    lobby = LobbyQueue(queue)
    waiting = asyncio.create_task(lobby.wait("a", ["ann"], (), 0, Search("r")))
    await asyncio.sleep(0.1)
    waiting.cancel()
    await asyncio.wait([waiting])
    await lobby.abandon("a")
    await lobby.abandon("never")
    await queue.enqueue("b", queued("ann"))  # not busy
    assert not await queue._link.call("HEXISTS", queue._keys[4], "never")


async def test_who_gives_up_while_redis_is_away_is_answered_and_not_kept(
    queue: MatchQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search("r")
    waiting = asyncio.create_task(LobbyQueue(queue).wait("a", ["ann"], (), 0, search))
    await asyncio.sleep(0.1)

    async def away(request: str) -> None:
        raise DirectoryUnavailable("gone")

    monkeypatch.setattr(queue, "cancel", away)
    search.give_up()
    async with asyncio.timeout(1):
        with pytest.raises(LobbyRefused, match="cancelled"):
            await waiting
    assert "a" not in queue._own
