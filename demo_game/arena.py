"""Arena, the game that the server runs: who hits whom, who comes back where, and when a round is over.

Motion and geometry are in `rules`; here is what only the server decides.

To test: `tests/demo_game/test_arena.py`.
"""

from typing import Annotated

from pydantic import BaseModel, Field

from demo_game.entities import (
    HP_MAX,
    NO_WINNER,
    ROUND_NUMBER_MAX,
    ROUND_S_MAX,
    SCORE_MAX,
    Bullet,
    Clock,
    Controls,
    Killed,
    Pickup,
    PickupKind,
    RoundOver,
    Ship,
)
from demo_game.rules import (
    BORN_MODULO,
    BULLET_STEP_M,
    HEADINGS,
    MUZZLE_M,
    SHIP_RADIUS_M,
    TICK_RATE_HZ,
    bullet_life_ticks,
    bullet_position,
    direction,
    hits,
    on_grid,
    step_ship,
)
from game_server import Game, Seat

BULLET_HP = 25
"""What one hit costs."""

RELOAD_TICKS = 15
"""From one shot to the next: two a second."""

RELOAD_RAPID_TICKS = 8
"""The same under rapid fire."""

RAPID_TICKS = 5 * TICK_RATE_HZ
"""How long rapid fire lasts."""

RESPAWN_TICKS = 2 * TICK_RATE_HZ
"""How long a ship stays dead."""

SHIELD_TICKS = 2 * TICK_RATE_HZ
"""How long a ship that came back cannot be hurt, unless it shoots first."""

PICKUP_HP = 50
"""What a health pick-up gives."""

PICKUP_REACH_M = SHIP_RADIUS_M + 0.5
"""A ship this near takes a pick-up."""

PICKUP_REST_TICKS = 10 * TICK_RATE_HZ
"""From one taking of a pick-up until it is there again."""

PICKUPS = (
    (16.0, 16.0, PickupKind.HEALTH),
    (48.0, 48.0, PickupKind.HEALTH),
    (48.0, 16.0, PickupKind.RAPID_FIRE),
    (16.0, 48.0, PickupKind.RAPID_FIRE),
    (32.0, 22.0, PickupKind.HEALTH),
    (32.0, 42.0, PickupKind.HEALTH),
)
"""Where pick-ups lie and what they give."""

SPAWN_PLACES = tuple(
    [(x, y) for x in (4.0, 24.0, 40.0, 60.0) for y in (4.0, 24.0, 40.0, 60.0)],
)
"""Where ships come in; all of them free of walls."""

SPAWN_TRIES = 4
"""A ship comes in at the loneliest of this many places drawn by lot."""


class ArenaOptions(BaseModel):
    """What `--option` may set."""

    round_s: Annotated[int, Field(ge=5, le=ROUND_S_MAX)] = 180


