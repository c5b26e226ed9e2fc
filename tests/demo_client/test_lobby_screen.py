"""`demo_client/lobby_screen.py`: what keys, clicks and answers make of the lobby."""

from __future__ import annotations

from types import SimpleNamespace

import pygame
import pytest

from demo_client.draw_lobby import layout_of
from demo_client.lobby_scene import Focus, LobbyScene
from demo_client.lobby_screen import LobbyScreen
from demo_client.painter import Painter
from game_client.facts import Status
from tests.demo_client.drawn import key, typed
from tests.demo_client.fakes import FakeLobby, found_seat, listing, refused, welcome

NAMES = [f"m-{number:016x}" for number in range(20)]


class Desk:
    """A screen before a fake lobby, and a clock."""

    def __init__(self, surface: pygame.Surface, lobby: FakeLobby, **options: object) -> None:
        self.surface, self.lobby = surface, lobby
        self.screen = LobbyScreen(lobby, Painter(surface.get_size()), **options)  # type: ignore[arg-type]
        self.now_s = 10.0
        self.scene = LobbyScene()
        self.look()

    def look(self, seconds: float = 0.02) -> LobbyScene:
        self.now_s += seconds
        self.scene = self.screen.frame(self.surface, self.now_s)
        return self.scene

    def press(self, *keys: int, mod: int = 0) -> bool:
        left = [self.screen.handle(key(each, mod)) for each in keys][-1]
        self.look()
        return left

    def click(self, place: tuple[int, int]) -> None:
        self.screen.handle(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=place))
        self.look()


@pytest.fixture
def lobby() -> FakeLobby:
    return FakeLobby(matches=[listing(name) for name in NAMES])


@pytest.fixture
def desk(surface: pygame.Surface, lobby: FakeLobby) -> Desk:
    return Desk(surface, lobby)


def test_enter_is_quick_play_and_its_seat_is_handed_over(desk: Desk, lobby: FakeLobby) -> None:
    desk.press(pygame.K_RETURN)
    assert lobby.asked == [("quick_play",)]
    assert desk.scene.search is not None and "free seat" in desk.scene.search.sentence
    assert desk.screen.seat is None
    lobby.seat = found_seat()
    desk.look()
    assert desk.screen.seat is lobby.seat


def test_what_is_waited_for_is_told_and_escape_gives_it_up(desk: Desk, lobby: FakeLobby) -> None:
    desk.press(pygame.K_q)
    lobby.search = SimpleNamespace(sentence="3 of 8 found, +-150 now, widening in 5 s", found=3, wanted=8)
    search = desk.look().search
    assert search is not None
    assert (search.sentence, search.found, search.wanted) == (lobby.search.sentence, 3, 8)
    desk.press(pygame.K_RETURN, pygame.K_q, pygame.K_w)  # Nothing but giving up works meanwhile.
    assert not desk.press(pygame.K_ESCAPE)
    assert lobby.asked == [("quick_play",), ("cancel",)]
    assert desk.scene.search is None
    assert desk.press(pygame.K_ESCAPE)


def test_the_answer_to_a_cancelled_request_is_not_shown(desk: Desk, lobby: FakeLobby) -> None:
    desk.press(pygame.K_q, pygame.K_ESCAPE)
    lobby.error = refused("Cancelled.", code="cancelled")
    assert desk.look().refusal is None


def test_arrows_choose_a_match_enter_joins_and_w_watches(desk: Desk, lobby: FakeLobby) -> None:
    desk.press(pygame.K_DOWN)
    assert (desk.scene.focus, desk.scene.selected) == (Focus.MATCHES, NAMES[0])
    desk.press(pygame.K_DOWN, pygame.K_DOWN, pygame.K_UP)
    desk.press(pygame.K_RETURN)
    assert lobby.asked == [("join", NAMES[1], False)]
    lobby.error = refused("The match is full.")
    desk.look()
    desk.press(pygame.K_END)
    desk.press(pygame.K_w)
    assert lobby.asked[-1] == ("join", NAMES[-1], True)


def test_the_list_scrolls_with_the_selection_and_the_wheel(desk: Desk) -> None:
    desk.press(pygame.K_DOWN, pygame.K_PAGEDOWN, pygame.K_PAGEDOWN)
    assert desk.scene.top > 0
    assert desk.scene.selected in [row.match for row in desk.scene.matches]
    desk.screen.handle(pygame.event.Event(pygame.MOUSEWHEEL, y=50))
    assert desk.look().top == 0


