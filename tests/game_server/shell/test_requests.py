"""Requests: where they lead, and what an upgrade brings along."""

import time

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from game_server import Game
from game_server.shell.authenticators import Refused
from game_server.shell.match_runner import MatchRunner
from game_server.shell.requests import (
    HEAD_BYTES_MAX,
    HEADERS_MAX,
    LINE_BYTES_MAX,
    Wish,
    asks_for_health,
    check_head,
    host,
    origin,
    refusal,
    route,
)  # fmt: skip
from game_server.sim.match import Match
from protocol.handshake import ATTEMPT_MAX, CREDENTIAL_LENGTH_MAX
from tests.game_server.shell.cluster_for_tests import FakeCluster


class Empty(Game):
    pass


@pytest.fixture
def runner() -> MatchRunner:
    return MatchRunner([Match(Empty(), "1"), Match(Empty(), "2")])


def asked(path: str = "/v1/match/1", method: str = "GET", **headers: str) -> Request:
    return Request(path, Headers({name.replace("_", "-"): value for name, value in headers.items()}), method)


def wish(runner: MatchRunner, path: str = "/v1/match/1", **headers: str) -> Wish:
    found = route(asked(path, **headers), runner)
    assert isinstance(found, Wish)
    return found


def test_a_match_is_found_by_its_path(runner: MatchRunner) -> None:
    assert wish(runner, "/v1/match/2") == Wish("2", None, 0, False)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/v1/match", "/v1/match/3", "/v1/match/", "/v2/match/1", "/healthz/x", "/v1/match/%31", "/v1/match/1/",
        "/v1/../v1/match/1", "*", "/V1/match/1",
    ],
)  # fmt: skip
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


def test_health_is_for_get_and_head_and_a_match_for_get(runner: MatchRunner) -> None:
    whole, head = route(asked("/healthz"), runner), route(asked("/healthz", "HEAD"), runner)
    assert isinstance(whole, bytes) and isinstance(head, bytes)
    assert b'"status":"ok"' in whole
    assert head.endswith(b"\r\n\r\n") and len(head) < len(whole)
    for path, method in (("/healthz", "DELETE"), ("/v1/match/1", "HEAD"), ("/v1/match/1", "POST")):
        with pytest.raises(Refused) as caught:
            route(asked(path, method), runner)
        assert (caught.value.status, caught.value.reason) == (405, "method")


def test_the_query_says_who_only_watches_and_nothing_else(runner: MatchRunner) -> None:
    assert wish(runner, "/v1/match/1?role=spectator").spectator
    for query in ("role=player", "token=abc", "role=spectator&x=1", "ROLE=spectator"):
        with pytest.raises(Refused) as caught:
            route(asked(f"/v1/match/1?{query}"), runner)
        assert (caught.value.status, caught.value.reason) == (400, "query")


def test_a_credential_comes_as_a_bearer_or_from_browsers_as_a_subprotocol(runner: MatchRunner) -> None:
    assert wish(runner).credential is None
    assert wish(runner, Sec_WebSocket_Protocol="tickwire.v1").credential is None
    assert wish(runner, Authorization="Bearer Ada%20L.").credential == "Ada%20L."
    assert wish(runner, Authorization="bearer a.b.c").credential == "a.b.c"
    assert wish(runner, Sec_WebSocket_Protocol="tickwire.v1, tickwire.bearer.a.b.c").credential == "a.b.c"
    both = {"Authorization": "Bearer Ada", "Sec_WebSocket_Protocol": "tickwire.bearer.Ada,tickwire.v1"}
    assert wish(runner, **both).credential == "Ada"


