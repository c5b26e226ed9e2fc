"""A node in this process: options, seeds, sentences about ports. Signals are in tests/integration."""

import asyncio
import socket
import time
from itertools import pairwise

import pytest

from game_server import Player, Upgrade
from game_server.cluster.records import MatchSpec, Owner
from game_server.session.credentials import ResumeToken
from game_server.session.signing import Signer
from game_server.shell.line import Entrant
from game_server.shell.serve import Node, check_options, load_game, serve, token_signer
from game_server.shell.settings import read_settings
from game_server.sim.facts import Claim
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
        await node_of(host="192.0.2.1", port=0, auth="dev-anywhere").start()


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


def test_the_epoch_is_the_time_of_the_start_and_every_match_has_it() -> None:
    before = int(time.time())
    node = node_of(matches=2)
    assert before <= node.epoch <= time.time()
    assert {hosted.match.epoch for hosted in node.runner.hosted.values()} == {node.epoch}


def test_a_resume_token_says_what_a_claim_and_its_entrant_say() -> None:
    signer = Signer.drawn(bytes(32))
    entrant = Entrant("Ada", "player-7", True)
    token = token_signer(signer)("1", Claim(3, "player-7", 99, 4), entrant)
    assert ResumeToken.verify(signer, token) == ResumeToken("1", 3, "player-7", "Ada", True, 99, 4)


def test_an_authenticator_of_ones_own_needs_no_setting() -> None:
    class Nobody:
        def authenticate(self, upgrade: Upgrade) -> Player:
            raise NotImplementedError

    node = Node(Dots, read_settings({}, auth="own", host="0.0.0.0", port=0), authenticator=Nobody())
    assert node.settings.auth == "own"
    with pytest.raises(UsageFault, match="TICKWIRE_AUTH=own goes with"):
        node_of(auth="own")


def test_load_game_is_at_hand_here() -> None:
    assert load_game("examples.tag:Tag").__name__ == "Tag"


async def test_a_node_without_standing_matches_names_its_lobby() -> None:
    async with running(matches=0) as node:
        assert node.url() == f"ws://127.0.0.1:{node.server.port}/v1/lobby"
        assert node.url("m-1").endswith("/v1/match/m-1")


def test_standing_matches_are_named_after_their_node_where_there_are_others() -> None:
    shared = {"redis_url": "redis://a", "secret": "k:" + "ab" * 32, "node_id": "east", "matches": 2}
    assert list(node_of(**shared).runner.hosted) == ["east-1", "east-2"]


def test_a_match_of_the_lobby_has_its_attributes_before_it_begins_and_a_seed_of_its_own() -> None:
    node = node_of(seed=7)
    spec, owner = MatchSpec("m-1", (("mode", "duel"),)), Owner("m-1", "a", 1, 99)
    match, again = (node_of(seed=7)._ordered_match(spec, owner) for _ in range(2))
    assert match.game.attributes == {"mode": "duel"} and match.epoch == 99 and not match.occupants
    draws = {each.game.rng.random() for each in (match, again)}
    assert len(draws) == 1 and node.runner.hosted["1"].match.game.rng.random() not in draws


def test_the_ticks_of_matches_of_the_lobby_are_spread_over_a_period() -> None:
    node = node_of()
    made = [node._ordered_match(MatchSpec(f"m-{n}"), Owner(f"m-{n}", "a", 1, 9)) for n in range(8)]
    phases = sorted((each.deadline_ns or 0) % 20_000_000 for each in made)
    gaps = [b - a for a, b in pairwise([*phases, phases[0] + 20_000_000])]
    assert max(gaps) < 6_000_000


def test_an_authenticator_of_ones_own_cannot_be_handed_to_several_processes() -> None:
    class Nobody:
        def authenticate(self, upgrade: Upgrade) -> Player:
            raise NotImplementedError

    with pytest.raises(UsageFault, match="one node in each"):
        serve(Dots, nodes=2, authenticator=Nobody())
