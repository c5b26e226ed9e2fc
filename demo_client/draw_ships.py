"""Ships: a hull sprite per colour and heading, its flame, its shield, and the name and health bar over it.

Hulls are painted once at four times their size and reduced, which gives smooth edges at every heading.
To test: `tests/demo_client/test_draw_ships.py`.
"""

from functools import lru_cache
from math import cos, pi, sin

import pygame

from demo_client.camera import Camera
from demo_client.paint import add_glow, smooth_polygon, write
from demo_client.palette import (
    PANEL,
    SHIELD,
    TEXT,
    TEXT_DIM,
    WARN,
    WHITE,
    Colour,
    health_colour,
    mix,
    ship_colour,
)
from demo_client.scene import ShipView
from demo_game.rules import SHIP_RADIUS_M

BAR_WIDTH = 46
BAR_HEIGHT = 5
_FINE = 4
_HEADINGS = 128
# Nose to the right, in ship radii.
_HULL = ((1.35, 0.0), (0.25, 0.42), (-0.5, 0.95), (-0.95, 0.8), (-0.62, 0.28), (-0.62, -0.28), (-0.95, -0.8), (-0.5, -0.95), (0.25, -0.42))  # noqa: E501  # fmt: skip
_SPINE = ((1.35, 0.0), (0.25, 0.42), (-0.62, 0.28), (-0.3, 0.0))
_SPINE_SHADE = ((1.35, 0.0), (0.25, -0.42), (-0.62, -0.28), (-0.3, 0.0))
_WING = ((0.25, 0.42), (-0.5, 0.95), (-0.95, 0.8), (-0.62, 0.28))
_WING_SHADE = ((0.25, -0.42), (-0.5, -0.95), (-0.95, -0.8), (-0.62, -0.28))
_COCKPIT = ((0.78, 0.0), (0.3, 0.17), (0.0, 0.13), (-0.08, 0.0), (0.0, -0.13), (0.3, -0.17))


