import copy

import pytest

from game_client.replica import Replica
from protocol import UsageFault
from protocol.errors import PeerFault
from protocol.fields import IntRange
from protocol.schema import EntityKind, Schema
from protocol.state_codec import WireState
from tests.game_client.frames import VOCABULARY, Rock, Ship, keyframe, state


@pytest.fixture
def wire() -> WireState:
    wire = WireState(Schema.from_wire(VOCABULARY.schema.to_wire()))
    wire.apply_keyframe(keyframe())
    return wire


def test_fields_are_read_as_values_not_as_wire_values(wire: WireState) -> None:
    ship = Replica(wire).get(7)
    assert ship is not None
    assert (ship.x, ship.heading, ship.hp, ship.alive, ship.mood, ship.name) == (2.0, 0.25, 100, True, "WILD", "Ada")
    assert (ship.id, ship.owner, ship.kind, ship.generation, ship["x"]) == (7, 3, "Ship", 0, 2.0)
    assert repr(ship).startswith("Ship(id=7, x=2.0, heading=0.25")


def test_an_entity_follows_the_match(wire: WireState) -> None:
    ship = Replica(wire).get(7)
    wire.apply_state(state(101, x=9))
    assert ship is not None
    assert ship.x == 4.5


def test_an_unknown_field_names_the_known_ones(wire: WireState) -> None:
    with pytest.raises(AttributeError, match="Rock has no replicated field 'weight'; its fields: size"):
        _ = Replica(wire).all(Rock)[0].weight


def test_entities_are_found_by_class_name_id_and_owner(wire: WireState) -> None:
    world = Replica(wire)
    assert [each.id for each in world.all("Ship")] == [each.id for each in world.all(Ship)] == [7]
    assert world.owned(3, "Ship") == world.get(7)
    assert world.owned(3, Rock) is None
    assert world.owned(None, Rock) is None
    assert world.get(9) is None
    assert len(world) == 2
    assert world.get(7) in world.all(Ship)
    assert len({world.get(7), world.get(7), world.get(8)}) == 2


def test_an_unknown_kind_names_the_known_ones(wire: WireState) -> None:
    with pytest.raises(UsageFault, match="no entity kind 'Sheep'; it has Ship, Rock"):
        Replica(wire).all("Sheep")


def test_an_entity_can_be_copied(wire: WireState) -> None:
    ship = Replica(wire).get(7)
    assert ship is not None
    assert copy.copy(ship) == ship
    assert copy.copy(ship).x == 2.0


@pytest.mark.parametrize("name", ["Sh\0ip", "\ud800", "two words", ""])
def test_a_name_that_is_none_is_the_peers_fault_and_nothing_changes(wire: WireState, name: str) -> None:
    world = Replica(wire)
    bad = EntityKind(name, ()), EntityKind("Ship", ((name, IntRange(0, 9)),))
    for kind in bad:
        with pytest.raises(PeerFault, match="is no name of an entity kind or a field"):
            world.bind(WireState(Schema((kind,))))
    assert world.get(7) is not None


def test_before_the_first_state_the_world_is_empty() -> None:
    world = Replica()
    assert (world.all("Ship"), world.get(0), world.owned(0, "Ship"), world.tick) == ([], None, None, -1)
