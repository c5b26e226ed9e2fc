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
from tests.demo_client.fakes import FakeLink, FakeLobby, found_seat, refused, welcome

URL = "ws://127.0.0.1:1/v1/match/1"
SERVER = "ws://127.0.0.1:1"


class Network:
    """Hands out lobbies and matches, and remembers who was dialled."""

    def __init__(self) -> None:
        self.lobbies: list[FakeLobby] = []
        self.links: list[FakeLink] = []
        self.dialled: list[tuple[object, ...]] = []
        self.next_lobby, self.next_link = FakeLobby, FakeLink

    def dial(self, url: str, name: str, *, token: str | None = None, spectate: bool = False) -> FakeLink:
        self.dialled.append((url, name, token, spectate))
        self.links.append(self.next_link())
        return self.links[-1]

    def dial_lobby(self, url: str, name: str, token: str | None) -> FakeLobby:
        self.dialled.append((url, name, token))
        self.lobbies.append(self.next_lobby())
        return self.lobbies[-1]

    def program(self, url: str = SERVER, quick_play: bool = False) -> app.Program:
        program = app.Program(app.Options(url, "Ada", 0.2, quick_play=quick_play), self.dial, self.dial_lobby)
        program._connect(url, "Ada", quick_play)
        program._draw(0.01)
        return program


def test_a_screenshot_of_a_match_is_saved_and_the_match_is_left(tmp_path: Path) -> None:
    link, asked = FakeLink(), []

    def dial(url: str, name: str, **seat: object) -> FakeLink:
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
    assert app.run(seconds=0.1, screenshot=picture, dial=lambda url, name, **seat: pytest.fail("dialled")) == 0
    assert picture.exists()


def test_a_refused_join_leads_back_to_the_join_screen_with_the_reason(surface: pygame.Surface) -> None:
    link = FakeLink(status=Status("closed", 0, "The match is full.", 4003))
    program = app.Program(app.Options(URL, "Ada", 0.2), lambda url, name, **seat: link)
    assert program.run() == 1
    assert program._join.error == "The match is full."
    assert link.closed
    program.close()


def test_a_server_that_never_answers_is_given_up(surface: pygame.Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "JOIN_WITHIN_S", 0.0)
    link = FakeLink(status=Status("dialling", 2, "connection refused"))
    program = app.Program(app.Options(URL, "Ada", 0.2), lambda url, name, **seat: link)
    assert program.run() == 1
    assert program._join.error == "No answer: connection refused"
    program.close()


def test_an_address_that_cannot_be_dialled_is_told(surface: pygame.Surface) -> None:
    def dial(url: str, name: str, **seat: object) -> FakeLink:
        raise ValueError("no such scheme")

    program = app.Program(app.Options("ws:///v1/match/1", "Ada", 0.1), dial)
    assert program.run() == 1
    assert program._join.error == "no such scheme"
    program.close()


def test_a_typed_name_and_enter_join_and_escape_comes_back(surface: pygame.Surface) -> None:
    link = FakeLink()
    program = app.Program(app.Options(URL), lambda url, name, **seat: link)
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


def test_an_address_of_a_server_leads_to_its_lobby_and_a_seat_into_the_match(surface: pygame.Surface) -> None:
    network = Network()
    program = network.program()
    assert network.dialled == [("ws://127.0.0.1:1/v1/lobby", "Ada", None)]
    program._handle(key(pygame.K_RETURN))
    [lobby] = network.lobbies
    assert lobby.asked == [("quick_play",)]
    lobby.seat = found_seat(ticket="good once", spectate=1)
    program._draw(0.01)
    assert network.dialled[1:] == [(lobby.seat.url, "Ada", "good once", True)]
    assert lobby.closed  # Whoever plays is not in the lobby.
    program.close()
    assert network.links[0].closed


def test_escape_from_a_match_comes_back_to_the_lobby_as_the_same_guest_then_to_the_join_screen(
    surface: pygame.Surface,
) -> None:
    network = Network()
    program = network.program(SERVER + "/v1/lobby", quick_play=True)
    network.lobbies[0].seat = found_seat()
    program._draw(0.01)
    program._handle(key(pygame.K_ESCAPE))
    assert network.links[0].closed
    assert network.dialled[-1] == (SERVER + "/v1/lobby", "Ada", "tickwire-guest-1.x")
    program._draw(0.01)
    assert network.lobbies[1].asked == []  # Quick play was wanted once.
    program._handle(key(pygame.K_ESCAPE))
    assert network.lobbies[1].closed
    assert program._visit is None
    program.close()


def test_a_guest_is_known_again_after_a_restart(surface: pygame.Surface) -> None:
    network = Network()
    program = network.program()
    program.close()
    program = network.program()
    program.close()
    assert [each[2] for each in network.dialled] == [None, "tickwire-guest-1.x"]


def test_a_match_that_sends_the_player_away_leads_back_to_the_lobby_with_the_reason(surface: pygame.Surface) -> None:
    network = Network()
    network.next_link = lambda: FakeLink(status=Status("closed", 0, "the match ended"))  # type: ignore[assignment]
    program = network.program(quick_play=True)
    network.lobbies[0].seat = found_seat()
    program._draw(0.01)
    program._draw(0.01)
    program._draw(0.01)
    visit = program._visit
    assert visit is not None and visit.screen is not None
    refusal = visit.screen._scene.refusal
    assert refusal is not None and refusal.sentence == "the match ended"
    program.close()


