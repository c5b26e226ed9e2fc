"""A game's vocabulary as data: entity kinds, input, commands and events, with a hash.

The schema travels in WELCOME, so a client needs no generated code and none of the game's classes. On the wire:

    [version, entities, input or nil, commands, events]
    entities = [[name, [[field, kind tag, argument...]...]]...]
    input, each command, each event = [name, [[field, type tag, default]...]]

To test: `tests/protocol/test_schema.py`.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from protocol.codec import pack
from protocol.errors import PeerFault
from protocol.fields import FieldKind, kind_from_schema

SCHEMA_VERSION = 1
FIELDS_MAX = 64
KINDS_MAX = 256
VALUE_TYPES = ("int", "edge", "bool", "float", "text", "enum")


@dataclass(frozen=True, slots=True)
class EntityKind:
    """One kind of entity: its name and its replicated fields in mask order (bit 0 first)."""

    name: str
    fields: tuple[tuple[str, FieldKind], ...]
    kinds: tuple[FieldKind, ...] = field(init=False, repr=False, compare=False)
    relative: tuple[bool, ...] = field(init=False, repr=False, compare=False)
    mask_all: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kinds", tuple(kind for _, kind in self.fields))
        object.__setattr__(self, "relative", tuple(kind.relative for _, kind in self.fields))
        object.__setattr__(self, "mask_all", (1 << len(self.fields)) - 1)


@dataclass(frozen=True, slots=True)
class ValueField:
    """One field of an input, a command or an event: its name, type tag and default (nil: none)."""

    name: str
    type: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class RecordKind:
    """An input, a command or an event: values by position."""

    name: str
    fields: tuple[ValueField, ...]

    def values(self, given: dict[str, Any]) -> list[Any]:
        """Return `given` by position, defaults filled in. Raises KeyError for an unknown or missing field."""
        unknown = given.keys() - {each.name for each in self.fields}
        if unknown:
            raise KeyError(f"{self.name} has no field {sorted(unknown)[0]!r}")
        values = [given.get(each.name, each.default) for each in self.fields]
        for each, value in zip(self.fields, values, strict=True):
            if value is None:
                raise KeyError(f"{self.name} needs a value for {each.name!r}")
        return values


@dataclass(frozen=True)
class Schema:
    """Everything that a state, an input, a command or an event of one game can be."""

    entities: tuple[EntityKind, ...] = ()
    input: RecordKind | None = None
    commands: tuple[RecordKind, ...] = ()
    events: tuple[RecordKind, ...] = ()

    def to_wire(self) -> list[Any]:
        """Return the schema as the array that WELCOME carries."""
        return [
            SCHEMA_VERSION,
            [[e.name, [[n, k.tag, *k.arguments()] for n, k in e.fields]] for e in self.entities],
            None if self.input is None else _record_to_wire(self.input),
            [_record_to_wire(each) for each in self.commands],
            [_record_to_wire(each) for each in self.events],
        ]

    @cached_property
    def hash(self) -> int:
        """The first 48 bits of the BLAKE2b digest of the packed schema."""
        digest = hashlib.blake2b(pack(self.to_wire()), digest_size=6).digest()
        return int.from_bytes(digest, "big")

    @classmethod
    def from_wire(cls, wire: Any) -> "Schema":
        """Return the schema that a WELCOME carries. Raises `PeerFault` for anything that is not one."""
        try:
            version, entities, input_kind, commands, events = wire
            if version != SCHEMA_VERSION:
                raise PeerFault(f"schema version {version!r} where {SCHEMA_VERSION} is spoken: update the client")
            return cls(
                entities=tuple([_entity_from_wire(each) for each in _array(entities)]),
                input=None if input_kind is None else _record_from_wire(input_kind),
                commands=tuple([_record_from_wire(each) for each in _array(commands)]),
                events=tuple([_record_from_wire(each) for each in _array(events)]),
            )
        except (TypeError, ValueError) as error:
            raise PeerFault("schema: not the arrays that a schema is made of") from error


def _array(value: Any) -> list[Any]:
    if type(value) is not list or len(value) > KINDS_MAX:
        raise PeerFault(f"schema: an array of at most {KINDS_MAX} was expected")
    return value


def _entity_from_wire(wire: Any) -> EntityKind:
    name, fields = wire
    if type(name) is not str or len(_array(fields)) > FIELDS_MAX:
        raise PeerFault("schema: bad entity kind")
    return EntityKind(name, tuple([(str(f), kind_from_schema(tag, args)) for f, tag, *args in fields]))


def _record_to_wire(record: RecordKind) -> list[Any]:
    return [record.name, [[each.name, each.type, each.default] for each in record.fields]]


def _record_from_wire(wire: Any) -> RecordKind:
    name, fields = wire
    values = tuple([ValueField(str(f), str(tag), default) for f, tag, default in _array(fields)])
    if type(name) is not str or any(each.type not in VALUE_TYPES for each in values):
        raise PeerFault("schema: bad input, command or event")
    return RecordKind(name, values)
