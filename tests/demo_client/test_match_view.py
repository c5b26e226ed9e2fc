"""`demo_client/match_view.py`, over a fake connection."""

from __future__ import annotations

from time import monotonic
from types import SimpleNamespace

import pygame
import pytest

from demo_client.match_view import MatchView, banner_of
from demo_client.painter import Painter
from demo_client.palette import OWN, WARN
from game_client.facts import Status
from protocol.errors import UsageFault
from tests.demo_client.drawn import count, key, typed
from tests.demo_client.fakes import FakeLink, FakeWorld, clock, ship


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def view(surface: pygame.Surface, link: FakeLink) -> MatchView:
    return MatchView(link, Painter(surface.get_size()))


def test_the_own_ship_is_followed_and_drawn(surface: pygame.Surface, view: MatchView, link: FakeLink) -> None:
    for _ in range(5):
        scene = view.frame(surface, 1 / 60, 60.0)
    assert scene.me is not None
    assert count(surface, pygame.Rect(600, 320, 80, 80), OWN, 60) > 60
    assert link.playhead_tick is not None and link.playhead_tick < link.tick


def test_keys_become_inputs_and_only_changes_are_sent(surface: pygame.Surface, view: MatchView, link: FakeLink) -> None:
    view.frame(surface, 1 / 60, 60.0)
    view.handle(key(pygame.K_w))
    for _ in range(3):
        view.frame(surface, 1 / 60, 60.0)
    view.handle(key(pygame.K_LSHIFT))
    for _ in range(3):
        view.frame(surface, 1 / 60, 60.0)
    assert link.inputs == [
        {"thrust": 0, "turn": 0, "fire": False, "boost": 0},
        {"thrust": 1, "turn": 0, "fire": False, "boost": 0},
        {"thrust": 1, "turn": 0, "fire": False, "boost": 1},
    ]


def test_a_line_of_chat_is_sent(view: MatchView, link: FakeLink) -> None:
    for event in (key(pygame.K_RETURN), typed("hi"), key(pygame.K_RETURN)):
        view.handle(event)
    assert link.commands == [("Chat", {"text": "hi"})]


def test_a_line_that_cannot_be_sent_now_is_not_lost(view: MatchView, link: FakeLink) -> None:
    link.fault = UsageFault("a command while reconnecting")
    for event in (key(pygame.K_RETURN), typed("hi"), key(pygame.K_RETURN)):
        view.handle(event)
    assert view.pilot.chat_draft == "hi"


def test_what_happened_moves_particles(surface: pygame.Surface, link: FakeLink) -> None:
    painter = Painter(surface.get_size())
    view = MatchView(link, painter)
    view.frame(surface, 1 / 60, 60.0)
    view._builder.happenings += [
        SimpleNamespace(kind=kind, x=20.0, y=20.0, seat=1, mine=True, what="HEALTH")
        for kind in ("hit", "death", "taken")
    ]
    view.frame(surface, 1 / 60, 60.0)
    assert len(painter.effects) > 80


def test_a_server_that_began_anew_is_followed(surface: pygame.Surface, view: MatchView, link: FakeLink) -> None:
    link.tick = 5000
    view.frame(surface, 1 / 60, 60.0)
    link.tick, link.world = 3, FakeWorld(ship(7, 0), clock())
    scene = view.frame(surface, 1 / 60, 60.0)
    assert [each.id for each in scene.ships] == [7]
    assert scene.numbers.tick == 4


def test_an_autopilot_plays(surface: pygame.Surface, link: FakeLink) -> None:
    link.world = FakeWorld(ship(1, 0), ship(2, 1, x=30.0), clock())
    view = MatchView(link, Painter(surface.get_size()), autopilot=True)
    for _ in range(3):
        view.frame(surface, 1 / 60, 60.0)
    assert len(link.inputs) == 3
    assert link.inputs[-1]["thrust"] == 1


def test_f9_cuts_the_own_connection_even_while_a_line_is_written(view: MatchView, link: FakeLink) -> None:
    for event in (key(pygame.K_F9), key(pygame.K_F9, down=False), key(pygame.K_RETURN), key(pygame.K_F9)):
        view.handle(event)
    assert link.cuts == [2.0, 2.0]
    assert view.pilot.chat_draft == ""


def test_a_lost_connection_is_shown_across_the_window_with_attempt_and_reason(
    surface: pygame.Surface, view: MatchView, link: FakeLink
) -> None:
    link.stats.rtt_ms, link.stats.bytes_down_per_s = 0.4, 2000.0
    scene = view.frame(surface, 1 / 60, 60.0)
    assert (scene.banner, scene.numbers.ping_ms, scene.numbers.down_bps) == ("", 0.4, 2000.0)
    link.status = Status("reconnecting", 3, "the server fell silent", 1006)
    scene = view.frame(surface, 1 / 60, 60.0)
    assert (scene.numbers.ping_ms, scene.numbers.down_bps, scene.numbers.up_bps) == (None, None, None)
    assert (scene.banner, scene.banner_why) == (
        "connection lost - reconnecting, attempt 3",
        "the server fell silent",
    )
    assert count(surface, pygame.Rect(0, 132, 1280, 108), WARN, 50) > 100
    assert scene.ships  # still drawn


def test_the_banner_tells_what_the_connection_does() -> None:
    assert banner_of(Status("live")) == ""
    assert banner_of(Status("dialling", 1)) == "connecting, attempt 1"
    assert banner_of(Status("reconnecting", 3, "the server fell silent")) == "connection lost - reconnecting, attempt 3"
    assert banner_of(Status("closed", 0, "kicked")) == "disconnected: kicked"


def test_a_spectator_follows_the_best_ship_until_it_dies_and_has_no_voice(
    surface: pygame.Surface, view: MatchView, link: FakeLink
) -> None:
    best, other = ship(1, 0, name="best", score=5, x=40.0), ship(2, 1, name="other", score=1, x=20.0)
    link.seat, link.world = None, FakeWorld(best, other, clock())
    for _ in range(5):
        scene = view.frame(surface, 1 / 60, 60.0)
    assert scene.watching == "best"
    assert scene.me is None
    best.score, other.score = 5, 9
    for _ in range(5):
        assert view.frame(surface, 1 / 60, 60.0).watching == "best"
    best.alive = False
    until = monotonic() + 5.0  # What is shown lies some ticks back.
    while view.frame(surface, 1 / 60, 60.0).watching != "other":
        assert monotonic() < until
    for event in (key(pygame.K_RETURN), typed("hi"), key(pygame.K_RETURN)):
        view.handle(event)
    assert not link.commands and view.pilot.chat_draft is None
    assert not link.inputs
