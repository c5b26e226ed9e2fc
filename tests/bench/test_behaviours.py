"""Bots for measuring do more than players would."""

from random import Random

from bench.behaviours import Restless, Still
from demo_game.arena import Arena
from game_client import BotView, Replica
from game_server.testing.local_match import LocalMatch


def test_the_restless_always_thrust_and_fire() -> None:
    bot = Restless(Random(1))
    acts = [act for tick in range(200) for act in bot.act(BotView(Replica(), 0, tick))]
    assert len(acts) == 200
    assert all(act.thrust == 1 and act.fire for act in acts)
    assert {act.turn for act in acts} == {-1, 0, 1}
    assert len({act.boost for act in acts}) > 5


def test_a_still_bot_acknowledges_and_does_nothing_else() -> None:
    local = LocalMatch(Arena)
    still = local.play("s", Still)
    local.step(40)
    assert still.stats.states >= 5 and local.match.counts.inputs == 0
