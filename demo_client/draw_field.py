"""The field itself: floor, grid, border, bevelled walls; and the pick-ups on it.

The still part is baked once per scale into one picture; a frame blits the visible part of it.
To test: `tests/demo_client/test_draw_field.py`.
"""

from collections.abc import Sequence
from math import cos, pi, sin

import pygame

from demo_client.camera import Camera
from demo_client.paint import add_glow, smooth_polygon
from demo_client.palette import (
    EDGE,
    FLOOR,
    GRID,
    GRID_STRONG,
    HEALTH,
    PANEL_EDGE,
    RAPID,
    WALL,
    WALL_DARK,
    WALL_LIGHT,
    WHITE,
    Colour,
    mix,
)
from demo_client.scene import PickupView
from demo_game.rules import FIELD_M, WALLS, Wall

MARGIN_M = 1.0
FLOOR_ALPHA = 120
BEVEL_M = 0.28


class FieldPicture:
    """The still part of the field at one scale."""

    def __init__(self, scale: float, walls: Sequence[Wall] = WALLS) -> None:
        self.scale = scale
        side = round((FIELD_M + 2 * MARGIN_M) * scale)
        self._image = pygame.Surface((side, side), pygame.SRCALPHA)
        self._floor()
        for wall in walls:
            self._shadow(wall)
        for wall in walls:
            self._wall(wall)
        if pygame.display.get_surface() is not None:
            self._image = self._image.convert_alpha()

    def draw(self, target: pygame.Surface, camera: Camera) -> None:
        """Blit what the camera sees of it."""
        left, top = camera.to_screen(-MARGIN_M, -MARGIN_M)
        target.blit(self._image, (round(left), round(top)))

    def _rect(self, left: float, top: float, right: float, bottom: float) -> pygame.Rect:
        x, y = round((left + MARGIN_M) * self.scale), round((top + MARGIN_M) * self.scale)
        width = round((right + MARGIN_M) * self.scale) - x
        return pygame.Rect(x, y, width, round((bottom + MARGIN_M) * self.scale) - y)

    def _floor(self) -> None:
        floor = self._rect(0.0, 0.0, FIELD_M, FIELD_M)
        self._image.fill((*FLOOR, FLOOR_ALPHA), floor)
        for metre in range(0, int(FIELD_M) + 1, 2):
            strong = metre % 8 == 0
            colour = (*(GRID_STRONG if strong else GRID), 190 if strong else 130)
            at = round((metre + MARGIN_M) * self.scale)
            pygame.draw.line(self._image, colour, (at, floor.top), (at, floor.bottom - 1))
            pygame.draw.line(self._image, colour, (floor.left, at), (floor.right - 1, at))
        self._crosses()
        for grow, alpha in ((11, 22), (8, 38), (5, 64), (3, 110)):
            around = floor.inflate(grow * 2, grow * 2)
            pygame.draw.rect(self._image, (*EDGE, alpha), around, 3, border_radius=grow)
        pygame.draw.rect(self._image, mix(EDGE, WHITE, 0.45), floor.inflate(4, 4), 2, border_radius=2)

    def _crosses(self) -> None:
        arm = max(3, round(0.16 * self.scale))
        for column in range(8, int(FIELD_M), 8):
            for row in range(8, int(FIELD_M), 8):
                x, y = round((column + MARGIN_M) * self.scale), round((row + MARGIN_M) * self.scale)
                pygame.draw.line(self._image, PANEL_EDGE, (x - arm, y), (x + arm, y))
                pygame.draw.line(self._image, PANEL_EDGE, (x, y - arm), (x, y + arm))

    def _shadow(self, wall: Wall) -> None:
        rect = self._rect(*wall)
        depth = round(0.5 * self.scale)
        shade = pygame.Surface((rect.width + 2 * depth, rect.height + 2 * depth), pygame.SRCALPHA)
        for step in range(depth, 0, -2):
            area = pygame.Rect(0, 0, rect.width + 2 * step, rect.height + 2 * step)
            area.center = shade.get_rect().center
            alpha = round(120 * (1.0 - step / depth))
            pygame.draw.rect(shade, (0, 0, 4, alpha), area, border_radius=step)
        self._image.blit(shade, (rect.left - depth + depth // 4, rect.top - depth + depth // 3))

    def _wall(self, wall: Wall) -> None:
        rect = self._rect(*wall)
        bevel = max(3, round(BEVEL_M * self.scale))
        outer = ((rect.left, rect.top), (rect.right - 1, rect.top), (rect.right - 1, rect.bottom - 1))
        last = (rect.left, rect.bottom - 1)
        inner = rect.inflate(-2 * bevel, -2 * bevel)
        in_a, in_b = (inner.left, inner.top), (inner.right - 1, inner.top)
        in_c, in_d = (inner.right - 1, inner.bottom - 1), (inner.left, inner.bottom - 1)
        sides: tuple[tuple[Colour, tuple[tuple[int, int], ...]], ...] = (
            (mix(WALL, WALL_LIGHT, 0.85), (outer[0], outer[1], in_b, in_a)),
            (mix(WALL, WALL_LIGHT, 0.4), (outer[0], in_a, in_d, last)),
            (mix(WALL, WALL_DARK, 0.45), (outer[1], outer[2], in_c, in_b)),
            (WALL_DARK, (last, in_d, in_c, outer[2])),
        )
        for colour, points in sides:
            pygame.draw.polygon(self._image, colour, points)
        pygame.draw.rect(self._image, WALL, inner)
        self._plates(inner)
        pygame.draw.rect(self._image, mix(WALL, WALL_LIGHT, 0.35), inner, 1)
        pygame.draw.rect(self._image, mix(WALL_LIGHT, EDGE, 0.55), rect, 1)

    def _plates(self, inner: pygame.Rect) -> None:
        """Draw seams across long walls, so that they look built rather than filled."""
        seam, step = mix(WALL, WALL_DARK, 0.6), round(2.0 * self.scale)
        for x in range(inner.left + step, inner.right - step // 2, step):
            pygame.draw.line(self._image, seam, (x, inner.top), (x, inner.bottom - 1))
        for y in range(inner.top + step, inner.bottom - step // 2, step):
            pygame.draw.line(self._image, seam, (inner.left, y), (inner.right - 1, y))


def draw_pickup(target: pygame.Surface, camera: Camera, pickup: PickupView, time_s: float) -> None:
    """Draw a pick-up: glowing and breathing when it is ready, a pale ring while it rests."""
    if not camera.sees(pickup.x, pickup.y):
        return
    colour = HEALTH if pickup.gives == "HEALTH" else RAPID
    x, y = camera.to_screen(pickup.x, pickup.y)
    size = 0.55 * camera.scale
    if not pickup.ready:
        pygame.draw.aacircle(target, mix(FLOOR, colour, 0.35), (round(x), round(y)), round(size), 2)
        return
    pulse = 0.5 + 0.5 * sin(time_s * 4.0 + pickup.id)
    add_glow(target, x, y, size * (2.3 + 0.6 * pulse), colour, 0.4 + 0.2 * pulse)
    ring = round(size * (1.12 + 0.14 * pulse))
    pygame.draw.aacircle(target, mix(FLOOR, colour, 0.22), (round(x), round(y)), ring)
    pygame.draw.aacircle(target, colour, (round(x), round(y)), ring, 2)
    _orbit(target, x, y, ring + 5, time_s, colour)
    symbol = _cross(x, y, size * 0.62) if pickup.gives == "HEALTH" else _bolt(x, y, size * 0.72)
    smooth_polygon(target, symbol, mix(colour, WHITE, 0.5))


def _orbit(target: pygame.Surface, x: float, y: float, radius: float, time_s: float, colour: Colour) -> None:
    for part in range(3):
        angle = time_s * 1.6 + part * 2.0 * pi / 3.0
        spot = (round(x + cos(angle) * radius), round(y + sin(angle) * radius))
        pygame.draw.aacircle(target, mix(colour, WHITE, 0.3), spot, 2)


def _cross(x: float, y: float, size: float) -> list[tuple[float, float]]:
    arm = size * 0.34
    shape = (
        (-arm, -size), (arm, -size), (arm, -arm), (size, -arm), (size, arm), (arm, arm),
        (arm, size), (-arm, size), (-arm, arm), (-size, arm), (-size, -arm), (-arm, -arm),
    )  # fmt: skip
    return [(x + dx, y + dy) for dx, dy in shape]


def _bolt(x: float, y: float, size: float) -> list[tuple[float, float]]:
    shape = ((0.25, -1.0), (-0.6, 0.15), (-0.05, 0.15), (-0.25, 1.0), (0.6, -0.2), (0.05, -0.2))
    return [(x + dx * size, y + dy * size) for dx, dy in shape]
