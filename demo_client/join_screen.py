"""The first screen: where to, under which name, and what went wrong the last time.

To test: `tests/demo_client/test_join_screen.py`.
"""

from math import sin

import pygame

from demo_client.camera import Camera
from demo_client.draw_background import Background, draw_sky
from demo_client.draw_ships import draw_ship
from demo_client.paint import add_glow, panel, wrap, write
from demo_client.palette import ACCENT, BAD, PANEL_EDGE, TEXT, TEXT_DIM, WHITE, mix
from demo_client.scene import ShipView
from demo_client.widgets import ENTER, Field, draw_button, draw_field

NAME_LENGTH_MAX = 16
ADDRESS_LENGTH_MAX = 200
DEFAULT_ADDRESS = "ws://127.0.0.1:7777"


class JoinScreen:
    """Two fields and a button. `handle` takes pygame's events and says when to join."""

    def __init__(self, address: str = DEFAULT_ADDRESS, name: str = "", error: str = "") -> None:
        self.fields = [
            Field("Server, lobby or match", address, ADDRESS_LENGTH_MAX),
            Field("Name", name, NAME_LENGTH_MAX),
        ]
        self.focus = 1 if address else 0
        self.error = error
        self._rects = [pygame.Rect(0, 0, 0, 0)] * 3

    @property
    def address(self) -> str:
        """The address as it stands."""
        return self.fields[0].text.strip()

    @property
    def name(self) -> str:
        """The name as it stands."""
        return self.fields[1].text.strip()

    def handle(self, event: pygame.event.Event) -> bool:
        """Take a key, text or click; return whether the player wants to join with what is written."""
        if event.type == pygame.TEXTINPUT:
            self.fields[self.focus].type(event.text)
            self.error = ""
        elif event.type == pygame.KEYDOWN:
            return self._key(event)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            return self._click(event.pos)
        return False

    def _key(self, event: pygame.event.Event) -> bool:
        if event.key in ENTER:
            return self._submit()
        if event.key in (pygame.K_TAB, pygame.K_UP, pygame.K_DOWN):
            self.focus = 1 - self.focus
        elif self.fields[self.focus].key(event):
            self.error = ""
        return False

    def _click(self, place: tuple[int, int]) -> bool:
        for index, rect in enumerate(self._rects):
            if rect.collidepoint(place):
                if index == 2:
                    return self._submit()
                self.focus = index
        return False

    def _submit(self) -> bool:
        if not self.name:
            self.error, self.focus = "Please enter a name.", 1
        elif not self.address.startswith(("ws://", "wss://")):
            self.error, self.focus = "An address starts with ws:// or wss://", 0
        else:
            self.error = ""
            return True
        return False

    def draw(self, target: pygame.Surface, background: Background, camera: Camera, time_s: float) -> None:
        """Draw the screen over a drifting sky."""
        width, height = target.get_size()
        draw_sky(target, background, camera, time_s)
        middle = width // 2
        self._draw_title(target, middle, height // 2 - 232, time_s)
        card = pygame.Rect(0, 0, 520, 344)
        card.midtop = (middle, height // 2 - 92)
        panel(target, card, 225, mix(PANEL_EDGE, ACCENT, 0.2), 14)
        for index, field in enumerate(self.fields):
            rect = pygame.Rect(card.left + 32, card.top + 52 + 88 * index, card.width - 64, 44)
            self._rects[index] = rect
            focused = index == self.focus
            write(target, field.label, (rect.left + 2, rect.top - 20), 18, ACCENT if focused else TEXT_DIM)
            draw_field(target, rect, field.text, focused, time_s)
        button = pygame.Rect(card.left + 32, card.top + 222, card.width - 64, 50)
        self._rects[2] = button
        draw_button(target, button, "JOIN")
        if self.error:
            for line, text in enumerate(wrap(self.error, 19, card.width - 48)[:2]):
                place = (middle, card.bottom - 46 + 22 * line)
                write(target, text, place, 19, mix(BAD, WHITE, 0.25), "center")
        hint = "Tab changes the field   -   Enter joins   -   F1 shows the keys in the game"
        write(target, hint, (middle, height - 40), 18, TEXT_DIM, "center")

    def _draw_title(self, target: pygame.Surface, middle: int, top: int, time_s: float) -> None:
        add_glow(target, middle, top + 46, 240, mix(ACCENT, (0, 0, 40), 0.3), 0.3)
        write(target, "TICKWIRE", (middle, top + 40), 104, TEXT, "center", shadow=True)
        write(target, "A R E N A", (middle, top + 104), 34, ACCENT, "center", shadow=True)
        here = Camera(target.get_width(), target.get_height())
        for side, seat, mine in ((-1, None, True), (1, 1, False)):
            x, y = here.to_field(middle + side * 300, top + 42 + 6 * sin(time_s * 1.7 + side))
            heading = 0.0 if side < 0 else 0.5
            view = ShipView(1, seat, "", x, y, heading, mine=mine, thrust=0.8)
            draw_ship(target, here, view, time_s)
