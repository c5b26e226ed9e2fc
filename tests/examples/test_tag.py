"""The example game Tag, and its bot."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random
from typing import Any

from examples.tag import Runner, Steer, Tag, run
from examples.tag_bot import TagBot
from tests.demo_game.bot_match import BotMatch


class Stands:
    def act(self, view: Any) -> Iterable[Steer]:
        return []


def two_runners() -> tuple[BotMatch, Runner, Runner]:
    match = BotMatch(Tag)
    match.seat(Stands())
    match.seat(Stands())
    match.step(1)
    first, second = match.kind(Runner)
    first.x, second.x = 2.0, 6.0
    return match, first, second


def test_running_covers_four_metres_a_second() -> None:
    runner = Runner(x=2.0, y=2.0)
    for _ in range(20):
        run(runner, Steer(dx=1, dy=-1), 1 / 20)
    assert round(runner.x, 6) == 6.0
    assert runner.y == 0.0


def test_nobody_leaves_the_field() -> None:
    runner = Runner()
    for _ in range(100):
        run(runner, Steer(dx=1, dy=-1), 1 / 20)
    assert (runner.x, runner.y) == (10.0, 0.0)


def test_the_first_runner_is_it_and_only_that_one() -> None:
    _, first, second = two_runners()
    assert (first.is_it, second.is_it) == (True, False)


def test_a_touch_passes_it_on() -> None:
    match, first, second = two_runners()
    second.x = first.x + 0.4
    match.step(1)
    assert (first.is_it, second.is_it) == (False, True)


def test_a_miss_does_not() -> None:
    match, first, second = two_runners()
    second.x = first.x + 0.6
    match.step(1)
    assert first.is_it


def test_it_cannot_be_passed_straight_back() -> None:
    match, first, second = two_runners()
    second.x = first.x + 0.4
    match.step(20)
    assert second.is_it
    match.step(1)
    assert first.is_it


def test_when_it_leaves_another_runner_is_it() -> None:
    match, _, second = two_runners()
    match.leave(next(iter(match.clients.values())))
    match.step(1)
    assert match.kind(Runner) == [second]
    assert second.is_it


def test_bots_play_tag_for_two_minutes_with_exactly_one_it() -> None:
    match = BotMatch(Tag, seed=3)
    for number in range(5):
        match.seat(TagBot(Random(number)))
    its = []
    for _ in range(120 * 20):
        match.step(1)
        (it,) = [runner for runner in match.kind(Runner) if runner.is_it]
        its.append(it.id)
    assert sum(a != b for a, b in pairwise(its)) > 10
