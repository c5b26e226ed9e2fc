"""A node in this process: options, seeds, sentences about ports. Signals are in tests/integration."""

import asyncio
import socket
from itertools import pairwise

import pytest

from game_server.shell.serve import Node, check_options, load_game, serve
from game_server.shell.settings import read_settings
from protocol.errors import NodeFault, UsageFault
from tests.game_server.shell.game_for_tests import Dots, running


def node_of(**settings: object) -> Node:
    return Node(Dots, read_settings({}, **settings))


def test_matches_are_numbered_from_1_and_seeded_one_after_the_other() -> None:
    node = node_of(matches=3, seed=7)
    assert list(node.runner.hosted) == ["1", "2", "3"]
    assert node.seed == 7
    draws = [hosted.match.game.rng.random() for hosted in node.runner.hosted.values()]
    again = [hosted.match.game.rng.random() for hosted in node_of(matches=3, seed=7).runner.hosted.values()]
    assert draws == again and len(set(draws)) == 3


def test_the_ticks_of_matches_are_staggered_over_a_period() -> None:
    deadlines = [hosted.match.deadline_ns for hosted in node_of(matches=4).runner.hosted.values()]
    steps = [b - a for a, b in pairwise(deadlines) if a is not None and b is not None]
    assert steps == [5_000_000] * 3


def test_without_a_seed_one_is_drawn() -> None:
    assert node_of().seed != node_of().seed


async def test_a_free_port_is_taken_when_port_is_0_and_the_url_names_it() -> None:
    async with running() as node:
        assert node.url() == f"ws://127.0.0.1:{node.server.port}/v1/match/1"


async def test_a_taken_port_is_told_in_a_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        node = node_of(port=other.getsockname()[1])
        with pytest.raises(NodeFault, match="is taken: another server listens there"):
            await node.start()


async def test_an_address_of_another_machine_is_told_in_a_sentence() -> None:
    with pytest.raises(NodeFault, match="is no address of this machine"):
        await node_of(host="192.0.2.1", port=0).start()


async def test_stopping_takes_no_longer_than_shutdown_seconds() -> None:
    node = Node(Dots, read_settings({}, port=0, shutdown_seconds=0.2, close_seconds=60, handshake_seconds=60))
    await node.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
    await asyncio.sleep(0.05)
    async with asyncio.timeout(1):
        await node.stop()
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            pass
    writer.close()


def test_a_wrong_option_is_told_in_plain_words() -> None:
    check_options(Dots, {"start": 3, "title": "x"})
    with pytest.raises(UsageFault, match="start"):
        check_options(Dots, {"start": -1})


def test_a_wrong_setting_is_told_before_anything_starts() -> None:
    with pytest.raises(UsageFault, match="did you mean port"):
        serve(Dots, prot=1)


def test_load_game_is_at_hand_here() -> None:
    assert load_game("examples.tag:Tag").__name__ == "Tag"
