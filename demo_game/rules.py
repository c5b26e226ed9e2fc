"""The rules of Arena's motion, as pure functions that the server and a predicting client call alike.

Floats meet only + - * / and sqrt here: those are exact to the last bit on every platform, sin and atan2 are not.
Axes: x to the right, y downwards, metres; headings in turns, 0 along x, a quarter along y, always whole 1/256ths.

To test: `tests/demo_game/test_rules.py`.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import floor, sqrt
from typing import NamedTuple, Protocol

TICK_RATE_HZ = 30
"""Ticks per second; bullets and clocks count in ticks."""

FIELD_M = 64.0
"""The field is a square of this side, with a border that nothing leaves."""

SHIP_RADIUS_M = 0.75
"""A ship is a circle of this radius."""

HEADINGS = 256
"""A ship looks in one of this many directions."""

TURN_STEPS_PER_S = 120.0
"""How fast a ship turns, in 1/256ths of a turn: exactly four of them a tick, so nothing is lost on the wire."""

THRUST_MPS2 = 14.0
"""Acceleration ahead; backwards it is half of it."""

DRAG_PER_S = 1.5
"""The part of its velocity that a ship loses each second; it also lets a client's wrong guess of velocity fade."""

BOOST_MPS = 8.0
"""What a boost adds to the velocity at once."""

BOOST_WAIT_TICKS = 75
"""Ticks from one boost to the next."""

SPEED_MAX_MPS = 18.0
"""No ship is faster: under a ship's radius a tick, so nothing tunnels through a wall."""

BOUNCE = 0.5
"""The part of its speed into a wall that a ship keeps, turned round; along the wall it slides freely."""

BULLET_STEP_M = 0.8
"""What a bullet flies in one tick: 24 m/s."""

BULLET_TICKS_MAX = 36
"""A bullet's longest life; below 128, at which `born` wraps."""

BORN_MODULO = 128
"""`Bullet.born` is its birth tick modulo this: one byte on the wire."""

MUZZLE_M = 1.0
"""A bullet starts this far before the middle of its ship."""

GRID_M = 1 / 16
"""The grid of positions on the wire."""


class Wall(NamedTuple):
    """A rectangle that stops ships and bullets, in metres."""

    left: float
    top: float
    right: float
    bottom: float


WALLS: tuple[Wall, ...] = (
    Wall(29.0, 29.0, 35.0, 35.0),
    Wall(12.0, 12.0, 20.0, 14.0),
    Wall(12.0, 14.0, 14.0, 20.0),
    Wall(44.0, 12.0, 52.0, 14.0),
    Wall(50.0, 14.0, 52.0, 20.0),
    Wall(12.0, 50.0, 20.0, 52.0),
    Wall(12.0, 44.0, 14.0, 50.0),
    Wall(44.0, 50.0, 52.0, 52.0),
    Wall(50.0, 44.0, 52.0, 50.0),
    Wall(31.0, 6.0, 33.0, 16.0),
    Wall(31.0, 48.0, 33.0, 58.0),
    Wall(6.0, 31.0, 16.0, 33.0),
    Wall(48.0, 31.0, 58.0, 33.0),
)
"""The walls of the field; the same for everyone, so they never travel."""


class Mover(Protocol):
    """What `step_ship` needs of a ship: the server's `Ship`, or whatever a client predicts with."""

    x: float
    y: float
    heading: float
    vx: float
    vy: float
    boost_wait_ticks: int


class Steering(Protocol):
    """What `step_ship` reads of the controls."""

    @property
    def thrust(self) -> int:
        """1 ahead, -1 back, 0 neither."""

    @property
    def turn(self) -> int:
        """1 towards y, -1 the other way, 0 neither."""

    @property
    def boost(self) -> int:
        """Presses of the boost since the last tick."""


def _directions() -> tuple[tuple[float, float], ...]:
    """Return the unit vectors of all headings: a quarter by halving angles with sqrt alone, the rest by symmetry."""
    quarter: list[tuple[float, float]] = [(1.0, 0.0), (0.0, 1.0)]
    while len(quarter) <= HEADINGS // 4:
        finer = [quarter[0]]
        for (ax, ay), (bx, by) in pairwise(quarter):
            length = sqrt((ax + bx) * (ax + bx) + (ay + by) * (ay + by))
            finer += [((ax + bx) / length, (ay + by) / length), (bx, by)]
        quarter = finer
    first = quarter[:-1]
    second = [(-y, x) for x, y in first]
    return tuple(first + second + [(-x, -y) for x, y in first + second])


