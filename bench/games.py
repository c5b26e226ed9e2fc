"""Games for measuring: one in which nothing happens, one in which much does.

To test: `tests/bench/test_games.py`.
"""

from typing import Annotated

from pydantic import BaseModel, Field

from game_server import Entity, Game, Input, replicated

FIELD_M = 100.0


class Nudge(Input):
    """One small control."""

    dx: Annotated[int, Field(ge=-1, le=1)] = 0


class Drifter(Entity):
    """Goes its way, or stands."""

    x: float = replicated(0.0, step=0.01)
    y: float = replicated(0.0, step=0.01)
    hits: int = replicated(0, min=0)


class Quiet(Game):
    """Nothing is there and nothing happens: what is left is a connection's own cost.

    It ticks as often as the wire has a state sent that says nothing, every 250 ms: with 10,000 seats, 20 Hz would be
    200,000 seats per second to look at, and no connection's cost.
    """

    tick_rate_hz, seats_max, input = 4, 1000, Nudge
    entities = ()


class Still(Quiet):
    """As quiet, at the slowest rate that a client does not take for silence with time to spare."""

    tick_rate_hz = 2


class Hall(Quiet):
    """As quiet, with a hundred seats: ten of them are a thousand."""

    seats_max = 100


class Booth(Quiet):
    """As quiet, with few seats, so that those that are left are soon asked for twice."""

    seats_max = 16


class Crowds(Quiet):
    """As quiet, with so few seats that a few bots fill many matches."""

    seats_max = 4


class BusyOptions(BaseModel):
    """How much there is: by default the load of the comparison with other servers."""

    entities: Annotated[int, Field(ge=0, le=5000)] = 200
    moving: Annotated[int, Field(ge=0, le=5000)] = 100


class Busy(Game):
    """Entities of which many move in every tick, whatever players do."""

    tick_rate_hz, seats_max, input, options = 20, 1000, Nudge, BusyOptions

    def on_start(self) -> None:
        for _ in range(self.options.entities):
            self.world.spawn(Drifter(x=self.rng.uniform(0.0, FIELD_M), y=self.rng.uniform(0.0, FIELD_M)))
        self._moving = self.world.all(Drifter)[: self.options.moving]

    def on_tick(self, tick: int) -> None:
        for number, drifter in enumerate(self._moving):
            drifter.x = (drifter.x + 0.05 + 0.01 * (number % 5)) % FIELD_M
            drifter.y = (drifter.y + 0.03) % FIELD_M
