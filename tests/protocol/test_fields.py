"""Properties of every field kind."""

from enum import Enum
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import PeerFault, UsageFault
from protocol.fields import (
    Angle,
    Bool,
    Cells,
    Choice,
    FieldKind,
    IntRange,
    Ref,
    Step,
    Text,
    hash_word,
    kind_from_schema,
)  # fmt: skip


class Suit(Enum):
    CLUBS = 1
    HEARTS = 2


SUITS = Choice(("CLUBS", "HEARTS"), tuple(Suit))
KINDS: list[tuple[FieldKind, st.SearchStrategy[Any]]] = [
    (Step(0.01), st.floats(-1e6, 1e6)),
    (IntRange(-5, 300), st.integers(-5, 300)),
    (Angle(8), st.floats(-10, 10)),
    (Bool(), st.booleans()),
    (SUITS, st.sampled_from(Suit)),
    (Text(8), st.text(max_size=8)),
    (Ref(), st.none() | st.integers(0, 1000)),
    (Cells(3, SUITS.names, SUITS.members), st.tuples(*[st.sampled_from(Suit)] * 3)),
]
IDS = [kind.tag for kind, _ in KINDS]


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=IDS)
def test_a_wire_value_survives_the_way_there_and_back(kind: FieldKind, values: st.SearchStrategy[Any]) -> None:
    @given(values)
    def check(value: Any) -> None:
        wire = kind.to_wire(value)
        assert kind.check(wire) == wire
        assert kind.to_wire(kind.from_wire(wire)) == wire

    check()


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS], ids=IDS)
def test_a_kind_is_rebuilt_from_the_schema(kind: FieldKind) -> None:
    rebuilt = kind_from_schema(kind.tag, kind.arguments())
    assert (rebuilt.tag, rebuilt.arguments()) == (kind.tag, kind.arguments())


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS], ids=IDS)
@given(junk=st.none() | st.floats() | st.integers() | st.text() | st.binary() | st.lists(st.integers()))
def test_junk_on_the_wire_is_the_peers_fault_or_a_legal_value(kind: FieldKind, junk: Any) -> None:
    try:
        kind.from_wire(kind.check(junk))
    except PeerFault:
        return


def test_a_step_rounds_halves_upwards_on_both_sides_of_zero() -> None:
    assert [Step(1).to_wire(x) for x in (-1.5, -0.5, 0.5, 1.5, 2.5)] == [-1, 0, 1, 2, 3]


def test_an_angle_wraps() -> None:
    assert Angle(8).to_wire(1.25) == Angle(8).to_wire(0.25) == Angle(8).to_wire(-0.75) == 64


def test_a_value_that_cannot_be_carried_is_refused() -> None:
    for kind, value in ((Step(0.1), nan), (Step(1e-9), 1e9), (IntRange(0, 3), 4), (Text(2), "abc")):
        with pytest.raises(ValueError):
            kind.to_wire(value)
    for kind, value in ((Text(9), b"ab"), (Cells(1, ("CLUBS",)), [Suit.CLUBS]), (IntRange(0, 3), 1.5), (Ref(), "3")):
        with pytest.raises(TypeError):
            kind.to_wire(value)
    with pytest.raises(ValueError):
        Text(9).to_wire("\ud800")
    with pytest.raises(ValueError):
        Cells(2, ("A",)).to_wire((Suit.CLUBS,))


@pytest.mark.parametrize(
    "build", [lambda: Step(0), lambda: IntRange(3, 2), lambda: Angle(40), lambda: Text(0), lambda: Cells(0, ("A",))]
)
def test_a_kind_that_makes_no_sense_says_how_to_mend_it(build: Any) -> None:
    with pytest.raises(UsageFault, match=r"must|give|at most"):
        build()


@pytest.mark.parametrize("tag", ["steps", None, "int", "enum", "cells"])
def test_an_unknown_kind_in_a_schema_is_the_peers_fault(tag: Any) -> None:
    with pytest.raises(PeerFault):
        kind_from_schema(tag, [])


def test_a_hash_word_has_32_bits() -> None:
    assert hash_word(-1) == 0xFFFFFFFF
    assert 0 <= hash_word("héllo") <= 0xFFFFFFFF
    assert hash_word("a") == hash_word(b"a")
