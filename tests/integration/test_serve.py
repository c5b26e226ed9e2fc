"""A real process, real sockets: `tickwire serve` from its first line to its exit code."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from game_server.sim.clock import CATCH_UP_TICKS_MAX
from tests.game_server.shell.game_for_tests import Player, dial, push

ROOT = Path(__file__).resolve().parents[2]
DOTS = "tests/game_server/shell/game_for_tests.py:Dots"


class Server:
    """A `tickwire serve` on a free port."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "game_server", "serve", DOTS, "--port", "0", "--log-format", "json", *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self.url = ""

    def read_until(self, event: str) -> dict[str, Any]:
        """Read the log up to `event`."""
        assert self.process.stderr is not None
        for text in self.process.stderr:
            line = json.loads(text)
            self.lines.append(line)
            if line["event"] == event:
                return line
        raise AssertionError(f"no {event}; the log was {self.lines}")

    def healthz(self) -> dict[str, Any]:
        """Ask how the node is."""
        url = self.url.replace("ws://", "http://").replace("/v1/match/1", "/healthz")
        with urllib.request.urlopen(url, timeout=5) as answer:
            told: dict[str, Any] = json.loads(answer.read())
        return told


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server("--matches", "2")
    try:
        server.url = server.read_until("serving")["url"]
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        if server.process.stderr is not None:
            server.process.stderr.close()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_clients_with_1012_and_exits_with_0(server: Server, by: signal.Signals) -> None:
    players = [await dial(server.url), await dial(server.url.removesuffix("1") + "2")]
    for player in players:
        await player.join()
        await player.states(2)
    server.process.send_signal(by)
    for player in players:
        code, refusal = await asyncio.wait_for(player.closed(), 5)
        assert code == 1012
        assert refusal is not None and "stopping" in refusal.sentence
    assert await asyncio.to_thread(server.process.wait, 5) == 0
    assert server.read_until("stopped")


async def test_a_client_that_does_not_answer_cannot_hold_a_stopping_node(server: Server) -> None:
    player = await dial(server.url)
    await player.join()
    player.socket.transport.pause_reading()
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.process.wait, 10) == 0
    assert time.monotonic() - begun < 5
    await player.abort()


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch rate limits off before the server starts."""
    monkeypatch.setenv("TICKWIRE_RATE_LIMIT_FACTOR", "0")


async def test_a_flood_for_two_seconds_costs_its_sender_and_nobody_elses_ticks(unlimited: None, server: Server) -> None:
    flooder, player = await dial(server.url), await dial(server.url)
    await flooder.join()
    welcome = await player.join()
    block = b"".join(Frame(Opcode.BINARY, push(n % 100)).serialize(mask=True) for n in range(2000))
    ends = time.monotonic() + 2.0

    async def flood() -> None:
        while time.monotonic() < ends:
            flooder.socket.transport.write(block)
            await asyncio.sleep(0)
            while flooder.socket.transport.get_write_buffer_size() > 1_000_000 and time.monotonic() < ends:
                await asyncio.sleep(0.001)

    task = asyncio.create_task(flood())
    first = (await player.states(1))[0]
    begun = time.monotonic()
    states = []
    while time.monotonic() < ends:
        states += await player.states(1)
    ticks = states[-1].tick - first.tick
    wanted = (time.monotonic() - begun) * welcome.tick_rate_hz
    await task
    health = await asyncio.to_thread(server.healthz)
    assert health["messages_in"] > 5000
    # Every tick ran: what is missing at the end is still within what one advance catches up. A naive server runs none.
    assert wanted - ticks <= CATCH_UP_TICKS_MAX + 1
    assert all(match["rebases"] == 0 for match in health["matches"])
    # A state that the test's own process was too busy to read is merged into the next, so fewer may arrive.
    assert len(states) >= wanted * 0.5
    await flooder.abort()
    await player.socket.close()


async def test_garbage_closes_its_sender_and_leaves_the_neighbour(server: Server) -> None:
    bad, good = await dial(server.url), await dial(server.url)
    await bad.join()
    await good.join()
    await bad.socket.send(b"\xff\x00\xff")
    assert (await asyncio.wait_for(bad.closed(), 5))[0] == 1002
    assert len(await good.states(10)) == 10
    await good.socket.close()


async def test_a_log_that_nobody_reads_any_more_ends_no_match(server: Server) -> None:
    assert server.process.stderr is not None
    server.process.stderr.close()
    quitter, player = await dial(server.url), await dial(server.url)
    await quitter.join()
    await quitter.socket.send(b"\xff\x00\xff")  # which is logged
    assert (await asyncio.wait_for(quitter.closed(), 5))[0] == 1002
    await player.join()
    assert len(await player.states(20)) == 20
    other = await dial(server.url.removesuffix("1") + "2")
    await other.join()
    assert len(await other.states(5)) == 5
    for each in (player, other):
        await each.socket.close()


async def test_healthz_tells_of_matches_traffic_and_the_process(server: Server) -> None:
    player: Player = await dial(server.url)
    await player.join()
    await player.states(5)
    health = await asyncio.to_thread(server.healthz)
    assert health["status"] == "ok" and health["connections"] == 1
    assert [each["seats"] for each in health["matches"]] == [1, 0]
    assert health["cpu_s"] > 0 and health["rss_kib"] > 10_000
    await player.socket.close()


def test_the_first_line_names_the_url_and_the_seed(server: Server) -> None:
    serving = server.lines[-1]
    assert serving["url"].startswith("ws://127.0.0.1:") and serving["url"].endswith("/v1/match/1")
    assert isinstance(serving["seed"], int) and serving["matches"] == 2


def test_strangers_on_an_address_that_is_not_loopback_are_warned_about() -> None:
    server = Server("--host", "0.0.0.0", environment={"TICKWIRE_AUTH": "dev-anywhere"})
    try:
        assert "believes every name" in server.read_until("anyone_may_join")["why"]
    finally:
        server.process.kill()
        server.process.communicate()


def test_an_unknown_tickwire_name_ends_the_process_with_2_and_names_the_nearest() -> None:
    server = Server(environment={"TICKWIRE_LOGLEVEL": "info"})
    _, log = server.process.communicate(timeout=10)
    assert server.process.returncode == 2
    assert "did you mean TICKWIRE_LOG_LEVEL" in log


def test_the_development_authenticator_on_every_interface_ends_the_process_with_2_and_the_choices() -> None:
    server = Server("--host", "0.0.0.0")
    _, log = server.process.communicate(timeout=10)
    assert server.process.returncode == 2
    assert "dev-anywhere" in log and "Traceback" not in log


def test_a_taken_port_ends_the_process_with_1_and_a_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = Server("--port", str(other.getsockname()[1]))
        _, log = server.process.communicate(timeout=10)
    assert server.process.returncode == 1
    assert "is taken" in log and "Traceback" not in log
