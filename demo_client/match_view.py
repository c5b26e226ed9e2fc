"""One match in the window: a connection, the pilot, and what both amount to on the screen.

To test: `tests/demo_client/test_match_view.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from time import monotonic_ns
from typing import Any, Protocol

import pygame

from demo_client.effects import Effects
from demo_client.input import Pilot, Wanted
from demo_client.painter import Painter
from demo_client.palette import HEALTH, RAPID, ship_colour
from demo_client.scene import Numbers, Scene, ShipView
from demo_client.scene_builder import SceneBuilder, World
from demo_client.widgets import ENTER
from demo_game.bots import Hunter
from demo_game.rules import FIELD_M
from game_client.interpolation import Interpolator
from protocol.errors import UsageFault

LIVE, CLOSED = "live", "closed"
CUT_KEY, CUT_S = pygame.K_F9, 2.0
"""The key that breaks the own connection, to see it mended; and for how long no dial gets through."""


OnState = Callable[[int, int, Any], None]
"""Called with tick, arrival and world for each applied state."""


class Connection(Protocol):
    """What is used of `game_client.Bridge`."""

    @property
    def world(self) -> Any:
        """The replica."""

    @property
    def seat(self) -> int | None:
        """The own seat."""

    @property
    def tick(self) -> int:
        """The last applied tick."""

    @property
    def tick_rate_hz(self) -> int:
        """Ticks per second, 0 before the first answer."""

    @property
    def status(self) -> Any:
        """Phase, attempt, reason."""

    @property
    def stats(self) -> Any:
        """What was counted and measured."""

    playhead_tick: float | None
    """What is shown, for the server's lag compensation."""

    def pump(self, on_state: OnState | None = None) -> int:
        """Apply what came, state by state."""

    def take_events(self) -> Sequence[tuple[int, Any]]:
        """Return the events since the last call."""

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        """Hold an input."""

    def send_command(self, command: object, **fields: Any) -> None:
        """Send a command."""

    def cut(self, seconds: float) -> None:
        """End the own sockets as a broken network does, for so long."""

    def close(self) -> None:
        """Leave."""


class Dial(Protocol):
    """Opens a connection to an address under a name, without waiting for it; a lobby gave the token, if any."""

    def __call__(self, url: str, name: str, *, token: str | None = None, spectate: bool = False) -> Connection:
        """Begin to dial."""


@dataclass(frozen=True, slots=True)
class _View:
    """What an autopilot sees."""

    world: Any
    seat: int | None
    tick: int
    events: Sequence[tuple[int, Any]] = ()


def banner_of(status: Any) -> str:
    """Return what to tell about a connection that is not live; nothing for one that is."""
    if status.phase == LIVE:
        return ""
    if status.phase == CLOSED:
        return f"disconnected: {status.reason}" if status.reason else "disconnected"
    attempt = f", attempt {status.attempt}" if status.attempt else ""
    return ("connecting" if status.phase == "dialling" else "connection lost - reconnecting") + attempt


