"""`demo_client/effects.py`."""

from __future__ import annotations

import pygame

from demo_client.camera import Camera
from demo_client.effects import PARTICLES_MAX, Effects


def test_a_death_lights_up_its_place_and_is_over_soon(surface: pygame.Surface) -> None:
    camera, effects = Camera(1280, 720), Effects()
    effects.death(0.0, 0.0, (255, 80, 80))
    effects.advance(1 / 60)
    surface.fill((0, 0, 0))
    effects.draw(surface, camera)
    assert sum(surface.get_at((640, 360))[:3]) > 300
    for _ in range(120):
        effects.advance(1 / 60)
    assert len(effects) == 0


def test_there_is_a_most_of_particles() -> None:
    effects = Effects()
    for _ in range(100):
        effects.death(0.0, 0.0, (255, 80, 80))
        effects.hit(0.0, 0.0, (255, 80, 80))
        effects.taken(0.0, 0.0, (255, 80, 80))
        effects.exhaust(0.0, 0.0, 1.0, 1.0)
    effects.advance(0.01)
    assert len(effects._particles) == PARTICLES_MAX