def test_the_code_of_a_private_match_is_shown_in_it(surface: pygame.Surface) -> None:
    network = Network()
    program = network.program(quick_play=True)
    network.lobbies[0].seat = found_seat(code="K7QF2")
    program._draw(0.01)
    assert program._match is not None
    assert program._match.frame(surface, 0.01, 60.0).code == "K7QF2"
    program.close()


@pytest.mark.parametrize(("phase", "offered"), [("live", ""), ("reconnecting", "m-1")])
def test_a_match_that_the_player_left_is_not_offered_as_one_to_come_back_to(
    surface: pygame.Surface, phase: str, offered: str
) -> None:
    network = Network()
    program = network.program(quick_play=True)
    network.lobbies[0].seat = found_seat()
    program._draw(0.01)
    # The lobby has not heard of it yet. Who leaves without a connection has a seat that is kept.
    network.next_lobby = lambda: FakeLobby(welcome=welcome(rejoin="m-1"))  # type: ignore[assignment]
    network.links[0].status = Status(phase)
    program._handle(key(pygame.K_ESCAPE))
    program._draw(0.01)
    visit = program._visit
    assert visit is not None and visit.screen is not None
    assert visit.screen._scene.rejoin == offered
    program.close()


def test_a_refusal_keeps_the_player_in_the_lobby(surface: pygame.Surface) -> None:
    network = Network()
    program = network.program(quick_play=True)
    network.lobbies[0].error = refused("No node has a place for one more match.")
    program._draw(0.01)
    assert program._match is None and not network.lobbies[0].closed
    program.close()


@pytest.mark.parametrize("reason", ["", "connection refused"])
def test_a_lobby_that_never_answers_or_closes_leads_back_to_the_join_screen(
    surface: pygame.Surface, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    network = Network()
    network.next_lobby = lambda: FakeLobby(Status("closed", 0, reason), None, None, [])  # type: ignore[assignment]
    program = network.program()
    assert program._visit is None and network.lobbies[0].closed
    assert program._join.error == (reason or "The lobby closed the connection.")
    monkeypatch.setattr(app, "JOIN_WITHIN_S", -1.0)
    network.next_lobby = lambda: FakeLobby(Status("dialling", 3, reason), None, None, [])  # type: ignore[assignment]
    program._connect(SERVER, "Ada")
    program._draw(0.01)
    assert program._join.error == (f"No answer: {reason}" if reason else "The server does not answer.")
    program.close()


def test_a_lobby_that_was_live_is_waited_for(surface: pygame.Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "JOIN_WITHIN_S", -1.0)
    network = Network()
    program = network.program()
    network.lobbies[0].status = Status("reconnecting", 9, "connection refused")
    program._draw(0.01)
    assert program._visit is not None and not network.lobbies[0].closed
    program.close()


def test_a_seat_to_come_back_to_is_offered(surface: pygame.Surface) -> None:
    network = Network()
    network.next_lobby = lambda: FakeLobby(welcome=welcome(rejoin="m-1"))  # type: ignore[assignment]
    program = network.program()
    program._handle(key(pygame.K_RETURN))
    assert network.lobbies[0].asked == [("rejoin",)]
    program.close()


def test_a_match_that_was_left_is_not_offered_again_and_one_that_was_lost_is(surface: pygame.Surface) -> None:
    network = Network()
    program = network.program(quick_play=True)
    network.lobbies[0].seat = found_seat(match="m-1")
    program._draw(0.01)
    network.next_lobby = lambda: FakeLobby(welcome=welcome(rejoin="m-1"))  # type: ignore[assignment]
    program._handle(key(pygame.K_ESCAPE))
    program._draw(0.01)
    assert program._visit is not None and program._visit.screen is not None
    assert program._visit.screen._scene.rejoin == ""
    network.lobbies[1].seat = found_seat(match="m-1")
    program._draw(0.01)
    network.links[1].status = Status("closed", 0, "the server fell silent")
    program._draw(0.01)
    program._draw(0.01)
    assert program._visit.screen._scene.rejoin == "m-1"
    program.close()


def test_keys_repeat_where_one_writes_and_not_where_one_flies(surface: pygame.Surface) -> None:
    network = Network()
    program = network.program()
    assert pygame.key.get_repeat() == app.KEY_REPEAT_MS
    network.lobbies[0].asked.clear()
    program._handle(key(pygame.K_RETURN))
    network.lobbies[0].seat = found_seat()
    program._draw(0.01)
    assert pygame.key.get_repeat() == (0, 0)
    program._handle(key(pygame.K_ESCAPE))
    assert pygame.key.get_repeat() == app.KEY_REPEAT_MS
    program.close()


def test_a_window_s_size_is_read_and_nonsense_refused() -> None:
    assert window_size("1280x720") == (1280, 720)
    for wrong in ("1280", "axb", "10x10", "-5x700"):
        with pytest.raises(argparse.ArgumentTypeError):
            window_size(wrong)
