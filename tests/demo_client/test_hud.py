"""`demo_client/hud.py`, `overlays.py`, `draw_scores.py` and `draw_minimap.py`: what lies over the field."""

from __future__ import annotations

from dataclasses import replace

import pygame
import pytest

from demo_client.camera import Camera
from demo_client.draw_minimap import draw_minimap, minimap_rect
from demo_client.draw_scores import draw_large_scores, draw_small_scores, small_rows
from demo_client.hud import (
    clock_text,
    draw_chat,
    draw_clock,
    draw_feed,
    draw_numbers,
    draw_own_health,
    draw_role,
    fade,
    numbers_rect,
    rate_text,
)
from demo_client.overlays import draw_overlays, draw_respawn
from demo_client.palette import ACCENT, BAD, GOOD, OWN, TEXT, health_colour, ship_colour
from demo_client.scene import ChatLine, FeedLine, Numbers, Scene, ScoreRow, ShipView
from tests.demo_client.drawn import changed, count

CHAT_AREA = pygame.Rect(0, 560, 500, 160)
FEED_AREA = pygame.Rect(980, 150, 300, 120)
CLOCK_AREA = pygame.Rect(574, 14, 132, 56)
HEALTH_AREA = pygame.Rect(490, 660, 300, 50)


@pytest.fixture
def black(surface: pygame.Surface) -> pygame.Surface:
    surface.fill((0, 0, 0))
    return surface


def test_numbers_read_as_people_read_them() -> None:
    assert (clock_text(125), clock_text(9), clock_text(600)) == ("2:05", "0:09", "10:00")
    assert (rate_text(640.0), rate_text(1440.0), rate_text(None)) == ("640 B/s", "1.4 kB/s", "-")


def test_a_line_fades_during_its_last_second() -> None:
    assert (fade(0.0, 6.0), fade(5.5, 6.0), fade(7.0, 6.0)) == (1.0, 0.5, 0.0)


def test_the_numbers_are_drawn_in_their_corner_and_a_bad_ping_is_red(black: pygame.Surface) -> None:
    area = numbers_rect(black.get_size())
    draw_numbers(black, Numbers(20.0, 4711, 2000.0, 400.0, 60.0, 50.0))
    assert count(black, area, TEXT) > 200
    assert count(black, area, GOOD) > 20 > count(black, area, BAD)
    draw_numbers(black, Numbers(300.0, 4711))
    assert count(black, area, BAD) > 20


def test_a_long_gap_between_states_stands_out_in_the_graph(black: pygame.Surface) -> None:
    area = numbers_rect(black.get_size())
    draw_numbers(black, Numbers(gaps_ms=[33.0] * 60))
    calm = count(black, area, BAD, 80)
    draw_numbers(black, Numbers(gaps_ms=[33.0] * 59 + [200.0]))
    assert count(black, area, BAD, 80) > calm + 20


def test_the_clock_turns_red_for_the_last_ten_seconds(black: pygame.Surface) -> None:
    draw_clock(black, Scene())
    assert count(black, CLOCK_AREA, (0, 0, 0), 0) == CLOCK_AREA.width * CLOCK_AREA.height
    draw_clock(black, Scene(seconds_left=125))
    assert count(black, CLOCK_AREA, TEXT) > 100
    assert count(black, CLOCK_AREA, BAD) == 0
    draw_clock(black, Scene(seconds_left=9))
    assert count(black, CLOCK_AREA, BAD) > 100


def test_the_large_health_bar_shrinks_with_health(black: pygame.Surface) -> None:
    draw_own_health(black, Scene())
    assert count(black, HEALTH_AREA, (0, 0, 0), 0) == HEALTH_AREA.width * HEALTH_AREA.height
    whole = Scene(ships=(ShipView(1, 0, "Ada", 0.0, 0.0, mine=True),))
    draw_own_health(black, whole)
    full = count(black, HEALTH_AREA, GOOD)
    black.fill((0, 0, 0))
    draw_own_health(black, replace(whole, ships=(replace(whole.ships[0], hp=60),)))
    assert full > count(black, HEALTH_AREA, health_colour(0.6)) > 0.4 * full


def test_what_was_said_appears_and_goes_again(black: pygame.Surface) -> None:
    said = Scene(chat=(ChatLine(1, "Grace", "good shot", 1.0),))
    draw_chat(black, said)
    assert count(black, CHAT_AREA, TEXT) > 60
    black.fill((0, 0, 0))
    draw_chat(black, replace(said, chat=(ChatLine(1, "Grace", "good shot", 60.0),)))
    assert count(black, CHAT_AREA, TEXT) == 0
    draw_chat(black, replace(said, chat=(ChatLine(1, "Grace", "good shot", 60.0),), chat_draft=""))
    assert count(black, CHAT_AREA, TEXT) > 60  # Who writes sees what was said before.


