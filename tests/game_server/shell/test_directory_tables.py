"""The tables and JSON of `tickwire players`, `matches` and `nodes`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from game_server.cluster.records import Listing, NodeRecord, Presence
from game_server.cluster.sealed import Sealer
from game_server.session.signing import Signer
from game_server.shell.cluster import SEALS
from game_server.shell.directory_tables import Found, What, _duration, as_json, as_table, show
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_presence import Presences
from protocol.errors import UsageFault
from protocol.lobby_messages import Where

SECRET = "a:" + "0f" * 32

NODE = NodeRecord("alpha-7777", 1_000, "ws://10.0.0.1:7777", "Arena", "0.2.0", 0xABC, 3, 100, 20, 25, False)
LISTING = Listing("m-1", "alpha-7777", 1, 3, 8, 2, (("mode", "duel"), ("region", "eu")), False, "")
PLAYER = Presence("guest-1", "[red]Ann", Where.SPECTATING, "m-1", "alpha-7777", 1, "secret", 5)


def test_nodes_as_a_table() -> None:
    text = as_table("nodes", Found("Arena", [NODE], 1), now_ms=3_661_000)
    cells = text.splitlines()[3].split("  ")
    assert [cell.strip() for cell in cells if cell.strip()] == [
        "alpha-7777", "ws://10.0.0.1:7777", "0.2.0", "3 of 100", "20", "25", "1 h 1 min", "open"]  # fmt: skip
    assert text.splitlines()[-1] == "1 node of Arena"


@pytest.mark.parametrize(
    ("change", "shown"),
    [({"draining": True}, "draining"), ({"matches": 100}, "full"), ({"address": ""}, "/n/alpha-7777/")],
)
def test_what_is_special_about_a_node_is_shown(change: dict[str, object], shown: str) -> None:
    assert shown in as_table("nodes", Found("Arena", [replace(NODE, **change)], 1), now_ms=0)


def test_matches_and_players_as_tables() -> None:
    text = as_table("matches", Found("Arena", [LISTING], 12), now_ms=0)
    assert "3 of 8" in text and "mode=duel region=eu" in text
    assert text.splitlines()[-1] == "12 matches of Arena, the first 1 shown: see --limit"
    text = as_table("players", Found("Arena", [PLAYER], 1), now_ms=0)
    assert "[red]Ann" in text, "a name is no markup"
    assert "watching" in text and "secret" not in text


def test_a_name_cannot_steer_the_terminal() -> None:
    text = as_table("players", Found("Arena", [replace(PLAYER, name="\x1b[2Jann\r\n")], 1), now_ms=0)
    assert "\x1b" not in text and "\r" not in text and "[2Jann" in text


def test_a_narrow_terminal_folds_and_hides_nothing() -> None:
    text = as_table("players", Found("Arena", [PLAYER], 1), now_ms=0, width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert "…" not in text


def test_where_there_is_nothing_there_is_no_table() -> None:
    assert as_table("players", Found("Arena", [], 0), now_ms=0) == "0 players of Arena"


def test_json_is_one_line_without_what_lets_one_in() -> None:
    node = json.loads(as_json("nodes", Found("Arena", [NODE], 1)))
    assert node["game"] == "Arena" and node["nodes"][0]["schema_hash"] == "000000000abc"
    found = as_json("matches", Found("Arena", [LISTING], 1))
    assert "\n" not in found
    assert json.loads(found)["matches"][0]["attributes"] == {"mode": "duel", "region": "eu"}
    assert "code" not in json.loads(found)["matches"][0]
    player = json.loads(as_json("players", Found("Arena", [PLAYER], 1)))["players"][0]
    assert player["where"] == "watching" and "session" not in player


# Against a real Redis


@pytest.fixture
def cluster_url(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Redis where two nodes of Arena have something to tell."""
    monkeypatch.setenv("TICKWIRE_SECRET", SECRET)
    asyncio.run(_fill(redis_url, "Arena"))
    return redis_url


async def _fill(url: str, game: str) -> None:
    link = RedisLink(url)
    sealer = Sealer(Signer.read(SECRET).derived(SEALS))
    directory = Directory(link, game, sealer)
    for name in ("a", "b"):
        node = replace(NODE, node=name, game=game)
        await directory.renew(node)
        listings = [replace(LISTING, match=f"{name}-{n}", node=name, boot=node.boot) for n in range(3)]
        await directory.publish([*listings, replace(LISTING, match="hidden", node=name, private=True, code="ABCD")])
        presences = Presences(link, game, name, node.boot, sealer)
        for n in range(4):
            presences.here(Presence(f"{name}{n}", "Ann", Where.LOBBY, "", name, node.boot, f"s{n}", 0))
        await presences.flush()
    await link.close()


def look(what: What, url: str | None = None, game: str | None = None, limit: int = 1000) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(show(what, redis=url, game=game, limit=limit, json_line=True))
    return shown


def test_nodes_matches_and_players_of_a_cluster_are_found(cluster_url: str) -> None:
    nodes = look("nodes", cluster_url)
    assert ([node["node"] for node in nodes["nodes"]], nodes["total"], nodes["game"]) == (["a", "b"], 2, "Arena")
    matches = look("matches", cluster_url)
    names = sorted(match["match"] for match in matches["matches"])
    assert (names, matches["total"]) == ([f"{node}-{n}" for node in "ab" for n in range(3)], 6)
    players = look("players", cluster_url)
    assert (len(players["players"]), players["total"]) == (8, 8)
    assert "8 players of Arena" in show("players", redis=cluster_url, game=None, limit=10, json_line=False)


def test_a_limit_cuts_and_says_so(cluster_url: str) -> None:
    for what, total in (("nodes", 2), ("matches", 6), ("players", 8)):
        found = look(what, cluster_url, limit=1)  # type: ignore[arg-type]
        assert (len(found[what]), found["total"]) == (1, total)


def test_the_environment_says_where_redis_is(cluster_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKWIRE_REDIS_URL", cluster_url)
    assert look("players")["total"] == 8


def test_of_several_games_one_must_be_chosen(cluster_url: str) -> None:
    asyncio.run(_fill(cluster_url, "Chess"))
    with pytest.raises(UsageFault, match="--game: Arena, Chess"):
        look("nodes", cluster_url)
    assert look("players", cluster_url, "Chess")["game"] == "Chess"


def test_where_no_node_is_that_is_said(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKWIRE_SECRET", SECRET)
    with pytest.raises(UsageFault, match="no node has been heard of"):
        look("nodes", redis_url)
    assert look("nodes", redis_url, "Arena") == {"game": "Arena", "nodes": [], "total": 0}


@pytest.mark.parametrize("what", ["nodes", "matches", "players"])
def test_with_another_secret_nothing_can_be_read_and_that_is_said(
    what: What, cluster_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKWIRE_SECRET", "b:" + "11" * 32)
    with pytest.raises(UsageFault, match="sealed with another secret"):
        look(what, cluster_url)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (59_999, "59 s"),
        (61_000, "1 min 1 s"),
        (7_260_000, "2 h 1 min"),
        (90_000_000, "1 d 1 h"),
        (-5, "0 s"),
    ],
)
def test_lengths_of_time(ms: int, text: str) -> None:
    assert _duration(ms) == text
