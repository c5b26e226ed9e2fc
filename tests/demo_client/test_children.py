"""Children that a launcher starts: told apart, awaited, and always ended."""

from pathlib import Path

import pytest

from demo_client.children import Child, ChildFailed, Children

ARENA = "demo_game.arena:Arena"


def test_a_server_answers_and_is_gone_afterwards() -> None:
    with Children() as children:
        server = children.serve(ARENA)
        assert server.health()["status"] == "ok"
        assert server.url("2").endswith("/v1/match/2")
        assert server.errors_logged() == 0
    assert not server.alive
    assert server.process.returncode == 0


def test_several_nodes_are_awaited_and_told_as_one() -> None:
    with Children() as children:
        server = children.serve_nodes("demo_game.arena:Skirmish", 2)
        assert len(set(server.addresses.values())) == 2
        health = server.health()
        assert sorted(health["nodes"]) == sorted(server.addresses)
        assert server.lobby_url() == f"ws://{server.address}/v1/lobby"
        assert server.errors_logged() == 0
    assert server.process.returncode == 0


def test_a_server_that_cannot_start_says_why() -> None:
    with Children() as children, pytest.raises(ChildFailed, match="the server ended with 2"):
        children.serve("demo_game.arena:NoSuchGame")


def test_bots_say_nothing_until_they_have_finished() -> None:
    with Children() as children:
        server = children.serve(ARENA)
        bots = children.bots(server.url(), count=1, seconds=60, behaviour="demo_game.bots:Wanderer")
        assert bots.result() is None
    assert not bots.alive


def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = Child("stubborn", ["timeit", "-n1", "-r1", stubborn], tmp_path)
    while not child.output():
        assert child.alive
    child.stop(within_s=0.2)
    assert not child.alive
