"""How a game's vocabulary is declared, once, for both ends: Entity, Input, Command, Event.

    class Ship(Entity):
        x: float = replicated(0.0, step=0.01)      # metres, 1 cm on the wire
        fuel: int = kept(100)                      # stays on the server

    class Steer(Input):
        dx: Annotated[int, Field(ge=-1, le=1)] = 0 # a level: held, repeated when a frame is missing
        jump: Edge = 0                             # presses; a client sends a counter, the game sees how many are new

Numbers and texts of a client have bounds: 32 bits for a plain int, -1e9 to 1e9 for a float, 256 characters for a text.
`Field(ge=, gt=, le=, lt=, max_length=)` says otherwise, each side for itself.

A vocabulary that could not be carried fails here, when the class is defined, with the fix in the message.
To test: `tests/protocol/test_declare.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema

from protocol.errors import UsageFault
from protocol.fields import INT_MAX, Angle, Bool, Cells, Choice, FieldKind, IntRange, Ref, Step, Text
from protocol.ids import EntityId, SeatId
from protocol.schema import FIELDS_MAX

RESERVED_NAMES = ("id", "owner", "kind", "generation")
"""What every entity has on one end or the other, and so no field may be called."""


class Audience(Enum):
    """Who is sent an entity, or an event."""

    EVERYONE = "everyone"
    OWNER = "owner"
    CAN_SEE = "can_see"


everyone = Audience.EVERYONE
"""Every seat and every spectator."""
owner = Audience.OWNER
"""Only the seat that owns the entity: a hand of cards, a cockpit."""
can_see = Audience.CAN_SEE
"""The seats for which the game's `can_see(seat, entity)` says yes, asked each tick."""


@dataclass(frozen=True, slots=True)
class _Declared:
    default: Any
    options: dict[str, Any] | None


def replicated(default: Any, **options: Any) -> Any:
    """Declare a field that clients see.

    The kind follows from the default and from one option: `step` (a float on a grid), `min`/`max` (an int),
    `angle_bits` (a float in turns), `max_length` (text), `ref=True` (an entity id or None), `cells=n` (a tuple of
    enum members). Bools and enum members need none.
    """
    return _Declared(default, options)


def kept(default: Any) -> Any:
    """Declare a field that stays on the server; a list, dict or set is copied for each entity."""
    return _Declared(default, None)


def _field_kind(where: str, default: Any, options: dict[str, Any]) -> FieldKind:
    match tuple(sorted(options)):
        case ("step",):
            return Step(options["step"])
        case ("angle_bits",):
            return Angle(options["angle_bits"])
        case ("max_length",):
            return Text(options["max_length"])
        case ("ref",):
            return Ref()
        case ("cells",) if isinstance(default, tuple) and default and isinstance(default[0], Enum):
            members = tuple(type(default[0]))
            return Cells(options["cells"], tuple([each.name for each in members]), members)
        case () if isinstance(default, bool):
            return Bool()
        case () if isinstance(default, Enum):
            members = tuple(type(default))
            return Choice(tuple([each.name for each in members]), members)
        case () | ("min",) | ("max",) | ("max", "min") if isinstance(default, int):
            return IntRange(options.get("min", -INT_MAX), options.get("max", INT_MAX))
        case _:
            raise UsageFault(_mend(where, default, options))


