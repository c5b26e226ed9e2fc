"""Sparks, explosions and rings: what flies about for a moment and means nothing.

To test: `tests/demo_client/test_effects.py`.
"""

from dataclasses import dataclass
from math import cos, exp, pi, sin
from random import Random

import pygame

from demo_client.camera import Camera
from demo_client.paint import add_glow
from demo_client.palette import WARN, WHITE, Colour, mix

PARTICLES_MAX = 600
"""With more, the oldest go first."""


@dataclass(slots=True)
class _Particle:
    x: float
    y: float
    vx: float
    vy: float
    life_s: float
    left_s: float
    size_m: float
    colour: Colour


@dataclass(slots=True)
class _Ring:
    x: float
    y: float
    life_s: float
    left_s: float
    reach_m: float
    colour: Colour


class Effects:
    """All particles of the window. Looks only, so a seeded generator of its own is enough."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = Random(seed)
        self._particles: list[_Particle] = []
        self._rings: list[_Ring] = []

    def __len__(self) -> int:
        return len(self._particles) + len(self._rings)

    def hit(self, x: float, y: float, colour: Colour) -> None:
        """Throw a few sparks: a ship was hit."""
        self._burst(x, y, 14, 9.0, 0.4, 0.09, (mix(colour, WHITE, 0.5), WARN))

    def death(self, x: float, y: float, colour: Colour) -> None:
        """Blow a ship up."""
        self._burst(x, y, 46, 13.0, 0.9, 0.15, (colour, WARN, (255, 120, 48), WHITE))
        self._burst(x, y, 22, 4.0, 1.3, 0.22, (mix(colour, (20, 20, 30), 0.5), (90, 80, 90)))
        self._rings += [
            _Ring(x, y, 0.55, 0.55, 4.2, mix(colour, WHITE, 0.4)),
            _Ring(x, y, 0.35, 0.35, 2.2, WARN),
        ]

    def taken(self, x: float, y: float, colour: Colour) -> None:
        """Let a pick-up vanish in a ring."""
        self._burst(x, y, 16, 5.0, 0.6, 0.1, (colour, WHITE))
        self._rings.append(_Ring(x, y, 0.4, 0.4, 1.8, colour))

    def exhaust(self, x: float, y: float, vx: float, vy: float) -> None:
        """Leave one ember behind a thrusting ship."""
        rng = self._rng
        life = rng.uniform(0.2, 0.45)
        speed_x, speed_y = vx + rng.uniform(-1.2, 1.2), vy + rng.uniform(-1.2, 1.2)
        self._particles.append(_Particle(x, y, speed_x, speed_y, life, life, 0.08, (255, 150, 70)))

    def advance(self, dt_s: float) -> None:
        """Let everything fly on and fade."""
        keep = exp(-2.6 * dt_s)
        for each in self._particles:
            each.x += each.vx * dt_s
            each.y += each.vy * dt_s
            each.vx *= keep
            each.vy *= keep
            each.left_s -= dt_s
        for ring in self._rings:
            ring.left_s -= dt_s
        self._particles = [each for each in self._particles if each.left_s > 0.0][-PARTICLES_MAX:]
        self._rings = [ring for ring in self._rings if ring.left_s > 0.0]

    def draw(self, target: pygame.Surface, camera: Camera) -> None:
        """Draw what the camera sees, as light."""
        for each in self._particles:
            if camera.sees(each.x, each.y, 0.0):
                fresh = each.left_s / each.life_s
                x, y = camera.to_screen(each.x, each.y)
                size = max(1.0, each.size_m * camera.scale * (0.4 + 0.6 * fresh))
                add_glow(target, x, y, size * 2.2, each.colour, 0.8 * fresh)
                dot = mix((0, 0, 0), mix(each.colour, WHITE, 0.3 * fresh), fresh)
                side = max(1, round(size * 0.7))
                target.fill(dot, (round(x - side / 2), round(y - side / 2), side, side), pygame.BLEND_RGB_ADD)
        for ring in self._rings:
            part = ring.left_s / ring.life_s
            x, y = camera.to_screen(ring.x, ring.y)
            radius = max(2, round(ring.reach_m * camera.scale * (1.0 - part * part)))
            add_glow(target, x, y, radius, ring.colour, 0.5 * part)
            width = max(1, round(4 * part))
            pygame.draw.aacircle(target, mix((16, 20, 34), ring.colour, part), (round(x), round(y)), radius, width)

    def _burst(
        self, x: float, y: float, count: int, speed: float, life_s: float, size: float, colours: tuple[Colour, ...]
    ) -> None:
        rng = self._rng
        for _ in range(count):
            angle, fast = rng.uniform(0.0, 2.0 * pi), speed * rng.uniform(0.15, 1.0)
            life = life_s * rng.uniform(0.5, 1.0)
            self._particles.append(
                _Particle(x, y, cos(angle) * fast, sin(angle) * fast, life, life, size, rng.choice(colours))
            )
