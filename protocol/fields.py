"""Field kinds: how one value of an entity becomes a small integer (or text, or bytes) on the wire.

| kind | Python value | wire value | relative lane |
|---|---|---|---|
| `Step(step)` | float or int | floor(x / step + 0.5) | yes |
| `IntRange(min, max)` | int | the int | yes |
| `Angle(bits)` | float, in turns | floor(x * 2**bits + 0.5) mod 2**bits | yes, modulo 2**bits |
| `Bool` | bool | 0 or 1 | no |
| `Choice(names)` | enum member | its place in the enum | no |
| `Text(max_length)` | str | the str | no |
| `Ref()` | entity id or None | the id, -1 for None | no |
| `Cells(count, names)` | tuple of enum members | bytes, one per cell | no |

A wire value is a pure function of the state and is never written back into it. Source: design of the wire, version 1.
To test: `tests/protocol/test_fields.py` holds the properties of every kind.
"""

import zlib
from dataclasses import dataclass
from enum import Enum
from math import floor
from typing import Any, ClassVar

from protocol.errors import PeerFault, UsageFault

Wire = int | str | bytes
"""What a field is on the wire."""

INT_MAX = 2**53 - 1
"""Integers stay within what every client language holds exactly."""


def _wire_int(wire: object, low: int, high: int) -> int:
    if type(wire) is not int or not low <= wire <= high:
        raise PeerFault(f"field value {wire!r} is not an integer from {low} to {high}")
    return wire


@dataclass(frozen=True, slots=True)
class Step:
    """A number on a fixed grid of `step` units."""

    step: float
    tag: ClassVar[str] = "step"
    relative: ClassVar[bool] = True
    modulo: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not self.step > 0:
            raise UsageFault(f"step={self.step} must be above 0: give the size of one grid step, such as step=0.01")

    def to_wire(self, value: float) -> int:
        """Return the nearest grid line, halves upwards (Python's round is half-even, JavaScript's is not)."""
        wire = floor(value / self.step + 0.5)
        if not -INT_MAX <= wire <= INT_MAX:
            raise ValueError(f"{value} is further than 2**53 steps of {self.step} from 0")
        return wire

    def from_wire(self, wire: Any) -> float:
        """Return the value at a grid line."""
        return float(wire * self.step)

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        return _wire_int(wire, -INT_MAX, INT_MAX)

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return [self.step]


@dataclass(frozen=True, slots=True)
class IntRange:
    """A whole number from `min` to `max`, both included."""

    min: int
    max: int
    tag: ClassVar[str] = "int"
    relative: ClassVar[bool] = True
    modulo: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not -INT_MAX <= self.min <= self.max <= INT_MAX:
            raise UsageFault(f"min={self.min}, max={self.max}: give min <= max, both within 2**53")

    def to_wire(self, value: int) -> int:
        """Return `value` itself. Raises ValueError outside the range, TypeError for what is no int."""
        if not isinstance(value, int):
            raise TypeError("an int is needed here; round it first")
        if not self.min <= value <= self.max:
            raise ValueError(f"{value} is not in {self.min}..{self.max}")
        return int(value)

    def from_wire(self, wire: Any) -> int:
        """Return the number."""
        return int(wire)

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        return _wire_int(wire, self.min, self.max)

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return [self.min, self.max]


@dataclass(frozen=True, slots=True)
class Angle:
    """A direction in turns (1.0 is the full circle) kept in `bits` bits; it wraps."""

    bits: int
    tag: ClassVar[str] = "angle"
    relative: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 24:
            raise UsageFault(f"angle_bits={self.bits} must be from 2 to 24; 8 gives 1.4 degrees")

    @property
    def modulo(self) -> int:
        """The number of directions."""
        return 1 << self.bits

    def to_wire(self, value: float) -> int:
        """Return the nearest direction."""
        return floor(value * (1 << self.bits) + 0.5) % (1 << self.bits)

    def from_wire(self, wire: Any) -> float:
        """Return the direction in turns, from 0 up to but without 1."""
        return float(wire / (1 << self.bits))

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        return _wire_int(wire, 0, (1 << self.bits) - 1)

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return [self.bits]


@dataclass(frozen=True, slots=True)
class Bool:
    """Yes or no."""

    tag: ClassVar[str] = "bool"
    relative: ClassVar[bool] = False
    modulo: ClassVar[int] = 0

    def to_wire(self, value: bool) -> int:
        """Return 1 or 0."""
        return 1 if value else 0

    def from_wire(self, wire: Any) -> bool:
        """Return True for 1."""
        return bool(wire)

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        return _wire_int(wire, 0, 1)

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return []


@dataclass(frozen=True, slots=True)
class Choice:
    """One member of an enum, sent as its place; clients without the class see its name."""

    names: tuple[str, ...]
    members: tuple[Enum, ...] = ()
    tag: ClassVar[str] = "enum"
    relative: ClassVar[bool] = False
    modulo: ClassVar[int] = 0

    def to_wire(self, value: Enum) -> int:
        """Return the place of `value` in its enum."""
        return self.names.index(value.name)

    def from_wire(self, wire: Any) -> Enum | str:
        """Return the member, or its name where the enum itself is unknown."""
        values: tuple[Enum | str, ...] = self.members or self.names
        return values[int(wire)]

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        return _wire_int(wire, 0, len(self.names) - 1)

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return [list(self.names)]


