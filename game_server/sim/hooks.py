"""What a match needs of a game: the hooks it calls, and the attributes it fills in before the first."""

from random import Random
from typing import Any, Protocol

from game_server.sim.seat import Seat
from game_server.sim.world import World
from protocol.declare import Audience, Entity, Record
from protocol.vocabulary import Vocabulary

Emitted = tuple[int, list[Any], Seat | Audience | Entity]
"""An event on its way: its kind, its values, and whom it reaches."""


class Hooks(Protocol):
    """A game as the match sees it; `game_server.Game` is the class that developers extend."""

    tick_rate_hz: int
    seats_max: int
    options: Any
    vocabulary: Vocabulary
    world: World
    rng: Random
    seats: list[Seat]
    tick: int
    dt_s: float
    ended: bool

    def take_ranked(self) -> list[tuple[tuple[str, ...], ...]]:
        """Return the rankings told since the last call: each team's proven players, the best team first."""

    def take_emitted(self) -> list[Emitted]:
        """Return the events emitted since the last call."""

    def on_start(self) -> None:
        """The match begins."""

    def on_join(self, seat: Seat) -> None:
        """A player sat down."""

    def on_input(self, seat: Seat, input: Any) -> None:
        """One tick of one seat's control."""

    def on_command(self, seat: Seat, command: Any) -> None:
        """A reliable act."""

    def on_chat(self, seat: Seat, text: str) -> None:
        """A line of chat."""

    def on_tick(self, tick: int) -> None:
        """One step of the rules, after all inputs."""

    def on_disconnect(self, seat: Seat) -> None:
        """A player's connection is lost; the seat is kept for the grace time."""

    def on_reconnect(self, seat: Seat) -> None:
        """A player came back to the seat."""

    def on_leave(self, seat: Seat) -> None:
        """A player left."""

    def on_stop(self) -> None:
        """The match ends in order."""

    def can_see(self, seat: Seat, entity: Entity) -> bool:
        """Tell whether a seat sees an entity whose audience is `can_see`."""

    def asked_command(self, seat: Seat, command: Record) -> None:
        """Pass a command to its hook."""
