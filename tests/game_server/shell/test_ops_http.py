"""HTTP answers and the node's health."""

import json

from game_server import Game
from game_server.shell.match_runner import MatchRunner
from game_server.shell.ops_http import health, json_response, sentence_response, unready, version
from game_server.sim.facts import Gone, Join
from game_server.sim.match import Match
from protocol.messages import Hello
from tests.game_server.shell.cluster_for_tests import FakeCluster


class Empty(Game):
    pass


def test_an_answer_is_whole_and_ends_the_connection() -> None:
    head, _, body = json_response(200, {"a": 1}).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"a": 1}


def test_an_answer_to_head_has_no_body() -> None:
    assert json_response(200, {"a": 1}, head=True).endswith(b"\r\n\r\n")


def test_a_refusal_is_a_sentence_and_says_when_to_return() -> None:
    answer = sentence_response(503, "as many as it may", reason="full", retry_after_s=5)
    assert b"Retry-After: 5\r\n" in answer
    assert answer.endswith(b'{"error":"as many as it may","reason":"full"}\n')


def test_a_status_brings_the_header_that_belongs_to_it() -> None:
    assert b"WWW-Authenticate: Bearer\r\n" in sentence_response(401, "who are you?")
    assert b"Allow: GET\r\n" in sentence_response(405, "no")
    assert b"Upgrade: websocket\r\n" in sentence_response(426, "no")
    assert b"Sec-WebSocket-Version: 13\r\n" in sentence_response(400, "no")


def test_health_tells_of_the_node_and_of_each_match() -> None:
    runner = MatchRunner([Match(Empty(), "1"), Match(Empty(), "2")])
    runner.hosted["1"].tick_ns.record(2_000_000)
    told = health(runner)
    assert told["status"] == "ok" and told["version"] == version()
    assert [each["match"] for each in told["matches"]] == ["1", "2"]
    assert 2.0 <= told["matches"][0]["tick_ms_p99"] <= 2.2
    assert {"match", "tick", "seats", "tick_ms_p50", "tick_ms_p99", "lateness_ms_p99", "rebases"} <= set(
        told["matches"][0]
    )
    assert told["cpu_s"] > 0 and told["rss_kib"] > 1000
    assert {"uptime_s", "connections", "bytes_in", "bytes_out", "messages_in", "messages_out"} <= set(told)
    json.dumps(told)


def test_a_stopping_node_says_so() -> None:
    runner = MatchRunner([])
    runner.stopping = True
    assert health(runner)["status"] == "stopping"


def test_who_watches_takes_no_seat_and_who_is_away_keeps_it() -> None:
    match = Match(Empty(), "1")
    for connection, spectator in ((0, False), (1, False), (2, True)):
        match.handle(Join(connection, "Ada", Hello(0, 0, -1, -1, 0, 0), spectator=spectator), 0)
    match.advance(0)
    match.handle(Gone(1, 1006), 0)
    match.advance(match.deadline_ns or 0)
    (told,) = health(MatchRunner([match]))["matches"]
    assert (told["seats"], told["away"], told["spectators"]) == (2, 1, 1)


def test_health_tells_how_the_node_stands_with_the_directory() -> None:
    def told(cluster: FakeCluster | None) -> tuple[str, bool]:
        found = health(MatchRunner([]), cluster)
        return found["directory"], found["frozen"]

    assert told(None) == ("none", False)
    assert told(FakeCluster()) == ("ok", False)
    assert told(FakeCluster(available=False, frozen=True)) == ("unavailable", True)


def test_a_node_is_ready_unless_it_stops_is_frozen_or_will_be() -> None:
    runner = MatchRunner([])
    assert unready(runner) == [] == unready(runner, FakeCluster())
    assert unready(runner, FakeCluster(available=False, freezes=False)) == []
    assert unready(runner, FakeCluster(available=False, frozen=True)) == ["frozen", "directory unavailable"]
    runner.stopping = True
    assert unready(runner) == ["stopping"]
