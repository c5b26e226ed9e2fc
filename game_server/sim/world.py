"""The world of one match: its entities, and what changed about them since the last commit.

State is plain attributes. A commit captures every entity's replicated fields in one tuple and compares it with the one
before; nothing is marked, nothing is proxied.
To test: `tests/game_server/sim/test_world.py`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from game_server.replication.record import Record
from game_server.sim.entity_ids import EntityIds
from game_server.sim.seat import Seat
from protocol.declare import Audience, Entity
from protocol.errors import GameFault, UsageFault
from protocol.ids import EntityId, SeatId, Tick
from protocol.messages import STATE_ITEMS_MAX
from protocol.vocabulary import Vocabulary

E = TypeVar("E", bound=Entity)


class World:
    """The entities of one match."""

    def __init__(self, vocabulary: Vocabulary, quarantine_ticks: int) -> None:
        self._vocabulary = vocabulary
        self._ids = EntityIds(quarantine_ticks)
        self._entities: dict[int, Entity] = {}
        self._by_kind: dict[type[Entity], dict[int, Entity]] = {kind: {} for kind in vocabulary.entities}
        self._by_owner: dict[tuple[SeatId, type[Entity]], dict[int, Entity]] = {}
        self._tracked: dict[int, tuple[Entity, Callable[[Any], tuple[Any, ...]], Record]] = {}
        self._unborn: dict[int, tuple[Entity, Record]] = {}
        self._died: list[Record] = []
        self._tick = Tick(0)
        self._items = 0

    def __len__(self) -> int:
        return len(self._entities)

    def spawn(self, entity: E, owner: Seat | None = None) -> E:
        """Add `entity`, belonging to `owner` for its whole life. Raises `UsageFault`."""
        kind = type(entity)
        place = self._vocabulary.entity_place.get(kind)
        if place is None:
            raise UsageFault(f"{kind.__name__} is not among the game's entities: add it to `entities`")
        if entity.id in self._entities and self._entities[entity.id] is entity:
            raise UsageFault(f"{entity!r} is in the world already: spawn a new {kind.__name__}")
        if kind.audience is Audience.OWNER and owner is None:
            raise UsageFault(f"{kind.__name__} is seen by its owner only: spawn it with owner=seat")
        self._items += 4 + len(kind.declaration.fields)
        if self._items > STATE_ITEMS_MAX:
            raise GameFault(f"{len(self._entities)} entities are more than one keyframe can carry: despawn some")
        entity.id, generation = self._ids.take(kind.short_lived)
        entity.owner = None if owner is None else owner.id
        self._entities[entity.id] = entity
        self._by_kind[kind][entity.id] = entity
        if entity.owner is not None:
            self._by_owner.setdefault((entity.owner, kind), {})[entity.id] = entity
        schema_kind = self._vocabulary.schema.entities[place]
        record = Record(entity.id, generation, place, schema_kind, entity.owner, kind.audience)
        self._unborn[entity.id] = (entity, record)
        return entity

    def despawn(self, entity: Entity) -> None:
        """Remove `entity`. Raises `UsageFault` when it is not in the world."""
        if self._entities.get(entity.id) is not entity:
            raise UsageFault(f"{entity!r} is not in the world: it was despawned already or never spawned")
        self._items -= 4 + len(type(entity).declaration.fields)
        del self._entities[entity.id]
        del self._by_kind[type(entity)][entity.id]
        if entity.owner is not None:
            del self._by_owner[entity.owner, type(entity)][entity.id]
        if self._unborn.pop(entity.id, None) is None:
            self._died.append(self._tracked.pop(entity.id)[2])
        self._ids.give_back(entity.id, self._tick)

    def get(self, entity_id: EntityId | None) -> Entity | None:
        """Return the entity with that id, or None."""
        return None if entity_id is None else self._entities.get(entity_id)

    def all(self, kind: type[E]) -> list[E]:
        """Return all entities of `kind`, in order of spawning; a list of its own, so despawning in a loop is safe."""
        found = self._by_kind.get(kind)
        if found is None:
            raise UsageFault(f"{kind.__name__} is not among the game's entities: add it to `entities`")
        return cast(list[E], list(found.values()))

    def all_owned(self, seat: Seat, kind: type[E]) -> list[E]:
        """Return the entities of `kind` that belong to `seat`."""
        return cast(list[E], list(self._by_owner.get((seat.id, kind), {}).values()))

    def owned(self, seat: Seat, kind: type[E]) -> E:
        """Return the first entity of `kind` that belongs to `seat`. Raises `GameFault` when there is none."""
        found = self._by_owner.get((seat.id, kind))
        if not found:
            raise GameFault(f"seat {seat.id} owns no {kind.__name__}: spawn it with owner=seat, or ask all_owned()")
        return cast(E, next(iter(found.values())))

    def despawn_owned(self, seat: Seat) -> None:
        """Remove all that belongs to `seat`: whoever sits there next must not inherit it."""
        for (owner, _), entities in list(self._by_owner.items()):
            if owner == seat.id:
                for entity in list(entities.values()):
                    self.despawn(entity)

    def commit(self, tick: Tick) -> tuple[list[Record], list[Record], list[Record]]:
        """Return the records that were born, changed and died since the last commit. Raises `GameFault`."""
        self._tick = tick
        self._ids.release(tick)
        changed = []
        for entity, capture, record in self._tracked.values():
            now = capture(entity)
            if now != record.captured and record.changed(now, tick):
                changed.append(record)
        born = []
        for entity, record in self._unborn.values():
            capture = type(entity).declaration.capture
            record.born(capture(entity), tick)
            self._tracked[entity.id] = (entity, capture, record)
            born.append(record)
        self._unborn.clear()
        died, self._died = self._died, []
        return born, changed, died

    def entity_of(self, record: Record) -> Entity:
        """Return the entity that `record` stands for."""
        return self._entities[record.id]
