"""`demo_client/draw_lobby.py` and `draw_lobby_lists.py`: the lobby in pixels."""

from __future__ import annotations

from dataclasses import replace

import pygame
import pytest

from demo_client.draw_lobby import draw_lobby, layout_of
from demo_client.lobby_scene import Focus, LobbyScene, MatchRow, PlayerRow, Refusal, Search
from demo_client.palette import ACCENT, BAD, GOOD, OWN, TEXT, WARN
from tests.demo_client.drawn import changed, count

SIZES = [(960, 540), (1280, 720)]
MATCHES = [
    MatchRow("m-aaaaaaaaaaaaaaaa", 0, 32),
    MatchRow("m-bbbbbbbbbbbbbbbb", 16, 32, 3, ("duel", "eu")),
    MatchRow("m-cccccccccccccccc", 32, 32),
]
SCENE = LobbyScene(
    player="Ada", rating=1500, node="node-1", online=2, matches=MATCHES, matches_total=3, listed=True,
    selected="m-bbbbbbbbbbbbbbbb", players=[PlayerRow("Ada", "in the lobby", mine=True)], players_total=2,
)  # fmt: skip


def draw(surface: pygame.Surface, scene: LobbyScene) -> pygame.Surface:
    surface.fill((0, 0, 0))
    draw_lobby(surface, scene)
    return surface.copy()


@pytest.fixture(params=SIZES)
def window(surface: pygame.Surface, request: pytest.FixtureRequest) -> pygame.Surface:
    return pygame.display.set_mode(request.param)


def test_the_bar_of_a_match_tells_how_full_it_is(window: pygame.Surface) -> None:
    draw(window, SCENE)
    layout = layout_of(window.get_size(), SCENE)
    empty, half, full = (layout.match_row(line) for line in range(3))
    assert count(window, empty, GOOD, 10) == 0
    assert count(window, half, GOOD, 10) > 200
    assert count(window, full, BAD, 10) > 1.8 * count(window, half, GOOD, 10)


def test_the_selected_match_is_framed_brighter_with_the_focus(window: pygame.Surface) -> None:
    layout = layout_of(window.get_size(), SCENE)
    row = layout.match_row(1)
    draw(window, SCENE)
    dim = count(window, row, ACCENT, 12)
    draw(window, replace(SCENE, focus=Focus.MATCHES))
    assert count(window, row, ACCENT, 12) > dim + 2 * row.width


def test_quick_play_is_the_biggest_button_and_has_the_focus_at_first(window: pygame.Surface) -> None:
    layout = layout_of(window.get_size(), SCENE)
    areas = {focus: rect.width * rect.height for focus, rect in layout.buttons.items() if focus is not Focus.CODE}
    assert max(areas, key=lambda focus: areas[focus]) is Focus.QUICK_PLAY
    with_focus = draw(window, SCENE)
    without = draw(window, replace(SCENE, focus=Focus.CREATE))
    assert changed(with_focus, without, layout.buttons[Focus.QUICK_PLAY].inflate(8, 8)) > 500


def test_a_search_is_told_at_the_foot_with_how_many_were_found(window: pygame.Surface) -> None:
    scene = replace(SCENE, search=Search("3 of 8 found, +-150 now, widening in 5 s", 3, 8))
    draw(window, scene)
    band = layout_of(window.get_size(), scene).band
    groove = pygame.Rect(band.left + 14, band.bottom - 8, band.width - 28, 3)
    part = count(window, groove, ACCENT, 5) / (groove.width * groove.height)
    assert 0.36 < part < 0.39
    sentence = pygame.Rect(band.left + 48, band.top + 8, band.width // 2, 40)
    assert count(window, sentence, TEXT, 60) > 150


def test_a_refusal_that_passes_by_itself_looks_other_than_one_that_stays(window: pygame.Surface) -> None:
    scene = replace(SCENE, refusal=Refusal("The match is full."))
    band = layout_of(window.get_size(), scene).band
    dot = pygame.Rect(band.left + 22, band.centery - 6, 12, 12)
    draw(window, scene)
    assert count(window, dot, BAD, 50) > 60
    draw(window, replace(scene, refusal=Refusal("The directory is unavailable.", retry_s=1.4)))
    assert count(window, dot, WARN, 50) > 60


def test_a_lost_connection_makes_the_buttons_pale_and_says_why(window: pygame.Surface) -> None:
    layout = layout_of(window.get_size(), SCENE)
    quick = layout.buttons[Focus.QUICK_PLAY]
    draw(window, SCENE)
    assert window.get_at((quick.left + 30, quick.centery))[2] > 130
    scene = replace(SCENE, trouble="Connection lost, reconnecting, attempt 2: directory unavailable, retry in 2 s")
    draw(window, scene)
    assert window.get_at((quick.left + 30, quick.centery))[2] < 80
    assert count(window, layout_of(window.get_size(), scene).band, BAD, 40) > 100


def test_an_empty_list_says_what_to_do_and_an_unknown_one_that_it_is_asked_for(window: pygame.Surface) -> None:
    bare = replace(SCENE, matches=(), matches_total=0, selected="")
    matches = layout_of(window.get_size(), SCENE).matches
    assert changed(draw(window, bare), draw(window, replace(bare, listed=False)), matches) > 300


def test_more_matches_than_lines_have_a_scrollbar_that_moves(window: pygame.Surface) -> None:
    layout = layout_of(window.get_size(), SCENE)
    track = pygame.Rect(layout.matches.right - 8, layout.matches.top, 6, layout.matches.height)
    top = draw(window, replace(SCENE, matches_total=100))
    assert changed(top, draw(window, SCENE), track) > 100
    assert changed(top, draw(window, replace(SCENE, matches_total=100, top=60)), track) > 50


def test_players_are_listed_and_those_beyond_the_lines_are_counted(window: pygame.Surface) -> None:
    layout = layout_of(window.get_size(), SCENE)
    draw(window, SCENE)
    assert count(window, layout.player_row(0), OWN, 40) > 60
    many = replace(SCENE, players=[PlayerRow(f"bot-{n}", "plays in 1", True) for n in range(99)], players_total=99)
    draw(window, many)
    last = layout.player_row(layout.player_rows - 1)
    assert count(window, last, GOOD, 30) == 0  # "and 92 more" has no dot.
    assert count(window, layout.player_row(layout.player_rows - 2), GOOD, 30) > 20


def test_the_written_code_is_seen(window: pygame.Surface) -> None:
    field = layout_of(window.get_size(), SCENE).buttons[Focus.CODE]
    hint = draw(window, SCENE)
    assert changed(hint, draw(window, replace(SCENE, code="K7QF2")), field) > 150
