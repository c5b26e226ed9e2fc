"""Bullets with their trails.

To test: `tests/demo_client/test_draw_ships.py`.
"""

import pygame

from demo_client.camera import Camera
from demo_client.paint import add_glow, smooth_polygon
from demo_client.palette import FLOOR, WHITE, mix, ship_colour
from demo_client.scene import BulletView


def draw_bullet(target: pygame.Surface, camera: Camera, bullet: BulletView) -> None:
    """Draw a bullet: a trail that narrows and darkens towards its end, a bright head."""
    if not camera.sees(bullet.x, bullet.y):
        return
    colour = ship_colour(bullet.seat, bullet.mine)
    x, y = camera.to_screen(bullet.x, bullet.y)
    tail_x, tail_y = camera.to_screen(bullet.tail_x, bullet.tail_y)
    dx, dy = x - tail_x, y - tail_y
    length = (dx * dx + dy * dy) ** 0.5
    if length > 1.0:
        wide_x, wide_y = -dy / length * 0.085 * camera.scale, dx / length * 0.085 * camera.scale
        for part, strength in ((1.0, 0.3), (0.65, 0.55), (0.35, 0.9)):
            end = (x - dx * part, y - dy * part)
            sides = ((x + wide_x, y + wide_y), (x - wide_x, y - wide_y))
            smooth_polygon(target, (sides[0], end, sides[1]), mix(FLOOR, colour, strength))
    add_glow(target, x, y, 0.55 * camera.scale, colour, 0.8)
    pygame.draw.aacircle(target, mix(colour, WHITE, 0.75), (round(x), round(y)), max(2, round(0.11 * camera.scale)))
