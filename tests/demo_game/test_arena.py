"""Arena on the server: whole matches, and single rules in a match of two idle ships."""

from collections.abc import Iterable
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from demo_game.arena import (
    BULLET_HP,
    PICKUP_HP,
    PICKUP_REST_TICKS,
    RAPID_TICKS,
    RELOAD_RAPID_TICKS,
    RELOAD_TICKS,
    RESPAWN_TICKS,
    SHIELD_TICKS,
    Arena,
    Skirmish,
)
from demo_game.bots import Hunter, Wanderer
from demo_game.entities import HP_MAX, Bullet, Clock, Controls, Killed, Pickup, PickupKind, RoundOver, Ship
from demo_game.rules import bullet_age_ticks, bullet_position
from game_server.testing.local_match import LocalClient
from protocol.errors import UsageFault
from tests.demo_game.bot_match import BotMatch, events_of

SECOND = 30


class Holds:
    """Holds whatever controls the test puts in its hands."""

    def __init__(self, **controls: Any) -> None:
        self.controls = Controls(**controls)

    def act(self, view: Any) -> Iterable[Controls]:
        return [self.controls]


class Duel:
    """Two ships face each other across open ground, no longer shielded."""

    def __init__(self, **options: Any) -> None:
        self.match = BotMatch(Arena, **options)
        self.left, self.right = Holds(), Holds()
        self.clients: list[LocalClient] = [self.match.seat(self.left), self.match.seat(self.right)]
        self.match.step(SHIELD_TICKS + 2)
        self.shooter, self.target = self.match.kind(Ship)
        self.place(self.shooter, 20.0, 24.0)
        self.place(self.target, 26.0, 24.0)

    def place(self, ship: Ship, x: float, y: float) -> None:
        ship.x, ship.y, ship.heading, ship.vx, ship.vy = x, y, 0.0, 0.0, 0.0

    def play_until(self, done: Any, ticks_max: int = 300) -> int:
        for tick in range(ticks_max):
            if done():
                return tick
            self.match.step(1)
        raise AssertionError(f"did not happen within {ticks_max} ticks")

    def events(self, kind: type) -> list[Any]:
        return [event for event in events_of(self.clients[0]) if isinstance(event, kind)]


def test_a_hit_costs_health() -> None:
    duel = Duel()
    duel.left.controls = Controls(fire=True)
    duel.play_until(lambda: duel.target.hp < HP_MAX)
    assert duel.target.hp == HP_MAX - BULLET_HP
    assert duel.shooter.hp == HP_MAX


def test_four_hits_kill_score_and_tell_everyone() -> None:
    duel = Duel()
    duel.left.controls = Controls(fire=True)
    duel.play_until(lambda: not duel.target.alive)
    duel.match.step(1)
    assert duel.shooter.score == 1
    assert duel.events(Killed) == [Killed(killer=0, victim=1)]


def test_the_dead_come_back_whole_after_two_seconds_and_shielded_for_two_more() -> None:
    duel = Duel()
    duel.target.hp = BULLET_HP
    duel.left.controls = Controls(fire=True)
    duel.play_until(lambda: not duel.target.alive)
    duel.left.controls = Controls()
    assert duel.play_until(lambda: duel.target.alive) == RESPAWN_TICKS - 1
    assert (duel.target.hp, duel.target.shielded) == (HP_MAX, True)
    assert duel.play_until(lambda: not duel.target.shielded) == SHIELD_TICKS


def test_a_dead_ship_neither_moves_nor_shoots() -> None:
    duel = Duel()
    duel.target.alive, duel.target.respawn_ticks = False, 1000
    duel.right.controls = Controls(thrust=1, turn=1, fire=True)
    duel.match.step(30)
    assert (duel.target.x, duel.target.heading) == (26.0, 0.0)
    assert duel.match.kind(Bullet) == []


def test_a_shield_takes_the_hit_until_its_ship_shoots() -> None:
    duel = Duel()
    duel.target.shield_ticks = 1000
    duel.left.controls = Controls(fire=True)
    duel.match.step(40)
    assert duel.target.hp == HP_MAX
    duel.target.heading = 0.25
    duel.right.controls = Controls(fire=True)
    duel.play_until(lambda: duel.target.hp < HP_MAX)
    assert not duel.target.shielded