def _mend(where: str, default: Any, options: dict[str, Any]) -> str:
    match default:
        case float():
            fix = "a float needs a grid: step=0.01, or angle_bits=8 for a direction"
        case str():
            fix = "text needs max_length=16 or another limit"
        case tuple():
            fix = "a tuple of enum members needs cells=<how many>"
        case list() | dict() | set():
            fix = "a collection cannot be replicated: make each element an Entity, or a board a tuple with cells=n"
        case None:
            fix = "None is only known to ref=True (another entity's id)"
        case _:
            fix = "a field is a float, int, bool, enum member, text, entity id or board"
    given = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no option"
    return f"{where} = replicated({default!r}) with {given} cannot be carried: {fix}"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the class statement of an entity said."""

    fields: tuple[tuple[str, FieldKind], ...]
    defaults: tuple[tuple[str, Any], ...]
    capture: Callable[[Any], tuple[Any, ...]]


def _capture(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    # attrgetter of one name returns the bare value, and of none is an error.
    if not names:
        return lambda entity: ()
    if len(names) == 1:
        get = attrgetter(names[0])
        return lambda entity: (get(entity),)
    return attrgetter(*names)


class EntityMeta(type):
    """Turns declared fields into slots."""

    declaration: Declaration

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> "EntityMeta":
        """Return the class, its declaration beside it. Raises `UsageFault`."""
        declared = {key: value for key, value in namespace.items() if isinstance(value, _Declared)}
        _refuse_undeclared(name, namespace)
        namespace = {"__slots__": tuple(declared)} | {k: v for k, v in namespace.items() if k not in declared}
        cls = super().__new__(mcs, name, bases, namespace)
        inherited = [base.declaration for base in bases if isinstance(base, EntityMeta)]
        fields = [pair for base in inherited for pair in base.fields]
        defaults = [pair for base in inherited for pair in base.defaults]
        for key, each in declared.items():
            if key in dict(defaults) or key in RESERVED_NAMES:
                raise UsageFault(f"{name}.{key} is declared twice, or a name of every entity: give it another")
            defaults.append((key, each.default))
            if each.options is not None:
                kind = _field_kind(f"{name}.{key}", each.default, each.options)
                _try_default(f"{name}.{key}", kind, each.default)
                fields.append((key, kind))
        if len(fields) > FIELDS_MAX:
            raise UsageFault(f"{name} has {len(fields)} replicated fields, {FIELDS_MAX} can be carried: split it")
        names = tuple([key for key, _ in fields])
        cls.declaration = Declaration(tuple(fields), tuple(defaults), _capture(names))
        return cls


def _refuse_undeclared(name: str, namespace: dict[str, Any]) -> None:
    for key in namespace.get("__annotations__", {}):
        known = key.startswith("_") or key in ("audience", "short_lived", "id", "owner")
        if not known and not isinstance(namespace.get(key), _Declared):
            raise UsageFault(f"{name}.{key}: write it as replicated(...) or, if it stays on the server, kept(...)")


def _try_default(where: str, kind: FieldKind, default: Any) -> None:
    try:
        kind.to_wire(default)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageFault(f"{where}: its own default {default!r} cannot be carried: {error}") from error


class Entity(metaclass=EntityMeta):
    """A thing in a match's world: plain slotted fields, declared by `replicated` and `kept`.

    `audience` says who sees it. `short_lived` kinds (bullets) take ids from 128 up, so that ids of one byte stay with
    lasting ones.
    """

    __slots__ = ("id", "owner")
    audience: ClassVar[Audience] = everyone
    short_lived: ClassVar[bool] = False
    id: EntityId
    owner: SeatId | None

    def __init__(self, **values: Any) -> None:
        for name, default in type(self).declaration.defaults:
            if name in values:
                setattr(self, name, values.pop(name))
            else:
                setattr(self, name, default.copy() if type(default) in (list, dict, set) else default)
        if values:
            raise UsageFault(f"{type(self).__name__} has no field {next(iter(values))!r}")
        self.id = EntityId(-1)
        self.owner = None

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name, _ in type(self).declaration.defaults)
        return f"{type(self).__name__}(id={self.id}, {shown})"


@dataclass(frozen=True, slots=True)
class EdgeMark:
    """Marks an input field as an `Edge`."""


EDGE_MODULO = 128
"""An edge counter wraps after 127, so that it stays one byte."""

Edge = Annotated[int, Field(ge=0, lt=EDGE_MODULO), EdgeMark()]
"""Presses of a button. On the wire a wrapping counter; in `on_input` how many presses are new in this tick."""


class Record(BaseModel):
    """What inputs, commands and events have in common: frozen values, strictly checked at the door."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


PLAIN_INT_MIN, PLAIN_INT_MAX = -(2**31), 2**31 - 1
PLAIN_FLOAT_MAX = 1e9
PLAIN_TEXT_LENGTH_MAX = 256
_PLAIN_BOUNDS: dict[Any, tuple[tuple[tuple[str, ...], FieldInfo], ...]] = {
    int: ((("ge", "gt"), Field(ge=PLAIN_INT_MIN)), (("le", "lt"), Field(le=PLAIN_INT_MAX))),
    float: ((("ge", "gt"), Field(ge=-PLAIN_FLOAT_MAX)), (("le", "lt"), Field(le=PLAIN_FLOAT_MAX))),
    str: ((("max_length",), Field(max_length=PLAIN_TEXT_LENGTH_MAX)),),
}
"""Type -> the bounds of a plain field, each with the words by which a declaration sets that side itself."""


class FromClient(Record):
    """What a client sends, an input or a command: each number and text has bounds, its own or the plain ones.

    Without them one client could send 1e308 each tick until a sum of the game's is infinite, which ends the match.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Complete the bounds of each field; pydantic asks once per class, when it compiles the checks."""
        for field in cls.model_fields.values():
            for words, bound in _PLAIN_BOUNDS.get(field.annotation, ()):
                if not any(getattr(mark, word, None) is not None for mark in field.metadata for word in words):
                    # A new list: subclasses, and fields of one Annotated alias, share the old one.
                    field.metadata = [*field.metadata, *bound.metadata]
        return handler(source)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a default that a client could not send. Raises `UsageFault`."""
        if not cls.__pydantic_complete__:
            return  # a type is not known yet, which a vocabulary refuses
        given = {name: field for name, field in cls.model_fields.items() if not field.is_required()}
        values = {name: field.get_default(call_default_factory=True) for name, field in given.items()}
        try:
            cls.model_validate(values)
        except ValidationError as error:
            wrong = [each for each in error.errors(include_url=False) if each["type"] != "missing"]
            if wrong:
                where = ".".join([cls.__name__, *map(str, wrong[0]["loc"])])
                raise UsageFault(f"{where}: its own default cannot be sent: {wrong[0]['msg']}") from None


class Input(FromClient):
    """Per-tick control, one class per game; every field needs a default, which is its neutral value."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a field without a neutral value."""
        super().__pydantic_init_subclass__(**kwargs)
        for name, field in cls.model_fields.items():
            if field.is_required():
                raise UsageFault(f"{cls.__name__}.{name} needs a default: the value when nobody presses anything")


class Command(FromClient):
    """A reliable act of a player (chat, buy, play a card): ordered, acknowledged, applied once."""


class Event(Record):
    """A reliable fact for players (scored, killed): ordered per seat, acknowledged."""


class Chat(Command):
    """A line of chat, at most 200 characters."""

    text: Annotated[str, Field(min_length=1, max_length=200)]


class Said(Event):
    """Somebody's line of chat, sent to everyone."""

    seat: int
    name: str
    text: str
