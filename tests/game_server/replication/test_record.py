"""Wire values of one life, and when each changed."""

import pytest

from protocol.errors import GameFault
from protocol.ids import Tick
from tests.game_server.replication.records import record


def test_only_what_differs_on_the_wire_counts_as_changed() -> None:
    thing = record(1)
    assert not thing.changed((0.4, False), Tick(1))
    assert thing.changed((0.6, False), Tick(2))
    assert (thing.before, thing.wire, thing.mask, thing.last_changed) == ([0, 0], [1, 0], 1, 2)


def test_the_mask_since_a_tick_holds_every_field_that_changed_after_it() -> None:
    thing = record(1, tick=5)
    thing.changed((1, False), Tick(7))
    thing.changed((1, True), Tick(9))
    assert [thing.mask_since(base) for base in (4, 5, 7, 9)] == [3, 3, 2, 0]


def test_a_value_that_its_field_cannot_carry_is_the_games_fault() -> None:
    with pytest.raises(GameFault, match=r"Thing\(id=1\)\.x"):
        record(1).changed((float("inf"), False), Tick(1))
