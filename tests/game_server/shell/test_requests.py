"""Requests: where they lead, and the name they bring."""

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from game_server import Game
from game_server.shell.match_runner import MatchRunner
from game_server.shell.requests import Refused, player_name, route
from game_server.sim.match import Match


class Empty(Game):
    pass


@pytest.fixture
def runner() -> MatchRunner:
    return MatchRunner([Match(Empty(), "1"), Match(Empty(), "2")])


def asked(path: str = "/v1/match/1", method: str = "GET", **headers: str) -> Request:
    return Request(path, Headers({name.replace("_", "-"): value for name, value in headers.items()}), method)


def test_a_match_is_found_by_its_path(runner: MatchRunner) -> None:
    assert route(asked("/v1/match/2"), runner) == "2"
    assert route(asked("/v1/match/2?anything"), runner) == "2"


@pytest.mark.parametrize("path", ["/", "/v1/match", "/v1/match/3", "/v1/match/", "/v2/match/1", "/healthz/x"])
def test_anything_else_is_404_with_a_sentence(runner: MatchRunner, path: str) -> None:
    with pytest.raises(Refused) as caught:
        route(asked(path), runner)
    assert caught.value.status == 404
    assert caught.value.sentence


def test_a_match_that_is_over_is_404(runner: MatchRunner) -> None:
    runner.hosted["1"].match.end(1000, "over")
    with pytest.raises(Refused, match="is over"):
        route(asked(), runner)


def test_a_stopping_node_takes_nobody_and_is_not_healthy(runner: MatchRunner) -> None:
    runner.stopping = True
    with pytest.raises(Refused) as caught:
        route(asked(), runner)
    assert caught.value.status == 503
    answer = route(asked("/healthz"), runner)
    assert isinstance(answer, bytes) and answer.startswith(b"HTTP/1.1 503 ")


def test_health_is_for_get_and_head(runner: MatchRunner) -> None:
    whole, head = route(asked("/healthz"), runner), route(asked("/healthz", "HEAD"), runner)
    assert isinstance(whole, bytes) and isinstance(head, bytes)
    assert b'"status":"ok"' in whole
    assert head.endswith(b"\r\n\r\n") and len(head) < len(whole)
    with pytest.raises(Refused):
        route(asked("/healthz", "DELETE"), runner)


def test_whoever_tells_no_name_is_a_guest() -> None:
    assert player_name(asked()) == "Guest"
    assert player_name(asked(Sec_WebSocket_Protocol="tickwire.v1")) == "Guest"


def test_a_name_comes_percent_encoded_as_a_bearer() -> None:
    assert player_name(asked(Authorization="Bearer Ada%20L.")) == "Ada L."
    assert player_name(asked(Authorization="bearer Zo%C3%AB")) == "Zoë"


def test_a_browser_tells_its_name_as_a_subprotocol() -> None:
    assert player_name(asked(Sec_WebSocket_Protocol="tickwire.v1, tickwire.name.Ada%20L")) == "Ada L"


@pytest.mark.parametrize(
    "told",
    ["Bearer ", "Bearer %20", "Bearer " + "x" * 33, "Bearer a%0Ab", "Bearer %FF", "Basic QWRhOg==", "Bearer%20Ada"],
)
def test_a_name_that_cannot_be_shown_is_400(told: str) -> None:
    with pytest.raises(Refused) as caught:
        player_name(asked(Authorization=told))
    assert caught.value.status == 400