DIRECTIONS: tuple[tuple[float, float], ...] = _directions()
"""The unit vector of every heading, by its number from 0 to 255."""


def heading_number(heading: float) -> int:
    """Return the number, from 0 to 255, of a heading in turns."""
    return floor(heading * HEADINGS + 0.5) % HEADINGS


def direction(heading: float) -> tuple[float, float]:
    """Return the unit vector of a heading in turns."""
    return DIRECTIONS[floor(heading * HEADINGS + 0.5) % HEADINGS]


def on_grid(metres: float) -> float:
    """Return the position that a client reads off the wire."""
    return floor(metres / GRID_M + 0.5) * GRID_M


def step_ship(ship: Mover, controls: Steering, dt_s: float, walls: Sequence[Wall] = WALLS) -> None:
    """Move `ship` by one tick of `dt_s` seconds under `controls`."""
    if controls.turn:
        number = floor(ship.heading * HEADINGS + controls.turn * TURN_STEPS_PER_S * dt_s + 0.5) % HEADINGS
        ship.heading = number / HEADINGS
    keep = 1.0 - DRAG_PER_S * dt_s
    vx = ship.vx * keep
    vy = ship.vy * keep
    if controls.thrust:
        ux, uy = direction(ship.heading)
        push = THRUST_MPS2 * dt_s * (controls.thrust if controls.thrust > 0 else 0.5 * controls.thrust)
        vx += ux * push
        vy += uy * push
    if ship.boost_wait_ticks > 0:
        ship.boost_wait_ticks -= 1
    elif controls.boost:
        ux, uy = direction(ship.heading)
        vx += ux * BOOST_MPS
        vy += uy * BOOST_MPS
        ship.boost_wait_ticks = BOOST_WAIT_TICKS
    square = vx * vx + vy * vy
    if square > SPEED_MAX_MPS * SPEED_MAX_MPS:
        scale = SPEED_MAX_MPS / sqrt(square)
        vx *= scale
        vy *= scale
    ship.vx = vx
    ship.vy = vy
    ship.x += vx * dt_s
    ship.y += vy * dt_s
    bounce(ship, walls)


def bounce(ship: Mover, walls: Sequence[Wall] = WALLS) -> None:
    """Push `ship` out of every wall and off the border; turn the speed into it round, weakened."""
    x = ship.x
    y = ship.y
    for wall in walls:
        left, top, right, bottom = wall
        if left - SHIP_RADIUS_M < x < right + SHIP_RADIUS_M and top - SHIP_RADIUS_M < y < bottom + SHIP_RADIUS_M:
            _push_out(ship, wall)
            x = ship.x
            y = ship.y
    if not SHIP_RADIUS_M <= x <= FIELD_M - SHIP_RADIUS_M:
        ship.x = SHIP_RADIUS_M if x < SHIP_RADIUS_M else FIELD_M - SHIP_RADIUS_M
        _reflect(ship, 1.0 if x < SHIP_RADIUS_M else -1.0, 0.0)
    if not SHIP_RADIUS_M <= y <= FIELD_M - SHIP_RADIUS_M:
        ship.y = SHIP_RADIUS_M if y < SHIP_RADIUS_M else FIELD_M - SHIP_RADIUS_M
        _reflect(ship, 0.0, 1.0 if y < SHIP_RADIUS_M else -1.0)


def _push_out(ship: Mover, wall: Wall) -> None:
    """Move a ship that may touch `wall` to just beside it, along the shortest way."""
    near_x = min(max(ship.x, wall.left), wall.right)
    near_y = min(max(ship.y, wall.top), wall.bottom)
    dx = ship.x - near_x
    dy = ship.y - near_y
    square = dx * dx + dy * dy
    if square >= SHIP_RADIUS_M * SHIP_RADIUS_M:
        return  # It is only in the corner of the box round the wall.
    if square > 0.0:
        distance = sqrt(square)
        nx = dx / distance
        ny = dy / distance
        ship.x = near_x + nx * SHIP_RADIUS_M
        ship.y = near_y + ny * SHIP_RADIUS_M
        _reflect(ship, nx, ny)
        return
    ways = (  # Its middle is inside: out through the nearest side.
        (ship.x - wall.left, -1.0, 0.0, wall.left - SHIP_RADIUS_M, ship.y),
        (wall.right - ship.x, 1.0, 0.0, wall.right + SHIP_RADIUS_M, ship.y),
        (ship.y - wall.top, 0.0, -1.0, ship.x, wall.top - SHIP_RADIUS_M),
        (wall.bottom - ship.y, 0.0, 1.0, ship.x, wall.bottom + SHIP_RADIUS_M),
    )
    _, nx, ny, ship.x, ship.y = min(ways)
    _reflect(ship, nx, ny)


