"""The space behind the field: a nebula and two layers of stars that move slower than the field.

To test: `tests/demo_client/test_draw_field.py`.
"""

from math import sin
from random import Random

import pygame

from demo_client.camera import Camera
from demo_client.paint import glow
from demo_client.palette import SPACE, WHITE, Colour, mix

NEBULA: tuple[Colour, ...] = ((20, 28, 68), (44, 19, 62), (10, 44, 58), (32, 17, 54))
LAYERS = ((0.12, 150, 1, 0.45), (0.3, 70, 2, 0.9))
"""Per layer: its speed against the field's, how many stars a tile has, the biggest one's radius, brightness."""


class Background:
    """Tiles as large as the window, drawn once per size, then only moved and repeated."""

    def __init__(self, size: tuple[int, int]) -> None:
        rng = Random(7)  # Looks only: the same sky every time.
        self._nebula = _nebula(size, rng)
        self._layers = [(speed, _stars(size, rng, count, big, light)) for speed, count, big, light in LAYERS]

    def draw(self, target: pygame.Surface, camera: Camera) -> None:
        """Cover the whole window."""
        eye_x, eye_y = camera.eye
        self._repeat(target, self._nebula, eye_x * camera.scale * 0.05, eye_y * camera.scale * 0.05, 0)
        for speed, tile in self._layers:
            shift_x, shift_y = eye_x * camera.scale * speed, eye_y * camera.scale * speed
            self._repeat(target, tile, shift_x, shift_y, pygame.BLEND_RGB_ADD)

    @staticmethod
    def _repeat(target: pygame.Surface, tile: pygame.Surface, x: float, y: float, flags: int) -> None:
        width, height = tile.get_size()
        left, top = -(int(x) % width), -(int(y) % height)
        for column in (left, left + width):
            for row in (top, top + height):
                target.blit(tile, (column, row), special_flags=flags)


def draw_sky(target: pygame.Surface, background: Background, camera: Camera, time_s: float) -> None:
    """Cover the whole window with a sky that drifts slowly: what lies behind every screen but a match."""
    camera.look_at(32.0 + 3.0 * time_s, 32.0 + 0.8 * sin(time_s * 0.3))
    background.draw(target, camera)


def _nebula(size: tuple[int, int], rng: Random) -> pygame.Surface:
    tile = pygame.Surface(size)
    tile.fill(SPACE)
    width, height = size
    for place in range(15):  # One in each cell of five by three, so that they do not pile up.
        radius = rng.randrange(height // 4, height // 2)
        cloud = glow(radius, rng.choice(NEBULA), 1.0)
        x = round((place % 5 + rng.random()) * width / 5)
        y = round((place // 5 + rng.random()) * height / 3)
        for wrap_x in (-width, 0, width):
            for wrap_y in (-height, 0, height):
                tile.blit(cloud, (x + wrap_x - radius, y + wrap_y - radius), special_flags=pygame.BLEND_RGB_ADD)
    return tile


def _stars(size: tuple[int, int], rng: Random, count: int, big: int, light: float) -> pygame.Surface:
    tile = pygame.Surface(size)
    tints: tuple[Colour, ...] = ((190, 210, 255), (255, 226, 200), (220, 235, 255))
    for _ in range(count):
        x, y = rng.randrange(8, size[0] - 8), rng.randrange(8, size[1] - 8)
        bright = light * rng.uniform(0.25, 1.0)
        colour = mix((0, 0, 0), rng.choice(tints), bright)
        if big > 1 and bright > 0.75:
            tile.blit(glow(7, colour, 0.7), (x - 7, y - 7), special_flags=pygame.BLEND_RGB_ADD)
            tile.set_at((x, y), WHITE)
        tile.fill(colour, (x, y, 1 + (big > 1 and bright > 0.6), 1 + (big > 1 and bright > 0.6)))
    return tile