def test_an_attempt_comes_as_a_header_or_as_a_subprotocol(runner: MatchRunner) -> None:
    assert wish(runner).attempt == 0
    assert wish(runner, Tickwire_Attempt="7").attempt == 7
    assert wish(runner, Sec_WebSocket_Protocol=f"tickwire.v1, tickwire.attempt.{ATTEMPT_MAX}").attempt == ATTEMPT_MAX


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Authorization": "Basic QWRhOg=="}, "credential"),
        ({"Authorization": "Bearer%20Ada"}, "credential"),
        ({"Authorization": "Bearer Ada", "Sec_WebSocket_Protocol": "tickwire.bearer.Bob"}, "credential"),
        ({"Authorization": "Bearer " + "x" * (CREDENTIAL_LENGTH_MAX + 1)}, "credential"),
        ({"Sec_WebSocket_Protocol": "tickwire.bearer.Ada, tickwire.bearer.Bob"}, "header"),
        ({"Tickwire_Attempt": "1", "Sec_WebSocket_Protocol": "tickwire.attempt.2"}, "attempt"),
        ({"Tickwire_Attempt": str(ATTEMPT_MAX + 1)}, "attempt"),
        ({"Tickwire_Attempt": "-1"}, "attempt"),
        ({"Tickwire_Attempt": "\u00b2"}, "attempt"),
        ({"Tickwire_Attempt": ""}, "attempt"),
    ],
)
def test_what_contradicts_itself_or_cannot_be_is_400(runner: MatchRunner, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as caught:
        route(asked(**headers), runner)
    assert (caught.value.status, caught.value.reason) == (400, reason)
    assert "Bob" not in caught.value.sentence


def test_a_header_that_must_come_once_comes_once(runner: MatchRunner) -> None:
    for name in ("Authorization", "Tickwire-Attempt"):
        request = asked()
        request.headers[name] = "1"
        request.headers[name] = "1"
        with pytest.raises(Refused) as caught:
            route(request, runner)
        assert caught.value.reason == "header"
    request = asked(Origin="http://a", Host="b")
    assert (origin(request), host(request)) == ("http://a", "b")
    request.headers["Origin"] = "http://a"
    with pytest.raises(Refused):
        origin(request)


def test_a_head_is_limited_in_bytes_lines_and_the_length_of_a_line() -> None:
    line = b"X: " + b"y" * 100 + b"\r\n"
    check_head(b"GET / HTTP/1.1\r\n" + line * HEADERS_MAX + b"\r\n")
    check_head(b"GET / HTTP/1.1\r\nX: " + b"y" * (LINE_BYTES_MAX - 5) + b"\r\n\r\n")
    for head in (
        bytes(HEAD_BYTES_MAX + 1),
        b"GET / HTTP/1.1\r\n" + line * (HEADERS_MAX + 1) + b"\r\n",
        b"GET /" + b"x" * LINE_BYTES_MAX,
    ):
        with pytest.raises(Refused) as caught:
            check_head(head)
        assert (caught.value.status, caught.value.reason) == (431, "head")


def test_a_hostile_head_costs_less_than_a_few_milliseconds(runner: MatchRunner) -> None:
    hostile = ["tickwire.v1" + ", " * 2000, ",".join("tickwire.bearer.x" for _ in range(400)), "a" * 4000]
    begun = time.perf_counter()
    for told in hostile:
        route(asked(Sec_WebSocket_Protocol=told), runner)
    assert time.perf_counter() - begun < 0.05


def test_health_is_asked_for_by_the_very_first_bytes() -> None:
    assert asks_for_health(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert asks_for_health(b"HEAD /healthz HTTP/1.0\r\n\r\n")
    for head in (b"GET /healthz?x HTTP/1.1\r\n", b"GET /v1/match/1 HTTP/1.1\r\n", b" GET /healthz HTTP/1.1\r\n"):
        assert not asks_for_health(head)


def test_a_refusal_is_json_with_a_sentence_and_a_reason() -> None:
    answer = refusal(Refused(429, "too often", retry_after_s=3, reason="address_rate"))
    assert answer.startswith(b"HTTP/1.1 429 ") and b"Retry-After: 3\r\n" in answer
    assert answer.endswith(b'{"error":"too often","reason":"address_rate"}\n')


def test_a_match_is_found_under_a_nodes_name_whatever_that_is(runner: MatchRunner) -> None:
    assert wish(runner, "/n/0123456789ab/v1/match/2") == Wish("2", None, 0, False)
    assert wish(runner, "/n/a-7777/v1/match/1?role=spectator") == Wish("1", None, 0, True)


@pytest.mark.parametrize("path", ["/n//v1/match/1", "/n/UP/v1/match/1", "/n/a/b/v1/match/1", "/n/a/healthz", "/n/a"])
def test_no_other_path_has_a_nodes_name(runner: MatchRunner, path: str) -> None:
    with pytest.raises(Refused) as caught:
        route(asked(path), runner, FakeCluster())
    assert (caught.value.status, caught.value.reason) == (404, "path")


def test_a_match_that_is_not_here_may_be_elsewhere_in_a_cluster(runner: MatchRunner) -> None:
    for path in ("/v1/match/m-9", "/n/b/v1/match/m-9"):
        assert route(asked(path), runner, FakeCluster()) == Wish("m-9", None, 0, False, is_here=False)
        with pytest.raises(Refused, match="no match"):
            route(asked(path), runner)


def test_nobody_is_asked_for_a_match_that_cannot_be(runner: MatchRunner) -> None:
    for name in ("x" * 65, "a/b", "a%20b", "", "{a}"):
        with pytest.raises(Refused) as caught:
            route(asked(f"/v1/match/{name}"), runner, FakeCluster())
        assert caught.value.status == 404


def test_a_stopping_node_sends_nobody_elsewhere(runner: MatchRunner) -> None:
    runner.stopping = True
    with pytest.raises(Refused) as caught:
        route(asked("/v1/match/m-9"), runner, FakeCluster())
    assert (caught.value.status, caught.value.reason) == (503, "stopping")


def test_readyz_says_why_not(runner: MatchRunner) -> None:
    assert route(asked("/readyz"), runner).endswith(b'{"ready":true,"reasons":[]}\n')  # type: ignore[union-attr]
    answer = route(asked("/readyz"), runner, FakeCluster(frozen=True))
    assert isinstance(answer, bytes) and answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b'{"ready":false,"reasons":["frozen"]}\n')
    with pytest.raises(Refused) as caught:
        route(asked("/readyz", "POST"), runner)
    assert caught.value.status == 405


def test_the_lobby_has_a_path_of_its_own(runner: MatchRunner) -> None:
    found = route(asked("/v1/lobby", authorization="Bearer ada", tickwire_attempt="3"), runner, has_lobby=True)
    assert found == Wish("", "ada", 3, False)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/v1/lobby?role=spectator", "GET", 400), ("/v1/lobby?token=x", "GET", 400), ("/v1/lobby", "POST", 405),
     ("/v1/lobby/", "GET", 404), ("/n/node-1/v1/lobby", "GET", 404)],
)  # fmt: skip
def test_the_lobby_is_asked_for_in_one_way(runner: MatchRunner, path: str, method: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        route(asked(path, method), runner, has_lobby=True)
    assert caught.value.status == status


def test_a_node_without_a_lobby_has_nothing_at_its_path(runner: MatchRunner) -> None:
    with pytest.raises(Refused) as caught:
        route(asked("/v1/lobby"), runner)
    assert (caught.value.status, caught.value.reason) == (404, "path")


def test_a_stopping_node_lets_nobody_into_its_lobby(runner: MatchRunner) -> None:
    runner.stopping = True
    with pytest.raises(Refused) as caught:
        route(asked("/v1/lobby"), runner, has_lobby=True)
    assert (caught.value.status, caught.value.retry_after_s) == (503, 1)