def _reflect(ship: Mover, nx: float, ny: float) -> None:
    """Turn the velocity against the normal (nx, ny) round, weakened; leave the part along the wall."""
    into = ship.vx * nx + ship.vy * ny
    if into < 0.0:
        ship.vx -= (1.0 + BOUNCE) * into * nx
        ship.vy -= (1.0 + BOUNCE) * into * ny


def bullet_position(x: float, y: float, heading: float, age_ticks: float) -> tuple[float, float]:
    """Return where a bullet is `age_ticks` after its birth at (x, y); a part of a tick is fine for drawing."""
    ux, uy = direction(heading)
    return x + ux * BULLET_STEP_M * age_ticks, y + uy * BULLET_STEP_M * age_ticks


def bullet_age_ticks(born: int, tick: int) -> int:
    """Return the age at `tick` of a bullet whose `born` says its birth tick modulo 128."""
    return (tick - born) % BORN_MODULO


def bullet_life_ticks(x: float, y: float, heading: float, walls: Sequence[Wall] = WALLS) -> int:
    """Return how many ticks a bullet flies before a wall, the border or its range ends it."""
    ux, uy = direction(heading)
    free_m = free_way(x, y, ux, uy, BULLET_STEP_M * BULLET_TICKS_MAX, walls)
    return min(BULLET_TICKS_MAX, floor(free_m / BULLET_STEP_M + 1e-9))


def free_way(x: float, y: float, ux: float, uy: float, reach_m: float, walls: Sequence[Wall] = WALLS) -> float:
    """Return how far one can look from (x, y) along the unit vector (ux, uy), up to `reach_m`."""
    if not (0.0 <= x <= FIELD_M and 0.0 <= y <= FIELD_M):
        return 0.0
    free_m = reach_m
    if ux:
        free_m = min(free_m, ((FIELD_M if ux > 0.0 else 0.0) - x) / ux)
    if uy:
        free_m = min(free_m, ((FIELD_M if uy > 0.0 else 0.0) - y) / uy)
    low_x, high_x = (x, x + ux * free_m) if ux >= 0.0 else (x + ux * free_m, x)
    low_y, high_y = (y, y + uy * free_m) if uy >= 0.0 else (y + uy * free_m, y)
    for wall in walls:
        left, top, right, bottom = wall
        if high_x < left or low_x > right or high_y < top or low_y > bottom:
            continue
        free_m = min(free_m, _way_to_wall(x, y, ux, uy, wall))
    return free_m


def _way_to_wall(x: float, y: float, ux: float, uy: float, wall: Wall) -> float:
    """Return the way along (ux, uy) to where it enters `wall`; a huge number if it passes it by."""
    enter = 0.0
    leave = 4.0 * FIELD_M
    for start, speed, low, high in ((x, ux, wall.left, wall.right), (y, uy, wall.top, wall.bottom)):
        if speed == 0.0:
            if not low <= start <= high:
                return 4.0 * FIELD_M
            continue
        one = (low - start) / speed
        other = (high - start) / speed
        enter = max(enter, min(one, other))
        leave = min(leave, max(one, other))
    return enter if enter <= leave else 4.0 * FIELD_M


def hits(x0: float, y0: float, x1: float, y1: float, cx: float, cy: float, radius_m: float) -> bool:
    """Return whether the way from (x0, y0) to (x1, y1) touches the circle round (cx, cy)."""
    dx = x1 - x0
    dy = y1 - y0
    square = dx * dx + dy * dy
    along = ((cx - x0) * dx + (cy - y0) * dy) / square if square > 0.0 else 0.0
    along = min(max(along, 0.0), 1.0)
    gap_x = x0 + along * dx - cx
    gap_y = y0 + along * dy - cy
    return gap_x * gap_x + gap_y * gap_y <= radius_m * radius_m
