"""From the replica to a scene. Pure: the time comes in, and nothing is drawn.

Everything is shown as of the playhead, not as of the newest state: a ship's health drops when the bullet that is drawn
reaches it, and a bullet that the server took away flies on until the playhead comes to that tick.
To test: `tests/demo_client/test_scene_builder.py`.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, exp, pi, sin
from typing import Any, Protocol

from demo_client.scene import BulletView, ChatLine, FeedLine, PickupView, Scene, ScoreRow, ShipView
from demo_game.rules import DRAG_PER_S, THRUST_MPS2, bullet_age_ticks, bullet_life_ticks, bullet_position

RESPAWN_S = 2.0
TRAIL_TICKS = 2.6
FEED_LINES = 5
CHAT_LINES = 50
ANNOUNCEMENT_S = 5.0
SMOOTH_S = 0.08
FLAGS_MAX = 128
SPEED_MPS = THRUST_MPS2 / DRAG_PER_S
"""What a ship reaches under thrust; its flame is guessed from its speed, since thrust does not travel."""

Poses = Mapping[int, Mapping[str, float]]


class World(Protocol):
    """What is read of the replica."""

    def all(self, kind: Any) -> Sequence[Any]:
        """Return the entities of a kind."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something for the eye: `kind` is "hit", "death" or "taken"; `what` is what a pick-up gave."""

    kind: str
    x: float
    y: float
    seat: int | None = None
    mine: bool = False
    what: str = ""


@dataclass(frozen=True, slots=True)
class _Flags:
    generation: int
    seat: int | None
    name: str
    hp: int
    alive: bool
    shielded: bool
    score: int


@dataclass(slots=True)
class _Shot:
    seat: int | None
    x: float
    y: float
    heading: float
    born_tick: int
    life_ticks: int
    gone_tick: int | None = None


@dataclass(slots=True)
class _Motion:
    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    thrust: float = 0.0