class MatchView:
    """Turns a connection's states into frames and a player's keys into inputs."""

    def __init__(self, link: Connection, painter: Painter, autopilot: bool = False, code: str = "") -> None:
        self._link = link
        self._code = code
        self._painter = painter
        self._builder = SceneBuilder()
        self._motion: Interpolator | None = None
        self._autopilot = Hunter(Random(5)) if autopilot else None
        self._sent: Wanted | None = None
        self._tick = -1
        self._trail_s = 0.0
        self.pilot = Pilot()
        painter.camera.look_at(FIELD_M / 2, FIELD_M / 4)
        self.was_live = False
        self._watched_seat: int | None = None

    def handle(self, event: pygame.event.Event) -> None:
        """Take one of pygame's events."""
        if event.type == pygame.KEYDOWN and event.key == CUT_KEY:
            self._link.cut(CUT_S)
            return
        if self._spectates and event.type == pygame.KEYDOWN and event.key in ENTER:
            return  # Who only watches has no voice.
        line = self.pilot.handle(event)
        if line is not None:
            try:
                self._link.send_command("Chat", text=line)
            except UsageFault:
                self.pilot.chat_draft = line  # Too many wait already: what was written is not lost.

    def frame(self, target: pygame.Surface, dt_s: float, fps: float) -> Scene:
        """Draw the next frame, return what it shows."""
        now_ns = monotonic_ns()
        now_s = now_ns / 1e9
        self._receive(now_s)
        poses = self._motion.sample(now_ns) if self._motion is not None else {}
        playhead = self._motion.playhead_tick if self._motion is not None else 0.0
        if self._motion is not None:
            self._link.playhead_tick = playhead  # The server judges shots by what was seen.
        thrust = self._sent.thrust if self._sent is not None else 0
        world: World = self._link.world
        scene = self._builder.build(world, self._link.seat, poses, playhead, now_s, thrust)
        scene = self._dress(scene, fps)
        self._look(scene, dt_s)
        self._steer(scene)
        pointer = self.pilot.pointer if self._autopilot is None else None
        self._painter.paint(target, scene, pointer, self.pilot.fires)
        return scene

    def _receive(self, now_s: float) -> None:
        link, before = self._link, self._tick
        link.pump(self._on_state)
        self.was_live = self.was_live or link.status.phase == LIVE
        events = link.take_events()
        self._builder.hear(events, now_s, link.seat)
        if self._autopilot is not None and self._tick != before:
            for act in self._autopilot.act(_View(link.world, link.seat, link.tick, events)):
                link.send_input(act)
                self._sent = Wanted(thrust=getattr(act, "thrust", 0))

    def _on_state(self, tick: int, arrival_ns: int, world: World) -> None:
        if self._motion is None:
            self._motion = Interpolator(self._link.tick_rate_hz)
        if tick < self._tick:  # The server began anew.
            self._motion.reset()
            self._builder.reset()
        self._tick = tick
        self._motion.record(tick, arrival_ns, world)
        self._builder.record(tick, world)

    def _dress(self, scene: Scene, fps: float) -> Scene:
        stats, status = self._link.stats, self._link.status
        gaps = stats.state_gap_ms
        live = status.phase == LIVE
        numbers = Numbers(
            ping_ms=stats.rtt_ms or None if live else None,
            tick=max(self._tick, 0),
            down_bps=stats.bytes_down_per_s if live else None,
            up_bps=stats.bytes_up_per_s if live else None,
            fps=fps,
            delay_ms=self._motion.delay_ms if self._motion is not None else 0.0,
            gaps_ms=[gaps[place] for place in range(max(0, len(gaps) - 80), len(gaps))],
        )
        pilot = self.pilot
        watched = self._watched(scene)
        return replace(
            scene,
            numbers=numbers,
            banner=banner_of(status),
            banner_why=status.reason if status.phase not in (LIVE, CLOSED) else "",
            banner_bad=status.phase == CLOSED,
            code=self._code,
            watching=watched.name if watched is not None else "",
            chat_draft=pilot.chat_draft,
            show_scores=pilot.shows_scores,
            show_help=pilot.shows_help,
        )

    def _look(self, scene: Scene, dt_s: float) -> None:
        camera, effects, me = self._painter.camera, self._painter.effects, scene.me
        shown = me if me is not None and me.alive else self._watched(scene)
        if shown is not None:
            camera.follow(shown.x, shown.y, shown.vx, shown.vy, dt_s)
        else:
            camera.follow(camera.x, camera.y, 0.0, 0.0, dt_s)
        for each in self._builder.happenings:
            colour = ship_colour(each.seat, each.mine)
            if each.kind == "death":
                effects.death(each.x, each.y, colour)
                camera.shake(0.5 if each.mine else 0.08)
            elif each.kind == "hit":
                effects.hit(each.x, each.y, colour)
                camera.shake(0.22 if each.mine else 0.0)
            else:
                effects.taken(each.x, each.y, HEALTH if each.what == "HEALTH" else RAPID)
        self._builder.happenings.clear()
        self._leave_embers(scene, effects, dt_s)
        effects.advance(dt_s)

    def _watched(self, scene: Scene) -> ShipView | None:
        """Return the ship that a spectator's view follows: the same one for as long as it lives, then the best."""
        if not self._spectates:
            return None
        alive = {ship.seat: ship for ship in scene.ships if ship.alive}
        if self._watched_seat not in alive:
            self._watched_seat = next((row.seat for row in scene.scores if row.seat in alive), None)
        return alive.get(self._watched_seat)

    @property
    def _spectates(self) -> bool:
        return self._link.seat is None and self.was_live

    def _leave_embers(self, scene: Scene, effects: Effects, dt_s: float) -> None:
        self._trail_s += dt_s
        if self._trail_s < 0.04:
            return
        self._trail_s = 0.0
        for ship in scene.ships:
            if ship.alive and ship.thrust > 0.4:
                speed = (ship.vx * ship.vx + ship.vy * ship.vy) ** 0.5 or 1.0
                back_x, back_y = ship.vx / speed * 0.9, ship.vy / speed * 0.9
                effects.exhaust(ship.x - back_x, ship.y - back_y, -ship.vx * 0.2, -ship.vy * 0.2)

    def _steer(self, scene: Scene) -> None:
        me = scene.me
        if self._autopilot is not None or me is None:
            return
        x, y = self._painter.camera.to_screen(me.x, me.y)
        wanted = self.pilot.wanted(me.heading, x, y)
        if wanted != self._sent or wanted.boost:
            self._link.send_input(thrust=wanted.thrust, turn=wanted.turn, fire=wanted.fire, boost=wanted.boost)
            self._sent = replace(wanted, boost=0)
