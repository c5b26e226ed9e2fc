"""Matches that come, go, freeze and thaw while the runner runs."""

import asyncio
import gc

import pytest

from game_server.shell.garbage import IdleCollector
from game_server.shell.line import Entrant, clock_ns
from game_server.shell.match_runner import MatchRunner
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.messages import Moved, Paused, State
from tests.game_server.shell.game_for_tests import HELLO, Dots
from tests.game_server.shell.test_match_runner import PERIOD_NS, FakePeer, runner_of, seated, until


async def test_a_match_that_is_added_ticks_also_where_none_was_left() -> None:
    collector = IdleCollector()
    runner = MatchRunner([], collector=collector)
    runner.start()
    collector.start()
    try:
        for each in "12":
            runner.add(Match(Dots(), each, start_ns=clock_ns()))
            peer = seated(runner, each)
            await until(lambda peer=peer: sum(isinstance(each, State) for each in peer.messages()) >= 3)
            assert not gc.isenabled()
            runner.remove(each)
            assert peer.closes == [(1000, "the match is over")] and each not in runner.hosted
        await asyncio.sleep(0.05)
    finally:
        collector.stop()
        runner.halt()


async def test_all_matches_freeze_and_thaw_at_once() -> None:
    runner = runner_of(2)
    peer = seated(runner)
    runner.start()
    await until(lambda: len(peer.written) > 2)
    runner.freeze()
    ticks = [hosted.match.tick for hosted in runner.hosted.values()]
    await until(lambda: any(isinstance(each, Paused) for each in peer.messages()))
    assert [hosted.match.tick for hosted in runner.hosted.values()] == ticks
    runner.thaw()
    await until(lambda: all(hosted.match.tick > ticks[0] + 2 for hosted in runner.hosted.values()))
    runner.halt()


async def test_who_won_is_handed_on() -> None:
    runner, told = runner_of(), []
    runner.on_ranked = lambda match_id, teams: told.append((match_id, teams))
    game = runner.hosted["1"].match.game
    peer = FakePeer()
    peer.line = runner.open_line("1", peer, Entrant("Ada", player="ada"))
    peer.line.frame(encode(HELLO))
    runner.start()
    await until(lambda: game.seats)
    game.rank([game.seats])
    await until(lambda: told)
    runner.halt()
    assert told == [("1", (("ada",),))]


async def test_the_guard_is_asked_before_each_tick_and_can_freeze_all_in_time() -> None:
    runner = runner_of(3)
    asked: list[int] = []

    def guard() -> None:
        asked.append(sum(each.match.counts.ticks for each in runner.hosted.values()))
        if asked[-1] == 7:
            runner.freeze()

    runner.guard = guard
    runner.start()
    await until(lambda: all(each.match.frozen for each in runner.hosted.values()))
    await asyncio.sleep(3 * PERIOD_NS / 1e9)
    assert sum(each.match.counts.ticks for each in runner.hosted.values()) == 7
    assert {*range(8)} <= {*asked}, "between any two ticks the guard was asked"
    runner.guard = None
    runner.thaw()
    await until(lambda: all(each.match.counts.ticks > 4 for each in runner.hosted.values()))
    runner.halt()


async def test_a_match_that_is_added_while_all_are_frozen_is_frozen_too() -> None:
    runner = runner_of()
    runner.start()
    runner.freeze()
    runner.add(Match(Dots(), "late", start_ns=clock_ns()))
    assert runner.hosted["late"].match.frozen
    runner.thaw()
    assert not runner.hosted["late"].match.frozen
    runner.halt()


async def test_a_match_that_moved_tells_its_clients_where_and_is_forgotten() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.move("1", "ws://other/v1/match/1")
    assert peer.messages()[-1] == Moved("ws://other/v1/match/1", "")
    assert [code for code, _ in peer.closes] == [1012] and runner.hosted == {}


async def test_a_runner_that_rested_has_not_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    runner, forgiven = MatchRunner([]), []
    monkeypatch.setattr(runner, "forgive", forgiven.append)
    runner.start()
    runner.awake_ns -= 60 * 10**9
    runner.add(Match(Dots(), "1", start_ns=clock_ns()))
    peer = seated(runner)
    await until(lambda: any(isinstance(each, State) for each in peer.messages()))
    runner.halt()
    assert not forgiven
