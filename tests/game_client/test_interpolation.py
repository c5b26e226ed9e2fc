"""`game_client/interpolation.py`: where entities are drawn between states that come late, or not at all."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from game_client.interpolation import (
    DELAY_MAX_NS,
    EXTRAPOLATION_MAX_NS,
    ArrivalClock,
    Interpolator,
    turn_between,
)

MS = 1_000_000
HZ = 20
TICK_NS = 50 * MS
BASE_NS = 7_000 * MS  # Local time of tick 0: the two clocks have nothing in common.


@dataclass
class FakeShip:
    id: int = 1
    x: float = 0.0
    y: float = 0.0
    heading: float = 0.0
    owner: int | None = 0
    kind: str = "Ship"
    generation: int = 0


@dataclass
class FakeWorld:
    ships: list[FakeShip] = field(default_factory=list)

    def all(self, kind: Any) -> list[FakeShip]:
        return [ship for ship in self.ships if ship.kind == kind]


def world(**fields: Any) -> FakeWorld:
    return FakeWorld([FakeShip(**fields)])


def fed(ticks: int, speed: float = 1.0, late_ms: int = 0) -> Interpolator:
    """An interpolator that got states 0 to `ticks` of a ship that moves by `speed` each tick."""
    motion = Interpolator(HZ)
    for tick in range(ticks + 1):
        motion.record(tick, BASE_NS + tick * TICK_NS + late_ms * MS, world(x=tick * speed))
        motion.sample(BASE_NS + tick * TICK_NS + late_ms * MS)
    return motion


def at(tick: float) -> int:
    return BASE_NS + round(tick * TICK_NS)


def test_the_shortest_way_between_directions_may_lead_over_zero() -> None:
    assert turn_between(0.9, 0.1) == pytest.approx(0.2)
    assert turn_between(0.1, 0.9) == pytest.approx(-0.2)
    assert turn_between(0.25, 0.5) == pytest.approx(0.25)


def test_before_the_first_state_there_is_nothing_to_draw() -> None:
    assert Interpolator(HZ).sample(at(3)) == {}


def test_between_two_states_an_entity_is_between_two_places() -> None:
    motion = fed(10)
    pose = motion.sample(at(10.4))[1]
    assert pose["x"] == pytest.approx(motion.playhead_tick, abs=0.02)
    assert 8.0 < pose["x"] < 9.5  # At least one and a half intervals behind.


def test_a_quiet_network_gets_the_least_delay() -> None:
    assert fed(40).delay_ms == pytest.approx(75.0)


def test_lateness_raises_the_delay_and_is_forgotten_after_ten_seconds() -> None:
    clock = ArrivalClock(TICK_NS)
    for tick in range(100):
        late_ns = 120 * MS if tick % 20 == 19 else 0
        clock.arrived(tick * TICK_NS, at(tick) + late_ns)
    assert clock.delay_ns == 120 * MS + TICK_NS + 5 * MS
    for tick in range(100, 320):
        clock.arrived(tick * TICK_NS, at(tick))
    assert clock.delay_ns == TICK_NS * 3 // 2


def test_the_delay_has_an_upper_limit() -> None:
    clock = ArrivalClock(TICK_NS)
    for tick in range(100):
        clock.arrived(tick * TICK_NS, at(tick) + (900 * MS if tick % 3 else 0))
    assert clock.delay_ns == DELAY_MAX_NS


def test_the_fastest_state_is_forgotten_after_a_minute() -> None:
    clock = ArrivalClock(TICK_NS)
    clock.arrived(0, at(0))
    for tick in range(1, 61 * HZ):
        clock.arrived(tick * TICK_NS, at(tick) + 40 * MS)
    assert clock.offset_ns == BASE_NS + 40 * MS


def test_the_playhead_never_runs_backwards_whatever_the_network_does(seed: int) -> None:
    rng = random.Random(seed)
    motion = Interpolator(HZ)
    arrivals = sorted((at(tick) + rng.choice((0, 3, 20, 90, 400, 1500)) * MS, tick) for tick in range(200))
    now, last_tick, last_x = at(0), -100.0, 0.0
    while now < at(230):
        now += rng.randrange(1, 40) * MS
        while arrivals and arrivals[0][0] <= now:
            arrival, tick = arrivals.pop(0)
            motion.record(tick, arrival, world(x=float(tick)))
        for pose in motion.sample(now).values():
            # Extrapolation may overshoot by its own limit, no more; the playhead may not go back at all.
            assert pose["x"] > last_x - EXTRAPOLATION_MAX_NS / TICK_NS - 0.1
            last_x = pose["x"]
        if motion.newest_tick < 0:
            continue
        assert motion.playhead_tick >= last_tick
        last_tick = motion.playhead_tick


def test_a_clock_that_steps_back_moves_nothing() -> None:
    motion = fed(10)
    before = motion.sample(at(10))
    tick = motion.playhead_tick
    assert motion.sample(at(7)) == before
    assert motion.playhead_tick == tick


def test_a_playhead_far_behind_jumps() -> None:
    motion = fed(10)
    for tick in range(11, 60):  # The window was hidden: states came, nobody drew.
        motion.record(tick, at(tick), world(x=float(tick)))
    motion._sampled_ns = at(59)  # As if no time had passed for the drawing side.
    assert motion.sample(at(59))[1]["x"] == pytest.approx(59 - 1.5, abs=0.1)


def test_small_differences_are_made_up_without_a_jump() -> None:
    motion = fed(20)
    before = motion.playhead_tick
    for tick in range(21, 41):  # The network turned 30 ms slower: the playhead drags a little instead of waiting.
        motion.record(tick, at(tick) + 30 * MS, world(x=float(tick)))
        motion.sample(at(tick) + 30 * MS)
        step = motion.playhead_tick - before
        before = motion.playhead_tick
        if tick > 21:
            assert 0.98 - 0.01 <= step <= 1.05 + 0.01


def test_a_heading_turns_the_short_way_round() -> None:
    motion = Interpolator(HZ)
    for tick in range(12):
        motion.record(tick, at(tick), world(heading=(0.95 + 0.1 * (tick % 2)) % 1.0))
        motion.sample(at(tick))
    for step in range(40):
        heading = motion.sample(at(11) + step * MS)[1]["heading"]
        assert heading >= 0.95 - 1e-9 or heading <= 0.05 + 1e-9
        assert 0.0 <= heading < 1.0


def test_a_respawn_far_away_snaps() -> None:
    motion = Interpolator(HZ)
    for tick in range(12):
        motion.record(tick, at(tick), world(x=0.0 if tick < 10 else 40.0))
        motion.sample(at(tick))
    seen = {motion.sample(at(11) + step * MS)[1]["x"] for step in range(120)}
    assert seen == {0.0, 40.0}


def test_a_newcomer_appears_with_its_first_state_and_a_leaver_goes_with_its_last() -> None:
    motion = Interpolator(HZ)
    for tick in range(20):
        ships = [FakeShip(id=1, x=1.0)] if tick < 12 else []
        ships += [FakeShip(id=2, x=2.0)] if tick >= 8 else []
        motion.record(tick, at(tick), FakeWorld(ships))
    for step in range(200):
        ids = set(motion.sample(at(6) + step * 5 * MS))
        tick = motion.playhead_tick
        assert (2 in ids) == (tick >= 8), tick
        assert (1 in ids) == (tick < 12), tick


def test_an_id_that_is_given_again_is_not_drawn_through() -> None:
    motion = Interpolator(HZ)
    for tick in range(12):
        reborn = tick >= 10
        motion.record(tick, at(tick), world(x=3.0 if reborn else 0.0, generation=int(reborn)))
        motion.sample(at(tick))
    assert {motion.sample(at(11) + step * MS)[1]["x"] for step in range(120)} == {0.0, 3.0}


def test_without_states_motion_goes_on_for_a_tenth_of_a_second_then_holds() -> None:
    motion = fed(10, speed=0.5)
    for step in range(400):
        pose = motion.sample(at(10) + step * MS)[1]
    assert pose["x"] == pytest.approx(10 * 0.5 + 0.5 * EXTRAPOLATION_MAX_NS / TICK_NS)


def test_the_state_that_ends_a_silence_moves_nothing_at_once_and_the_difference_fades() -> None:
    motion = fed(10, speed=1.0)
    now = at(10)
    for _ in range(200):
        now += MS
        drawn = motion.sample(now)[1]["x"]
    for tick in (11, 12, 13, 14, 15):  # It had stopped meanwhile.
        motion.record(tick, now, world(x=10.0))
    assert drawn == pytest.approx(12.0)
    assert motion.sample(now)[1]["x"] == pytest.approx(drawn, abs=0.01)
    assert motion.sample(now + 50 * MS)[1]["x"] == pytest.approx(10.0 + 2.0 / 2.718, abs=0.05)
    assert motion.sample(now + 400 * MS)[1]["x"] == pytest.approx(10.0, abs=0.01)


def test_old_and_repeated_states_are_ignored() -> None:
    motion = fed(10)
    motion.record(10, at(10), world(x=99.0))
    motion.record(4, at(10), world(x=99.0))
    assert motion.newest_tick == 10
    assert motion.sample(at(10.5))[1]["x"] < 11.0


def test_the_newest_tick_is_exact_at_rates_that_do_not_divide_a_second() -> None:
    motion = Interpolator(30)
    for tick in range(100):
        motion.record(tick, tick * 33 * MS, world())
        assert motion.newest_tick == tick


def test_a_server_that_was_started_anew_is_followed_by_itself() -> None:
    motion = fed(6000)
    for tick in range(20):
        now = at(6001 + tick)
        motion.record(tick, now, world(x=500.0 + tick))
        poses = motion.sample(now)
    assert motion.newest_tick == 19
    assert 516.0 < poses[1]["x"] < 519.0


def test_reset_begins_a_match_whose_ticks_start_anew() -> None:
    motion = fed(50)
    motion.reset()
    assert motion.sample(at(51)) == {}
    motion.record(0, at(52), world(x=5.0))
    assert motion.sample(at(52))[1]["x"] == 5.0


def test_other_games_choose_their_kinds_and_fields() -> None:
    motion = Interpolator(HZ, kinds=("Body",), fields=("y",), angles=())
    motion.record(0, at(0), FakeWorld([FakeShip(id=4, y=2.5, kind="Body"), FakeShip(id=5)]))
    assert motion.sample(at(0)) == {4: {"y": 2.5}}


def test_memory_stays_bounded_when_nobody_samples() -> None:
    motion = Interpolator(HZ)
    for tick in range(5000):
        motion.record(tick, at(tick), world())
    assert len(motion._snapshots) <= 128
