"""How tests look at what was drawn."""

from __future__ import annotations

import pygame


def near(one: tuple[int, ...], other: tuple[int, ...], by: int = 40) -> bool:
    """Whether two colours differ by at most `by` in each part."""
    return all(abs(a - b) <= by for a, b in zip(one[:3], other[:3], strict=True))


def count(surface: pygame.Surface, rect: pygame.Rect, colour: tuple[int, int, int], by: int = 40) -> int:
    """How many pixels of a rectangle are nearly of a colour."""
    area = rect.clip(surface.get_rect())
    return sum(
        near(surface.get_at((x, y)), colour, by)
        for x in range(area.left, area.right)
        for y in range(area.top, area.bottom)
    )


def changed(before: pygame.Surface, after: pygame.Surface, rect: pygame.Rect) -> int:
    """How many pixels of a rectangle differ between two pictures."""
    return sum(
        before.get_at((x, y)) != after.get_at((x, y))
        for x in range(rect.left, rect.right)
        for y in range(rect.top, rect.bottom)
    )


def key(number: int, mod: int = 0, down: bool = True) -> pygame.event.Event:
    """A key that goes down or up."""
    return pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=number, mod=mod)


def typed(text: str) -> pygame.event.Event:
    """Text as the keyboard's layout makes it."""
    return pygame.event.Event(pygame.TEXTINPUT, text=text)