def test_tab_goes_round_and_back(desk: Desk) -> None:
    seen = []
    for _ in range(6):
        desk.press(pygame.K_TAB)
        seen.append(desk.scene.focus)
    assert seen == [Focus.RANKED, Focus.CREATE, Focus.CREATE_PRIVATE, Focus.CODE, Focus.MATCHES, Focus.QUICK_PLAY]
    desk.press(pygame.K_TAB, mod=pygame.KMOD_LSHIFT)
    assert desk.scene.focus is Focus.MATCHES


def test_left_and_right_go_between_the_list_and_the_buttons(desk: Desk) -> None:
    desk.press(pygame.K_LEFT)
    assert desk.scene.focus is Focus.MATCHES
    desk.press(pygame.K_RIGHT)
    assert desk.scene.focus is Focus.QUICK_PLAY
    desk.press(pygame.K_RIGHT)
    assert desk.scene.focus is Focus.RANKED
    desk.press(pygame.K_TAB)
    desk.press(pygame.K_RIGHT)
    assert desk.scene.focus is Focus.CREATE_PRIVATE
    desk.press(pygame.K_LEFT)
    assert desk.scene.focus is Focus.CREATE


def test_a_ranked_match_is_queued_for_and_matches_are_created_public_and_private(desk: Desk, lobby: FakeLobby) -> None:
    desk.press(pygame.K_TAB, pygame.K_RETURN)
    for _ in range(2):
        lobby.error = refused("No node has a place.")
        desk.look()
        desk.press(pygame.K_TAB)
        desk.press(pygame.K_RETURN)
    assert lobby.asked == [("enqueue",), ("create", False), ("create", True)]


def test_a_code_is_typed_letters_and_all_and_joins(desk: Desk, lobby: FakeLobby) -> None:
    desk.screen.handle(typed("x"))  # Nothing is being typed yet.
    desk.press(*[pygame.K_TAB] * 4)
    desk.press(pygame.K_RETURN)
    assert desk.scene.refusal is not None and not lobby.asked  # Without a code there is nothing to ask.
    for letter in "wQ7 ":
        desk.screen.handle(key(ord(letter.lower())))
        desk.screen.handle(typed(letter))
    assert desk.look().code == "WQ7"
    desk.press(pygame.K_BACKSPACE)
    desk.press(pygame.K_RETURN)
    assert lobby.asked == [("join_code", "WQ")]


def test_escape_leaves_the_code_first_and_then_the_lobby(desk: Desk) -> None:
    desk.press(*[pygame.K_TAB] * 4)
    desk.screen.handle(typed("abc"))
    assert not desk.press(pygame.K_ESCAPE)
    assert (desk.scene.code, desk.scene.focus) == ("", Focus.QUICK_PLAY)
    assert desk.press(pygame.K_ESCAPE)


def test_a_refusal_stays_until_enter_asks_again_or_something_else_is_done(desk: Desk, lobby: FakeLobby) -> None:
    desk.press(pygame.K_w)
    lobby.error = refused("The match is full.")
    refusal = desk.look().refusal
    assert refusal is not None and refusal.sentence == "The match is full." and refusal.retry_s is None
    desk.press(pygame.K_RETURN)
    assert lobby.asked == [("join", NAMES[0], True)] * 2
    lobby.error = refused("The match is full.")
    desk.look()
    desk.press(pygame.K_DOWN)
    assert desk.scene.refusal is None
    desk.press(pygame.K_RETURN)
    assert lobby.asked[-1] == ("join", NAMES[0], False)


def test_a_refusal_for_a_while_is_asked_again_by_itself(desk: Desk, lobby: FakeLobby) -> None:
    desk.press(pygame.K_RETURN)
    lobby.error = refused("The directory is unavailable.", 2000, "unavailable")
    desk.look()
    refusal = desk.look(0.5).refusal
    assert refusal is not None and refusal.retry_s == pytest.approx(1.5)
    assert lobby.asked == [("quick_play",)]
    desk.look(1.6)
    assert lobby.asked == [("quick_play",)] * 2
    assert desk.scene.search is not None
    lobby.error = refused("The directory is unavailable.", 2000, "unavailable")
    desk.look()
    assert not desk.press(pygame.K_ESCAPE)
    desk.look(5.0)
    assert lobby.asked == [("quick_play",)] * 2


