"""`demo_client/paint.py`."""

from __future__ import annotations

import pygame

from demo_client.paint import add_glow, glow, shorten, text_image, text_width, wrap, write


def test_text_is_antialiased_and_kept(surface: pygame.Surface) -> None:
    image = text_image("Ada", 40, (255, 255, 255))
    assert text_image("Ada", 40, (255, 255, 255)) is image
    alphas = {image.get_at((x, y))[3] for x in range(image.get_width()) for y in range(image.get_height())}
    assert len(alphas) > 4  # Not only on and off.


def test_text_lies_where_its_anchor_says(surface: pygame.Surface) -> None:
    assert write(surface, "Ada", (100, 50), anchor="center").center == (100, 50)
    assert write(surface, "Ada", (100, 50), anchor="topright").topright == (100, 50)


def test_long_text_is_cut(surface: pygame.Surface) -> None:
    assert shorten("Ada", 20, 200) == "Ada"
    cut = shorten("a very long name indeed", 20, 80)
    assert cut.endswith("...")
    assert text_image(cut, 20, (255, 255, 255)).get_width() <= 80


def test_text_is_wrapped_between_words(surface: pygame.Surface) -> None:
    lines = wrap("the server cannot be reached at all", 20, 110)
    assert " ".join(lines) == "the server cannot be reached at all"
    assert len(lines) > 1
    assert all(text_width(line, 20) <= 110 for line in lines)
    assert wrap("", 20, 110) == [""]


def test_a_glow_is_brightest_in_its_middle_and_dark_at_its_rim(surface: pygame.Surface) -> None:
    image = glow(20, (200, 100, 50))
    assert image.get_at((20, 20))[0] > image.get_at((30, 20))[0] > image.get_at((0, 20))[0] == 0
    surface.fill((10, 10, 10))
    add_glow(surface, 100, 100, 20, (200, 100, 50), 0.0)
    assert surface.get_at((100, 100))[:3] == (10, 10, 10)