class SceneBuilder:
    """Remembers what a scene needs of the past: bullets on their way, who was hit, who said what."""

    def __init__(self) -> None:
        self._chat: deque[tuple[float, ChatLine]] = deque(maxlen=CHAT_LINES)
        self.reset()

    def reset(self) -> None:
        """Forget the match, keep the chat: another one begins."""
        self._flags: deque[tuple[int, dict[int, _Flags]]] = deque(maxlen=FLAGS_MAX)
        self._shown: dict[int, _Flags] = {}
        self._shots: dict[tuple[int, int], _Shot] = {}
        self._motions: dict[int, _Motion] = {}
        self._ready: dict[int, bool] = {}
        self._names: dict[int, str] = {}
        self._feed: deque[tuple[float, int, int]] = deque(maxlen=FEED_LINES)
        self._announcement, self._announced_s = "", -1e9
        self._died_s: float | None = None
        self._killer = ""
        self._now_s = 0.0
        self.happenings: list[Happening] = []
        """What happened since somebody last emptied this list."""

    def record(self, tick: int, world: World) -> None:
        """Take note of the state of `tick`."""
        flags = {
            each.id: _Flags(
                getattr(each, "generation", 0), each.owner, each.name, each.hp, each.alive, each.shielded, each.score
            )
            for each in world.all("Ship")
        }
        self._flags.append((tick, flags))
        self._names.update({each.seat: each.name for each in flags.values() if each.seat is not None})
        seen = set()
        for bullet in world.all("Bullet"):
            key = (bullet.id, getattr(bullet, "generation", 0))
            seen.add(key)
            if key not in self._shots:
                life = bullet_life_ticks(bullet.x, bullet.y, bullet.heading)
                born = tick - bullet_age_ticks(bullet.born, tick)
                self._shots[key] = _Shot(bullet.owner, bullet.x, bullet.y, bullet.heading, born, life)
        for key, shot in self._shots.items():
            if key not in seen and shot.gone_tick is None:
                shot.gone_tick = tick

    def hear(self, events: Iterable[tuple[int, Any]], now_s: float, seat: int | None) -> None:
        """Take the match's events."""
        for _, event in events:
            if event.kind == "Killed":
                self._feed.append((now_s, event.killer, event.victim))
                if event.victim == seat:
                    self._killer = self._name(event.killer)
            elif event.kind == "Said":
                self._chat.append((now_s, ChatLine(event.seat, event.name, event.text)))
            elif event.kind == "RoundOver":
                who = self._name(event.winner)
                points = "point" if event.score == 1 else "points"
                self._announced_s = now_s
                self._announcement = (
                    f"{who} wins round {event.round_number} with {event.score} {points}"
                    if event.winner >= 0
                    else f"Round {event.round_number}: nobody scored"
                )

    def build(
        self, world: World, seat: int | None, poses: Poses, playhead_tick: float, now_s: float, thrust: int = 0
    ) -> Scene:
        """Return the scene at the playhead; `thrust` is what the own pilot holds."""
        dt_s = max(now_s - self._now_s, 0.0)
        self._now_s = now_s
        before, self._shown = self._shown, self._flags_at(playhead_tick)
        ships = [
            self._ship(key, flags, poses[key], seat, dt_s, thrust) for key, flags in self._shown.items() if key in poses
        ]
        self._notice(ships, before)
        clock = next(iter(world.all("Clock")), None)
        return Scene(
            ships=ships,
            bullets=self._bullets(playhead_tick, seat),
            pickups=self._pickups(world),
            scores=self._scores(seat),
            feed=[self._feed_line(each, seat) for each in self._feed],
            chat=[ChatLine(line.seat, line.name, line.text, now_s - said_s) for said_s, line in self._chat],
            seat=seat,
            seconds_left=None if clock is None else clock.seconds_left,
            round_number=1 if clock is None else clock.round_number,
            announcement=self._announcement if now_s - self._announced_s < ANNOUNCEMENT_S else "",
            respawn_s=self._respawn_s(seat),
            killed_by=self._killer,
            time_s=now_s,
        )

    def _flags_at(self, playhead_tick: float) -> dict[int, _Flags]:
        while len(self._flags) > 1 and self._flags[1][0] <= playhead_tick:
            self._flags.popleft()
        return self._flags[0][1] if self._flags else {}

    def _ship(
        self, key: int, flags: _Flags, pose: Mapping[str, float], seat: int | None, dt_s: float, thrust: int
    ) -> ShipView:
        mine = seat is not None and flags.seat == seat
        motion = self._moved(key, pose, dt_s)
        ahead = motion.vx * cos(pose["heading"] * 2 * pi) + motion.vy * sin(pose["heading"] * 2 * pi)
        want = float(thrust > 0) if mine else min(max(ahead / SPEED_MPS, 0.0), 1.0)
        motion.thrust += (want - motion.thrust) * (1.0 - exp(-dt_s / SMOOTH_S))
        return ShipView(
            key, flags.seat, flags.name, pose["x"], pose["y"], pose["heading"], flags.hp, flags.alive, flags.shielded,
            mine, motion.vx, motion.vy, motion.thrust,
        )  # fmt: skip

    def _moved(self, key: int, pose: Mapping[str, float], dt_s: float) -> _Motion:
        motion = self._motions.setdefault(key, _Motion(pose["x"], pose["y"]))
        dx, dy = pose["x"] - motion.x, pose["y"] - motion.y
        motion.x, motion.y = pose["x"], pose["y"]
        if dx * dx + dy * dy > 9.0 or dt_s <= 0.0:
            motion.vx = motion.vy = 0.0
            return motion
        part = 1.0 - exp(-dt_s / SMOOTH_S)
        motion.vx += (dx / dt_s - motion.vx) * part
        motion.vy += (dy / dt_s - motion.vy) * part
        return motion

    def _notice(self, ships: Sequence[ShipView], before: Mapping[int, _Flags]) -> None:
        for ship in ships:
            was = before.get(ship.id)
            if was is None or was.generation != self._shown[ship.id].generation:
                continue
            if was.alive and not ship.alive:
                self.happenings.append(Happening("death", ship.x, ship.y, ship.seat, ship.mine))
                self._died_s = self._now_s if ship.mine else self._died_s
            elif ship.alive and was.alive and ship.hp < was.hp:
                self.happenings.append(Happening("hit", ship.x, ship.y, ship.seat, ship.mine))
        self._motions = {ship.id: self._motions[ship.id] for ship in ships}
        del self.happenings[:-64]

    def _bullets(self, playhead_tick: float, seat: int | None) -> list[BulletView]:
        views = []
        for key, shot in list(self._shots.items()):
            age = playhead_tick - shot.born_tick
            if (shot.gone_tick is not None and playhead_tick >= shot.gone_tick) or age > shot.life_ticks + 30:
                del self._shots[key]
            elif 0.0 <= age <= shot.life_ticks:
                x, y = bullet_position(shot.x, shot.y, shot.heading, age)
                tail = bullet_position(shot.x, shot.y, shot.heading, max(0.0, age - TRAIL_TICKS))
                views.append(BulletView(key[0], shot.seat, x, y, *tail, seat is not None and shot.seat == seat))
        return views

    def _pickups(self, world: World) -> list[PickupView]:
        views = [PickupView(each.id, each.x, each.y, str(each.gives), each.ready) for each in world.all("Pickup")]
        for each in views:
            if self._ready.get(each.id) and not each.ready:
                self.happenings.append(Happening("taken", each.x, each.y, what=each.gives))
        self._ready = {each.id: each.ready for each in views}
        return views

    def _scores(self, seat: int | None) -> list[ScoreRow]:
        ranked = sorted(self._shown.items(), key=lambda pair: (-pair[1].score, pair[0]))
        return [
            ScoreRow(each.seat, each.name, each.score, each.alive, seat is not None and each.seat == seat)
            for _, each in ranked
        ]

    def _feed_line(self, line: tuple[float, int, int], seat: int | None) -> FeedLine:
        heard_s, killer, victim = line
        return FeedLine(
            self._name(killer), self._name(victim), killer, victim, self._now_s - heard_s, seat in (killer, victim)
        )

    def _name(self, seat: int) -> str:
        return self._names.get(seat, "somebody" if seat >= 0 else "")

    def _respawn_s(self, seat: int | None) -> float | None:
        mine = next((each for each in self._shown.values() if seat is not None and each.seat == seat), None)
        if mine is None or mine.alive:
            self._died_s = None
            return None
        if self._died_s is None:
            self._died_s = self._now_s
        return max(0.0, RESPAWN_S - (self._now_s - self._died_s))