def test_the_way_back_is_what_enter_presses_when_there_is_one(surface: pygame.Surface) -> None:
    lobby = FakeLobby(welcome=welcome(rejoin="m-1"))
    desk = Desk(surface, lobby)
    assert desk.scene.focus is Focus.REJOIN
    desk.press(pygame.K_RETURN)
    assert lobby.asked == [("rejoin",)]


def test_a_way_back_that_is_none_any_more_is_not_offered_again(surface: pygame.Surface) -> None:
    lobby = FakeLobby(welcome=welcome(rejoin="m-1"))
    desk = Desk(surface, lobby)
    desk.press(pygame.K_RETURN)
    lobby.error = refused("no seat is kept for you in any match", 0, "nothing_to_rejoin")
    assert (desk.look().rejoin, desk.scene.focus) == ("", Focus.QUICK_PLAY)


def test_without_a_connection_nothing_is_asked_and_what_is_wrong_is_told(desk: Desk, lobby: FakeLobby) -> None:
    lobby.status = Status("reconnecting", 2, "directory unavailable, retry in 2 s")
    assert "directory unavailable, retry in 2 s" in desk.look().trouble
    desk.press(pygame.K_RETURN)
    assert not lobby.asked
    lobby.status = Status("live")
    assert desk.look().trouble == ""


def test_before_the_lobby_answers_the_list_is_asked_for(surface: pygame.Surface) -> None:
    lobby = FakeLobby(status=Status("dialling"), welcome=None, matches=None, players=[])
    desk = Desk(surface, lobby)
    assert not desk.scene.listed
    assert not desk.screen.was_live
    lobby.status, lobby.welcome, lobby.matches = Status("live"), welcome(), []
    assert desk.look().listed
    assert desk.screen.was_live


def test_quick_play_can_be_asked_for_from_the_start(surface: pygame.Surface) -> None:
    lobby = FakeLobby(status=Status("dialling"), welcome=None, matches=None)
    desk = Desk(surface, lobby, quick_play=True)
    assert not lobby.asked
    lobby.status = Status("live")
    desk.look()
    desk.look()
    assert lobby.asked == [("quick_play",)]


def test_why_the_player_came_back_is_told_until_escape(surface: pygame.Surface) -> None:
    desk = Desk(surface, FakeLobby(), notice="The match is over.")
    assert desk.scene.refusal is not None and desk.scene.refusal.sentence == "The match is over."
    assert not desk.press(pygame.K_ESCAPE)
    assert desk.scene.refusal is None


@pytest.mark.parametrize("size", [(960, 540), (1280, 720)])
def test_everything_can_be_clicked(surface: pygame.Surface, size: tuple[int, int], lobby: FakeLobby) -> None:
    desk = Desk(pygame.display.set_mode(size), lobby)
    layout = layout_of(size, desk.scene)
    no = refused("no")
    for focus in (Focus.QUICK_PLAY, Focus.CREATE, Focus.CREATE_PRIVATE):
        desk.click(layout.buttons[focus].center)
        lobby.error = no
        desk.look()
    desk.click(layout.match_row(2).center)
    assert desk.scene.selected == NAMES[2] and len(lobby.asked) == 3
    desk.click(layout.join.center)
    lobby.error = no
    desk.look()
    desk.click(layout_of(size, desk.scene).watch.center)
    assert lobby.asked[3:] == [("join", NAMES[2], False), ("join", NAMES[2], True)]
    lobby.error = no
    band = layout_of(size, desk.look())
    desk.click(band.band_button.center)  # Again.
    desk.click(band.band_button.center)  # And cancelled.
    assert lobby.asked[5:] == [("join", NAMES[2], True), ("cancel",)]
    desk.click(layout.buttons[Focus.CODE].center)
    assert desk.scene.focus is Focus.CODE


def test_a_double_click_joins_and_two_slow_ones_do_not(desk: Desk, lobby: FakeLobby) -> None:
    place = layout_of((1280, 720), desk.scene).match_row(1).center
    desk.click(place)
    desk.look(1.0)
    desk.click(place)
    assert not lobby.asked
    desk.click(place)
    assert lobby.asked == [("join", NAMES[1], False)]
