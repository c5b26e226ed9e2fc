"""What a bot is: a behaviour that looks at its view after each state, and says what to do.

    class Restless:
        def __init__(self, rng): self.rng = rng
        def act(self, view): return [Steer(dx=self.rng.choice((-1, 0, 1)))]

To test: `tests/game_client/test_bot.py`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol, TypeAlias

from game_client.replica import Replica
from protocol.declare import Command, Input

EVENTS_KEPT_MAX = 256
"""Events of one view; of more between two states the oldest go first."""


@dataclass(slots=True)
class BotView:
    """What a behaviour sees: its world, its seat, the tick, and the events since it was last asked."""

    world: Replica
    seat: int | None = None
    tick: int = -1
    events: Sequence[tuple[int, Any]] = field(default_factory=tuple)


class Behaviour(Protocol):
    """How a bot plays. Made with a seeded generator of its own, so that a swarm can be repeated."""

    def act(self, view: BotView) -> Iterable[Input | Command]:
        """Return an input to hold from now on, commands, or nothing. Called after each applied state."""


BehaviourMaker: TypeAlias = Callable[[Random], Behaviour]
"""A behaviour's class."""


class Player(Protocol):
    """What a bot plays through: the part of a client that `play_turn` needs."""

    @property
    def world(self) -> Replica:
        """The visible world."""

    @property
    def seat(self) -> int | None:
        """The seat, None for a spectator."""

    @property
    def tick(self) -> int:
        """The last applied tick."""

    def take_events(self) -> list[tuple[int, Any]]:
        """Return the events since the last call."""

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        """Hold an input."""

    def send_command(self, command: object, **fields: Any) -> None:
        """Send a command."""


def play_turn(behaviour: Behaviour, player: Player) -> None:
    """Ask `behaviour` once, and do what it says."""
    view = BotView(player.world, player.seat, player.tick, player.take_events()[-EVENTS_KEPT_MAX:])
    for act in behaviour.act(view):
        if isinstance(act, Command):
            player.send_command(act)
        else:
            player.send_input(act)
