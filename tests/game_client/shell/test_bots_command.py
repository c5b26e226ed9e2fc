"""The command `tickwire bots`: what it prints, its exit status, its limits."""

from __future__ import annotations

import json
import os
import resource
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from game_client.shell import bots_command
from protocol.errors import UsageFault
from protocol.lobby_messages import QuickPlay
from tests.game_client.shell.served import Faller, Jumper, Served
from tests.game_client.shell.test_wire import certificate

JUMPER = "tests.game_client.shell.served:Jumper"


@pytest.fixture(autouse=True)
def no_bots_made() -> None:
    Jumper.made = []


def test_bots_are_spread_over_the_matches_and_what_they_measured_is_one_json_line(capsys: Any) -> None:
    with Served(2) as served:
        status = bots_command.run(",".join(served.urls), count=4, seconds=1.0, behaviour=Jumper, seed=7, json_line=True)
        assert [server.match.counts.keyframes for server in served.servers] == [2, 2]
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1
    told = json.loads(lines[0])
    assert status == 0, told
    assert (told["clients"], told["errors"], told["desyncs"], told["reconnects"], told["keyframes"]) == (4, 0, 0, 0, 0)
    # Orders of magnitude: that the units are right, on however busy a machine.
    assert 1.0 <= told["seconds"] < 20
    assert 3 < told["state_hz"] < 300
    assert 3 < told["state_gap_ms"]["p50"] < 330
    # Percentiles are rounded to four digits, the longest is not.
    assert told["state_gap_ms"]["max"] * 1.001 >= told["state_gap_ms"]["p99"] >= told["state_gap_ms"]["p50"]
    assert 3 < told["input_to_ack_ms"]["p50"] < 2000
    assert 0 < told["rtt_ms"]["p50"] <= told["rtt_ms"]["p99"]
    assert told["bytes_down_per_client_s"] > 20
    assert told["bytes_up_per_client_s"] > 20
    assert told["cpu_s"] > 0


def test_at_a_lobby_each_bot_quick_plays_and_the_report_tells_over_how_many_matches_they_spread(capsys: Any) -> None:
    with Served(3, seats_max=2) as served:
        assert bots_command.run(served.lobby_url, count=5, seconds=0.3, behaviour=Jumper, json_line=True) == 0
        assert served.lobby.seats == {"m-0": 2, "m-1": 2, "m-2": 1}
        assert {len(server.credentials) for server in served.servers} == {1, 2}
    told = json.loads(capsys.readouterr().out)
    # Without a gateway each address is a node.
    assert (told["clients"], told["errors"], told["matches"], told["nodes"]) == (5, 0, 3, 3), told


def test_bots_of_several_processes_quick_play_as_different_players(capsys: Any) -> None:
    with Served(2, seats_max=2) as served:
        assert bots_command.run(
            served.lobby_url, count=4, seconds=0.3, behaviour=JUMPER, processes=2, json_line=True,
            filters={"mode": "duel"},
        ) == 0  # fmt: skip
        assert served.lobby.seats == {"m-0": 2, "m-1": 2}
        assert sorted(served.lobby.credentials) == ["bot-1", "bot-2", "bot-3", "bot-4"]
        assert all(each.required == ["mode", "duel"] for each in served.lobby.heard_of(QuickPlay))
    told = json.loads(capsys.readouterr().out)
    assert (told["clients"], told["errors"], told["matches"], told["nodes"]) == (4, 0, 2, 2), told


def test_a_bot_that_the_lobby_refuses_is_an_error_with_the_lobbys_sentence(capsys: Any) -> None:
    with Served(1, seats_max=2) as served:
        assert bots_command.run(served.lobby_url, count=3, seconds=0.3, behaviour=Jumper, json_line=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["clients"], told["errors"]) == (2, 1)
    assert told["error"] == "no node has a place for one more match (no_capacity)"


def test_every_bot_has_a_generator_of_its_own_and_the_seed_repeats_them() -> None:
    with Served() as served:
        for seed in (7, 7, 8):
            bots_command.run(served.urls[0], count=2, seconds=0.1, behaviour=Jumper, seed=seed, json_line=True)
    first, again, other = Jumper.made[:2], Jumper.made[2:4], Jumper.made[4:]
    assert first == again
    assert len({*first, *other}) == 4


