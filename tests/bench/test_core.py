"""Arena measured without sockets."""

import pytest

from bench.core import (
    bytes_of_moving_ships,
    compare_with_another_interpreter,
    count_changed,
    flood_under_fake_clock,
    frame_checksums,
    tick_times_us,
)


def test_the_same_seed_gives_the_same_frames_in_another_interpreter(seed: int) -> None:
    compared, differing = compare_with_another_interpreter(seed, ticks=60, players=4)
    assert compared > 4 * 50
    assert differing == 0


def test_another_seed_gives_other_frames() -> None:
    assert frame_checksums(1, 30, 2) != frame_checksums(2, 30, 2)


def test_a_flood_under_a_fake_clock_misses_no_tick() -> None:
    flooded = flood_under_fake_clock(seconds=1, frames_per_s=10_000)
    assert flooded.ticks == flooded.ticks_due == 30
    assert flooded.rebases == 0


def test_a_tick_has_a_time() -> None:
    times = tick_times_us(players=2, ticks=40)
    assert len(times) >= 10
    assert min(times) > 0


def test_a_moving_ship_takes_about_five_bytes() -> None:
    moving = bytes_of_moving_ships(players=4, ticks=60)
    assert moving.entities > 100
    assert moving.per_entity == pytest.approx(4.5, abs=1.5)


def test_changed_entities_are_counted_by_their_masks() -> None:
    assert count_changed([]) == (0, 0)
    assert count_changed([1, 0b111, 48, 48, 48, 2, 0b1, 300]) == (2, 5 + 1 + 1 + 3)
