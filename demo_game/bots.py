"""Players for Arena without a person: pure, seeded behaviours that see only what a client sees.

    behaviour = Hunter(random.Random(7))
    for controls in behaviour.act(view): ...           # after each applied state

To test: `tests/demo_game/test_bots.py`.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from random import Random
from typing import Any, Protocol

from demo_game.entities import Controls, Pickup, PickupKind, Ship
from demo_game.rules import (
    BULLET_STEP_M,
    BULLET_TICKS_MAX,
    DIRECTIONS,
    HEADINGS,
    SHIP_RADIUS_M,
    direction,
    free_way,
    heading_number,
)
from protocol.declare import Command, Entity, Input

RANGE_M = BULLET_STEP_M * BULLET_TICKS_MAX
"""How far a bullet flies."""

HURT_HP = 40
"""A hunter below this looks for health first."""

LOOK_AHEAD_M = 4.0
"""Nearer walls make a bot turn away."""

KEEP_OFF_M = 7.0
"""A hunter nearer to its prey stops thrusting and only aims."""

AIM_SINE = 0.05
"""Within this sine of the wanted direction a bot stops turning: half of what one tick turns."""

FEELERS = 40
"""A bot looks this many 256ths of a turn to either side to choose where to turn from a wall."""

STUCK_TICKS = 45
"""A bot that got nowhere for this long turns somewhere else for a while."""


class World(Protocol):
    """What a behaviour reads of a client's replica."""

    def all(self, kind: type[Entity]) -> Sequence[Any]:
        """Return the visible entities of a kind."""


class View(Protocol):
    """What a behaviour is shown after each applied state."""

    @property
    def world(self) -> World:
        """The client's replica."""

    @property
    def seat(self) -> int | None:
        """The bot's own seat."""

    @property
    def tick(self) -> int:
        """The tick that the replica shows."""


def own_ship(view: View) -> Any | None:
    """Return the bot's own living ship, or None."""
    for ship in view.world.all(Ship):
        if ship.owner == view.seat and ship.alive:
            return ship
    return None


def turn_towards(heading: float, dx: float, dy: float) -> int:
    """Return the turn (-1, 0 or 1) that brings `heading` to the direction (dx, dy)."""
    ux, uy = direction(heading)
    cross = ux * dy - uy * dx
    if ux * dx + uy * dy > 0.0 and cross * cross <= AIM_SINE * AIM_SINE * (dx * dx + dy * dy):
        return 0
    return 1 if cross > 0.0 else -1


def aims_at(heading: float, dx: float, dy: float) -> bool:
    """Return whether a bullet along `heading` would meet a ship whose middle is (dx, dy) away."""
    ux, uy = direction(heading)
    cross = ux * dy - uy * dx
    ahead = ux * dx + uy * dy
    return 0.0 < ahead < RANGE_M and -SHIP_RADIUS_M < cross < SHIP_RADIUS_M


def sees(ship: Any, dx: float, dy: float) -> bool:
    """Return whether no wall lies between `ship` and the point (dx, dy) away."""
    distance = sqrt(dx * dx + dy * dy)
    return distance < 0.1 or free_way(ship.x, ship.y, dx / distance, dy / distance, distance) >= distance - 0.01


def turn_from_walls(ship: Any) -> int:
    """Return the turn that leads away from a wall close ahead, 0 if the way is free."""
    ahead = heading_number(ship.heading)
    if _free(ship, ahead) >= LOOK_AHEAD_M:
        return 0
    return 1 if _free(ship, ahead + FEELERS) >= _free(ship, ahead - FEELERS) else -1


def _free(ship: Any, number: int) -> float:
    ux, uy = DIRECTIONS[number % HEADINGS]
    return free_way(ship.x, ship.y, ux, uy, 3.0 * LOOK_AHEAD_M)


