"""The table itself."""

import pytest

from protocol.errors import PeerFault
from protocol.messages import ROW_OF_TAG, TABLE, CommandFrame, State
from protocol.rows import Direction, Rest


def test_tags_are_unique_one_byte_and_sorted_by_direction() -> None:
    tags = [row.tag for row in TABLE]
    assert len(set(tags)) == len(tags) and all(0 <= tag < 128 for tag in tags)
    for row in TABLE:
        assert (row.tag < 16) == (row.direction is Direction.TO_SERVER)


def test_every_message_has_a_sentence_and_ranges() -> None:
    for row in TABLE:
        assert row.cls.__doc__ and str(row.fields[0][1])


def test_rest_takes_all_that_follows() -> None:
    row = ROW_OF_TAG[3]
    assert isinstance(row.fields[-1][1], Rest)
    assert row.parse([1, 0, "a", 2]) == CommandFrame(1, 0, ["a", 2])
    assert row.items(CommandFrame(1, 0, ["a", 2])) == [3, 1, 0, "a", 2]


def test_the_hash_of_a_state_is_optional_and_checked() -> None:
    row = ROW_OF_TAG[18]
    items = [5, 1, 0, 0, [], [], []]
    assert row.parse(list(items)) == State(5, 1, 0, 0, [], [], [])
    assert row.parse([*items, 9]).hash == 9
    for bad in (-1, None, "x"):
        with pytest.raises(PeerFault, match="hash"):
            row.parse([*items, bad])


def test_a_field_out_of_range_is_named() -> None:
    with pytest.raises(PeerFault, match=r"STATE\.base_back must be int 1"):
        ROW_OF_TAG[18].parse([5, 0, 0, 0, [], [], []])
