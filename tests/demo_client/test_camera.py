"""`demo_client/camera.py`."""

from __future__ import annotations

import pytest

from demo_client.camera import VIEW_HEIGHT_M, Camera
from demo_game.rules import FIELD_M


def test_what_the_camera_looks_at_is_in_the_middle() -> None:
    camera = Camera(1280, 720)
    camera.look_at(10.0, 20.0)
    assert camera.to_screen(10.0, 20.0) == (640.0, 360.0)
    assert camera.to_screen(11.0, 20.0) == (640.0 + 720 / VIEW_HEIGHT_M, 360.0)


def test_a_pixel_and_its_point_of_the_field_are_inverse() -> None:
    camera = Camera(1280, 720)
    camera.look_at(3.0, 4.0)
    assert camera.to_field(*camera.to_screen(7.5, -2.0)) == pytest.approx((7.5, -2.0))


def test_following_is_smooth_and_arrives() -> None:
    camera = Camera(1280, 720)
    camera.look_at(25.0, 30.0)
    places = []
    for _ in range(120):
        camera.follow(30.0, 30.0, 0.0, 0.0, 1 / 60)
        places.append(camera.x)
    assert places == sorted(places)
    assert 25.0 < places[0] < 26.0
    assert places[-1] == pytest.approx(30.0, abs=0.01)


def test_a_respawn_far_away_is_jumped_to() -> None:
    camera = Camera(1280, 720)
    camera.follow(40.0, 50.0, 0.0, 0.0, 1 / 60)
    assert (camera.x, camera.y) == (40.0, 50.0)


def test_at_the_border_the_camera_stays_back_and_the_ship_stays_in_the_window() -> None:
    camera = Camera(1280, 720)
    for x, y in ((0.0, 0.0), (FIELD_M, 0.0), (0.0, FIELD_M), (FIELD_M, FIELD_M)):
        for _ in range(120):
            camera.follow(x, y, 0.0, 0.0, 1 / 60)
        pixel_x, pixel_y = camera.to_screen(x, y)
        assert 200 < pixel_x < 1080
        assert 200 < pixel_y < 520
    wide = Camera(4000, 720)
    wide.follow(0.0, 30.0, 0.0, 0.0, 10.0)
    assert wide.x == pytest.approx(FIELD_M / 2)


def test_a_shake_fades() -> None:
    camera = Camera(1280, 720)
    camera.shake(0.5)
    for _ in range(120):
        camera.follow(32.0, 32.0, 0.0, 0.0, 1 / 60)
    assert camera.eye == pytest.approx((32.0, 32.0), abs=0.001)


def test_what_is_far_outside_is_not_seen() -> None:
    camera = Camera(1280, 720)
    assert camera.sees(20.0, 10.0)
    assert not camera.sees(40.0, 0.0)