@lru_cache(maxsize=48)
def _hull(colour: Colour, radius: int) -> pygame.Surface:
    half = round(radius * _FINE * 1.6)
    image = pygame.Surface((half * 2, half * 2), pygame.SRCALPHA)

    def place(shape: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
        return [(half + x * radius * _FINE, half + y * radius * _FINE) for x, y in shape]

    pygame.draw.polygon(image, mix(colour, (10, 12, 24), 0.55), place(_HULL))
    pygame.draw.polygon(image, mix(colour, (12, 14, 30), 0.38), place(_WING))
    pygame.draw.polygon(image, mix(colour, (12, 14, 30), 0.22), place(_WING_SHADE))
    pygame.draw.polygon(image, mix(colour, (16, 20, 40), 0.1), place(_SPINE))
    pygame.draw.polygon(image, mix(colour, WHITE, 0.25), place(_SPINE_SHADE))
    pygame.draw.polygon(image, (18, 34, 58), place(_COCKPIT))
    pygame.draw.polygon(image, mix(colour, WHITE, 0.6), place(_COCKPIT), _FINE)
    pygame.draw.polygon(image, mix(colour, WHITE, 0.45), place(_HULL), round(_FINE * 1.5))
    # Half the way down smoothly here; `rotozoom` filters the last factor of two.
    return pygame.transform.smoothscale(image, (half, half))


@lru_cache(maxsize=1024)
def _turned(colour: Colour, radius: int, number: int) -> pygame.Surface:
    return pygame.transform.rotozoom(_hull(colour, radius), -number * 360.0 / _HEADINGS, 2.0 / _FINE)


def draw_ship(target: pygame.Surface, camera: Camera, ship: ShipView, time_s: float) -> None:
    """Draw a living ship, without what is written over it."""
    if not ship.alive or not camera.sees(ship.x, ship.y):
        return
    colour = ship_colour(ship.seat, ship.mine)
    x, y = camera.to_screen(ship.x, ship.y)
    radius = SHIP_RADIUS_M * camera.scale
    add_glow(target, x, y, radius * 2.4, colour, 0.5 if ship.mine else 0.35)
    _flame(target, x, y, radius, ship, time_s)
    number = round(ship.heading * _HEADINGS) % _HEADINGS
    image = _turned(colour, round(radius), number)
    target.blit(image, image.get_rect(center=(round(x), round(y))))
    if ship.shielded:
        _shield(target, x, y, radius, time_s)


def _flame(target: pygame.Surface, x: float, y: float, radius: float, ship: ShipView, time_s: float) -> None:
    if ship.thrust < 0.05:
        return
    flicker = 0.85 + 0.15 * sin(time_s * 57.0 + ship.id * 1.7) * cos(time_s * 31.0)
    length = radius * (0.5 + 1.3 * ship.thrust) * flicker
    ux, uy = cos(ship.heading * 2.0 * pi), sin(ship.heading * 2.0 * pi)
    back_x, back_y = x - ux * radius * 0.6, y - uy * radius * 0.6
    add_glow(target, back_x - ux * length * 0.5, back_y - uy * length * 0.5, length * 1.1, WARN, 0.6)
    for part, width, colour in ((1.0, 0.27, (255, 120, 48)), (0.7, 0.18, WARN), (0.42, 0.1, WHITE)):
        wide = radius * width
        tip = (back_x - ux * length * part, back_y - uy * length * part)
        sides = ((back_x - uy * wide, back_y + ux * wide), (back_x + uy * wide, back_y - ux * wide))
        smooth_polygon(target, (sides[0], tip, sides[1]), colour)


def _shield(target: pygame.Surface, x: float, y: float, radius: float, time_s: float) -> None:
    pulse = 0.5 + 0.5 * sin(time_s * 6.0)
    ring = round(radius * (1.62 + 0.06 * pulse))
    add_glow(target, x, y, ring * 1.25, SHIELD, 0.3 + 0.15 * pulse)
    pygame.draw.aacircle(target, mix((40, 70, 110), SHIELD, 0.5 + 0.5 * pulse), (round(x), round(y)), ring, 2)


def bar_rect(camera: Camera, ship: ShipView) -> pygame.Rect:
    """Return where the health bar of a ship lies in the window."""
    x, y = camera.to_screen(ship.x, ship.y)
    top = y - SHIP_RADIUS_M * camera.scale * 1.75 - BAR_HEIGHT
    return pygame.Rect(round(x - BAR_WIDTH / 2), round(top), BAR_WIDTH, BAR_HEIGHT)


def draw_label(target: pygame.Surface, camera: Camera, ship: ShipView) -> None:
    """Write a ship's name and draw its health bar over it."""
    if not ship.alive or not camera.sees(ship.x, ship.y):
        return
    rect = bar_rect(camera, ship)
    part = min(max(ship.hp / 100.0, 0.0), 1.0)
    pygame.draw.rect(target, PANEL, rect.inflate(2, 2), border_radius=3)
    if part > 0.0:
        full = pygame.Rect(rect.left, rect.top, max(2, round(rect.width * part)), rect.height)
        colour = health_colour(part)
        pygame.draw.rect(target, colour, full, border_radius=2)
        pygame.draw.line(target, mix(colour, WHITE, 0.4), full.topleft, (full.right - 2, full.top))
    colour = ship_colour(ship.seat, True) if ship.mine else mix(ship_colour(ship.seat), TEXT, 0.6)
    write(target, ship.name or "?", (rect.centerx, rect.top - 3), 19, colour, "midbottom", shadow=True)


def draw_pointer(target: pygame.Surface, place: tuple[int, int], firing: bool) -> None:
    """Draw the cross hair at the mouse."""
    colour = WARN if firing else TEXT_DIM
    x, y = place
    pygame.draw.aacircle(target, colour, place, 9, 1)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        pygame.draw.line(target, TEXT, (x + dx * 6, y + dy * 6), (x + dx * 13, y + dy * 13))
