"""Small things that every drawing needs: cached text, glows, panels, sprites.

Surfaces are made once and kept in bounded caches, so that a frame is only blits.
To test: `tests/demo_client/test_paint.py`.
"""

from collections.abc import Sequence
from functools import lru_cache

import pygame

from demo_client.palette import PANEL, PANEL_EDGE, TEXT, WHITE, Colour, mix

SHADOW: Colour = (3, 4, 9)


@lru_cache(maxsize=32)
def font(size: int) -> pygame.font.Font:
    """Return pygame's own font, so that the window looks the same everywhere."""
    if not pygame.font.get_init():
        pygame.font.init()
    return pygame.font.Font(None, size)


def text_width(text: str, size: int) -> int:
    """Return how many pixels `text` is wide."""
    return -(-font(size * 2).size(text)[0] // 2)


@lru_cache(maxsize=1024)
def text_image(text: str, size: int, colour: Colour, shadow: bool = False) -> pygame.Surface:
    """Return antialiased text, drawn once and then kept; do not draw on it."""
    image = _letters(text, size, colour)
    if not shadow:
        return image
    both = pygame.Surface((image.get_width() + 2, image.get_height() + 2), pygame.SRCALPHA)
    under = _letters(text, size, SHADOW)
    for place in ((0, 1), (2, 1), (1, 0), (1, 2), (2, 2)):
        both.blit(under, place)
    both.blit(image, (1, 1))
    return both


def _letters(text: str, size: int, colour: Colour) -> pygame.Surface:
    # Twice the size and then halved: letters fall on whole pixels only, which spaces small text badly.
    large = font(size * 2).render(text, True, colour)
    return pygame.transform.smoothscale(large, (-(-large.get_width() // 2), -(-large.get_height() // 2)))


def write(
    target: pygame.Surface,
    text: str,
    place: tuple[float, float],
    size: int = 20,
    colour: Colour = TEXT,
    anchor: str = "topleft",
    shadow: bool = False,
    alpha: float = 1.0,
) -> pygame.Rect:
    """Write `text` so that its `anchor` (a pygame rectangle's corner or side) lies at `place`."""
    image = text_image(text, size, colour, shadow)
    rect = image.get_rect()
    setattr(rect, anchor, (round(place[0]), round(place[1])))
    if alpha < 1.0:
        image = image.copy()
        image.set_alpha(max(0, round(alpha * 255)))
    target.blit(image, rect)
    return rect


def shorten(text: str, size: int, width: int) -> str:
    """Return `text`, cut at the end if it is wider than `width` pixels."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "...", size) > width:
        text = text[:-1]
    return text + "..."


def wrap(text: str, size: int, width: int) -> list[str]:
    """Return `text` in lines of at most `width` pixels; a word that is longer is cut."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [shorten(line, size, width) for line in lines]


@lru_cache(maxsize=256)
def glow(radius: int, colour: Colour, strength: float = 1.0) -> pygame.Surface:
    """Return a soft disc on black, to be added to what lies below (`add_glow`)."""
    small = min(max(radius, 16), 96)  # Coarser steps of a large disc are smoothed away below.
    image = pygame.Surface((small * 2, small * 2))
    for step in range(small, 0, -1):
        near = 1.0 - step / small
        pygame.draw.circle(image, mix((0, 0, 0), colour, near * near * strength), (small, small), step)
    return pygame.transform.smoothscale(image, (max(radius, 1) * 2, max(radius, 1) * 2))


def add_glow(target: pygame.Surface, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0) -> None:
    """Add light round a pixel. Radius and strength are rounded, so that few discs serve all."""
    step = 4 if radius > 16 else 1
    size = max(step, round(radius / step) * step)
    level = round(min(max(strength, 0.0), 1.0) * 10) / 10
    if level:
        image = glow(size, colour, level)
        target.blit(image, (round(x) - size, round(y) - size), special_flags=pygame.BLEND_RGB_ADD)


@lru_cache(maxsize=64)
def _panel(width: int, height: int, alpha: int, edge: Colour, radius: int) -> pygame.Surface:
    image = pygame.Surface((width, height), pygame.SRCALPHA)
    pygame.draw.rect(image, (*PANEL, alpha), image.get_rect(), border_radius=radius)
    pygame.draw.rect(image, (*edge, min(255, alpha + 30)), image.get_rect(), 1, border_radius=radius)
    pygame.draw.line(image, (*mix(edge, WHITE, 0.15), 90), (radius, 1), (width - radius - 1, 1))
    return image


def panel(
    target: pygame.Surface, rect: pygame.Rect, alpha: int = 205, edge: Colour = PANEL_EDGE, radius: int = 8
) -> None:
    """Draw a dark, rounded, half transparent panel."""
    target.blit(_panel(max(rect.width, 2), max(rect.height, 2), alpha, edge, radius), rect)


@lru_cache(maxsize=8)
def veil(size: tuple[int, int], alpha: int) -> pygame.Surface:
    """Return a dark sheet to lay over the whole window."""
    image = pygame.Surface(size, pygame.SRCALPHA)
    image.fill((*SHADOW, alpha))
    return image


def smooth_polygon(target: pygame.Surface, points: Sequence[tuple[float, float]], colour: Colour) -> None:
    """Fill a polygon with antialiased edges."""
    pygame.draw.polygon(target, colour, points)
    pygame.draw.aalines(target, colour, True, points)
