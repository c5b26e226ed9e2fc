"""`demo_client/draw_ships.py` and `draw_shots.py`."""

from __future__ import annotations

from dataclasses import replace

import pygame
import pytest

from demo_client.camera import Camera
from demo_client.draw_ships import bar_rect, draw_label, draw_pointer, draw_ship
from demo_client.draw_shots import draw_bullet
from demo_client.palette import OWN, PANEL, health_colour, ship_colour
from demo_client.scene import BulletView, ShipView
from tests.demo_client.drawn import count, near

SHIP = ShipView(1, 3, "Ada", 5.0, 5.0)
AREA = pygame.Rect(600, 320, 80, 80)


@pytest.fixture
def camera() -> Camera:
    eye = Camera(1280, 720)
    eye.look_at(5.0, 5.0)
    return eye


def test_the_own_ship_is_where_the_camera_puts_it_in_its_own_colour(surface: pygame.Surface, camera: Camera) -> None:
    surface.fill((0, 0, 0))
    draw_ship(surface, camera, replace(SHIP, mine=True), 0.0)
    assert count(surface, AREA, OWN, 60) > 100
    assert count(surface, AREA.move(200, 0), OWN, 60) == 0


def test_another_ship_has_the_colour_of_its_seat(surface: pygame.Surface, camera: Camera) -> None:
    surface.fill((0, 0, 0))
    draw_ship(surface, camera, SHIP, 0.0)
    assert count(surface, AREA, ship_colour(3), 60) > 100
    assert count(surface, AREA, OWN, 40) == 0


def test_the_nose_points_along_the_heading(surface: pygame.Surface, camera: Camera) -> None:
    for heading, tip in ((0.0, (668, 360)), (0.25, (640, 388)), (0.5, (612, 360)), (0.75, (640, 332))):
        surface.fill((0, 0, 0))
        draw_ship(surface, camera, replace(SHIP, heading=heading), 0.0)
        tail = (1280 - tip[0], 720 - tip[1])
        assert sum(surface.get_at(tip)[:3]) > sum(surface.get_at(tail)[:3]) + 100, heading


def test_thrust_shows_a_flame_behind(surface: pygame.Surface, camera: Camera) -> None:
    behind = pygame.Rect(596, 352, 20, 16)
    surface.fill((0, 0, 0))
    draw_ship(surface, camera, SHIP, 0.0)
    cold = count(surface, behind, (255, 140, 60), 90)
    draw_ship(surface, camera, replace(SHIP, thrust=1.0), 0.0)
    assert count(surface, behind, (255, 140, 60), 90) > cold + 20


def test_a_dead_ship_is_not_drawn(surface: pygame.Surface, camera: Camera) -> None:
    surface.fill((0, 0, 0))
    draw_ship(surface, camera, replace(SHIP, alive=False, thrust=1.0, shielded=True), 0.0)
    draw_label(surface, camera, replace(SHIP, alive=False))
    assert count(surface, surface.get_rect(), (0, 0, 0), 0) == 1280 * 720


def test_the_health_bar_is_as_long_as_there_is_health(surface: pygame.Surface, camera: Camera) -> None:
    lengths = []
    for hp in (100, 75, 50, 25, 0):
        surface.fill((0, 0, 0))
        ship = replace(SHIP, hp=hp)
        draw_label(surface, camera, ship)
        bar = bar_rect(camera, ship)
        row = [surface.get_at((x, bar.centery)) for x in range(bar.left, bar.right)]
        lengths.append(sum(near(pixel, health_colour(hp / 100), 12) for pixel in row))
        assert hp > 0 or all(near(pixel, PANEL, 4) for pixel in row)
    assert lengths[:4] == sorted(lengths[:4], reverse=True)
    assert lengths[0] - lengths[2] == pytest.approx(23, abs=2)


def test_the_name_stands_over_the_bar(surface: pygame.Surface, camera: Camera) -> None:
    surface.fill((0, 0, 0))
    draw_label(surface, camera, replace(SHIP, name=""))
    bar = bar_rect(camera, SHIP)
    above = pygame.Rect(bar.left - 20, bar.top - 22, bar.width + 40, 20)
    unnamed = count(surface, above, (255, 255, 255), 150)
    draw_label(surface, camera, replace(SHIP, name="Wilhelmina"))
    assert count(surface, above, (255, 255, 255), 150) > unnamed + 100


def test_a_shield_is_a_ring_round_the_ship(surface: pygame.Surface, camera: Camera) -> None:
    surface.fill((0, 0, 0))
    draw_ship(surface, camera, replace(SHIP, shielded=True), 0.0)
    assert any(surface.get_at((x, 360))[2] > 120 for x in range(673, 682))


def test_a_bullet_is_bright_and_its_trail_gets_darker(surface: pygame.Surface, camera: Camera) -> None:
    surface.fill((0, 0, 0))
    draw_bullet(surface, camera, BulletView(1, 2, 5.0, 5.0, 2.5, 5.0))
    head, middle, end = (sum(surface.get_at((x, 360))[:3]) for x in (640, 610, 575))
    assert head > middle > end > 0
    assert sum(surface.get_at((680, 360))[:3]) == 0


def test_the_cross_hair_is_at_the_pointer(surface: pygame.Surface) -> None:
    surface.fill((0, 0, 0))
    draw_pointer(surface, (200, 100), firing=False)
    assert sum(surface.get_at((208, 100))[:3]) > 300
