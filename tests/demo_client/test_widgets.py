"""`demo_client/widgets.py`."""

from __future__ import annotations

import pygame

from demo_client.palette import ACCENT, OWN
from demo_client.widgets import QUIET, Field, draw_button, draw_field
from tests.demo_client.drawn import changed, count, key

RECT = pygame.Rect(100, 100, 300, 44)


def test_a_field_takes_what_can_be_printed_up_to_its_length() -> None:
    field = Field("Code", "", 5)
    field.type("a\tb\n")
    field.type("cdefgh")
    assert field.text == "abcde"


def test_a_field_s_keys_edit_and_others_are_not_its() -> None:
    field = Field("Code", "abc", 5)
    assert field.key(key(pygame.K_BACKSPACE))
    assert field.text == "ab"
    assert field.key(key(pygame.K_BACKSPACE, pygame.KMOD_LCTRL))
    assert field.text == ""
    assert not field.key(key(pygame.K_LEFT))


def test_a_field_shows_its_hint_until_something_is_written(surface: pygame.Surface) -> None:
    surface.fill((0, 0, 0))
    draw_field(surface, RECT, "", False, 0.0, "Join by code")
    hinted = surface.copy()
    draw_field(surface, RECT, "", False, 0.0)
    assert changed(hinted, surface, RECT) > 100
    draw_field(surface, RECT, "", True, 0.0)
    assert count(surface, RECT, ACCENT, 20) > 500  # The frame of what has the focus.


def test_the_end_of_a_long_text_is_seen(surface: pygame.Surface) -> None:
    draw_field(surface, RECT, "a" * 200 + "1", False, 0.0)
    before = surface.copy()
    draw_field(surface, RECT, "a" * 200 + "2", False, 0.0)
    assert changed(before, surface, RECT) > 5
    outside = pygame.Rect(RECT.right + 1, RECT.top, 40, RECT.height)
    assert count(surface, outside, (0, 0, 0), 3) == outside.width * outside.height


def test_a_button_is_framed_when_enter_presses_it_and_pale_when_it_does_nothing(surface: pygame.Surface) -> None:
    surface.fill((0, 0, 0))
    around = RECT.inflate(8, 8)
    draw_button(surface, RECT, "GO", colour=OWN)
    plain = surface.copy()
    draw_button(surface, RECT, "GO", colour=OWN, focused=True)
    assert changed(plain, surface, around) > 400
    draw_button(surface, RECT, "GO", colour=QUIET, enabled=False)
    assert changed(plain, surface, RECT) > 5000
