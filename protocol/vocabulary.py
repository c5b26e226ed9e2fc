"""A game's classes bound to their schema: values by position become checked objects, objects become values.

To test: `tests/protocol/test_vocabulary.py`.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from protocol.declare import EdgeMark, Entity, Input, Record
from protocol.errors import PeerFault, UsageFault
from protocol.messages import VALUES_MAX
from protocol.schema import KINDS_MAX, EntityKind, RecordKind, Schema, ValueField

R = TypeVar("R", bound=Record)

_TYPES: tuple[tuple[type, str], ...] = ((bool, "bool"), (int, "int"), (float, "float"), (str, "text"))


class Codebook(Generic[R]):
    """One record class, its schema row, and both directions of its values."""

    def __init__(self, cls: type[R]) -> None:
        self.cls = cls
        fields = []
        self._enums: list[tuple[int, type[Enum]]] = []
        self.edges: list[str] = []
        for place, (name, info) in enumerate(cls.model_fields.items()):
            annotation = info.annotation
            default = None if info.is_required() else info.get_default(call_default_factory=True)
            if any(isinstance(mark, EdgeMark) for mark in info.metadata):
                tag = "edge"
                self.edges.append(name)
            elif isinstance(annotation, type) and issubclass(annotation, Enum):
                tag = "enum"
                self._enums.append((place, annotation))
                default = default.value if isinstance(default, Enum) else default
                if not all(type(each.value) in (int, str) for each in annotation):
                    raise UsageFault(f"{cls.__name__}.{name}: the values of {annotation.__name__} must be ints or strs")
            else:
                tag = next((tag for base, tag in _TYPES if annotation is base), "")
            if not tag:
                raise UsageFault(f"{cls.__name__}.{name}: a field here is an int, bool, float, str, enum or Edge")
            fields.append(ValueField(name, tag, default))
        if len(fields) > VALUES_MAX:
            raise UsageFault(f"{cls.__name__} has {len(fields)} fields, {VALUES_MAX} can be carried: split it")
        self.kind = RecordKind(cls.__name__, tuple(fields))
        self._names = [each.name for each in fields]

    def parse(self, values: list[Any]) -> R:
        """Return the object that `values` stand for. Raises `PeerFault` naming the field, not the value."""
        if len(values) != len(self._names):
            raise PeerFault(f"{self.kind.name} has {len(self._names)} fields, {len(values)} came")
        for place, enum in self._enums:
            try:
                values[place] = enum(values[place])
            except ValueError:
                where = f"{self.kind.name}.{self._names[place]}"
                raise PeerFault(f"{where}: the value is no {enum.__name__}", cause="range") from None
        try:
            return self.cls.model_validate(dict(zip(self._names, values, strict=True)))
        except ValidationError as error:
            raise PeerFault(self._sentence(error), cause="range") from None

    def _sentence(self, error: ValidationError) -> str:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join([self.kind.name, *map(str, first["loc"])])
        # The sentence is logged, and one that a game's own validator raised may repeat what the client sent.
        own = first["type"] in ("value_error", "assertion_error")
        return f"{where}: {'the value does not pass its check' if own else first['msg']}"

    def values(self, record: Record) -> list[Any]:
        """Return the values of `record` by position."""
        values = [getattr(record, name) for name in self._names]
        for place, _ in self._enums:
            values[place] = values[place].value
        return values


class Vocabulary:
    """Everything one game can say: entities, at most one input, commands, events."""

    def __init__(
        self,
        entities: Iterable[type[Entity]] = (),
        input: type[Input] | None = None,
        commands: Iterable[type[Record]] = (),
        events: Iterable[type[Record]] = (),
    ) -> None:
        self.entities = tuple(entities)
        self.input = None if input is None else Codebook(input)
        self.commands = [Codebook(each) for each in commands]
        self.events = [Codebook(each) for each in events]
        for names in (
            [each.__name__ for each in self.entities],
            [each.kind.name for each in self.commands],
            [each.kind.name for each in self.events],
        ):
            if len(names) > KINDS_MAX:
                raise UsageFault(f"{len(names)} kinds of one sort are declared, {KINDS_MAX} can be carried")
            twice = [name for place, name in enumerate(names) if name in names[:place]]
            if twice:
                raise UsageFault(f"two kinds are called {twice[0]}, and a client could not tell them apart: rename one")
        self.entity_place = {cls: place for place, cls in enumerate(self.entities)}
        self._event_place = {book.cls: place for place, book in enumerate(self.events)}
        self._command_place = {book.cls: place for place, book in enumerate(self.commands)}
        self.schema = Schema(
            entities=tuple([EntityKind(cls.__name__, cls.declaration.fields) for cls in self.entities]),
            input=None if self.input is None else self.input.kind,
            commands=tuple([book.kind for book in self.commands]),
            events=tuple([book.kind for book in self.events]),
        )

    def parse_input(self, values: list[Any]) -> Input:
        """Return the input that a client sent. Raises `PeerFault`."""
        if self.input is None:
            raise PeerFault("this game takes no per-tick input, only commands")
        return self.input.parse(values)

    def parse_command(self, kind: int, values: list[Any]) -> Record:
        """Return the command that a client sent. Raises `PeerFault`."""
        if kind >= len(self.commands):
            raise PeerFault(f"command kind {kind} is unknown; the schema has {len(self.commands)}")
        return self.commands[kind].parse(values)

    def event_values(self, event: Record) -> tuple[int, list[Any]]:
        """Return the kind and values of an event. Raises `UsageFault` if the game did not declare it."""
        return self._values(event, self._event_place, self.events, "events")

    def command_values(self, command: Record) -> tuple[int, list[Any]]:
        """Return the kind and values of a command. Raises `UsageFault` if the game did not declare it."""
        return self._values(command, self._command_place, self.commands, "commands")

    @staticmethod
    def _values(
        record: Record, places: dict[Any, int], books: list[Codebook[Any]], what: str
    ) -> tuple[int, list[Any]]:
        place = places.get(type(record))
        if place is None:
            raise UsageFault(f"{type(record).__name__} is not among the game's {what}: add it to `{what}`")
        return place, books[place].values(record)
