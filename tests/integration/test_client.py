"""The client's two faces and the examples of its document, against `tickwire serve` in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from game_client import Bridge, join

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/client.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
URL_SHOWN = "ws://127.0.0.1:7777/v1/match/1"
LOBBY_SHOWN = "ws://127.0.0.1:7777/v1/lobby"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a match of Tag."""
    arguments = ["serve", "examples/tag.py:Tag", "--port", "0", "--log-format", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "game_server", *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = []
        for text in process.stderr:
            lines.append(text)
            if (line := json.loads(text))["event"] == "serving":
                yield line["url"]
                return
        raise AssertionError(f"it never served: {lines}")
    finally:
        process.kill()
        process.communicate()


async def test_a_player_without_a_name_is_let_in(url: str) -> None:
    async with join(url) as client:
        assert client.world.owned(client.seat, "Runner") is not None


def test_a_bridge_without_a_name_is_let_in(url: str) -> None:
    with Bridge(url) as bridge:
        ends = time.monotonic() + 30
        while bridge.tick < 0 and bridge.status.phase != "closed" and time.monotonic() < ends:
            bridge.pump()
            time.sleep(0.01)
        assert str(bridge.status) == "live"
        assert bridge.world.owned(bridge.seat, "Runner") is not None


async def test_a_proxy_in_the_environment_does_not_stand_between_us(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    async with join(url) as client:
        assert client.status.phase == "live"


def example(mark: str, url: str) -> str:
    """The one example that contains `mark`, with the URL of the test's server."""
    found = [block for block in EXAMPLES if mark in block]
    assert len(found) == 1, f"{len(found)} examples of docs/client.md contain {mark!r}"
    return found[0].replace(URL_SHOWN, url).replace(LOBBY_SHOWN, url.replace("/v1/match/1", "/v1/lobby"))


def start(*arguments: str, cwd: Path = ROOT) -> subprocess.Popen[str]:
    """Run Python as a reader of the document would, with the packages in reach."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command, pipe = [sys.executable, *arguments], subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=pipe, stderr=pipe, text=True)


async def test_the_documents_first_client_runs_as_it_stands(url: str) -> None:
    process = start("-c", example("async with join(", url))
    try:
        assert process.stdout is not None
        # It goes on until the match is over, which Tag never is.
        lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(20)]
    finally:
        process.kill()
        _, complaints = await asyncio.to_thread(process.communicate)
    assert all(len(line.split()) == 4 for line in lines), complaints
    ticks = [int(line.split()[0]) for line in lines]
    assert ticks == sorted(set(ticks))


def test_the_documents_frame_loop_runs_as_it_stands(url: str) -> None:
    process = start("-c", example("bridge = Bridge(", url))
    told, complaints = process.communicate(timeout=50)
    assert (process.returncode, complaints) == (0, "")
    assert "live" in told.splitlines()[-1] and "Runner(id=" in told.splitlines()[-1]


def test_the_documents_lobby_runs_as_it_stands_and_knows_the_player_again(url: str, tmp_path: Path) -> None:
    players = []
    for _ in range(2):
        process = start("-c", example("async with Lobby(", url), cwd=tmp_path)
        try:
            assert process.stdout is not None
            _, match, seat = process.stdout.readline().split()
        finally:
            # As a program that crashes: it does not leave, so that its seat is kept.
            process.kill()
            _, complaints = process.communicate()
        assert complaints == ""
        players.append((match, seat))
    assert players[0] == players[1]
    assert (tmp_path / "ada.guest").stat().st_mode & 0o777 == 0o600


def test_the_documents_lobby_in_a_frame_loop_runs_as_it_stands(url: str) -> None:
    process = start("-c", example("LobbyBridge(", url))
    told, complaints = process.communicate(timeout=50)
    assert (process.returncode, complaints) == (0, "")
    assert told.splitlines()[-1].startswith("live [Runner(id=")


def test_the_documents_bot_runs_as_it_stands(url: str, tmp_path: Path) -> None:
    (tmp_path / "my_bots.py").write_text(example("class Restless", url), encoding="utf-8")
    arguments = ["bots", url, "--count", "2", "--seconds", "0.5", "--json", "--behaviour", "my_bots:Restless"]
    process = start("-m", "game_server", *arguments, cwd=tmp_path)
    told, complaints = process.communicate(timeout=50)
    assert process.returncode == 0, (told, complaints)
    assert json.loads(told)["clients"] == 2


def test_every_example_of_the_document_is_run_here() -> None:
    assert len(EXAMPLES) == 5