class _Tracks:
    """Velocities of the ships, guessed from where they were some ticks ago."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, float, float]] = {}
        self._velocity: dict[int, tuple[float, float]] = {}

    def see(self, tick: int, ships: Sequence[Any]) -> None:
        """Take note of where ships are at `tick`."""
        seen: dict[int, tuple[int, float, float]] = {}
        velocity: dict[int, tuple[float, float]] = {}
        for ship in ships:
            then, x, y = self._seen.get(ship.id, (tick, ship.x, ship.y))
            velocity[ship.id] = self._velocity.get(ship.id, (0.0, 0.0))
            if tick - then >= 4:  # Positions come on a grid: over one tick the guess would be mostly its noise.
                velocity[ship.id] = ((ship.x - x) / (tick - then), (ship.y - y) / (tick - then))
                then, x, y = tick, ship.x, ship.y
            seen[ship.id] = (then, x, y)
        self._seen = seen
        self._velocity = velocity

    def lead(self, me: Any, other: Any) -> tuple[float, float]:
        """Return the way from `me` to where a bullet shot now would meet `other`."""
        vx, vy = self._velocity.get(other.id, (0.0, 0.0))
        dx = other.x - me.x
        dy = other.y - me.y
        ticks = 0.0
        for _ in range(2):  # The flight time depends on the meeting point; two rounds are near enough.
            wx = dx + vx * ticks
            wy = dy + vy * ticks
            ticks = min(BULLET_TICKS_MAX, sqrt(wx * wx + wy * wy) / BULLET_STEP_M)
        return dx + vx * ticks, dy + vy * ticks


class _Patience:
    """Notices that a ship gets nowhere; then says which way to break out, for a while."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._since = 0
        self._place = (0.0, 0.0)
        self._escape_until = 0
        self._escape_turn = 1

    def escape_turn(self, tick: int, ship: Any) -> int:
        """Return the turn by which to break out, 0 while all is well."""
        if tick < self._escape_until:
            return self._escape_turn
        dx = ship.x - self._place[0]
        dy = ship.y - self._place[1]
        if dx * dx + dy * dy > 4.0 or tick < self._since:
            self._place = (ship.x, ship.y)
            self._since = tick
        elif tick - self._since > STUCK_TICKS:
            self._since = tick
            self._escape_until = tick + self._rng.randrange(15, 45)
            self._escape_turn = 1 if self._rng.random() < 0.5 else -1
        return 0


class Wanderer:
    """Drifts about, away from walls; shoots only what happens to be before its bow."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._until = 0
        self._turn = 0
        self._thrust = 1

    def act(self, view: View) -> Iterable[Input | Command]:
        """Return the controls for the state just seen."""
        me = own_ship(view)
        if me is None:
            return [Controls()]
        if view.tick >= self._until:
            self._until = view.tick + self._rng.randrange(10, 40)
            self._turn = self._rng.randrange(-1, 2)
            self._thrust = 1 if self._rng.random() < 0.8 else 0
        turn = turn_from_walls(me) or self._turn
        return [Controls(thrust=self._thrust, turn=turn, fire=self._fires(me, view.world.all(Ship)))]

    def _fires(self, me: Any, ships: Sequence[Any]) -> bool:
        for other in ships:
            dx = other.x - me.x
            dy = other.y - me.y
            if other.alive and other.id != me.id and aims_at(me.heading, dx, dy) and sees(me, dx, dy):
                return True
        return False


class Hunter:
    """Chases the nearest ship, aims ahead of it and shoots; looks for health when hurt."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._tracks = _Tracks()
        self._patience = _Patience(rng)

    def act(self, view: View) -> Iterable[Input | Command]:
        """Return the controls for the state just seen."""
        ships = view.world.all(Ship)
        self._tracks.see(view.tick, ships)
        me = own_ship(view)
        if me is None:
            return [Controls()]
        prey = self._prey(me, ships)
        goal = self._remedy(me, view.world.all(Pickup))
        fire = False
        if prey is not None:
            lead = self._tracks.lead(me, prey)
            fire = aims_at(me.heading, *lead) and sees(me, prey.x - me.x, prey.y - me.y)
            if goal is None:
                return [self._fight(view.tick, me, lead, fire)]
        return [self._go(view.tick, me, goal or (32.0 - me.x, 20.0 - me.y), fire)]

    def _prey(self, me: Any, ships: Sequence[Any]) -> Any | None:
        others = [ship for ship in ships if ship.alive and ship.id != me.id]
        open_to_fire = [ship for ship in others if not ship.shielded] or others
        return min(open_to_fire, key=lambda ship: _square(me, ship), default=None)

    def _remedy(self, me: Any, pickups: Sequence[Any]) -> tuple[float, float] | None:
        if me.hp >= HURT_HP:
            return None
        healing = [pickup for pickup in pickups if pickup.ready and pickup.gives == PickupKind.HEALTH]
        nearest = min(healing, key=lambda pickup: _square(me, pickup), default=None)
        return None if nearest is None else (nearest.x - me.x, nearest.y - me.y)

    def _fight(self, tick: int, me: Any, lead: tuple[float, float], fire: bool) -> Controls:
        dx, dy = lead
        if dx * dx + dy * dy > KEEP_OFF_M * KEEP_OFF_M or not sees(me, dx, dy):
            return self._go(tick, me, lead, fire)
        return Controls(turn=turn_towards(me.heading, dx, dy), fire=fire)

    def _go(self, tick: int, me: Any, way: tuple[float, float], fire: bool) -> Controls:
        turn = self._patience.escape_turn(tick, me) or turn_from_walls(me) or turn_towards(me.heading, *way)
        far = way[0] * way[0] + way[1] * way[1] > 400.0
        boost = int(turn == 0 and far and self._rng.random() < 0.02)
        return Controls(thrust=1, turn=turn, fire=fire, boost=boost)


def _square(me: Any, other: Any) -> float:
    dx = other.x - me.x
    dy = other.y - me.y
    return float(dx * dx + dy * dy)
