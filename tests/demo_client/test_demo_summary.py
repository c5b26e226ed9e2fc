"""`demo_client/demo_summary.py`."""

from typing import Any

import pytest

from demo_client.demo_summary import merged, seats_of, spread, summary

MATCH = {"tick": 450, "seats": 9, "tick_ms_p50": 0.5, "tick_ms_p99": 1.0, "ended": False}
HEALTH = {"matches": [MATCH], "connections": 9}
BOTS = {"state_hz": 30.0, "bytes_down_per_client_s": 1528.4, "desyncs": 0, "errors": 0, "error": None}


def test_the_summary_is_one_line() -> None:
    outcome = summary(HEALTH, BOTS, 0)
    assert outcome.faults == ()
    assert outcome.line == (
        "450 ticks, 9 players, tick 0.50 ms p50 1.00 ms p99, 30.0 states/s, 1,528 B/s down per client, "
        "0 desyncs, 0 errors"
    )


@pytest.mark.parametrize(
    ("health", "bots", "errors"),
    [
        (HEALTH, {**BOTS, "desyncs": 1}, 0),
        (HEALTH, {**BOTS, "errors": 2, "error": "sent away"}, 0),
        (HEALTH, BOTS, 1),
        ({"matches": [{**MATCH, "ended": True}]}, BOTS, 0),
        ({}, None, 0),
    ],
)
def test_what_went_wrong_is_a_fault(health: dict[str, Any], bots: dict[str, Any] | None, errors: int) -> None:
    assert summary(health, bots, errors).faults


def node(*matches: tuple[str, int]) -> dict[str, Any]:
    """What a node with these matches says of itself."""
    told = [{**MATCH, "match": name, "seats": seats} for name, seats in matches]
    return {"matches": told, "connections": 1, "bytes_out": 10}


def test_several_nodes_are_told_as_one_and_who_plays_where() -> None:
    health = merged({"b": node(("m-2222222222222222", 5)), "a": node(("m-1111111111111111", 8), ("1", 0)), "c": node()})
    assert (health["connections"], health["bytes_out"], seats_of(health)) == (3, 30, 13)
    assert spread(health["matches"]) == "3 matches on 2 nodes (a: 1 0, m-111111 8; b: m-222222 5)"
    line = summary(health, BOTS, 0).line
    assert line.startswith("450 ticks, 13 players in 2 matches on 2 nodes (a: m-111111 8; b: m-222222 5), tick 0.50 ms")


def test_the_slowest_match_counts() -> None:
    health = merged({"a": node(("1", 8)), "b": node(("2", 8))})
    health["matches"][1]["tick_ms_p99"] = 7.5
    assert "7.50 ms p99" in summary(health, None, 0).line


def test_nodes_that_nobody_played_on_are_a_fault() -> None:
    assert summary(merged({"a": node(), "b": node()}), BOTS, 0).faults
