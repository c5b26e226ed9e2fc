"""What Arena replicates and what its players may send, as both ends declare it.

Bytes, at 30 Hz and 16 moving ships: 5 per ship and tick (id, mask, dx, dy, dheading; so these three fields come first
and keep the mask in one byte), about 13 once per bullet and 3 when it goes; everything else is rare.

To test: `tests/demo_game/test_entities.py`.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from demo_game.rules import BORN_MODULO, GRID_M
from protocol.declare import Edge, Entity, Event, Input, kept, replicated

HP_MAX = 100
"""A whole ship's health."""

NO_WINNER = -1
"""Stands for the winner of a round in which nobody scored."""

SCORE_MAX = 999
"""Scores stop here."""

ROUND_S_MAX = 3600
"""The longest round."""

ROUND_NUMBER_MAX = 9999
"""After this round comes round 1."""

SeatNumber = Annotated[int, Field(ge=NO_WINNER, le=127)]
"""A seat in an event."""


class Controls(Input):
    """What a pilot holds down during one tick."""

    thrust: Annotated[int, Field(ge=-1, le=1)] = 0
    turn: Annotated[int, Field(ge=-1, le=1)] = 0
    fire: bool = False
    boost: Edge = 0


class Ship(Entity):
    """A player's ship; it outlives its deaths and goes when its player leaves."""

    x: float = replicated(0.0, step=GRID_M)
    y: float = replicated(0.0, step=GRID_M)
    heading: float = replicated(0.0, angle_bits=8)
    hp: int = replicated(HP_MAX, min=0, max=HP_MAX)
    alive: bool = replicated(True)
    shielded: bool = replicated(False)
    score: int = replicated(0, min=0, max=SCORE_MAX)
    name: str = replicated("", max_length=16)
    vx: float = kept(0.0)
    vy: float = kept(0.0)
    boost_wait_ticks: int = kept(0)
    reload_ticks: int = kept(0)
    rapid_ticks: int = kept(0)
    shield_ticks: int = kept(0)
    respawn_ticks: int = kept(0)


class Bullet(Entity):
    """A bullet: only its origin travels; `rules.bullet_position` says where it is."""

    short_lived = True

    x: float = replicated(0.0, step=GRID_M)
    y: float = replicated(0.0, step=GRID_M)
    heading: float = replicated(0.0, angle_bits=8)
    born: int = replicated(0, min=0, max=BORN_MODULO - 1)
    age_ticks: int = kept(0)
    life_ticks: int = kept(0)


class PickupKind(StrEnum):
    """What a pick-up gives; values equal names, so that a client that knows only names compares alike."""

    HEALTH = "HEALTH"
    RAPID_FIRE = "RAPID_FIRE"


class Pickup(Entity):
    """A place that gives something, then rests for a while."""

    x: float = replicated(0.0, step=GRID_M)
    y: float = replicated(0.0, step=GRID_M)
    gives: PickupKind = replicated(PickupKind.HEALTH)
    ready: bool = replicated(True)
    rest_ticks: int = kept(0)


class Clock(Entity):
    """The round and what is left of it; changes once a second."""

    seconds_left: int = replicated(0, min=0, max=ROUND_S_MAX)
    round_number: int = replicated(1, min=1, max=ROUND_NUMBER_MAX)
    ticks_left: int = kept(0)


class Killed(Event):
    """A ship was shot down."""

    killer: SeatNumber
    victim: SeatNumber


class RoundOver(Event):
    """The clock ran out: the best score won, or nobody (-1)."""

    winner: SeatNumber
    score: Annotated[int, Field(ge=0, le=SCORE_MAX)]
    round_number: Annotated[int, Field(ge=1, le=ROUND_NUMBER_MAX)]