class Arena(Game):
    """Up to 32 ships shoot each other in a walled field; the best score of a round wins it."""

    tick_rate_hz = TICK_RATE_HZ
    seats_max = 32
    filters = ("mode", "region")
    queue_seats = (2, 8)
    input = Controls
    options = ArenaOptions
    entities = (Ship, Pickup, Clock, Bullet)
    commands = ()
    events = (Killed, RoundOver)

    def on_start(self) -> None:
        """Lay out the pick-ups and start the clock."""
        self.world.spawn(Clock(seconds_left=self.options.round_s, ticks_left=self.options.round_s * TICK_RATE_HZ))
        for x, y, gives in PICKUPS:
            self.world.spawn(Pickup(x=x, y=y, gives=gives))

    def on_join(self, seat: Seat) -> None:
        """Give the newcomer a ship."""
        ship = self.world.spawn(Ship(name=seat.name[:16]), owner=seat)
        self._bring_in(ship)

    def on_leave(self, seat: Seat) -> None:
        """Take the ship away, with its bullets: the seat's next player must not score by them."""
        for bullet in self.world.all_owned(seat, Bullet):
            self.world.despawn(bullet)
        self.world.despawn(self.world.owned(seat, Ship))

    def on_input(self, seat: Seat, controls: Controls) -> None:
        """Move the ship and let it shoot."""
        ship = self.world.owned(seat, Ship)
        if not ship.alive:
            return
        step_ship(ship, controls, self.dt_s)
        if ship.reload_ticks > 0:
            ship.reload_ticks -= 1
        if ship.rapid_ticks > 0:
            ship.rapid_ticks -= 1
        if ship.shield_ticks > 0:
            ship.shield_ticks -= 1
            ship.shielded = ship.shield_ticks > 0
        if controls.fire and ship.reload_ticks == 0:
            self._shoot(seat, ship)

    def on_tick(self, tick: int) -> None:
        """Fly the bullets, then let ships take pick-ups, come back, and the round end."""
        ships = self.world.all(Ship)
        self._fly_bullets(ships)
        self._take_pickups(ships)
        for ship in ships:
            if not ship.alive:
                ship.respawn_ticks -= 1
                if ship.respawn_ticks <= 0:
                    self._bring_in(ship)
        self._run_clock(ships)

    def _shoot(self, seat: Seat, ship: Ship) -> None:
        ship.reload_ticks = RELOAD_RAPID_TICKS if ship.rapid_ticks else RELOAD_TICKS
        ship.shield_ticks = 0
        ship.shielded = False
        ux, uy = direction(ship.heading)
        # On the wire's grid, so that the server and every client fly it along the same line.
        x = on_grid(ship.x + ux * MUZZLE_M)
        y = on_grid(ship.y + uy * MUZZLE_M)
        life_ticks = bullet_life_ticks(x, y, ship.heading)
        if life_ticks > 0:
            # It flies in this very tick, after all inputs: it stood at the muzzle at the end of the tick before.
            born = (self.tick - 1) % BORN_MODULO
            self.world.spawn(Bullet(x=x, y=y, heading=ship.heading, born=born, life_ticks=life_ticks), owner=seat)

    def _fly_bullets(self, ships: list[Ship]) -> None:
        targets = [(ship.x, ship.y, ship) for ship in ships if ship.alive]
        reach = SHIP_RADIUS_M + BULLET_STEP_M
        for bullet in self.world.all(Bullet):
            if bullet.age_ticks >= bullet.life_ticks:
                self.world.despawn(bullet)
                continue
            x0, y0 = bullet_position(bullet.x, bullet.y, bullet.heading, bullet.age_ticks)
            bullet.age_ticks += 1
            x1, y1 = bullet_position(bullet.x, bullet.y, bullet.heading, bullet.age_ticks)
            # This loop runs ships x bullets times a tick: the cheap refusal comes first and calls nothing.
            for x, y, ship in targets:
                if -reach < x - x1 < reach and -reach < y - y1 < reach:
                    mine = ship.owner == bullet.owner
                    if ship.alive and not mine and hits(x0, y0, x1, y1, x, y, SHIP_RADIUS_M):
                        self._hit(ship, bullet, ships)
                        break

    def _hit(self, ship: Ship, bullet: Bullet, ships: list[Ship]) -> None:
        self.world.despawn(bullet)
        if ship.shielded:
            return
        ship.hp = max(0, ship.hp - BULLET_HP)
        if ship.hp > 0:
            return
        ship.alive = False
        ship.respawn_ticks = RESPAWN_TICKS
        ship.vx = ship.vy = 0.0
        for killer in ships:
            if killer.owner == bullet.owner:
                killer.score = min(SCORE_MAX, killer.score + 1)
        if bullet.owner is not None and ship.owner is not None:
            self.emit(Killed(killer=bullet.owner, victim=ship.owner))

    def _take_pickups(self, ships: list[Ship]) -> None:
        for pickup in self.world.all(Pickup):
            if not pickup.ready:
                pickup.rest_ticks -= 1
                pickup.ready = pickup.rest_ticks <= 0
                continue
            for ship in ships:
                dx = ship.x - pickup.x
                dy = ship.y - pickup.y
                if ship.alive and dx * dx + dy * dy < PICKUP_REACH_M * PICKUP_REACH_M:
                    pickup.ready = False
                    pickup.rest_ticks = PICKUP_REST_TICKS
                    if pickup.gives is PickupKind.HEALTH:
                        ship.hp = min(HP_MAX, ship.hp + PICKUP_HP)
                    else:
                        ship.rapid_ticks = RAPID_TICKS
                    break

    def _bring_in(self, ship: Ship) -> None:
        """Put `ship` whole, at rest and shielded at a place with few others near."""
        living = [other for other in self.world.all(Ship) if other.alive and other is not ship]
        best = -1.0
        for _ in range(SPAWN_TRIES):
            x, y = SPAWN_PLACES[self.rng.randrange(len(SPAWN_PLACES))]
            gaps = [(other.x - x) * (other.x - x) + (other.y - y) * (other.y - y) for other in living]
            loneliness = min(gaps, default=0.0)
            if loneliness > best:
                best = loneliness
                ship.x = x
                ship.y = y
        ship.heading = self.rng.randrange(HEADINGS) / HEADINGS
        ship.vx = ship.vy = 0.0
        ship.hp = HP_MAX
        ship.alive = True
        ship.shielded = True
        ship.shield_ticks = SHIELD_TICKS
        ship.reload_ticks = ship.rapid_ticks = ship.boost_wait_ticks = 0

    def _rank(self) -> None:
        """Let the first round count for the ratings: a match is rated once."""
        if len(self.seats) > 1:
            best = sorted(self.seats, key=lambda seat: self.world.owned(seat, Ship).score, reverse=True)
            self.rank([[seat] for seat in best])

    def _run_clock(self, ships: list[Ship]) -> None:
        clock = self.world.all(Clock)[0]
        clock.ticks_left -= 1
        clock.seconds_left = -(-clock.ticks_left // TICK_RATE_HZ)
        if clock.ticks_left > 0:
            return
        if clock.round_number == 1:
            self._rank()
        winner, score = NO_WINNER, 0
        for ship in ships:
            if ship.score > score and ship.owner is not None:
                winner, score = ship.owner, ship.score
            ship.score = 0
        self.emit(RoundOver(winner=winner, score=score, round_number=clock.round_number))
        clock.round_number = clock.round_number % ROUND_NUMBER_MAX + 1
        clock.seconds_left = self.options.round_s
        clock.ticks_left = self.options.round_s * TICK_RATE_HZ


class Skirmish(Arena):
    """Arena for eight, so that a handful of players fills more than one match."""

    seats_max = 8
