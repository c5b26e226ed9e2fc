"""The command line: what it understands, what it says, which code it exits with."""

import re
import subprocess
import sys
from typing import Any

import pytest
from typer.testing import CliRunner

from game_server.cli import app
from protocol.errors import NodeFault
from tests.tidy.tree import ROOT

DOTS = "tests.game_server.shell.game_for_tests:Dots"
runner = CliRunner()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("game_server.shell.serve.serve", lambda game, **given: calls.append({"game": game, **given}))
    return calls


def test_version_names_the_program() -> None:
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0 and result.output.startswith("tickwire ")


@pytest.mark.parametrize("command", ["", "serve", "bots", "nodes", "matches", "players"])
def test_help_is_there_for_every_command(command: str) -> None:
    result = runner.invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0 and "Usage:" in result.output


def test_serve_passes_on_only_what_was_given(served: list[dict[str, Any]]) -> None:
    assert runner.invoke(app, ["serve", DOTS]).exit_code == 0
    (call,) = served
    assert call.pop("game").__name__ == "Dots"
    assert call == {"options": {}}


def test_serve_passes_on_who_may_join_and_where_metrics_are(served: list[dict[str, Any]]) -> None:
    arguments = ["serve", DOTS, "--auth", "dev-anywhere", "--metrics-port", "-1"]
    assert runner.invoke(app, arguments).exit_code == 0
    (call,) = served
    assert (call["auth"], call["metrics_port"]) == ("dev-anywhere", -1)


def test_serve_passes_settings_and_options(served: list[dict[str, Any]]) -> None:
    arguments = ["serve", DOTS, "--matches", "3", "--host", "::1", "--port", "0", "--seed", "9", "--nodes", "2"]
    result = runner.invoke(app, [*arguments, "--option", "start=5", "--option", "title=a b"])
    assert result.exit_code == 0, result.output
    (call,) = served
    assert call["options"] == {"start": 5, "title": "a b"}
    assert (call["matches"], call["host"], call["port"], call["seed"], call["nodes"]) == (3, "::1", 0, 9, 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serve", "no/file.py:Tag"], "there is no file"),
        (["serve", DOTS, "--option", "start"], "write --option key=value"),
        (["bots", "ws://x/v1/lobby", "--filter", "duel"], "write --filter key=value"),
        (["serve", DOTS, "--option", "start=1", "--option", "start=2"], "given twice"),
        (["serve", DOTS, "--option", "start=-1"], "greater than or equal to 0"),
        (["serve", "examples.tag:Tag", "--option", "bots=4"], "has no options"),
        (["serve", DOTS, "--port", "70000"], "port = 70000"),
        (["serve", DOTS, "--log-level", "loud"], "log_level = 'loud'"),
    ],
)
def test_a_mistake_exits_with_2_and_a_sentence(arguments: list[str], sentence: str) -> None:
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_an_unknown_tickwire_name_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKWIRE_MATCHS", "2")
    result = runner.invoke(app, ["serve", DOTS])
    assert result.exit_code == 2 and "did you mean TICKWIRE_MATCHES" in result.output


def test_a_node_that_cannot_start_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(game: object, **given: object) -> None:
        raise NodeFault("127.0.0.1:7777 is taken")

    monkeypatch.setattr("game_server.shell.serve.serve", refuse)
    result = runner.invoke(app, ["serve", DOTS])
    assert result.exit_code == 1 and "is taken" in result.output


def test_bots_exits_with_what_the_swarm_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def run(url: str, **given: Any) -> int:
        calls.append((url, given))
        return 3

    monkeypatch.setattr("game_client.shell.bots_command.run", run)
    arguments = ["bots", "ws://x", "--count", "2", "--seconds", "1", "--behaviour", "a:B", "--seed", "4", "--json",
                 "--processes", "3", "--join-rate", "50", "--ca", "own.crt"]  # fmt: skip
    arguments += ["--filter", "mode=duel", "--filter", "region=eu"]
    assert runner.invoke(app, arguments).exit_code == 3
    given = {"count": 2, "seconds": 1.0, "behaviour": "a:B", "seed": 4, "processes": 3, "joins_per_s": 50.0,
             "json_line": True, "ca": "own.crt", "filters": {"mode": "duel", "region": "eu"}}  # fmt: skip
    assert calls == [("ws://x", given)]


def test_importing_the_game_developers_names_loads_no_socket_and_no_loop() -> None:
    code = "import sys, game_server; print({'websockets', 'uvloop', 'redis'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_operating_md_tells_the_options_that_there_are() -> None:
    told = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    (sentence,) = (line for line in told.splitlines() if "`tickwire serve` has options for" in line)
    shown = set(re.findall(r"--[a-z-]+", runner.invoke(app, ["serve", "--help"]).output)) - {"--help", "--option"}
    assert set(re.findall(r"`(--[a-z-]+)`", sentence)) == shown


SECRET = "a:" + "0f" * 32


@pytest.mark.parametrize(
    ("environment", "arguments", "code", "sentence"),
    [
        ({}, [], 2, "say where Redis is: --redis"),
        ({"TICKWIRE_REDIS_URL": "none"}, [], 2, "say where Redis is: --redis"),
        ({}, ["--redis", "http://a"], 2, "a Redis URL is redis://"),
        ({}, ["--redis", "redis://127.0.0.1:1"], 2, "secret"),
        ({"TICKWIRE_SECRET": SECRET}, ["--redis", "redis://127.0.0.1:1"], 1, "127.0.0.1:1 cannot be used"),
        ({"TICKWIRE_SECRET": SECRET, "TICKWIRE_REDIS_URL": "redis://127.0.0.1:1"}, [], 1, "cannot be used"),
        ({}, ["--limit", "0"], 2, "--limit"),
    ],
)
@pytest.mark.parametrize("command", ["nodes", "matches", "players"])
def test_a_cluster_that_cannot_be_looked_at_is_told_why(
    command: str,
    environment: dict[str, str],
    arguments: list[str],
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TICKWIRE_SECRET", "TICKWIRE_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = runner.invoke(app, [command, *arguments])
    assert result.exit_code == code and sentence in result.output, result.output
