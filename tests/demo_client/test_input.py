"""`demo_client/input.py`."""

from __future__ import annotations

import pygame
import pytest

from demo_client.input import Pilot, Wanted, turn_to
from tests.demo_client.drawn import key, typed


def pressed(*keys: int) -> Pilot:
    pilot = Pilot()
    for each in keys:
        pilot.handle(key(each))
    return pilot


def moved(pilot: Pilot, place: tuple[int, int]) -> None:
    pilot.handle(pygame.event.Event(pygame.MOUSEMOTION, pos=place, rel=(0, 0), buttons=(0, 0, 0)))


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ((), Wanted()),
        ((pygame.K_w,), Wanted(thrust=1)),
        ((pygame.K_DOWN,), Wanted(thrust=-1)),
        ((pygame.K_w, pygame.K_s), Wanted()),
        ((pygame.K_a,), Wanted(turn=-1)),
        ((pygame.K_RIGHT, pygame.K_SPACE), Wanted(turn=1, fire=True)),
    ],
)
def test_held_keys_steer(keys: tuple[int, ...], wanted: Wanted) -> None:
    assert pressed(*keys).wanted(0.0, 0.0, 0.0) == wanted


def test_a_key_that_is_let_go_steers_no_more() -> None:
    pilot = pressed(pygame.K_w)
    pilot.handle(key(pygame.K_w, down=False))
    assert pilot.wanted(0.0, 0.0, 0.0) == Wanted()


def test_presses_of_boost_are_counted_and_handed_out_once() -> None:
    pilot = pressed(pygame.K_LSHIFT)
    pilot.handle(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=3, pos=(0, 0)))
    assert pilot.wanted(0.0, 0.0, 0.0).boost == 2
    assert pilot.wanted(0.0, 0.0, 0.0).boost == 0


def test_the_ship_turns_the_short_way_to_the_pointer_and_stops_there() -> None:
    assert turn_to(0.0, 0.0, 1.0) == 1
    assert turn_to(0.0, 0.0, -1.0) == -1
    assert turn_to(0.9, 1.0, 0.3) == 1
    assert turn_to(0.25, 0.0, 1.0) == 0


def test_the_mouse_aims_until_a_turn_key_is_pressed() -> None:
    pilot = Pilot()
    moved(pilot, (100, 200))
    assert pilot.wanted(0.0, 100.0, 100.0).turn == 1
    pilot.handle(key(pygame.K_a))
    assert pilot.wanted(0.0, 100.0, 100.0).turn == -1
    pilot.handle(key(pygame.K_a, down=False))
    assert pilot.wanted(0.0, 100.0, 100.0).turn == 0
    moved(pilot, (100, 201))
    assert pilot.wanted(0.0, 100.0, 100.0).turn == 1


def test_the_left_button_fires() -> None:
    pilot = Pilot()
    pilot.handle(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=(0, 0)))
    assert pilot.wanted(0.0, 0.0, 0.0).fire
    pilot.handle(pygame.event.Event(pygame.MOUSEBUTTONUP, button=1, pos=(0, 0)))
    assert not pilot.wanted(0.0, 0.0, 0.0).fire


def test_a_window_that_loses_the_focus_lets_everything_go() -> None:
    pilot = pressed(pygame.K_w, pygame.K_SPACE)
    pilot.handle(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    assert pilot.wanted(0.0, 0.0, 0.0) == Wanted()


def test_enter_opens_chat_enter_sends_it_and_the_ship_is_let_go() -> None:
    pilot = pressed(pygame.K_w, pygame.K_RETURN)
    assert pilot.wanted(0.0, 0.0, 0.0) == Wanted()
    for letter in "hallo!":
        pilot.handle(typed(letter))
    pilot.handle(key(pygame.K_w))
    pilot.handle(key(pygame.K_BACKSPACE))
    assert pilot.chat_draft == "hallo"
    assert pilot.wanted(0.0, 0.0, 0.0) == Wanted()
    assert pilot.handle(key(pygame.K_RETURN)) == "hallo"
    assert pilot.chat_draft is None


def test_escape_cancels_chat_and_an_empty_line_is_not_sent() -> None:
    pilot = pressed(pygame.K_RETURN)
    pilot.handle(typed("never mind"))
    assert pilot.handle(key(pygame.K_ESCAPE)) is None
    assert pilot.chat_draft is None
    pilot = pressed(pygame.K_RETURN)
    pilot.handle(typed("   "))
    assert pilot.handle(key(pygame.K_RETURN)) is None


def test_tab_shows_scores_while_held_and_f1_switches_the_help() -> None:
    pilot = pressed(pygame.K_TAB, pygame.K_F1)
    assert pilot.shows_scores and pilot.shows_help
    pilot.handle(key(pygame.K_TAB, down=False))
    pilot.handle(key(pygame.K_F1))
    assert not pilot.shows_scores and not pilot.shows_help
