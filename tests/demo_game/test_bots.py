"""Arena's bots, against views made by hand."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from demo_game.arena import Arena
from demo_game.bots import (
    HURT_HP,
    Hunter,
    Wanderer,
    aims_at,
    own_ship,
    sees,
    turn_from_walls,
    turn_towards,
)
from demo_game.entities import Controls, Killed, Pickup, PickupKind, Ship
from protocol.declare import Entity
from tests.demo_game.bot_match import BotMatch, events_of


@dataclass
class Seen:
    id: int
    owner: int | None
    x: float
    y: float
    heading: float = 0.0
    hp: int = 100
    alive: bool = True
    shielded: bool = False
    ready: bool = True
    gives: str = "HEALTH"


@dataclass
class FakeView:
    ships: list[Seen]
    pickups: list[Seen] = field(default_factory=list)
    seat: int | None = 0
    tick: int = 0
    events: tuple[Any, ...] = ()

    @property
    def world(self) -> "FakeView":
        return self

    def all(self, kind: type[Entity]) -> list[Seen]:
        return self.ships if kind is Ship else self.pickups if kind is Pickup else []


def only(acts: Any) -> Controls:
    (controls,) = acts
    assert isinstance(controls, Controls)
    return controls


def test_a_bot_finds_its_own_living_ship() -> None:
    me, other = Seen(1, 0, 20, 24), Seen(2, 1, 30, 24)
    assert own_ship(FakeView([other, me])) is me
    me.alive = False
    assert own_ship(FakeView([other, me])) is None


def test_turning_goes_the_short_way_round() -> None:
    assert turn_towards(0.0, 1.0, 0.0) == 0
    assert turn_towards(0.0, 0.0, 1.0) == 1
    assert turn_towards(0.0, 0.0, -1.0) == -1
    assert turn_towards(0.0, -1.0, 0.1) == 1


def test_a_shot_is_aimed_when_it_would_meet_the_ship() -> None:
    assert aims_at(0.0, 10.0, 0.5)
    assert not aims_at(0.0, 10.0, 1.0)
    assert not aims_at(0.0, -10.0, 0.0)
    assert not aims_at(0.0, 60.0, 0.0)


def test_walls_block_the_view() -> None:
    assert not sees(Seen(1, 0, 20, 32), 24.0, 0.0)
    assert sees(Seen(1, 0, 20, 24), 24.0, 0.0)


def test_a_bot_turns_away_from_a_wall_ahead_to_the_freer_side() -> None:
    assert turn_from_walls(Seen(1, 0, 20, 24)) == 0
    assert turn_from_walls(Seen(1, 0, 62, 2)) == 1
    assert turn_from_walls(Seen(1, 0, 62, 62)) == -1


@pytest.mark.parametrize("kind", [Hunter, Wanderer])
def test_without_a_living_ship_a_bot_holds_still(kind: type[Hunter] | type[Wanderer]) -> None:
    assert only(kind(Random(1)).act(FakeView([]))) == Controls()


def test_a_hunter_shoots_only_when_aimed() -> None:
    me, prey = Seen(1, 0, 20, 24), Seen(2, 1, 30, 24)
    assert only(Hunter(Random(1)).act(FakeView([me, prey]))).fire
    me.heading = 0.25
    controls = only(Hunter(Random(1)).act(FakeView([me, prey])))
    assert not controls.fire
    assert controls.turn == -1


def test_a_hunter_does_not_shoot_at_walls() -> None:
    me, prey = Seen(1, 0, 20, 32), Seen(2, 1, 40, 32)
    assert not only(Hunter(Random(1)).act(FakeView([me, prey]))).fire


def test_a_hunter_aims_ahead_of_a_moving_ship() -> None:
    hunter = Hunter(Random(1))
    me, prey = Seen(1, 0, 20, 24), Seen(2, 1, 32, 24)
    for tick in range(12):
        prey.y = 24 + 0.2 * (tick - 11)  # in the end it is right ahead, but moving on
        last = only(hunter.act(FakeView([me, prey], tick=tick)))
    assert last.turn == 1
    assert not last.fire


def test_a_hurt_hunter_goes_for_health() -> None:
    me, prey = Seen(1, 0, 20, 24, hp=HURT_HP - 1), Seen(2, 1, 30, 24)
    health = Seen(3, None, 20, 40, gives=PickupKind.HEALTH.name)
    assert only(Hunter(Random(1)).act(FakeView([me, prey], [health]))).turn == 1
    health.ready = False
    assert only(Hunter(Random(1)).act(FakeView([me, prey], [health]))).turn == 0


def test_a_hunter_prefers_prey_without_a_shield() -> None:
    me, near, far = Seen(1, 0, 20, 24), Seen(2, 1, 24, 24, shielded=True), Seen(3, 2, 20, 36)
    assert only(Hunter(Random(1)).act(FakeView([me, near, far]))).turn == 1


def test_a_hunter_that_gets_nowhere_breaks_out() -> None:
    hunter = Hunter(Random(1))
    me, prey = Seen(1, 0, 20, 24), Seen(2, 1, 40, 24)
    turns = [only(hunter.act(FakeView([me, prey], tick=tick))).turn for tick in range(100)]
    assert any(turns)


def test_equal_seeds_act_alike() -> None:
    def acts(seed: int) -> list[Controls]:
        bot = Wanderer(Random(seed))
        return [only(bot.act(FakeView([Seen(1, 0, 20, 24)], tick=tick))) for tick in range(300)]

    assert acts(4) == acts(4) != acts(5)


def test_hunters_outscore_wanderers() -> None:
    match = BotMatch(Arena, seed=2)
    clients = [match.seat((Hunter, Wanderer)[number % 2](Random(number))) for number in range(8)]
    match.step(60 * 30)
    killers = [event.killer for event in events_of(clients[0]) if isinstance(event, Killed)]
    assert sum(killer % 2 == 0 for killer in killers) > 2 * sum(killer % 2 for killer in killers)