def test_a_behaviour_that_raises_is_an_error_and_exit_status_1(capsys: Any) -> None:
    with Served() as served:
        assert bots_command.run(served.urls[0], count=1, seconds=0.2, behaviour=Faller, json_line=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["errors"] == 1
    assert "in a bot" in told["error"]


def test_a_behaviour_of_another_game_is_an_error_that_says_what_to_do(capsys: Any) -> None:
    with Served() as served:
        assert bots_command.run(served.urls[0], count=1, seconds=0.2, json_line=True) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error.endswith("no entity kind 'Ship'; it has Ball; --behaviour MODULE:CLASS says what plays this game")


def test_bots_trust_the_certificates_that_they_are_given(tmp_path: Path, capsys: Any) -> None:
    path = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with Served(ssl=context) as served:
        url = served.urls[0].replace("ws:", "wss:")
        assert bots_command.run(url, count=1, seconds=0.1, behaviour=Jumper, ca=str(path), json_line=True) == 0
        assert bots_command.run(url, count=1, seconds=0.1, behaviour=Jumper, json_line=True) == 1
    assert "is not to be trusted" in capsys.readouterr().out


def test_certificates_that_cannot_be_read_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="is no file of certificates"):
        bots_command.run("wss://127.0.0.1:1/", count=1, behaviour=Jumper, ca=str(tmp_path / "none"))


def test_a_refused_bot_is_an_error_and_exit_status_1(capsys: Any) -> None:
    with Served(deny=404) as served:
        assert bots_command.run(served.urls[0], count=2, seconds=5, behaviour=Jumper, json_line=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["clients"], told["errors"], told["error"]) == (0, 2, "not today (404)")


def test_without_json_the_measurement_is_a_table(capsys: Any) -> None:
    with Served() as served:
        assert bots_command.run(served.urls[0], count=1, seconds=0.1, behaviour=Jumper) == 0
    assert "state_hz" in capsys.readouterr().out


def test_filters_where_there_is_nothing_to_choose_are_a_mistake() -> None:
    with pytest.raises(UsageFault, match="--filter is for a lobby"):
        bots_command.run("ws://127.0.0.1:1/v1/match/1", filters={"mode": "duel"})


def test_no_match_is_a_mistake() -> None:
    with pytest.raises(UsageFault, match="at least one match or lobby"):
        bots_command.run(" , ", count=1, behaviour=Jumper)


def test_few_bots_are_one_process_and_many_are_as_many_as_the_cores() -> None:
    assert [bots_command.processes_for(count, cores=4) for count in (1, 500, 501, 1200, 5000)] == [1, 1, 2, 3, 4]
    assert bots_command.processes_for(600, cores=1) == 2


def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        bots_command.allow_files(150)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 200
        bots_command.allow_files(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_files_than_are_allowed_is_a_mistake_that_says_what_to_do(monkeypatch: Any) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, 256))
    with pytest.raises(UsageFault, match=r"opens 1064 files, and at most 256 .* `ulimit -n`, or give more --processes"):
        bots_command.run("ws://127.0.0.1:1/v1/match/1", count=1000, processes=1, behaviour=Jumper)


def children_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@contextmanager
def two_processes(url: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which is killed at last, whatever the test finds."""
    arguments = ["bots", url, "--count", "4", "--processes", "2", "--seconds", "60", "--behaviour", JUMPER, "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "game_server", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def wait_until(true: Any) -> None:
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, "in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_processes_in_order_and_tells_what_was_measured(ended_by: signal.Signals) -> None:
    with Served() as served, two_processes(served.urls[0]) as process:
        # So many inputs come only when all four play.
        wait_until(lambda: served.servers[0].received > 100)
        workers = children_of(process)
        assert len(workers) == 2
        # As a terminal sends it: to the whole group.
        os.killpg(process.pid, ended_by)
        out, log = process.communicate(timeout=20)
        assert process.returncode == bots_command.INTERRUPTED
        assert log == ""
        assert (json.loads(out)["clients"], json.loads(out)["errors"]) == (4, 0)
        assert not any(worker.is_running() for worker in workers)


def test_workers_do_not_outlive_a_command_that_was_killed() -> None:
    with Served() as served, two_processes(served.urls[0]) as process:
        wait_until(lambda: len(served.servers[0].sockets) == 4)
        workers = children_of(process)
        assert len(workers) == 2
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert not alive
