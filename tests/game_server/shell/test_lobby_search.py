"""A request that takes its time."""

import asyncio

import pytest

from game_server.cluster.errors import LobbyRefused
from game_server.shell.lobby_search import Search
from protocol.lobby_messages import LobbyMessage, Searching


async def test_a_pause_ends_at_once_when_the_search_is_given_up() -> None:
    search = Search("r")
    await search.pause(0.001)
    asyncio.get_running_loop().call_later(0.01, search.give_up)
    async with asyncio.timeout(2):
        with pytest.raises(LobbyRefused, match="cancelled"):
            await search.pause(60)
    with pytest.raises(LobbyRefused):
        search.check()


async def test_only_what_is_new_is_told() -> None:
    told: list[LobbyMessage] = []
    search = Search("r", told.append)
    search.tell(1, 2, "looking")
    search.tell(1, 2, "looking")
    search.tell(1, 2, "x" * 300, -5)
    assert told == [Searching("r", 1, 2, "looking", 0), Searching("r", 1, 2, "x" * 200, 0)]
