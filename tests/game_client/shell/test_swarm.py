"""The bots of one process: who they are, when they join, from where."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from time import monotonic

import pytest

from game_client.shell import swarm
from game_client.shell.measured import Measured
from game_client.shell.swarm import Plan, Swarm, load_behaviour, source_address, until
from protocol import UsageFault
from tests.game_client.shell.served import Jumper
from tests.game_client.shell.tiny_server import TinyServer

URL = "ws://127.0.0.1:7777/v1/match/1"


def silent(phase: str, done: float) -> None:
    pass


def test_a_behaviour_is_found_by_name_and_a_wrong_name_says_so() -> None:
    assert load_behaviour("demo_game.bots:Hunter").__name__ == "Hunter"  # type: ignore[attr-defined]
    for name in ("demo_game.bots:Nobody", "no_such_module:X", "nonsense"):
        with pytest.raises(UsageFault, match="is not module:Class"):
            load_behaviour(name)


def test_processes_share_the_bots_and_no_name_comes_twice() -> None:
    plan = Plan(("a", "b"), 7, Jumper)
    numbers = [number for first in range(3) for number in replace(plan, first=first, step=3).numbers]
    assert sorted(numbers) == list(range(7))
    names = {bot.client.name for bot in Swarm(Plan((URL,), 7, Jumper, first=1, step=3), silent).bots}
    assert names == {"bot-2", "bot-5"}


def test_a_plan_is_plain_data_and_spreads_the_bots_over_the_matches() -> None:
    plan = Plan(("a", "b"), 3, "m:C", seed=5)
    assert Plan(**asdict(plan)) == plan
    assert [plan.url(number) for number in plan.numbers] == ["a", "b", "a"]


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_bots_dial_from_four_addresses_where_a_system_has_them(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swarm.sys, "platform", system)
    addresses = [source_address(URL, number) for number in range(5)]
    if system == "linux":
        assert addresses == [f"127.0.0.{n}" for n in (1, 2, 3, 4, 1)]
    else:
        assert addresses == [None] * 5


@pytest.mark.parametrize("host", ["10.0.0.7", "game.example", "[::1]", "localhost"])
def test_what_is_no_ipv4_loopback_is_dialled_from_wherever_the_system_likes(host: str) -> None:
    assert source_address(f"ws://{host}:7777/v1/match/1", 1) is None


async def test_bots_join_no_faster_than_they_may() -> None:
    async with TinyServer() as server:
        bots = Swarm(Plan((server.url,), 4, Jumper, joins_per_s=10.0), silent)
        began = monotonic()
        await bots.join()
        # The fourth one dials 3/10 s after the first.
        assert monotonic() - began >= 0.3
        assert len(bots.playing) == 4
        peers = {socket.remote_address[0] for socket in server.sockets.values()}
        await bots.leave()
    assert len(peers) == (4 if swarm.sys.platform == "linux" else 1)


async def test_a_window_that_is_ended_tells_what_was_measured_until_then() -> None:
    async with TinyServer() as server:
        ended = asyncio.Event()
        ended.set()
        bots = Swarm(Plan((server.url,), 2, Jumper), silent)
        await bots.join()
        measured = await bots.play(3600.0, ended)
        await bots.leave()
    assert isinstance(measured, Measured)
    assert (measured.clients, measured.errors) == (2, 0)
    assert measured.seconds < 60


async def test_bots_that_could_not_join_before_the_end_are_no_errors() -> None:
    async with TinyServer() as server:
        ended = asyncio.Event()
        ended.set()
        measured = await swarm.swarm(Plan((server.url,), 2, Jumper, joins_per_s=0.001), 1.0, silent, ended)
    assert measured.errors == 0
    assert measured.clients < 2


async def test_work_is_cancelled_by_the_end_and_what_it_raises_is_raised() -> None:
    ended = asyncio.Event()

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until(fail(), ended)
    ended.set()
    await until(asyncio.sleep(3600), ended)
