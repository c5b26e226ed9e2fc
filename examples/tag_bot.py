"""A player for Tag without a person: `tickwire bots URL --count 4 --behaviour examples.tag_bot:TagBot`."""

from collections.abc import Iterable
from random import Random
from typing import Any

from examples.tag import Steer


class TagBot:
    """Runs at the nearest runner when "it", else away from whoever is; now and then somewhere else."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._until = 0
        self._whim = (0, 0)

    def act(self, view: Any) -> Iterable[Steer]:
        """Return the steering for the state just seen."""
        runners = view.world.all("Runner")
        me = next((runner for runner in runners if runner.owner == view.seat), None)
        if me is None:
            return []
        if self._rng.random() < 0.02:
            self._until = view.tick + 10
            self._whim = (self._rng.randrange(-1, 2), self._rng.randrange(-1, 2))
        if view.tick < self._until:
            return [Steer(dx=self._whim[0], dy=self._whim[1])]
        others = [runner for runner in runners if runner.id != me.id and (me.is_it or runner.is_it)]
        if not others:
            return [Steer()]
        near = min(others, key=lambda runner: (runner.x - me.x) ** 2 + (runner.y - me.y) ** 2)
        towards = 1 if me.is_it else -1
        return [Steer(dx=towards * _sign(near.x - me.x), dy=towards * _sign(near.y - me.y))]


def _sign(gap_m: float) -> int:
    return 0 if abs(gap_m) < 0.1 else 1 if gap_m > 0 else -1