def test_shots_wait_for_the_gun_and_half_as_long_under_rapid_fire() -> None:
    duel = Duel()
    duel.target.y = 40.0
    duel.left.controls = Controls(fire=True)
    births = []
    for _ in range(8 * SECOND):
        duel.match.step(1)
        births += [duel.match.match.tick for bullet in duel.match.kind(Bullet) if bullet.age_ticks == 1]
        if len(births) == 3:
            duel.shooter.rapid_ticks = RAPID_TICKS
    gaps = [later - sooner for sooner, later in pairwise(births)]
    assert gaps[0] == gaps[1] == RELOAD_TICKS
    assert RELOAD_RAPID_TICKS in gaps
    assert gaps[-1] == RELOAD_TICKS


def test_a_client_draws_a_bullet_where_the_server_has_it() -> None:
    duel = Duel()
    duel.target.y = 40.0
    duel.left.controls = Controls(fire=True, turn=1, thrust=1)
    compared = 0
    for _ in range(200):
        duel.match.step(1)
        client = duel.clients[1]
        for seen in client.world.all(Bullet):
            bullet = duel.match.game.world.get(seen.id)
            if isinstance(bullet, Bullet):
                age = bullet_age_ticks(seen.born, client.tick)
                assert age == bullet.age_ticks
                drawn = bullet_position(seen.x, seen.y, seen.heading, age)
                assert drawn == bullet_position(bullet.x, bullet.y, bullet.heading, age)
                compared += 1
    assert compared > 50


def test_a_flying_bullet_sends_nothing() -> None:
    duel = Duel()
    duel.target.y = 40.0
    duel.left.controls = Controls(fire=True)
    duel.play_until(lambda: bool(duel.match.kind(Bullet)))
    duel.left.controls = Controls()
    duel.match.step(2)
    before = duel.clients[1].bytes_down
    duel.match.step(10)
    assert duel.match.kind(Bullet)
    # Both bots send an input each tick, which is answered with an empty state.
    assert duel.clients[1].bytes_down - before <= 10 * 16


def test_nobody_is_hit_by_their_own_bullet() -> None:
    duel = Duel()
    duel.target.y = 40.0
    duel.left.controls = Controls(fire=True)
    duel.play_until(lambda: bool(duel.match.kind(Bullet)))
    duel.left.controls = Controls()
    (bullet,) = duel.match.kind(Bullet)
    duel.place(duel.shooter, bullet.x + 8.0, bullet.y)
    duel.match.step(20)
    assert bullet.age_ticks > 15
    assert duel.shooter.hp == HP_MAX


def test_pickups_heal_arm_and_rest() -> None:
    duel = Duel()
    pickups = duel.match.kind(Pickup)
    health = next(each for each in pickups if each.gives is PickupKind.HEALTH)
    rapid = next(each for each in pickups if each.gives is PickupKind.RAPID_FIRE)
    duel.shooter.hp = 10
    duel.place(duel.shooter, health.x, health.y)
    duel.place(duel.target, rapid.x, rapid.y)
    duel.match.step(1)
    assert duel.shooter.hp == 10 + PICKUP_HP
    assert duel.target.rapid_ticks == RAPID_TICKS
    assert not health.ready and not rapid.ready
    assert duel.play_until(lambda: health.ready, PICKUP_REST_TICKS + 1) == PICKUP_REST_TICKS


def test_a_round_ends_by_its_clock_names_the_winner_and_clears_the_scores() -> None:
    duel = Duel(round_s=5)
    clock = duel.match.kind(Clock)[0]
    duel.target.score = 3
    duel.play_until(lambda: clock.round_number == 2)
    duel.match.step(1)
    assert duel.events(RoundOver) == [RoundOver(winner=1, score=3, round_number=1)]
    assert duel.target.score == 0
    assert clock.seconds_left == 5
    duel.play_until(lambda: clock.round_number == 3)
    duel.match.step(1)
    assert duel.events(RoundOver)[1] == RoundOver(winner=-1, score=0, round_number=2)


def test_the_clock_changes_once_a_second() -> None:
    duel = Duel()
    clock = duel.match.kind(Clock)[0]
    seen = []
    for _ in range(3 * SECOND):
        duel.match.step(1)
        seen.append(clock.seconds_left)
    assert sum(a != b for a, b in pairwise(seen)) == 3


