"""Bots for measuring: they do more than players would.

To test: `tests/bench/test_behaviours.py`.
"""

from collections.abc import Iterable
from random import Random

from demo_game.entities import Controls
from game_client import BotView
from protocol.declare import EDGE_MODULO, Command, Input


class Still:
    """Does nothing, and so only acknowledges what it sees."""

    def __init__(self, rng: Random) -> None:
        """Need no dice."""

    def act(self, view: BotView) -> Iterable[Input | Command]:
        """Return nothing."""
        return ()


class Restless:
    """Never stands still, never stops shooting: full thrust, turning most of the time, a boost whenever there is one.

    More bytes than any player makes: every field of motion changes in nearly every tick, and every shot is fired.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._turn = 1
        self._until = 0
        self._boosts = 0

    def act(self, view: BotView) -> Iterable[Input | Command]:
        """Return the controls for the state just seen."""
        if view.tick >= self._until:
            self._until = view.tick + self._rng.randrange(5, 25)
            self._turn = self._rng.choice((-1, -1, 0, 1, 1))
            self._boosts = (self._boosts + 1) % EDGE_MODULO
        return [Controls(thrust=1, turn=self._turn, fire=True, boost=self._boosts)]