@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most `max_length` characters."""

    max_length: int
    tag: ClassVar[str] = "text"
    relative: ClassVar[bool] = False
    modulo: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not 1 <= self.max_length <= 255:
            raise UsageFault(f"max_length={self.max_length} must be from 1 to 255; longer text belongs in an event")

    def to_wire(self, value: str) -> str:
        """Return `value` itself. Raises ValueError when it is too long, TypeError for what is no str."""
        if not isinstance(value, str):
            raise TypeError("a str is needed here")
        value.encode()  # A lone surrogate cannot be sent, and says so as a ValueError.
        if len(value) > self.max_length:
            raise ValueError(f"text of {len(value)} characters is longer than {self.max_length}")
        return value

    def from_wire(self, wire: Any) -> str:
        """Return the text."""
        return str(wire)

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        if type(wire) is not str or len(wire) > self.max_length:
            raise PeerFault(f"field value is not text of at most {self.max_length} characters")
        return wire

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return [self.max_length]


@dataclass(frozen=True, slots=True)
class Ref:
    """Another entity, by id, or None; it may name one that the client cannot see."""

    tag: ClassVar[str] = "ref"
    relative: ClassVar[bool] = False
    modulo: ClassVar[int] = 0

    def to_wire(self, value: int | None) -> int:
        """Return the id, or -1 for None. Raises TypeError for what is neither."""
        if value is not None and not isinstance(value, int):
            raise TypeError("an entity's id or None is needed here: write target = entity.id")
        return -1 if value is None else int(value)

    def from_wire(self, wire: Any) -> int | None:
        """Return the id, or None for -1."""
        return None if wire == -1 else int(wire)

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        return _wire_int(wire, -1, 2**31 - 1)

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return []


@dataclass(frozen=True, slots=True)
class Cells:
    """A board: a tuple of `count` enum members, sent as one byte each."""

    count: int
    names: tuple[str, ...]
    members: tuple[Enum, ...] = ()
    tag: ClassVar[str] = "cells"
    relative: ClassVar[bool] = False
    modulo: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not (1 <= self.count <= 1024 and len(self.names) <= 256):
            raise UsageFault(f"cells={self.count} of {len(self.names)} values: at most 1024 cells of 256 values")

    def to_wire(self, value: tuple[Enum, ...]) -> bytes:
        """Return one byte per cell. Raises ValueError for another number of cells, TypeError for a list.

        A list would be changed in place, and a change in place cannot be seen by comparing.
        """
        if not isinstance(value, tuple):
            raise TypeError("a tuple is needed here: build a new one for each change")
        if len(value) != self.count:
            raise ValueError(f"{len(value)} cells where {self.count} are declared")
        return bytes([self.names.index(cell.name) for cell in value])

    def from_wire(self, wire: Any) -> tuple[Enum | str, ...]:
        """Return the members, or their names where the enum itself is unknown."""
        values = self.members or self.names
        return tuple([values[place] for place in wire])

    def check(self, wire: object) -> Wire:
        """Return `wire` if it can be one of this kind. Raises `PeerFault`."""
        if type(wire) is not bytes or len(wire) != self.count or max(wire) >= len(self.names):
            raise PeerFault(f"field value is not {self.count} cells of {len(self.names)} values")
        return wire

    def arguments(self) -> list[Any]:
        """Return what the schema says of this kind beside its tag."""
        return [self.count, list(self.names)]


FieldKind = Step | IntRange | Angle | Bool | Choice | Text | Ref | Cells
"""Any field kind."""


def kind_from_schema(tag: object, arguments: list[Any]) -> FieldKind:
    """Return the field kind that a received schema names. Raises `PeerFault`."""
    try:
        match tag:
            case "step":
                return Step(float(arguments[0]))
            case "int":
                return IntRange(int(arguments[0]), int(arguments[1]))
            case "angle":
                return Angle(int(arguments[0]))
            case "bool":
                return Bool()
            case "enum":
                return Choice(tuple(map(str, arguments[0])))
            case "text":
                return Text(int(arguments[0]))
            case "ref":
                return Ref()
            case "cells":
                return Cells(int(arguments[0]), tuple(map(str, arguments[1])))
    except (UsageFault, LookupError, TypeError, ValueError, OverflowError) as error:
        raise PeerFault(f"schema: bad arguments of field kind {tag!r}") from error
    raise PeerFault(f"schema: unknown field kind {tag!r}")


def hash_word(wire: Wire) -> int:
    """Return the 32 bits by which a wire value enters the state hash: integers masked, text and cells by crc32."""
    if isinstance(wire, int):
        return wire & 0xFFFFFFFF
    return zlib.crc32(wire.encode() if isinstance(wire, str) else wire)
