"""Entities, owners, and what a commit finds."""

import pytest

from game_server.sim.seat import Seat
from game_server.sim.world import World
from protocol.declare import Entity, owner, replicated
from protocol.errors import GameFault, UsageFault
from protocol.ids import SeatId, Tick
from protocol.vocabulary import Vocabulary


class Rock(Entity):
    x: float = replicated(0.0, step=1)
    hp: int = replicated(3, min=0, max=3)


class Card(Entity):
    audience = owner
    value: int = replicated(0)


ADA = Seat(SeatId(0), "Ada")


def world() -> World:
    return World(Vocabulary([Rock, Card]), 10)


def test_a_commit_tells_births_changes_and_deaths_once() -> None:
    here = world()
    rock = here.spawn(Rock())
    born, changed, died = here.commit(Tick(1))
    assert ([each.id for each in born], changed, died) == ([0], [], [])
    rock.x, rock.hp = 4.0, 2
    _, changed, _ = here.commit(Tick(2))
    assert [(each.mask, each.wire, each.before) for each in changed] == [(0b11, [4, 2], [0, 3])]
    assert here.commit(Tick(3)) == ([], [], [])
    here.despawn(rock)
    assert [each.id for each in here.commit(Tick(4))[2]] == [0]
    assert len(here) == 0


def test_a_move_below_one_step_adds_up_in_the_state_and_not_on_the_wire() -> None:
    here = world()
    rock = here.spawn(Rock())
    here.commit(Tick(0))
    seen = []
    for tick in range(1, 11):
        rock.x += 0.2
        seen.append(len(here.commit(Tick(tick))[1]))
    assert sum(seen) == 2 and rock.x == pytest.approx(2.0)


def test_what_lived_for_less_than_a_tick_was_never_there() -> None:
    here = world()
    here.despawn(here.spawn(Rock()))
    assert here.commit(Tick(0)) == ([], [], [])


def test_owned_finds_by_seat_and_kind() -> None:
    here = world()
    card = here.spawn(Card(value=7), owner=ADA)
    assert here.owned(ADA, Card) is card and here.all_owned(ADA, Card) == [card] and here.get(card.id) is card
    here.despawn(card)
    assert here.all_owned(ADA, Card) == [] and here.get(card.id) is None and here.get(None) is None
    with pytest.raises(GameFault, match="owns no Card"):
        here.owned(ADA, Card)


def test_misuse_names_the_fix() -> None:
    class Tree(Entity):
        pass

    here = world()
    rock = here.spawn(Rock())
    for call, words in (
        (lambda: here.spawn(Tree()), "add it to `entities`"),
        (lambda: here.all(Tree), "add it to `entities`"),
        (lambda: here.spawn(rock), "already"),
        (lambda: here.spawn(Card()), "owner=seat"),
        (lambda: here.despawn(Rock()), "not in the world"),
    ):
        with pytest.raises(UsageFault, match=words):
            call()


@pytest.mark.parametrize(("field", "value"), [("x", float("nan")), ("x", None), ("hp", 4), ("hp", "3")])
def test_a_value_that_cannot_be_carried_names_its_field(field: str, value: object) -> None:
    here = world()
    rock = here.spawn(Rock())
    here.commit(Tick(0))
    setattr(rock, field, value)
    with pytest.raises(GameFault, match=rf"Rock\(id=0\)\.{field}"):
        here.commit(Tick(1))


def test_a_world_too_large_for_a_keyframe_says_so_before_it_is() -> None:
    here = world()
    with pytest.raises(GameFault, match="despawn some"):
        for _ in range(20_000):
            here.spawn(Rock())
