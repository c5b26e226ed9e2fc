"""Bots over processes, against tiny servers: one summary, and nobody who is lost in silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from game_client.shell import workers
from game_client.shell.measured import Measured
from game_client.shell.swarm import Plan
from game_client.shell.workers import play_in_processes
from tests.game_client.shell.served import Served

BEHAVIOURS = "tests.game_client.shell.served"


def play(served: Served, behaviour: str, *, count: int = 4, seconds: float = 1.0) -> tuple[Measured, list[Any]]:
    """Let bots play from two processes; return what they measured, and what was told meanwhile."""
    told: list[Any] = []
    plan = Plan(tuple(served.urls), count, f"{BEHAVIOURS}:{behaviour}")

    async def run() -> Measured:
        return await play_in_processes(plan, 2, seconds, lambda *news: told.append(news), asyncio.Event())

    return asyncio.run(run()), told


def test_two_processes_measure_as_one() -> None:
    with Served(2) as served:
        measured, told = play(served, "Jumper", count=6)
        assert [server.match.counts.keyframes for server in served.servers] == [3, 3]
    summary = measured.summary()
    assert (summary["clients"], summary["errors"], summary["desyncs"]) == (6, 0, 0), summary
    # 6 clients at 30 Hz for a second: were a process's window another one's, the rates would not fit.
    assert len(measured.tallies["state_gap_ms"]) > 60
    assert measured.client_seconds == pytest.approx(6 * measured.seconds, rel=0.2)
    assert 3 < summary["state_hz"] < 300
    assert 0 < summary["rtt_ms"]["p50"] <= summary["rtt_ms"]["p99"]
    assert summary["cpu_s"] > 0
    assert {phase for phase, _ in told} == {"joining", "playing"}
    assert all(done <= 6 for phase, done in told if phase == "joining")


def test_a_process_that_dies_is_named_and_its_bots_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_DIES", str(tmp_path / "died"))
    with Served() as served:
        measured, _ = play(served, "OneDies", count=5, seconds=0.5)
    assert measured.error is not None
    assert measured.error.startswith(("worker 1 of 2 (3 bots) ended with 7", "worker 2 of 2 (2 bots) ended with 7"))
    # The other one's bots played on.
    assert (measured.clients, measured.errors) in ((2, 3), (3, 2))


def test_a_process_that_dies_in_mid_line_is_named_and_does_not_hang_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = tmp_path / "worker"
    worker.write_text("#!/bin/sh\nhead -n1 >/dev/null\nprintf '{\"ready\": tr'\nexit 3\n")
    worker.chmod(0o755)
    monkeypatch.setattr(workers.sys, "executable", str(worker))

    async def run() -> Measured:
        plan = Plan(("ws://127.0.0.1:1/v1/match/1",), 4, f"{BEHAVIOURS}:Jumper")
        async with asyncio.timeout(20):
            return await play_in_processes(plan, 2, 0.1, lambda *news: None, asyncio.Event())

    measured = asyncio.run(run())
    assert (measured.errors, measured.error) == (4, "worker 1 of 2 (2 bots) ended with 3")


def test_a_process_that_somebody_else_told_to_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_DIES", str(tmp_path / "ended"))
    with Served() as served:
        measured, _ = play(served, "OneEnds", count=4, seconds=2.0)
    assert (measured.clients, measured.errors) == (4, 2)
    assert measured.error is not None and measured.error.endswith("of 2 (2 bots) was told to end before its time")


def test_a_process_that_cannot_begin_says_why() -> None:
    with Served() as served:
        measured, _ = play(served, "Nobody", count=2)
    assert measured.errors == 2
    assert measured.error is not None and "is not module:Class" in measured.error


def test_a_behaviour_that_prints_disturbs_nothing() -> None:
    with Served() as served:
        measured, _ = play(served, "Printer", count=2, seconds=0.3)
    assert (measured.clients, measured.errors) == (2, 0)


def test_refusals_are_counted_over_all_processes() -> None:
    with Served(deny=404) as served:
        measured, _ = play(served, "Jumper", count=4)
    assert (measured.clients, measured.errors, measured.error) == (0, 4, "not today (404)")


def test_the_end_comes_at_once_while_bots_are_still_joining() -> None:
    with Served() as served:
        plan = replace(Plan(tuple(served.urls), 4, f"{BEHAVIOURS}:Jumper"), joins_per_s=0.01)

        async def run() -> Measured:
            ended = asyncio.Event()
            playing = asyncio.ensure_future(play_in_processes(plan, 2, 60.0, lambda *news: None, ended))
            while not served.servers[0].sockets:
                await asyncio.sleep(0.02)
            ended.set()
            return await playing

        measured = asyncio.run(run())
    assert measured.errors == 0
