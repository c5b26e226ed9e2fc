"""The client's lobby and its bots against `tickwire serve --nodes 2`: real nodes, a real directory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from game_client import Lobby, LobbyRefused
from protocol.lobby_messages import Searching

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def free_ports() -> int:
    """The first of two neighbouring ports that are free."""
    for _ in range(100):
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports in a row")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of the first of two nodes; the other has the next one."""
    port = free_ports()
    arguments = ["serve", "examples/tag.py:Tag", "--nodes", "2", "--port", str(port), "--metrics-port", "-1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "game_server", *arguments, "--log-format", "json"],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        serving: set[str] = set()
        lines = []
        for text in process.stderr:
            lines.append(text)
            if (line := json.loads(text))["event"] == "serving":
                serving.add(line["node"])
            if len(serving) == 2:
                break
        assert len(serving) == 2, lines
        # A pipe that nobody reads would hold the nodes up.
        reading = threading.Thread(target=process.stderr.read)
        reading.start()
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        reading.join()
    finally:
        process.kill()
        process.communicate()


def lobby_url(port: int) -> str:
    return f"ws://127.0.0.1:{port}/v1/lobby"


async def test_two_players_at_two_nodes_meet_in_one_match_and_each_sees_the_other(port: int) -> None:
    async with Lobby(lobby_url(port), name="Ada", patience_s=20) as ada, Lobby(lobby_url(port + 1), name="Ben") as ben:
        seat = await ada.quick_play()
        ben.watch()
        async with ada.play(seat) as one:
            while seat.match not in ben.matches:
                await ben.changed()
            async with ben.play(await ben.join(seat.match)) as other:
                async for _ in other.states():
                    if len(other.world.all("Runner")) == 2:
                        break
                assert one.seat != other.seat
            assert ada.welcome is not None
            ben.watch_players([ada.welcome.player])
            while ada.welcome.player not in ben.watched_players:
                await ben.changed()


async def test_a_client_that_dials_the_wrong_node_is_sent_on_with_its_ticket(port: int) -> None:
    async with Lobby(lobby_url(port), name="Ada", patience_s=20) as lobby:
        seat = await lobby.create(private=True)
        own, other = str(port), str(port + 1)
        there = seat.url.replace(own, other) if own in seat.url else seat.url.replace(other, own)
        async with lobby.play(replace(seat, url=there)) as client:
            assert client.session.url == seat.url
            assert client.status.phase == "live"


async def test_a_used_ticket_gets_another_one_from_the_lobby(port: int) -> None:
    async with Lobby(lobby_url(port), name="Ada", patience_s=20) as lobby:
        seat = await lobby.create(private=True)
        for _ in range(2):
            async with lobby.play(seat) as client:
                assert client.status.phase == "live"


async def test_a_program_that_was_started_anew_finds_its_seat_again(port: int, tmp_path: Path) -> None:
    file = tmp_path / "guest"
    async with Lobby(lobby_url(port), name="Ada", guest_file=file, patience_s=20) as lobby:
        client = lobby.play(await lobby.quick_play(), rng=Random(1))
        await client.start()
        before = (lobby.welcome, client.seat)
        client.cut(3600)  # as a crash: nobody leaves
    try:
        async with asyncio.timeout(20):
            while True:
                async with Lobby(lobby_url(port + 1), guest_file=file, patience_s=20) as lobby:
                    assert before[0] is not None and lobby.welcome is not None
                    assert lobby.welcome.player == before[0].player
                    if lobby.welcome.rejoin:
                        break
                await asyncio.sleep(0.1)
        async with Lobby(lobby_url(port + 1), guest_file=file, patience_s=20) as lobby:
            async with lobby.play(await lobby.rejoin()) as again:
                assert again.seat == before[1]
    finally:
        await client.stop()


async def test_a_search_goes_on_over_a_cut_and_can_then_be_given_up(port: int) -> None:
    async with Lobby(lobby_url(port), name="Ada", patience_s=20, rng=Random(1)) as lobby:
        told: list[Searching] = []
        asking = asyncio.create_task(lobby.enqueue(on_search=told.append))
        async with asyncio.timeout(20):
            while not told:
                await lobby.changed()
            lobby.cut(0.1)
            told.clear()
            while not told:
                await lobby.changed()
        assert lobby.stats.reconnects == 1
        lobby.cancel()
        with pytest.raises(LobbyRefused) as caught:
            await asking
        assert caught.value.code == "cancelled"


async def test_a_match_that_is_none_is_refused_by_name(port: int) -> None:
    async with Lobby(lobby_url(port), name="Ada") as lobby:
        with pytest.raises(LobbyRefused) as caught:
            await lobby.join("m-none")
        assert caught.value.code == "no_match"


def test_bots_quick_play_over_both_nodes(port: int, tmp_path: Path) -> None:
    (tmp_path / "still.py").write_text(
        "class Still:\n    def __init__(self, rng): pass\n    def act(self, view): return []\n", encoding="utf-8"
    )
    urls = f"{lobby_url(port)},{lobby_url(port + 1)}"
    process = subprocess.run(
        [sys.executable, "-m", "game_server", "bots", urls, "--count", "40", "--processes", "2", "--seconds", "1",
         "--json", "--behaviour", "still:Still"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert process.returncode == 0, (process.stdout, process.stderr)
    told = json.loads(process.stdout)
    # Eight seats a match: at least five matches, placed by load.
    assert (told["clients"], told["errors"], told["nodes"]) == (40, 0, 2), told
    assert told["matches"] >= 5
