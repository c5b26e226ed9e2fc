"""Inputs, commands and events by schema alone, without the game's classes.

A client may still give an object of the game's own class; its fields are read by name.
To test: `tests/game_client/test_records.py`.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from protocol.declare import EDGE_MODULO
from protocol.errors import UsageFault
from protocol.schema import RecordKind, ValueField

_PYTHON: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "edge": (int, bool),
    "bool": (bool,),
    "float": (float, int),
    "text": (str,),
    "enum": (int, str),
}


class RemoteEvent:
    """One event: `kind` is its class's name, its fields are attributes."""

    __slots__ = ("_values", "kind")

    def __init__(self, kind: str, values: dict[str, Any]) -> None:
        self.kind = kind
        self._values = values

    def __getattr__(self, name: str) -> Any:
        # `copy` and `pickle` ask before there are `_values`, in which looking it up would ask again without end.
        if name.startswith("_"):
            raise AttributeError(f"event has no attribute {name!r}; a field of that name is read as event[{name!r}]")
        try:
            return self._values[name]
        except KeyError:
            fields = ", ".join(self._values) or "none"
            raise AttributeError(f"event {self.kind} has no field {name!r}; its fields: {fields}") from None

    def __getitem__(self, name: str) -> Any:
        """Return a field by name; the way to one that is called `kind`."""
        return self._values[name]

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


def remote_event(kinds: tuple[RecordKind, ...], place: int, values: list[Any]) -> RemoteEvent | None:
    """Return the event that came, or None for one that the schema does not know."""
    if place >= len(kinds) or len(kinds[place].fields) != len(values):
        return None
    kind = kinds[place]
    return RemoteEvent(kind.name, {each.name: value for each, value in zip(kind.fields, values, strict=True)})


def record_values(kind: RecordKind, record: object | None, fields: dict[str, Any]) -> list[Any]:
    """Return the values by position of `record`, or of `fields`. Raises `UsageFault` naming the field."""
    if record is not None:
        if type(record).__name__ != kind.name:
            raise UsageFault(f"{type(record).__name__} was given where the match takes {kind.name}")
        try:
            values = [getattr(record, each.name) for each in kind.fields]
        except AttributeError as error:
            raise UsageFault(f"this {kind.name} is not the match's: {error}") from None
        return [value.value if isinstance(value, Enum) else value for value in values]
    try:
        values = kind.values(fields)
    except KeyError as error:
        raise UsageFault(str(error.args[0])) from None
    return [_checked(kind, each, value) for each, value in zip(kind.fields, values, strict=True)]


def _checked(kind: RecordKind, field: ValueField, value: Any) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, _PYTHON[field.type]) or (field.type == "int" and isinstance(value, bool)):
        raise UsageFault(f"{kind.name}.{field.name} is of type {field.type}, {value!r} was given")
    return value


def command_place(kinds: Iterable[RecordKind], name: str) -> tuple[int, RecordKind]:
    """Return a command's place in the schema, and its kind. Raises `UsageFault` for an unknown one."""
    names = []
    for place, kind in enumerate(kinds):
        if kind.name == name:
            return place, kind
        names.append(kind.name)
    raise UsageFault(f"the match has no command {name!r}; it has {', '.join(names) or 'none'}")


class HeldInput:
    """The input that is held: levels as last given, presses added up in wrapping counters."""

    def __init__(self, kind: RecordKind) -> None:
        self.kind = kind
        self._edges = [place for place, each in enumerate(kind.fields) if each.type == "edge"]
        self._counters = dict.fromkeys(self._edges, 0)
        self.values: list[Any] | None = None

    def hold(self, values: list[Any]) -> None:
        """Take levels as they are and edges as presses since the last call."""
        for place in self._edges:
            self._counters[place] = (self._counters[place] + int(values[place])) % EDGE_MODULO
            values[place] = self._counters[place]
        self.values = values

    def without_presses(self, values: list[Any]) -> list[Any]:
        """Return `values` with no button pressed."""
        return [0 if place in self._counters else value for place, value in enumerate(values)]
