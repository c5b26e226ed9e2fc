"""Arena's motion and geometry."""

import ast
from dataclasses import dataclass, replace
from math import cos, pi, sin, sqrt
from pathlib import Path
from random import Random
from typing import Any

import pytest

from demo_game import rules
from demo_game.arena import PICKUPS, SPAWN_PLACES
from demo_game.entities import Controls
from demo_game.rules import (
    BORN_MODULO,
    BULLET_STEP_M,
    BULLET_TICKS_MAX,
    DIRECTIONS,
    FIELD_M,
    GRID_M,
    SHIP_RADIUS_M,
    SPEED_MAX_MPS,
    TICK_RATE_HZ,
    WALLS,
    Wall,
    bullet_age_ticks,
    bullet_life_ticks,
    bullet_position,
    direction,
    free_way,
    heading_number,
    hits,
    on_grid,
    step_ship,
)

DT_S = 1 / TICK_RATE_HZ


@dataclass
class Body:
    x: float = 32.0
    y: float = 40.0
    heading: float = 0.0
    vx: float = 0.0
    vy: float = 0.0
    boost_wait_ticks: int = 0


def fly(body: Body, ticks: int, **controls: Any) -> Body:
    for _ in range(ticks):
        step_ship(body, Controls(**controls), DT_S)
    return body


def gap_to(wall: Wall, x: float, y: float) -> float:
    dx = x - min(max(x, wall.left), wall.right)
    dy = y - min(max(y, wall.top), wall.bottom)
    return sqrt(dx * dx + dy * dy)


def test_directions_are_those_of_sine_and_cosine() -> None:
    assert len(DIRECTIONS) == 256
    for number, (x, y) in enumerate(DIRECTIONS):
        assert (x, y) == pytest.approx((cos(2 * pi * number / 256), sin(2 * pi * number / 256)), abs=1e-14)


def test_quarters_are_exact() -> None:
    assert [DIRECTIONS[i] for i in (0, 64, 128, 192)] == [(1, 0), (0, 1), (-1, 0), (0, -1)]


def test_rules_call_no_function_that_differs_between_platforms() -> None:
    tree = ast.parse(Path(rules.__file__).read_text())
    imported = [name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names]
    assert not {"sin", "cos", "tan", "atan2", "hypot", "exp", "pow"}.intersection(imported)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Pow)]


def test_a_turning_ship_stays_on_headings_that_the_wire_can_say() -> None:
    body = Body()
    for tick in range(1, 100):
        step_ship(body, Controls(turn=1), DT_S)
        assert body.heading * 256 == heading_number(body.heading) == 4 * tick % 256
    fly(body, 99, turn=-1)
    assert body.heading == 0.0


def test_thrust_accelerates_along_the_heading_up_to_a_steady_speed() -> None:
    body = fly(Body(x=5.0), 30, thrust=1)
    assert body.vx > 5.0 and body.vy == 0.0
    body = fly(Body(x=5.0, heading=0.25), 5, thrust=1)
    assert body.vy > 0.0 and body.vx == 0.0


def test_a_ship_drifts_to_rest() -> None:
    body = fly(Body(vx=5.0), 200)
    assert 0.0 < body.vx < 0.01


def test_a_wrong_guess_of_velocity_fades() -> None:
    # What a client lacks: velocity is not replicated.
    right, wrong = Body(vx=3.0), Body(vx=1.0)
    fly(right, 60, thrust=0)
    fly(wrong, 60, thrust=0)
    assert abs(right.vx - wrong.vx) < 0.1


def test_a_boost_works_once_and_then_has_to_wait() -> None:
    body = fly(Body(x=10.0), 1, boost=1)
    first = body.vx
    fly(body, 1, boost=1)
    assert first == rules.BOOST_MPS
    assert body.vx < first
    fly(body, rules.BOOST_WAIT_TICKS - 1)
    assert body.boost_wait_ticks == 0
    before = body.vx
    fly(body, 1, boost=1)
    assert body.vx > before + 0.9 * rules.BOOST_MPS


def test_no_ship_exceeds_the_speed_limit() -> None:
    body = fly(Body(x=5.0, vx=100.0), 1, thrust=1)
    assert sqrt(body.vx**2 + body.vy**2) <= SPEED_MAX_MPS * 1.0001
    assert SPEED_MAX_MPS * DT_S < SHIP_RADIUS_M


def test_a_ship_bounces_off_a_wall_and_slides_along_it() -> None:
    wall = WALLS[0]
    body = Body(x=wall.left - SHIP_RADIUS_M - 0.1, y=32.0, vx=6.0, vy=2.0)
    fly(body, 1)
    assert body.x == wall.left - SHIP_RADIUS_M
    assert -3.0 < body.vx < -2.5
    assert 1.8 < body.vy < 2.0


