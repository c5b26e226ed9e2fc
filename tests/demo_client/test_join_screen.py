"""`demo_client/join_screen.py`."""

from __future__ import annotations

import pygame

from demo_client.camera import Camera
from demo_client.draw_background import Background
from demo_client.join_screen import DEFAULT_ADDRESS, NAME_LENGTH_MAX, JoinScreen
from demo_client.palette import BAD
from tests.demo_client.drawn import changed, count, key, typed


def draw(screen: JoinScreen, surface: pygame.Surface) -> None:
    screen.draw(surface, Background(surface.get_size()), Camera(*surface.get_size()), 0.0)


def test_typed_keys_become_the_name_and_enter_joins() -> None:
    screen = JoinScreen()
    for letter in "Ada L":
        assert not screen.handle(typed(letter))
    assert screen.handle(key(pygame.K_RETURN))
    assert (screen.address, screen.name) == (DEFAULT_ADDRESS, "Ada L")


def test_backspace_takes_a_letter_and_with_control_the_line() -> None:
    screen = JoinScreen(name="Ada")
    screen.handle(key(pygame.K_BACKSPACE))
    assert screen.name == "Ad"
    screen.handle(key(pygame.K_BACKSPACE, pygame.KMOD_LCTRL))
    assert screen.name == ""


def test_tab_goes_to_the_address() -> None:
    screen = JoinScreen("ws://a/v1/match/", "Ada")
    screen.handle(key(pygame.K_TAB))
    screen.handle(typed("7"))
    assert screen.address == "ws://a/v1/match/7"
    assert screen.name == "Ada"


def test_a_name_is_cut_at_what_the_game_carries_and_has_no_control_characters() -> None:
    screen = JoinScreen()
    screen.handle(typed("a\tb\n" + "c" * 40))
    assert screen.name == ("ab" + "c" * 40)[:NAME_LENGTH_MAX]


def test_without_a_name_or_with_a_wrong_address_enter_says_what_is_missing() -> None:
    screen = JoinScreen()
    assert not screen.handle(key(pygame.K_RETURN))
    assert "name" in screen.error
    screen = JoinScreen("http://example.org", "Ada")
    assert not screen.handle(key(pygame.K_RETURN))
    assert "ws://" in screen.error
    assert screen.focus == 0
    screen.handle(typed("x"))
    assert screen.error == ""


def test_the_button_joins_and_a_click_chooses_a_field(surface: pygame.Surface) -> None:
    screen = JoinScreen(name="Ada")
    draw(screen, surface)
    address, _, button = [rect.center for rect in screen._rects]
    assert not screen.handle(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=address))
    assert screen.focus == 0
    assert screen.handle(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=button))


def test_what_is_typed_and_what_failed_is_seen(surface: pygame.Surface) -> None:
    screen = JoinScreen(name="A")
    draw(screen, surface)
    before, field = surface.copy(), screen._rects[1]
    screen.handle(typed("da Lovelace"))
    draw(screen, surface)
    assert changed(before, surface, field.inflate(-10, -10)) > 200
    card = pygame.Rect(380, 540, 520, 54)
    assert count(surface, card, BAD, 60) == 0
    screen.error = "The match is full."
    draw(screen, surface)
    assert count(surface, card, BAD, 60) > 60
