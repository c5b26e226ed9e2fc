"""What a class statement may say, and what it is told otherwise."""

from typing import Annotated, Any

import pytest
from pydantic import Field, StringConstraints, ValidationError

from protocol.declare import Command, Edge, Entity, Event, Input, kept, replicated
from protocol.errors import UsageFault


class Body(Entity):
    x: float = replicated(0.0, step=0.5)
    mass: float = kept(2.0)


class Star(Body):
    heat: int = replicated(5, min=0, max=9)


def test_an_entity_is_slotted_and_takes_keywords() -> None:
    body = Body(x=3.0)
    assert (body.x, body.mass, body.id, body.owner) == (3.0, 2.0, -1, None)
    with pytest.raises(AttributeError):
        body.z = 1  # type: ignore[attr-defined]
    with pytest.raises(UsageFault, match="no field 'z'"):
        Body(z=1)  # type: ignore[call-arg]


def test_fields_are_inherited_in_order() -> None:
    assert [name for name, _ in Star.declaration.fields] == ["x", "heat"]
    assert Star.declaration.capture(Star(x=1.0)) == (1.0, 5)


def test_capturing_one_field_gives_a_tuple_and_none_gives_an_empty_one() -> None:
    class Nothing(Entity):
        pass

    assert Body.declaration.capture(Body(x=1.0)) == (1.0,)
    assert Nothing.declaration.capture(Nothing()) == ()


@pytest.mark.parametrize(
    ("default", "options", "fix"),
    [
        (0.0, {}, "step=0.01"),
        ("name", {}, "max_length"),
        ([], {}, "make each element an Entity"),
        ({}, {"step": 1}, "its own default"),
        (None, {}, "ref=True"),
        ((1, 2), {}, "cells"),
        (object(), {}, "a field is"),
        (float("inf"), {"step": 1}, "its own default"),
        (7, {"min": 0, "max": 3}, "its own default"),
        ("too long", {"max_length": 3}, "its own default"),
        (1, {"min": 0, "step": 2}, "cannot be carried"),
    ],
)
def test_a_field_that_cannot_be_carried_fails_at_definition_with_the_fix(
    default: Any, options: dict[str, Any], fix: str
) -> None:
    with pytest.raises(UsageFault, match=fix):
        type(Entity)("Bad", (Entity,), {"field": replicated(default, **options)})


def test_the_65th_field_fails_at_definition() -> None:
    fields = {f"f{n}": replicated(0) for n in range(65)}
    with pytest.raises(UsageFault, match="split it"):
        type(Entity)("Wide", (Entity,), fields)
    del fields["f64"]
    assert len(type(Entity)("Wide", (Entity,), fields).declaration.fields) == 64


def test_a_kept_collection_is_each_entitys_own() -> None:
    class Bag(Entity):
        things: list[int] = kept([])

    first, second = Bag(), Bag()
    first.things.append(1)
    assert second.things == []


def test_an_undeclared_attribute_fails_at_definition() -> None:
    with pytest.raises(UsageFault, match="kept"):

        class Bad(Entity):
            hp: int = 3


def test_a_field_declared_twice_fails_at_definition() -> None:
    with pytest.raises(UsageFault, match="declared twice"):

        class Bad(Body):
            x: float = replicated(0.0, step=1)


def test_an_input_needs_neutral_values() -> None:
    class Good(Input):
        jump: Edge = 0

    assert Good().jump == 0
    with pytest.raises(UsageFault, match="needs a default"):

        class Bad(Input):
            dx: int


class Plain(Input):
    whole: int = 0
    real: float = 0.0
    text: str = ""
    jump: Edge = 0


class Wide(Command):
    whole: Annotated[int, Field(ge=-(2**53), lt=2**53)] = 0
    real: Annotated[float, Field(gt=-1e100, le=1e100)] = 0.0
    text: Annotated[str, StringConstraints(max_length=1000)] = ""
    one_side: Annotated[int, Field(ge=0)] = 0


@pytest.mark.parametrize(
    ("field", "low", "high", "too_low", "too_high"),
    [
        ("whole", -(2**31), 2**31 - 1, -(2**31) - 1, 2**31),
        ("real", -1e9, 1e9, -1.1e9, 1.1e9),
        ("real", -1e9, 1e9, -1e308, 2**63),
        ("real", -1e9, 1e9, float("nan"), float("inf")),
        ("text", "", 256 * "x", b"", 257 * "x"),
        ("jump", 0, 127, -1, 128),
    ],
)
def test_a_plain_field_of_an_input_has_bounds(field: str, low: Any, high: Any, too_low: Any, too_high: Any) -> None:
    for good in (low, high):
        assert getattr(Plain(**{field: good}), field) == good
    for wrong in (too_low, too_high):
        with pytest.raises(ValidationError):
            Plain(**{field: wrong})


@pytest.mark.parametrize(
    ("field", "low", "high", "too_low", "too_high"),
    [
        ("whole", -(2**53), 2**53 - 1, -(2**53) - 1, 2**53),
        ("real", -9e99, 1e100, -1e100, 1.1e100),
        ("text", "", 1000 * "x", b"", 1001 * "x"),
        ("one_side", 0, 2**31 - 1, -1, 2**31),
    ],
)
def test_a_declared_bound_replaces_that_of_its_side(
    field: str, low: Any, high: Any, too_low: Any, too_high: Any
) -> None:
    for good in (low, high):
        assert getattr(Wide(**{field: good}), field) == good
    for wrong in (too_low, too_high):
        with pytest.raises(ValidationError):
            Wide(**{field: wrong})


def test_bounds_are_inherited_and_given_to_the_fields_of_a_subclass() -> None:
    class More(Plain):
        other: int = 0

    for field in ("whole", "other"):
        assert len(More.model_fields[field].metadata) == 2
        with pytest.raises(ValidationError):
            More(**{field: 2**31})


def test_an_event_comes_from_the_game_and_has_no_bounds_that_it_does_not_declare() -> None:
    class Counted(Event):
        total: int

    assert Counted(total=2**40).total == 2**40


def test_a_default_that_a_client_could_not_send_fails_at_definition() -> None:
    with pytest.raises(UsageFault, match=r"Far\.x: its own default cannot be sent: .*less than or equal"):

        class Far(Command):
            needed: int
            x: int = 2**31
