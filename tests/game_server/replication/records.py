"""Records to test with."""

from typing import Any

from game_server.replication.record import Record
from protocol.declare import Audience
from protocol.fields import Bool, Step
from protocol.ids import EntityId, SeatId, Tick
from protocol.schema import EntityKind, Schema

KIND = EntityKind("Thing", (("x", Step(1)), ("on", Bool())))
SCHEMA = Schema(entities=(KIND,))


def record(
    entity_id: int,
    tick: int = 0,
    generation: int = 0,
    audience: Audience = Audience.EVERYONE,
    owner: int | None = None,
    values: tuple[Any, ...] = (0, False),
) -> Record:
    seat = None if owner is None else SeatId(owner)
    made = Record(EntityId(entity_id), generation, 0, KIND, seat, audience)
    made.born(values, Tick(tick))
    return made
