"""What screens are made of besides pictures: lines of text that can be edited, and buttons.

To test: `tests/demo_client/test_widgets.py`.
"""

from dataclasses import dataclass

import pygame

from demo_client.paint import shorten, text_width, write
from demo_client.palette import ACCENT, OWN, PANEL_EDGE, TEXT, TEXT_DIM, WHITE, Colour, mix

FIELD_DARK: Colour = (8, 11, 21)
BUTTON_DARK: Colour = (10, 30, 60)
QUIET: Colour = (104, 124, 196)
"""For buttons beside the one that most people want."""
ENTER = (pygame.K_RETURN, pygame.K_KP_ENTER)


@dataclass(slots=True)
class Field:
    """A line of text that can be edited."""

    label: str
    text: str
    length_max: int

    def type(self, text: str) -> None:
        """Write at the end what can be printed of `text`."""
        self.text = (self.text + "".join(filter(str.isprintable, text)))[: self.length_max]

    def key(self, event: pygame.event.Event) -> bool:
        """Take a key that edits: Backspace, the whole line with Control, and Control V. Tell whether it was one."""
        if event.key == pygame.K_BACKSPACE:
            self.text = "" if event.mod & pygame.KMOD_CTRL else self.text[:-1]
        elif event.key == pygame.K_v and event.mod & pygame.KMOD_CTRL:
            self.type(pygame.scrap.get_text())
        else:
            return False
        return True


def draw_field(
    target: pygame.Surface, rect: pygame.Rect, text: str, focused: bool, time_s: float, hint: str = "", size: int = 24
) -> None:
    """Draw a line of text, its end if it is too long, with a cursor when it has the focus."""
    pygame.draw.rect(target, FIELD_DARK, rect, border_radius=8)
    pygame.draw.rect(target, ACCENT if focused else PANEL_EDGE, rect, 2 if focused else 1, border_radius=8)
    while text_width(text, size) > rect.width - 36:
        text = text[1:]
    end = write(target, text, (rect.left + 14, rect.centery), size, TEXT, "midleft")
    if hint and not text:
        write(target, shorten(hint, size - 4, rect.width - 32), (rect.left + 18, rect.centery), size - 4,
              mix(TEXT_DIM, FIELD_DARK, 0.25), "midleft")  # fmt: skip
    if focused and time_s % 1.0 < 0.6:
        target.fill(ACCENT, (end.right + 2, rect.centery - size // 2 + 1, 2, size - 2))


def draw_button(
    target: pygame.Surface,
    rect: pygame.Rect,
    text: str,
    size: int = 28,
    colour: Colour = OWN,
    focused: bool = False,
    enabled: bool = True,
) -> None:
    """Draw a button: lighter under the pointer, framed when Enter would press it, pale when it does nothing."""
    over = enabled and rect.collidepoint(pygame.mouse.get_pos())
    base = mix(colour, BUTTON_DARK, 0.35 if over else 0.5) if enabled else (30, 37, 58)
    pygame.draw.rect(target, mix(base, (0, 0, 0), 0.35), rect.move(0, 3), border_radius=10)
    pygame.draw.rect(target, base, rect, border_radius=10)
    target.fill(mix(base, WHITE, 0.4 if enabled else 0.1), (rect.left + 8, rect.top + 2, rect.width - 16, 1))
    if focused:
        pygame.draw.rect(target, mix(colour, WHITE, 0.45), rect.inflate(6, 6), 2, border_radius=12)
    letters = WHITE if enabled else TEXT_DIM
    write(target, shorten(text, size, rect.width - 16), rect.center, size, letters, "center", shadow=enabled)
