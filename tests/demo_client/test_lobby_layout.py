"""`demo_client/lobby_layout.py`."""

from itertools import combinations

import pygame
import pytest

from demo_client.lobby_layout import lay_out
from demo_client.lobby_scene import Focus


@pytest.mark.parametrize("size", [(960, 540), (1280, 720), (1920, 1080), (2560, 1080)])
@pytest.mark.parametrize("rejoin", [False, True])
@pytest.mark.parametrize("band", [False, True])
def test_nothing_overlaps_and_all_is_inside(size: tuple[int, int], rejoin: bool, band: bool) -> None:
    layout = lay_out(size, rejoin, band)
    parts = [layout.head, layout.matches, *layout.buttons.values(), layout.players, layout.foot]
    parts += [layout.band] if band else []
    window = pygame.Rect(0, 0, *size)
    assert all(window.contains(part) for part in parts)
    assert not [pair for pair in combinations(parts, 2) if pair[0].colliderect(pair[1])]
    assert layout.band.contains(layout.band_button)
    lines = [layout.match_row(line) for line in range(layout.match_rows)]
    assert all(layout.matches.contains(line) for line in [*lines, layout.join, layout.watch])
    assert lines[-1].bottom <= layout.join.top
    assert all(layout.players.contains(layout.player_row(line)) for line in range(layout.player_rows))


def test_the_smallest_window_shows_enough() -> None:
    assert lay_out((960, 540), False, False).match_rows >= 7
    crowded = lay_out((960, 540), True, True)
    assert crowded.match_rows >= 5
    assert crowded.player_rows >= 2


def test_the_way_back_has_a_button_only_when_there_is_one() -> None:
    assert Focus.REJOIN not in lay_out((960, 540), False, False).buttons
    assert Focus.REJOIN in lay_out((960, 540), True, False).buttons
