"""The colours of the window, and how two of them mix.

To test: `tests/demo_client/test_palette.py`.
"""

from colorsys import hsv_to_rgb
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]

SPACE: Colour = (7, 9, 18)
FLOOR: Colour = (16, 21, 38)
GRID: Colour = (32, 41, 68)
GRID_STRONG: Colour = (50, 63, 104)
WALL: Colour = (45, 55, 88)
WALL_LIGHT: Colour = (96, 114, 168)
WALL_DARK: Colour = (22, 27, 46)
EDGE: Colour = (76, 132, 255)
PANEL: Colour = (13, 17, 31)
PANEL_EDGE: Colour = (52, 64, 104)
TEXT: Colour = (226, 232, 247)
TEXT_DIM: Colour = (134, 146, 181)
ACCENT: Colour = (94, 222, 255)
GOOD: Colour = (92, 230, 150)
WARN: Colour = (255, 196, 84)
BAD: Colour = (255, 92, 104)
WHITE: Colour = (255, 255, 255)
HEALTH: Colour = (92, 240, 160)
RAPID: Colour = (255, 184, 76)
SHIELD: Colour = (120, 200, 255)

OWN: Colour = (94, 222, 255)
"""The player's own ship, always."""

_HUES = (0.02, 0.11, 0.78, 0.36, 0.92, 0.16, 0.70, 0.44)


def ship_colour(seat: int | None, mine: bool = False) -> Colour:
    """Return the colour of a seat's ship: well apart for neighbours, and never quite the own one."""
    if mine or seat is None:
        return OWN
    paler = 0.72 - 0.12 * (seat // len(_HUES) % 3)
    red, green, blue = hsv_to_rgb(_HUES[seat % len(_HUES)], paler, 1.0)
    return int(red * 255), int(green * 255), int(blue * 255)


def mix(one: Colour, other: Colour, part: float) -> Colour:
    """Return the colour `part` of the way from `one` to `other`."""
    part = min(max(part, 0.0), 1.0)
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def health_colour(part: float) -> Colour:
    """Return green for a whole ship, amber for a half one, red for a wreck."""
    if part >= 0.5:
        return mix(WARN, GOOD, (part - 0.5) * 2.0)
    return mix(BAD, WARN, part * 2.0)
