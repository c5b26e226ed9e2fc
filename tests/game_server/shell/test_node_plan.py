"""What the processes of several nodes are started with."""

import sys
from collections.abc import Mapping
from typing import Any

import pytest

from game_server import Game
from game_server.session.signing import Signer
from game_server.shell.load import load_game
from game_server.shell.node_plan import command_of, default_node_id, plan_nodes, target_of
from game_server.shell.settings import Settings, read_settings
from protocol.errors import UsageFault
from tests.game_server.shell.game_for_tests import Dots

URL = "unix:///tmp/redis.sock"


def plans(**settings: Any) -> list[Mapping[str, str]]:
    found = plan_nodes(read_settings({}, nodes=3, **settings), URL, "My.Host_with a long name")
    assert [each.node for each in found] == [each.environment["TICKWIRE_NODE_ID"] for each in found]
    return [each.environment for each in found]


def column(environments: list[Mapping[str, str]], name: str) -> list[str]:
    return [each[name] for each in environments]


def test_nodes_are_named_by_host_and_port_which_follow_the_first_ones() -> None:
    found = plans(port=7777)
    assert column(found, "TICKWIRE_PORT") == ["7777", "7778", "7779"]
    assert column(found, "TICKWIRE_METRICS_PORT") == ["8777", "8778", "8779"]
    assert column(found, "TICKWIRE_NODE_ID") == [f"my-host-wi-a9d8-{port}" for port in (7777, 7778, 7779)]
    assert {(each["TICKWIRE_NODES"], each["TICKWIRE_REDIS_URL"]) for each in found} == {("1", URL)}


def test_free_ports_are_free_ones_for_each() -> None:
    found = plans(port=0)
    assert {*column(found, "TICKWIRE_PORT"), *column(found, "TICKWIRE_METRICS_PORT")} == {"0"}
    assert len({*column(found, "TICKWIRE_NODE_ID")}) == 3


def test_without_metrics_none_has_them() -> None:
    assert column(plans(metrics_port=-1), "TICKWIRE_METRICS_PORT") == ["-1"] * 3


def test_all_share_one_secret_which_is_drawn_if_there_is_none() -> None:
    drawn = {*column(plans(), "TICKWIRE_SECRET")}
    assert len(drawn) == 1 and Signer.read(drawn.pop())
    assert {*column(plans(), "TICKWIRE_SECRET")} != {*column(plans(), "TICKWIRE_SECRET")}
    assert {*column(plans(secret="k:" + "ab" * 32), "TICKWIRE_SECRET")} == {"k:" + "ab" * 32}


def test_a_child_reads_the_settings_that_were_given_and_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"grace_seconds": 5.0, "gateway": True, "auth": "dev-anywhere", "host": "0.0.0.0", "seed": 10, "matches": 2}
    children: list[Settings] = []
    for environment in plans(node_id="east", **given):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            children.append(read_settings())
    for child in children:
        assert (child.grace_seconds, child.gateway, child.host, child.matches) == (5.0, True, "0.0.0.0", 2)
        assert child.on_redis_loss == "freeze" and child.nodes == 1
    assert [child.node_id for child in children] == ["east-1", "east-2", "east-3"]
    assert [child.seed for child in children] == [10, 12, 14]


def test_a_public_url_is_the_first_nodes_and_the_others_follow_its_port() -> None:
    found = plans(public_url="wss://game.test:443")
    assert column(found, "TICKWIRE_PUBLIC_URL") == [f"wss://game.test:{port}" for port in (443, 444, 445)]
    with pytest.raises(UsageFault, match="needs a port"):
        plans(public_url="wss://game.test")


def test_a_name_must_leave_room_for_a_number() -> None:
    with pytest.raises(UsageFault, match="too long for 3 nodes"):
        plans(node_id="x" * 24)


def test_ports_must_be_left_for_all() -> None:
    with pytest.raises(UsageFault, match="too few ports"):
        plans(port=65_534, metrics_port=-1)
    with pytest.raises(UsageFault, match="too few ports"):
        plans(port=64_534)


@pytest.mark.parametrize(
    ("port", "hostname", "name"),
    [
        (7777, "0123456789ab", "0123456789ab"),
        (7777, "Laptop.local", "laptop-local-7777"),
        (0, "laptop", "laptop-p42"),
        (7777, "ÜÜ", "node-7777"),
        (65535, "x" * 64, "xxxxxxxxxx-7ce1-65535"),
    ],
)
def test_a_node_is_named_by_its_container_or_by_host_and_port(port: int, hostname: str, name: str) -> None:
    assert default_node_id(port, hostname, 42) == name


def test_hosts_that_differ_in_their_last_letters_have_names_of_their_own() -> None:
    first, second = (default_node_id(7777, f"game-server-of-the-north-{n}", 42) for n in (1, 2))
    assert first != second
    assert len(default_node_id(0, "game-server-of-the-north", 4_194_304)) <= 24


def test_the_command_finds_the_game_and_its_options_again() -> None:
    command = command_of(Dots, {"start": 3, "title": "a b"})
    assert command[:5] == [sys.executable, "-m", "game_server", "serve", "tests.game_server.shell.game_for_tests:Dots"]
    assert command[5:] == ["--option", "start=3", "--option", 'title="a b"']
    by_file = load_game("examples/tag.py:Tag")
    assert target_of(by_file).endswith("/examples/tag.py:Tag") and load_game(target_of(by_file)).__name__ == "Tag"


def test_a_game_or_option_that_no_other_process_can_have_is_told() -> None:
    class Hidden(Game):
        pass

    with pytest.raises(UsageFault, match="on its own"):
        target_of(Hidden)
    with pytest.raises(UsageFault, match="handed to another process"):
        command_of(Dots, {"start": object()})
