"""Real processes: `tickwire serve` with a Redis of its own, and several nodes under one command."""

import asyncio
import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from protocol.messages import Moved
from tests.game_server.shell.game_for_tests import dial
from tests.integration.test_serve import Server


def get(url: str, path: str) -> dict[str, Any]:
    """Ask a node on plain HTTP."""
    base = url.replace("ws://", "http://").partition("/v1/")[0]
    with urllib.request.urlopen(base + path, timeout=5) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


async def where(node: str, match: str) -> str:
    """Ask a node for another node's match, return where that is said to be, "" while that is not known."""
    try:
        lost = await dial(node.partition("/v1/")[0] + f"/v1/match/{match}")
    except InvalidStatus as refused:
        assert refused.response.status_code == 503
        return ""
    moved = await lost.next()
    await lost.closed()
    assert isinstance(moved, Moved)
    return moved.url


def end(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    if server.process.stderr is not None:
        server.process.stderr.close()


@pytest.fixture
def three() -> Iterator[Server]:
    server = Server("--nodes", "3", "--matches", "1")
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        end(server)


async def test_a_node_alone_has_a_directory_and_says_so() -> None:
    server = Server()
    try:
        serving = server.read_until("serving")
        assert serving["url"].endswith("/v1/match/1") and serving["redis"].endswith(".sock")
        health = await asyncio.to_thread(get, serving["url"], "/healthz")
        assert (health["directory"], health["frozen"], len(health["matches"])) == ("ok", False, 1)
        assert await asyncio.to_thread(get, serving["url"], "/readyz") == {"ready": True, "reasons": []}
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.process.wait, 5) == 0
        assert not os.path.exists(serving["redis"])
    finally:
        end(server)


async def test_without_a_directory_nothing_else_is_started() -> None:
    server = Server(environment={"TICKWIRE_REDIS_URL": "none"})
    try:
        serving = server.read_until("serving")
        assert serving["redis"] is None
        assert (await asyncio.to_thread(get, serving["url"], "/healthz"))["directory"] == "none"
    finally:
        end(server)


@pytest.mark.slow
async def test_three_nodes_know_each_other_and_one_that_dies_comes_back(three: Server) -> None:
    started = {line["node"]: line for line in (three.read_until("node_started") for _ in range(3))}
    serving = {line["node"]: line for line in (three.read_until("serving") for _ in range(3))}
    assert serving.keys() == started.keys() and len(serving) == 3
    assert all(line["boot"] == started[node]["boot"] for node, line in serving.items())
    urls = [line["url"] for line in serving.values()]
    first, second, _ = urls
    assert await where(first, second.rpartition("/")[2]) == second
    node, line = next(iter(serving.items()))
    begun = time.monotonic()
    os.kill(started[node]["pid"], signal.SIGKILL)
    exited = three.read_until("node_exited")
    assert (exited["node"], exited["boot"], exited["by"]) == (node, line["boot"], "SIGKILL")
    again = three.read_until("serving")
    assert again["node"] == node and again["boot"] > line["boot"]
    assert time.monotonic() - begun < 5
    # Its standing match is there again, and the other nodes know where.
    async with asyncio.timeout(10):
        while await where(second, line["url"].rpartition("/")[2]) != again["url"]:
            await asyncio.sleep(0.1)
    three.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(three.process.wait, 15) == 0


@pytest.mark.slow
def test_a_taken_port_ends_all_nodes_with_1() -> None:

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        server = Server("--nodes", "2", "--metrics-port", "-1", "--port", str(other.getsockname()[1]))
        _, log = server.process.communicate(timeout=20)
    assert server.process.returncode == 1
    assert "is taken" in log and "Traceback" not in log


def test_an_external_redis_without_a_secret_ends_the_process_with_2() -> None:
    server = Server(environment={"TICKWIRE_REDIS_URL": "redis://127.0.0.1:1"})
    _, log = server.process.communicate(timeout=10)
    assert server.process.returncode == 2 and "the secret that all nodes share" in log


def test_a_redis_that_is_not_there_ends_the_process_with_1_and_a_sentence() -> None:
    environment = {"TICKWIRE_REDIS_URL": "redis://:hush@127.0.0.1:1", "TICKWIRE_SECRET": "k:" + "ab" * 32}
    server = Server(environment=environment)
    _, log = server.process.communicate(timeout=10)
    assert server.process.returncode == 1
    assert "cannot be used" in log and "Traceback" not in log and "hush" not in log
