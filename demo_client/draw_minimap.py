"""The small map in the corner.

To test: `tests/demo_client/test_hud.py`.
"""

from functools import lru_cache

import pygame

from demo_client.camera import Camera
from demo_client.paint import add_glow, panel
from demo_client.palette import HEALTH, RAPID, TEXT_DIM, WALL_LIGHT, WHITE, mix, ship_colour
from demo_client.scene import Scene
from demo_game.rules import FIELD_M, WALLS

SIDE = 168
PAD = 10


def minimap_rect(size: tuple[int, int]) -> pygame.Rect:
    """Return where the map lies in a window: the lower right corner."""
    return pygame.Rect(size[0] - SIDE - 16, size[1] - SIDE - 16, SIDE, SIDE)


@lru_cache(maxsize=2)
def _walls(side: int) -> pygame.Surface:
    image = pygame.Surface((side, side), pygame.SRCALPHA)
    scale = side / FIELD_M
    for left, top, right, bottom in WALLS:
        rect = (left * scale, top * scale, max(2.0, (right - left) * scale), max(2.0, (bottom - top) * scale))
        pygame.draw.rect(image, (*WALL_LIGHT, 150), rect, border_radius=1)
    return image


def draw_minimap(target: pygame.Surface, scene: Scene, camera: Camera) -> None:
    """Draw walls, pick-ups, ships and the frame of what the window shows."""
    outer = minimap_rect(target.get_size())
    panel(target, outer, 215)
    inner = outer.inflate(-2 * PAD, -2 * PAD)
    scale = inner.width / FIELD_M
    target.blit(_walls(inner.width), inner)
    view = pygame.Rect(0, 0, round(camera.width / camera.scale * scale), round(camera.height / camera.scale * scale))
    view.center = (round(inner.left + camera.x * scale), round(inner.top + camera.y * scale))
    pygame.draw.rect(target, mix(TEXT_DIM, (0, 0, 0), 0.45), view.clip(inner), 1, border_radius=2)
    for pickup in scene.pickups:
        if pickup.ready:
            spot = (round(inner.left + pickup.x * scale), round(inner.top + pickup.y * scale))
            target.fill(HEALTH if pickup.gives == "HEALTH" else RAPID, (spot[0] - 1, spot[1] - 1, 3, 3))
    for ship in sorted(scene.ships, key=lambda each: each.mine):
        if ship.alive:
            x, y = inner.left + ship.x * scale, inner.top + ship.y * scale
            colour = ship_colour(ship.seat, ship.mine)
            if ship.mine:
                add_glow(target, x, y, 10, colour, 0.8)
                pygame.draw.aacircle(target, WHITE, (round(x), round(y)), 4)
            pygame.draw.aacircle(target, colour, (round(x), round(y)), 3)
