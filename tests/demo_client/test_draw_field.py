"""`demo_client/draw_field.py` and `draw_background.py`: sky, floor, walls, pick-ups."""

from __future__ import annotations

import pygame

from demo_client.camera import Camera
from demo_client.draw_background import Background
from demo_client.draw_field import FieldPicture, draw_pickup
from demo_client.palette import HEALTH, RAPID, WALL, WALL_DARK, WALL_LIGHT
from demo_client.scene import PickupView
from demo_game.rules import Wall
from tests.demo_client.drawn import count, near

HALL = (Wall(28.0, 28.0, 36.0, 36.0),)


def camera_at(x: float, y: float) -> Camera:
    camera = Camera(1280, 720)
    camera.look_at(x, y)
    return camera


def test_a_wall_has_the_wall_s_colour_and_is_lit_from_above(surface: pygame.Surface) -> None:
    camera = camera_at(32.0, 32.0)
    surface.fill((0, 0, 0))
    FieldPicture(camera.scale, HALL).draw(surface, camera)
    x, top = camera.to_screen(31.3, 28.0)
    _, bottom = camera.to_screen(31.3, 36.0)
    assert near(surface.get_at((int(x), 365)), WALL, 4)
    lit, dark = surface.get_at((int(x), int(top) + 4)), surface.get_at((int(x), int(bottom) - 5))
    assert near(lit, WALL_LIGHT, 20)
    assert near(dark, WALL_DARK, 4)


def test_outside_of_the_field_the_sky_is_seen(surface: pygame.Surface) -> None:
    camera = camera_at(0.0, 32.0)
    surface.fill((200, 0, 0))
    FieldPicture(camera.scale, ()).draw(surface, camera)
    assert surface.get_at((100, 360))[:3] == (200, 0, 0)
    assert surface.get_at((900, 365))[:3] != (200, 0, 0)


def test_the_sky_covers_the_window_and_moves_slower_than_the_field(surface: pygame.Surface) -> None:
    sky = Background((1280, 720))
    surface.fill((255, 0, 255))
    sky.draw(surface, camera_at(11.0, -7.0))
    assert count(surface, pygame.Rect(0, 0, 1280, 720), (255, 0, 255), 0) == 0
    before = surface.copy()
    sky.draw(surface, camera_at(11.0, -7.0))
    assert pygame.image.tobytes(before, "RGB") == pygame.image.tobytes(surface, "RGB")
    sky.draw(surface, camera_at(13.0, -7.0))
    assert pygame.image.tobytes(before, "RGB") != pygame.image.tobytes(surface, "RGB")


def test_a_ready_pick_up_shines_and_a_resting_one_is_a_pale_ring(surface: pygame.Surface) -> None:
    camera, area = camera_at(5.0, 5.0), pygame.Rect(590, 310, 100, 100)
    for gives, colour in (("HEALTH", HEALTH), ("RAPID_FIRE", RAPID)):
        surface.fill((0, 0, 0))
        draw_pickup(surface, camera, PickupView(1, 5.0, 5.0, gives, True), 0.0)
        ready = count(surface, area, colour)
        surface.fill((0, 0, 0))
        draw_pickup(surface, camera, PickupView(1, 5.0, 5.0, gives, False), 0.0)
        assert ready > 80 > count(surface, area, colour)
