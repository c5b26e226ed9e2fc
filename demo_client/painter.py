"""One scene drawn from back to front.

To test: `tests/demo_client/test_painter.py`.
"""

import pygame

from demo_client.camera import Camera
from demo_client.draw_background import Background
from demo_client.draw_field import FieldPicture, draw_pickup
from demo_client.draw_minimap import draw_minimap
from demo_client.draw_scores import draw_large_scores, draw_small_scores
from demo_client.draw_ships import draw_label, draw_pointer, draw_ship
from demo_client.draw_shots import draw_bullet
from demo_client.effects import Effects
from demo_client.hud import draw_chat, draw_clock, draw_feed, draw_numbers, draw_own_health, draw_role
from demo_client.overlays import draw_overlays, draw_respawn
from demo_client.scene import Scene


class Painter:
    """Holds what is baked for one window size; `paint` draws a frame."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.camera = Camera(*size)
        self.effects = Effects()
        self.resize(size)

    def resize(self, size: tuple[int, int]) -> None:
        """Bake everything anew for a window's size."""
        self.camera.resize(*size)
        self.background = Background(size)
        self._field = FieldPicture(self.camera.scale)

    def paint(
        self, target: pygame.Surface, scene: Scene, pointer: tuple[int, int] | None = None, firing: bool = False
    ) -> None:
        """Draw a whole frame."""
        self._paint_field(target, scene)
        for ship in scene.ships:
            draw_label(target, self.camera, ship)
        if scene.respawn_s is not None:
            draw_respawn(target, scene)
        draw_small_scores(target, scene)
        draw_clock(target, scene)
        draw_role(target, scene)
        draw_numbers(target, scene.numbers)
        draw_feed(target, scene)
        draw_minimap(target, scene, self.camera)
        draw_own_health(target, scene)
        draw_overlays(target, scene)
        draw_chat(target, scene)
        if scene.show_scores:
            draw_large_scores(target, scene)
        if pointer is not None:
            draw_pointer(target, pointer, firing)

    def _paint_field(self, target: pygame.Surface, scene: Scene) -> None:
        self.background.draw(target, self.camera)
        self._field.draw(target, self.camera)
        for pickup in scene.pickups:
            draw_pickup(target, self.camera, pickup, scene.time_s)
        for bullet in scene.bullets:
            draw_bullet(target, self.camera, bullet)
        for ship in scene.ships:
            draw_ship(target, self.camera, ship, scene.time_s)
        self.effects.draw(target, self.camera)
