from __future__ import annotations

import asyncio
from random import Random

import pytest

from game_client import JoinRefused, LobbyRefused
from game_client.shell import quick_seat
from game_client.shell.quick_seat import QuickSeat, is_lobby
from protocol.lobby_messages import QuickPlay
from tests.game_client.shell.fake_lobby import FakeLobby


@pytest.mark.parametrize(
    ("url", "lobby"),
    [
        ("ws://there:7777/v1/lobby", True),
        ("wss://there/v1/lobby/", True),
        ("ws://there/v1/match/1", False),
        ("ws://there/n/a/v1/match/v1-lobby", False),
        ("ws://there/?x=/v1/lobby", False),
    ],
)
def test_a_lobby_is_known_by_its_path(url: str, lobby: bool) -> None:
    assert is_lobby(url) is lobby


async def test_a_bot_enters_asks_and_leaves_and_is_the_same_guest_the_next_time() -> None:
    async with FakeLobby() as fake:
        bot = QuickSeat(fake.url, "bot-1", Random(1))
        seat = await bot.find()
        assert seat.match == "m-1"
        while fake.sockets:
            await asyncio.sleep(0.005)
        assert (await bot.again(seat)).ticket != seat.ticket
        assert fake.credentials == ["bot-1", "tickwire-guest-1.1"]


async def test_a_lobby_that_is_busy_is_asked_again() -> None:
    async with FakeLobby() as fake:
        fake.refusals = [("unavailable", "directory unavailable", 10)]
        assert (await QuickSeat(fake.url, "bot-1", Random(1)).find()).match == "m-1"
        assert len(fake.heard_of(QuickPlay)) == 2


async def test_one_that_gets_no_seat_in_time_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_seat, "PATIENCE_S", 0.1)
    async with FakeLobby() as fake:
        fake.holding = True
        with pytest.raises(LobbyRefused, match=r"no seat was found within 0.1 s \(timeout\)"):
            await QuickSeat(fake.url, "bot-1", Random(1)).find()


async def test_a_lobby_that_cannot_be_reached_is_a_refusal_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_seat, "PATIENCE_S", 0.1)
    with pytest.raises(JoinRefused, match="cannot be reached"):
        await QuickSeat("ws://127.0.0.1:1/v1/lobby", "bot-1", Random(1)).find()


async def test_a_seat_that_is_lost_is_another_quick_play() -> None:
    """The ids of requests differ though the bot's own generator repeats."""
    async with FakeLobby() as fake:
        for _ in range(2):
            await QuickSeat(fake.url, "bot-1", Random(1)).find()
        assert len({each.request for each in fake.heard_of(QuickPlay)}) == 2
