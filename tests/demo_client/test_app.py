"""`demo_client/app.py` and `__main__.py`: the program, unseen."""

from __future__ import annotations

import argparse
from pathlib import Path

import pygame
import pytest

from demo_client import app
from demo_client.__main__ import window_size
from game_client.facts import Status
from tests.demo_client.drawn import key, typed
from tests.demo_client.fakes import FakeLink

URL = "ws://127.0.0.1:1/v1/match/1"


def test_a_screenshot_of_a_match_is_saved_and_the_match_is_left(tmp_path: Path) -> None:
    link, asked = FakeLink(), []

    def dial(url: str, name: str) -> FakeLink:
        asked.append((url, name))
        return link

    picture = tmp_path / "shots" / "match.png"
    assert app.run(URL, "Ada", seconds=0.3, screenshot=picture, size=(960, 540), dial=dial) == 0
    assert asked == [(URL, "Ada")]
    assert pygame.image.load(picture).get_size() == (960, 540)
    assert link.closed
    assert link.inputs  # The autopilot flew.


def test_without_an_address_the_join_screen_is_shown(tmp_path: Path) -> None:
    picture = tmp_path / "join.png"
    assert app.run(seconds=0.1, screenshot=picture, dial=lambda url, name: pytest.fail("dialled")) == 0
    assert picture.exists()


def test_a_refused_join_leads_back_to_the_join_screen_with_the_reason(surface: pygame.Surface) -> None:
    link = FakeLink(status=Status("closed", 0, "The match is full.", 4003))
    program = app.Program(app.Options(URL, "Ada", 0.2), lambda url, name: link)
    assert program.run() == 1
    assert program._join.error == "The match is full."
    assert link.closed
    program.close()


def test_a_server_that_never_answers_is_given_up(surface: pygame.Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "JOIN_WITHIN_S", 0.0)
    link = FakeLink(status=Status("dialling", 2, "connection refused"))
    program = app.Program(app.Options(URL, "Ada", 0.2), lambda url, name: link)
    assert program.run() == 1
    assert program._join.error == "No answer: connection refused"
    program.close()


def test_an_address_that_cannot_be_dialled_is_told(surface: pygame.Surface) -> None:
    def dial(url: str, name: str) -> FakeLink:
        raise ValueError("no such scheme")

    program = app.Program(app.Options("ws://", "Ada", 0.1), dial)
    assert program.run() == 1
    assert program._join.error == "no such scheme"
    program.close()


def test_a_typed_name_and_enter_join_and_escape_comes_back(surface: pygame.Surface) -> None:
    link = FakeLink()
    program = app.Program(app.Options(), lambda url, name: link)
    for event in (typed("Ada"), key(pygame.K_RETURN)):
        program._handle(event)
    assert program._match is not None
    program._draw(0.01)
    program._handle(key(pygame.K_RETURN))
    program._handle(key(pygame.K_ESCAPE))  # It closes the chat line only.
    assert program._match is not None
    program._handle(key(pygame.K_ESCAPE))
    assert program._match is None and link.closed
    program._handle(key(pygame.K_ESCAPE))
    assert program.run() == 0
    program.close()


def test_without_a_display_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert not app.has_display()
    monkeypatch.delenv("SDL_VIDEODRIVER")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("DISPLAY", ":0")
    assert app.has_display()


def test_a_window_s_size_is_read_and_nonsense_refused() -> None:
    assert window_size("1280x720") == (1280, 720)
    for wrong in ("1280", "axb", "10x10", "-5x700"):
        with pytest.raises(argparse.ArgumentTypeError):
            window_size(wrong)