def test_the_line_being_written_is_shown(black: pygame.Surface) -> None:
    draw_chat(black, Scene(chat_draft=""))
    empty = black.copy()
    assert count(black, CHAT_AREA, ACCENT) > 100
    draw_chat(black, Scene(chat_draft="hello"))
    assert changed(empty, black, pygame.Rect(60, 660, 200, 50)) > 60


def test_a_long_line_being_written_shows_its_end(black: pygame.Surface) -> None:
    draw_chat(black, Scene(chat_draft="w" * 150 + "i"))
    one = black.copy()
    draw_chat(black, Scene(chat_draft="w" * 150 + "M"))
    assert changed(one, black, pygame.Rect(300, 660, 160, 50)) > 20


def test_kills_are_told_in_the_colours_of_those_concerned(black: pygame.Surface) -> None:
    line = FeedLine("Ada", "Ken", 0, 4, 1.0, about_me=True)
    draw_feed(black, Scene(feed=(line,), seat=0))
    assert count(black, FEED_AREA, OWN, 60) > 30
    assert count(black, FEED_AREA, ship_colour(4), 70) > 20
    black.fill((0, 0, 0))
    draw_feed(black, Scene(feed=(replace(line, age_s=9.0),), seat=0))
    assert count(black, FEED_AREA, (0, 0, 0), 0) == FEED_AREA.width * FEED_AREA.height


def test_the_own_row_is_always_on_the_small_scoreboard(black: pygame.Surface) -> None:
    rows = tuple(ScoreRow(seat, f"ship {seat}", 20 - seat, mine=seat == 9) for seat in range(12))
    assert [(rank, row.seat) for rank, row in small_rows(Scene(scores=rows))] == [
        (1, 0), (2, 1), (3, 2), (4, 3), (10, 9),
    ]  # fmt: skip
    assert len(small_rows(Scene(scores=rows[:3]))) == 3
    draw_small_scores(black, Scene(scores=rows))
    assert count(black, pygame.Rect(16, 16, 210, 150), OWN) > 30


def test_the_large_scoreboard_takes_all_32_ships(black: pygame.Surface) -> None:
    rows = tuple(ScoreRow(seat, f"ship {seat}", 0, mine=seat == 31) for seat in range(32))
    draw_large_scores(black, Scene(scores=rows))
    assert count(black, pygame.Rect(640, 360, 420, 320), OWN) > 60
    draw_large_scores(black, Scene())


def test_the_map_shows_the_own_ship_where_it_is(black: pygame.Surface) -> None:
    camera = Camera(1280, 720)
    ship = ShipView(1, 0, "Ada", 48.0, 16.0, mine=True)
    draw_minimap(black, Scene(ships=(ship,)), camera)
    area = minimap_rect(black.get_size())
    right_top = pygame.Rect(area.centerx, area.top, area.width // 2, area.height // 2)
    assert count(black, right_top, OWN, 30) > 10
    assert count(black, right_top.move(-area.width // 2, 0), OWN, 30) == 0
    draw_minimap(black, Scene(ships=(replace(ship, alive=False),)), camera)
    assert count(black, right_top, OWN, 30) == 0


@pytest.mark.parametrize(
    ("scene", "area"),
    [
        (Scene(banner="connection lost - reconnecting, attempt 3"), pygame.Rect(300, 132, 680, 78)),
        (Scene(banner="disconnected", banner_bad=True, banner_why="kicked"), pygame.Rect(440, 132, 400, 108)),
        (Scene(announcement="Ada wins round 2"), pygame.Rect(300, 150, 680, 100)),
        (Scene(show_help=True), pygame.Rect(380, 150, 520, 420)),
    ],
)
def test_overlays_appear_when_the_scene_asks_for_them(black: pygame.Surface, scene: Scene, area: pygame.Rect) -> None:
    draw_overlays(black, Scene())
    assert count(black, area, (0, 0, 0), 0) == area.width * area.height
    draw_overlays(black, scene)
    assert count(black, area, TEXT, 110) > 200


def test_the_countdown_changes_with_the_second(black: pygame.Surface) -> None:
    middle = pygame.Rect(620, 340, 40, 40)
    draw_respawn(black, Scene(respawn_s=1.5, killed_by="Grace"))
    two = black.copy()
    black.fill((0, 0, 0))
    draw_respawn(black, Scene(respawn_s=0.5, killed_by="Grace"))
    assert changed(two, black, middle) > 100


def test_the_code_of_a_private_match_and_who_is_watched_are_told_below_the_clock(black: pygame.Surface) -> None:
    area = pygame.Rect(440, 76, 400, 32)
    draw_role(black, Scene())
    assert count(black, area, (0, 0, 0), 2) == area.width * area.height
    draw_role(black, Scene(code="K7QF2"))
    assert count(black, area, ACCENT, 40) > 80
    code = black.copy()
    draw_role(black, Scene(watching="bot-1"))
    assert changed(code, black, area) > 100