def test_a_leaver_takes_ship_and_bullets_along() -> None:
    duel = Duel()
    duel.target.y = 40.0
    duel.left.controls = Controls(fire=True)
    duel.play_until(lambda: bool(duel.match.kind(Bullet)))
    duel.match.leave(duel.clients[0])
    duel.match.step(1)
    assert duel.match.kind(Ship) == [duel.target]
    assert duel.match.kind(Bullet) == []


def test_a_round_length_out_of_range_is_refused() -> None:
    with pytest.raises(UsageFault, match="round_s"):
        Arena(round_s=0)


def test_a_long_name_is_cut_to_what_fits() -> None:
    match = BotMatch(Arena)
    match.join("a name of more than sixteen characters")
    match.step(2)
    assert [ship.name for ship in match.kind(Ship)] == ["a name of more t"]


def swarm(count: int, seed: int) -> BotMatch:
    match = BotMatch(Arena, round_s=40, seed=seed)
    for number in range(count):
        kind = Wanderer if number % 4 == 3 else Hunter
        match.seat(kind(Random(seed * 100 + number)))
    return match


def test_bots_play_rounds_through_comings_and_goings() -> None:
    match = swarm(12, seed=7)
    for minute_third in range(6):
        match.step(20 * SECOND)
        gone = next(iter(match.clients.values()))
        match.leave(gone)
        match.seat(Hunter(Random(minute_third)))
    events = events_of(next(iter(match.clients.values())))
    assert sum(isinstance(event, Killed) for event in events) > 20
    assert any(isinstance(event, RoundOver) and event.score > 0 for event in events)
    assert len(match.kind(Ship)) == 12


def test_equal_seeds_play_equal_matches() -> None:
    def ships(seed: int) -> list[tuple[float, ...]]:
        match = swarm(6, seed)
        match.step(20 * SECOND)
        return [(ship.x, ship.y, ship.vx, ship.vy, ship.hp) for ship in match.kind(Ship)]

    assert ships(5) == ships(5) != ships(6)


class Spins:
    """The costliest player: always moving, turning, shooting."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._turn = 1

    def act(self, view: Any) -> Iterable[Controls]:
        if self._rng.random() < 0.1:
            self._turn = -self._turn
        return [Controls(thrust=1, turn=self._turn, fire=True)]


def bytes_per_s(match: BotMatch, seconds: int) -> float:
    match.step(3 * SECOND)
    client = next(iter(match.clients.values()))
    before = client.bytes_down
    match.step(seconds * SECOND)
    headers = 4 * SECOND * seconds  # what WebSocket puts before each frame, at most
    return (client.bytes_down - before + headers) / seconds


def test_sixteen_bots_cost_each_client_at_most_three_and_a_half_kilobytes_a_second() -> None:
    assert bytes_per_s(swarm(16, seed=3), 20) <= 3500


def test_even_sixteen_players_who_never_rest_stay_within_the_budget() -> None:
    match = BotMatch(Arena)
    for number in range(16):
        match.seat(Spins(Random(number)))
    assert bytes_per_s(match, 20) <= 3500


def test_the_first_round_is_rated_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    duel = Duel(round_s=5)
    clock = duel.match.kind(Clock)[0]
    rated: list[list[str]] = []
    monkeypatch.setattr(duel.match.game, "rank", lambda teams: rated.append([seat.name for [seat] in teams]))
    duel.target.score = 3
    duel.play_until(lambda: clock.round_number == 2)
    assert rated == [["bot 2", "bot 1"]]
    duel.play_until(lambda: clock.round_number == 3)
    assert len(rated) == 1


def test_a_player_alone_is_not_rated(monkeypatch: pytest.MonkeyPatch) -> None:
    match = BotMatch(Arena, round_s=5)
    match.seat(Holds())
    monkeypatch.setattr(match.game, "rank", lambda teams: pytest.fail("rated"))
    match.step(6 * SECOND)
    assert match.kind(Clock)[0].round_number == 2


def test_a_lobby_finds_matches_by_two_words() -> None:
    assert Arena.filters == ("mode", "region")
    assert Arena.queue_seats == (2, 8)


def test_a_skirmish_is_arena_with_fewer_seats() -> None:
    match = BotMatch(Skirmish)
    for _ in range(3):
        match.seat(Holds())
    match.step(5)
    assert len(match.kind(Ship)) == 3
    assert (Skirmish.seats_max, Skirmish.filters) == (8, Arena.filters)
    assert Skirmish.vocabulary.schema.hash == Arena.vocabulary.schema.hash
