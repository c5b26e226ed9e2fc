"""What Arena says on the wire."""

import pytest
from pydantic import ValidationError

from demo_game.arena import Arena
from demo_game.entities import Bullet, Controls, PickupKind, RoundOver, Ship
from protocol.declare import Edge, Entity
from protocol.fields import Angle, Step


def names(kind: type[Entity]) -> list[str]:
    return [name for name, _ in kind.declaration.fields]


def test_what_changes_every_tick_comes_first_so_that_its_mask_is_one_byte() -> None:
    assert names(Ship)[:3] == ["x", "y", "heading"]


def test_motion_that_only_the_server_knows_is_not_replicated() -> None:
    assert not {"vx", "vy", "reload_ticks", "shield_ticks"}.intersection(names(Ship))


def test_a_bullet_replicates_only_its_origin_and_birth() -> None:
    assert names(Bullet) == ["x", "y", "heading", "born"]
    assert Bullet.short_lived and not Ship.short_lived


def test_positions_travel_in_sixteenths_of_a_metre() -> None:
    kinds = dict(Ship.declaration.fields)
    assert kinds["x"] == kinds["y"] == Step(1 / 16)
    assert kinds["heading"] == Angle(8)


def test_controls_are_four_bytes() -> None:
    assert Arena.vocabulary.input is not None
    assert [field.name for field in Arena.vocabulary.input.kind.fields] == ["thrust", "turn", "fire", "boost"]
    assert Arena.vocabulary.input.edges == ["boost"]
    assert Edge is not int


@pytest.mark.parametrize("field", ["thrust", "turn"])
def test_controls_beyond_full_are_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        Controls(**{field: 2})  # type: ignore[arg-type]


def test_pickup_kinds_equal_their_names_for_clients_that_know_only_names() -> None:
    assert all(kind == kind.name for kind in PickupKind)


def test_nobody_may_win_a_round() -> None:
    assert RoundOver(winner=-1, score=0, round_number=1).winner == -1
