"""Both lanes, the splice, and the decoder that every client uses."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import PeerFault
from protocol.fields import Angle, Bool, IntRange, Step, Text
from protocol.messages import Keyframe, State, StateFlag
from protocol.schema import EntityKind, Schema
from protocol.state_codec import (
    RELATIVE_BIAS,
    WireState,
    array_header,
    fragment,
    relative_value,
    splice,
    state_hash,
)  # fmt: skip

KIND = EntityKind(
    "Ship", (("x", Step(0.1)), ("heading", Angle(8)), ("alive", Bool()), ("name", Text(4)), ("hp", IntRange(0, 9)))
)
SCHEMA = Schema(entities=(KIND,))


def holding() -> WireState:
    state = WireState(SCHEMA)
    state.apply_keyframe(Keyframe(10, 0, 0, 0, [0, 0, 0, -1, 100, 250, 1, "a", 5, 7, 1, 0, 3, 0, 0, 0, "b", 9]))
    return state


def delta(gone: Any = (), entered: Any = (), changed: Any = (), flags: int = 0, base_back: int = 1) -> State:
    return State(10 + base_back, base_back, flags, 0, list(gone), list(entered), list(changed))


def test_a_keyframe_replaces_everything() -> None:
    state = holding()
    assert state.entities[7].owner == 3 and state.entities[0].owner is None
    state.apply_keyframe(Keyframe(11, 0, 0, 0, []))
    assert (state.tick, state.entities) == (11, {})


def test_relative_values_add_up_and_angles_take_the_shorter_way() -> None:
    state = holding()
    way = relative_value(KIND.kinds[1], 250, 4)
    assert way == 10 + RELATIVE_BIAS
    moved = [0, 0b10111, -30 + RELATIVE_BIAS, way, 0, 1 + RELATIVE_BIAS]
    state.apply_state(delta(changed=moved, flags=StateFlag.RELATIVE))
    assert state.entities[0].wire == [70, 4, 0, "a", 6]


def test_absolute_values_stand_as_they_are() -> None:
    state = holding()
    born = [9, 0, 0, -1, 1, 2, 1, "", 0]
    state.apply_state(delta(gone=[7], entered=born, changed=[0, 0b1001, -5, "zz"], base_back=4))
    assert state.tick == 14
    assert sorted(state.entities) == [0, 9]
    assert state.entities[0].wire == [-5, 250, 1, "zz", 5]


@pytest.mark.parametrize(
    "frame",
    [
        delta(gone=[1]), delta(gone=["0"]), delta(gone=[[0]]), delta(changed=[1, 1, 5]), delta(changed=[0]),
        delta(changed=[0, 0]), delta(changed=[0, 32, 1]), delta(changed=[0, 1]), delta(changed=[[], 1, 1]),
        delta(changed=[0, 1, "x"]), delta(changed=[0, 1, None], flags=1), delta(changed=[0, 16, 100], flags=1),
        delta(entered=[1, 0]), delta(entered=[1, 0, 5, -1]), delta(entered=[1, 0, 0, -1, 1, 2, 1, "a"]),
        delta(entered=[-1, 0, 0, -1, 1, 2, 1, "a", 1]), delta(entered=[1, 0, 0, None, 1, 2, 1, "a", 1]),
        delta(entered=[1, 0, 0, -1, 1, 999, 1, "a", 1]), delta(base_back=2) and State(14, 1, 0, 0, [], [], []),
    ],
)  # fmt: skip
def test_a_state_that_does_not_fit_is_the_peers_fault_and_changes_nothing(frame: State) -> None:
    state = holding()
    before = state.hash()
    with pytest.raises(PeerFault):
        state.apply_state(frame)
    assert (state.hash(), state.tick) == (before, 10)


@given(st.lists(st.lists(st.integers(-70_000, 70_000), min_size=1, max_size=40), max_size=30))
def test_spliced_fragments_are_one_flat_array(groups: list[list[int]]) -> None:
    joined = splice([fragment(items) for items in groups])
    assert msgpack.unpackb(joined) == [value for items in groups for value in items]


@pytest.mark.parametrize("count", [0, 15, 16, 65_535, 65_536])
def test_an_array_header_is_the_one_of_msgpack(count: int) -> None:
    packed = msgpack.packb([0] * count)
    assert packed.startswith(array_header(count)) and len(packed) == len(array_header(count)) + count


@given(st.lists(st.tuples(st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53)), max_size=20))
def test_relative_steps_telescope(pairs: list[tuple[int, int]]) -> None:
    for before, now in pairs:
        assert before + int(relative_value(Step(1), before, now)) - RELATIVE_BIAS == now


def test_the_hash_sees_ids_generations_owners_and_values() -> None:
    row = (1, 0, 0, None, [5, "a"])
    others = [(2, 0, 0, None, [5, "a"]), (1, 1, 0, None, [5, "a"]), (1, 0, 0, 0, [5, "a"]), (1, 0, 0, None, [6, "a"])]
    hashes = {state_hash([each]) for each in (row, *others)}
    assert len(hashes) == 5


def test_a_small_move_costs_four_bytes() -> None:
    position = EntityKind("P", (("x", Step(1)), ("y", Step(1))))
    values = [relative_value(kind, 100, 100 + step) for kind, step in zip(position.kinds, (79, -80), strict=True)]
    assert len(fragment([5, 3, *values]).data) == 4