def test_a_ship_inside_a_wall_leaves_through_the_nearest_side() -> None:
    wall = WALLS[0]
    body = fly(Body(x=wall.left + 0.2, y=32.0), 1)
    assert body.x == wall.left - SHIP_RADIUS_M


def test_no_ship_ever_gets_into_a_wall_or_off_the_field(seed: int) -> None:
    rng = Random(seed)
    for x, y in SPAWN_PLACES:
        body = Body(x=x, y=y)
        for _ in range(400):
            controls = Controls(thrust=rng.randrange(-1, 2), turn=rng.randrange(-1, 2), boost=int(rng.random() < 0.1))
            for _ in range(rng.randrange(1, 10)):
                step_ship(body, controls, DT_S)
                assert SHIP_RADIUS_M <= body.x <= FIELD_M - SHIP_RADIUS_M
                assert SHIP_RADIUS_M <= body.y <= FIELD_M - SHIP_RADIUS_M
                assert min(gap_to(wall, body.x, body.y) for wall in WALLS) > SHIP_RADIUS_M - 1e-9


def test_equal_inputs_give_equal_flights_bit_for_bit(seed: int) -> None:
    rng = Random(seed)
    one = Body()
    other = replace(one)
    for _ in range(500):
        controls = Controls(thrust=rng.randrange(-1, 2), turn=rng.randrange(-1, 2), boost=rng.randrange(2))
        step_ship(one, controls, DT_S)
        step_ship(other, controls, DT_S)
    assert one == other


def test_spawn_places_and_pickups_are_clear_of_walls() -> None:
    for x, y in [*SPAWN_PLACES, *[(x, y) for x, y, _ in PICKUPS]]:
        assert min(gap_to(wall, x, y) for wall in WALLS) > SHIP_RADIUS_M


def test_a_bullet_flies_straight_at_its_speed() -> None:
    assert bullet_position(5.0, 6.0, 0.25, 10) == pytest.approx((5.0, 6.0 + 10 * BULLET_STEP_M))


def test_the_age_of_a_bullet_survives_the_wrap_of_its_birth_tick() -> None:
    for tick in range(1000, 1300):
        for age in (0, 1, BULLET_TICKS_MAX):
            assert bullet_age_ticks((tick - age) % BORN_MODULO, tick) == age


def test_a_bullet_ends_at_a_wall_at_the_border_or_by_its_range() -> None:
    assert bullet_life_ticks(2.0, 24.0, 0.0) == BULLET_TICKS_MAX
    assert bullet_life_ticks(FIELD_M - 4.1 * BULLET_STEP_M, 24.0, 0.0) == 4
    assert bullet_life_ticks(WALLS[0].left - 4.1 * BULLET_STEP_M, 32.0, 0.0) == 4
    assert bullet_life_ticks(WALLS[0].left + 0.5, 32.0, 0.0) == 0
    assert bullet_life_ticks(-0.1, 24.0, 0.0) == 0


def test_free_ways_agree_with_small_steps(seed: int) -> None:
    rng = Random(seed)
    for _ in range(300):
        x, y = rng.uniform(1, 63), rng.uniform(1, 63)
        ux, uy = DIRECTIONS[rng.randrange(256)]
        free_m = free_way(x, y, ux, uy, 20.0)
        stop = 0.0
        while stop < 20.0 and not _solid(x + ux * stop, y + uy * stop):
            stop += 0.01
        # Small steps miss a corner that is cut by less than one of them.
        assert free_m <= stop + 1e-6
        assert stop - free_m < 0.02 or _grazes(x, y, ux, uy, free_m)


def _solid(x: float, y: float) -> bool:
    inside = any(wall.left <= x <= wall.right and wall.top <= y <= wall.bottom for wall in WALLS)
    return inside or not (0 <= x <= FIELD_M and 0 <= y <= FIELD_M)


def _grazes(x: float, y: float, ux: float, uy: float, at_m: float) -> bool:
    corners = [(cx, cy) for wall in WALLS for cx in (wall.left, wall.right) for cy in (wall.top, wall.bottom)]
    return any(hits(x, y, x + ux * at_m, y + uy * at_m, cx, cy, 0.05) for cx, cy in corners)


def test_a_way_hits_what_it_passes_even_between_its_ends() -> None:
    assert hits(0, 0, 10, 0, 5, 0.7, 0.75)
    assert not hits(0, 0, 10, 0, 5, 0.8, 0.75)
    assert not hits(0, 0, 10, 0, 10.8, 0, 0.75)
    assert hits(3, 3, 3, 3, 3.5, 3, 0.75)


def test_headings_and_grid_round_halves_upwards_as_the_wire_does() -> None:
    assert heading_number(0.999) == 0
    assert direction(1.25) == (0.0, 1.0)
    assert on_grid(GRID_M * 2.5) == GRID_M * 3
