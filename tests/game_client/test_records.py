import copy
import pickle
from typing import Any

import pytest

from game_client.records import HeldInput, RemoteEvent, command_place, record_values, remote_event
from protocol import Chat, UsageFault
from tests.game_client.frames import VOCABULARY, Steer

SCHEMA = VOCABULARY.schema
STEER = SCHEMA.input
assert STEER is not None


def test_fields_and_objects_give_the_same_values() -> None:
    assert record_values(STEER, None, {"dx": -1, "fire": 2}) == [-1, False, 2]
    assert record_values(STEER, Steer(dx=-1, fire=2), {}) == [-1, False, 2]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dy": 1}, "Steer has no field 'dy'"),
        ({"dx": 0.5}, "Steer.dx is of type int, 0.5 was given"),
        ({"dx": True}, "Steer.dx is of type int, True was given"),
        ({"slow": 1}, "Steer.slow is of type bool, 1 was given"),
    ],
)
def test_a_field_that_the_server_would_refuse_is_refused_here(fields: dict, sentence: str) -> None:
    with pytest.raises(UsageFault, match=sentence):
        record_values(STEER, None, fields)


def test_an_object_of_another_class_is_refused() -> None:
    with pytest.raises(UsageFault, match="Chat was given where the match takes Steer"):
        record_values(STEER, Chat(text="hi"), {})


def test_a_command_without_a_needed_field_or_name_is_refused() -> None:
    place, kind = command_place(SCHEMA.commands, "Chat")
    assert (place, record_values(kind, None, {"text": "hi"})) == (0, ["hi"])
    with pytest.raises(UsageFault, match="Chat needs a value for 'text'"):
        record_values(kind, None, {})
    with pytest.raises(UsageFault, match="no command 'Buy'; it has Chat"):
        command_place(SCHEMA.commands, "Buy")


def test_an_event_has_its_fields_as_attributes() -> None:
    event = remote_event(SCHEMA.events, 0, [5])
    assert event is not None
    assert (event.kind, event.points, event["points"], repr(event)) == ("Scored", 5, 5, "Scored(points=5)")
    with pytest.raises(AttributeError, match="event Scored has no field 'goals'; its fields: points"):
        _ = event.goals


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_an_event_can_be_copied(copied: Any) -> None:
    event = copied(RemoteEvent("Scored", {"points": 5, "_hidden": 6}))
    assert (event.kind, event.points, event["_hidden"]) == ("Scored", 5, 6)
    with pytest.raises(AttributeError, match=r"read as event\['_hidden'\]"):
        _ = event._hidden


def test_an_event_that_does_not_fit_the_schema_is_none() -> None:
    assert remote_event(SCHEMA.events, 9, [5]) is None
    assert remote_event(SCHEMA.events, 0, []) is None


def test_presses_add_up_in_a_counter_that_wraps_while_levels_are_replaced() -> None:
    held = HeldInput(STEER)
    held.hold([1, True, 100])
    held.hold([-1, False, 30])
    assert held.values == [-1, False, (100 + 30) % 128]


def test_values_without_presses_keep_the_levels() -> None:
    assert HeldInput(STEER).without_presses([1, True, 3]) == [1, True, 0]
