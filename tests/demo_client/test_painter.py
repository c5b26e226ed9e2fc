"""`demo_client/painter.py`: a whole frame."""

from __future__ import annotations

from time import perf_counter

import pygame

from demo_client.painter import Painter
from demo_client.palette import OWN
from demo_client.scene import BulletView, Numbers, PickupView, Scene, ScoreRow, ShipView
from tests.demo_client.drawn import count

SCENE = Scene(
    ships=tuple(ShipView(n, n, f"ship {n}", 20.0 + n, 22.0, n / 16, mine=n == 0, thrust=1.0) for n in range(16)),
    bullets=tuple(BulletView(n, n, 20.0 + n, 25.0, 18.0 + n, 25.0) for n in range(16)),
    pickups=(PickupView(40, 22.0, 27.0), PickupView(41, 28.0, 27.0, "RAPID_FIRE")),
    scores=tuple(ScoreRow(n, f"ship {n}", n) for n in range(16)),
    numbers=Numbers(30.0, 100, 2000.0, 500.0, 60.0, 50.0, (33.0,) * 60),
    seconds_left=90,
)


def test_a_frame_shows_the_own_ship_in_the_middle_and_covers_the_window(surface: pygame.Surface) -> None:
    painter = Painter(surface.get_size())
    painter.camera.look_at(20.0, 22.0)
    surface.fill((255, 0, 255))
    painter.paint(surface, SCENE, (100, 600), True)
    assert count(surface, pygame.Rect(600, 320, 80, 80), OWN, 60) > 60
    assert count(surface, surface.get_rect(), (255, 0, 255), 0) == 0


def test_a_frame_is_far_quicker_than_a_sixtieth_of_a_second(surface: pygame.Surface) -> None:
    painter = Painter(surface.get_size())
    painter.camera.look_at(26.0, 24.0)
    painter.effects.death(26.0, 24.0, (255, 90, 90))
    painter.paint(surface, SCENE)
    best = 1.0
    for _ in range(20):
        start = perf_counter()
        painter.paint(surface, SCENE)
        best = min(best, perf_counter() - start)
    assert best < 1 / 60


def test_another_size_is_painted_whole(surface: pygame.Surface) -> None:
    painter = Painter((640, 360))
    painter.resize((960, 540))
    target = pygame.Surface((960, 540))
    target.fill((255, 0, 255))
    painter.paint(target, SCENE)
    assert count(target, target.get_rect(), (255, 0, 255), 0) == 0
