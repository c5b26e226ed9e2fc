"""The world as a client sees it: entities by kind, id and owner, their fields as numbers, not as wire values.

It reads the `WireState` that the session keeps, copies nothing and converts a field when it is read. Enum fields are
the names of their members, since a client need not have the game's classes.
To test: `tests/game_client/test_replica.py`.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from protocol.errors import PeerFault, UsageFault
from protocol.fields import FieldKind, Step
from protocol.schema import EntityKind, Schema
from protocol.state_codec import WireEntity, WireState

_RESERVED = ("id", "owner", "kind", "generation")


class RemoteEntity:
    """One entity of the match: `id`, `owner`, `kind`, and every replicated field as an attribute.

    It follows the match as long as the entity lives; afterwards it keeps the last values.
    """

    __slots__ = ("_entity",)
    _fields: ClassVar[dict[str, tuple[int, Callable[[Any], Any]]]] = {}

    def __init__(self, entity: WireEntity) -> None:
        self._entity = entity

    @property
    def id(self) -> int:
        """The entity's id; a later entity may get the same one."""
        return self._entity.id

    @property
    def owner(self) -> int | None:
        """The seat that owns it."""
        return self._entity.owner

    @property
    def kind(self) -> str:
        """The name of its class."""
        return self._entity.kind.name

    @property
    def generation(self) -> int:
        """Tells entities apart that had the same id one after the other."""
        return self._entity.generation

    def __getattr__(self, name: str) -> Any:
        # Reached only for names that the kind's own class (`_class_of`) does not have. The underscored ones are
        # Python's own questions, which `copy` asks before there is an `_entity` to name in the answer.
        if name.startswith("_"):
            raise AttributeError(name)
        fields = ", ".join(self._fields) or "none"
        raise AttributeError(f"{self.kind} has no replicated field {name!r}; its fields: {fields}")

    def __getitem__(self, name: str) -> Any:
        """Return a field by name; the way to one that is called `kind` or `generation`."""
        place, convert = self._fields[name]
        return convert(self._entity.wire[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteEntity) and other._entity is self._entity

    def __hash__(self) -> int:
        return hash((self._entity.id, self._entity.generation))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={self[name]!r}" for name in self._fields)
        return f"{self.kind}(id={self.id}, {fields})"


class Replica:
    """What this client may see of the match, always at the last applied tick."""

    def __init__(self, state: WireState | None = None) -> None:
        self._classes: list[type[RemoteEntity]] = []
        self._places: dict[str, int] = {}
        self._state = WireState(Schema())
        if state is not None:
            self.bind(state)

    def bind(self, state: WireState) -> None:
        """Show `state` from now on: a new WELCOME came. Raises `PeerFault`; nothing has changed then."""
        self._classes = [_class_of(kind) for kind in state.schema.entities]
        self._state = state
        self._places = {kind.name: place for place, kind in enumerate(state.schema.entities)}

    @property
    def tick(self) -> int:
        """The last applied tick, -1 before the first."""
        return self._state.tick

    def __len__(self) -> int:
        return len(self._state.entities)

    def all(self, kind: str | type) -> list[RemoteEntity]:
        """Return all visible entities of a kind, given by its class or its name."""
        place = self._place(kind)
        made = self._classes[place] if place >= 0 else RemoteEntity
        return [made(each) for each in self._state.entities.values() if each.kind_place == place]

    def get(self, entity_id: int) -> RemoteEntity | None:
        """Return the entity with this id, or None."""
        entity = self._state.entities.get(entity_id)
        return None if entity is None else self._classes[entity.kind_place](entity)

    def owned(self, seat: int | None, kind: str | type) -> RemoteEntity | None:
        """Return the entity of a kind that `seat` owns (the oldest of several), or None."""
        place = self._place(kind)
        if seat is None or place < 0:
            return None
        for each in self._state.entities.values():
            if each.kind_place == place and each.owner == seat:
                return self._classes[place](each)
        return None

    def _place(self, kind: str | type) -> int:
        name = kind if isinstance(kind, str) else kind.__name__
        place = self._places.get(name, -1)
        if place < 0 and self._places:
            raise UsageFault(f"the match has no entity kind {name!r}; it has {', '.join(self._places)}")
        return place


def _class_of(kind: EntityKind) -> type[RemoteEntity]:
    # One class per kind, its fields as properties: a third of the cost of looking names up in __getattr__.
    for name in (kind.name, *(name for name, _ in kind.fields)):
        if not name.isidentifier():
            raise PeerFault(f"schema: {name!r} is no name of an entity kind or a field")
    fields = {name: (place, field.from_wire) for place, (name, field) in enumerate(kind.fields)}
    namespace: dict[str, Any] = {"__slots__": (), "_fields": fields}
    for place, (name, field) in enumerate(kind.fields):
        if not name.startswith("_") and name not in _RESERVED:
            namespace[name] = property(_reader(place, field))
    return type(kind.name, (RemoteEntity,), namespace)


def _reader(place: int, field: FieldKind) -> Callable[[RemoteEntity], Any]:
    convert = field.from_wire
    if isinstance(field, Step):
        step = float(field.step)
        return lambda entity: entity._entity.wire[place] * step  # type: ignore[operator]
    return lambda entity: convert(entity._entity.wire[place])
