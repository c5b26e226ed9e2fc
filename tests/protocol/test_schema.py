"""The schema as data."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game_server.testing.random_world import RandomGame
from protocol.errors import PeerFault
from protocol.schema import EntityKind, RecordKind, Schema, ValueField

SCHEMA = RandomGame.vocabulary.schema


def test_a_schema_survives_the_wire_and_keeps_its_hash() -> None:
    assert Schema.from_wire(SCHEMA.to_wire()).hash == SCHEMA.hash


def test_any_change_of_the_schema_changes_its_hash() -> None:
    fewer = Schema(SCHEMA.entities[1:], SCHEMA.input, SCHEMA.commands, SCHEMA.events)
    renamed = Schema(
        (EntityKind("Other", SCHEMA.entities[0].fields), *SCHEMA.entities[1:]), None, SCHEMA.commands, SCHEMA.events
    )
    assert len({SCHEMA.hash, fewer.hash, renamed.hash}) == 3


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=5)))
def test_what_is_no_schema_is_the_peers_fault(junk: Any) -> None:
    with pytest.raises(PeerFault):
        Schema.from_wire(junk)


def test_another_version_says_to_update() -> None:
    wire = SCHEMA.to_wire()
    wire[0] = 99
    with pytest.raises(PeerFault, match="update the client"):
        Schema.from_wire(wire)


def test_values_are_put_in_place_and_defaults_filled_in() -> None:
    kind = RecordKind("Steer", (ValueField("dx", "int", 0), ValueField("name", "text")))
    assert kind.values({"name": "a"}) == [0, "a"]
    with pytest.raises(KeyError, match="needs a value"):
        kind.values({"dx": 1})
    with pytest.raises(KeyError, match="no field 'dz'"):
        kind.values({"name": "a", "dz": 1})
