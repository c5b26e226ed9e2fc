"""A row of a message table: a tag, a direction, a class and the checks of its fields; how one is read and written.

A message is one msgpack array `[tag, fields...]` in one binary WebSocket frame. A field's range stands in its
annotation; `codec.py` checks it on arrival and `describe.py` prints it. A `Rest` field takes all that follows.
To test: `tests/protocol/test_rows.py`.
"""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Annotated, Any, get_type_hints

from protocol.errors import PeerFault

TICK_MAX = 2**32 - 1
UINT32_MAX = 2**32 - 1


class Direction(Enum):
    """Which end sends a message."""

    TO_SERVER = "client -> server"
    TO_CLIENT = "server -> client"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    def check(self, value: Any) -> bool:
        """Tell whether `value` is one."""
        return type(value) is int and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"int {self.low}..{self.high}"


@dataclass(frozen=True, slots=True)
class TextUpTo:
    """Text of at most `length_max` characters."""

    length_max: int

    def check(self, value: Any) -> bool:
        """Tell whether `value` is one."""
        return type(value) is str and len(value) <= self.length_max

    def __str__(self) -> str:
        return f"text of at most {self.length_max}"


@dataclass(frozen=True, slots=True)
class Items:
    """An array of at most `count_max` items, which the state codec or the schema looks into."""

    count_max: int

    def check(self, value: Any) -> bool:
        """Tell whether `value` is one."""
        return type(value) is list and len(value) <= self.count_max

    def __str__(self) -> str:
        return f"array of at most {self.count_max}"


@dataclass(frozen=True, slots=True)
class Rest:
    """All values that follow: at most `count_max` numbers, bools and texts."""

    count_max: int

    def check(self, value: Any) -> bool:
        """Tell whether `value` is a list of scalars within the limit; NaN and infinities are none."""
        return len(value) <= self.count_max and all(
            type(each) in (int, bool, str) or (type(each) is float and -1e308 <= each <= 1e308) for each in value
        )

    def __str__(self) -> str:
        return f"at most {self.count_max} values, as the schema says"


@dataclass(frozen=True, slots=True)
class Texts:
    """An array of at most `count_max` texts of at most `length_max` characters each."""

    count_max: int
    length_max: int

    def check(self, value: Any) -> bool:
        """Tell whether `value` is one."""
        return (
            type(value) is list
            and len(value) <= self.count_max
            and all(type(each) is str and len(each) <= self.length_max for each in value)
        )

    def __str__(self) -> str:
        return f"array of at most {self.count_max} texts of at most {self.length_max}"


TickField = Annotated[int, Whole(0, TICK_MAX)]
TickOrNone = Annotated[int, Whole(-1, TICK_MAX)]
Sequence = Annotated[int, Whole(0, UINT32_MAX)]

Check = Whole | TextUpTo | Items | Texts | Rest


class Row:
    """One row of the table: a tag, its direction, its message class and the checks of its fields."""

    def __init__(self, tag: int, name: str, direction: Direction, cls: type[Any]) -> None:
        self.tag, self.name, self.direction, self.cls = tag, name, direction, cls
        hints = get_type_hints(cls, include_extras=True)
        self.fields: list[tuple[str, Check]] = []
        self.optional: tuple[str, Check] | None = None
        for each in fields(cls):
            if each.default is None:
                self.optional = (each.name, Whole(0, UINT32_MAX))
            else:
                self.fields.append((each.name, hints[each.name].__metadata__[0]))
        self.has_rest = isinstance(self.fields[-1][1], Rest)
        self._least = len(self.fields)
        self._most = self._least + (self.optional is not None)

    def parse(self, items: list[Any]) -> Any:
        """Return the message that `items` (the tag removed) are. Raises `PeerFault` naming the field."""
        if self.has_rest:
            items[self._least - 1 :] = [items[self._least - 1 :]]
        if not self._least <= len(items) <= self._most:
            raise PeerFault(f"{self.name} has {self._least} fields, {len(items)} came")
        for value, (name, check) in zip(items, self.fields, strict=False):
            if not check.check(value):
                raise PeerFault(f"{self.name}.{name} must be {check}")
        if len(items) > self._least and self.optional and not self.optional[1].check(items[-1]):
            raise PeerFault(f"{self.name}.{self.optional[0]} must be {self.optional[1]}")
        return self.cls(*items)

    def items(self, message: Any) -> list[Any]:
        """Return the array that carries `message`."""
        items = [self.tag, *(getattr(message, name) for name, _ in self.fields)]
        if self.has_rest:
            items[-1:] = items[-1]
        if self.optional and getattr(message, self.optional[0]) is not None:
            items.append(getattr(message, self.optional[0]))
        return items
