"""Fuzzing a server over sockets, in short; `tests/fuzz/` sends more."""

import os
import signal
from collections.abc import Iterator

import pytest

import bench.fuzz_live
from bench.fuzz_live import complaints, fuzz_live, fuzzed_server
from demo_client.children import Children, ServerChild


@pytest.fixture
def server() -> Iterator[ServerChild]:
    with Children() as children:
        yield fuzzed_server(children)


def test_every_phase_reaches_a_server_that_survives(server: ServerChild, seed: int) -> None:
    result = fuzz_live(server, 300, seed, warm_up=0)
    assert result.clean, result.findings
    assert result.frames >= 300
    for phase in ("request", "before HELLO", "after HELLO", "raw"):
        assert result.phases[phase] >= 60, result.phases
    assert result.phases["answer 400"] > 0


def test_a_server_that_ends_is_an_exit(server: ServerChild, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deadly(bench.fuzz_live.Line):
        async def upgrade(self, path: str, name: str) -> bool:
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.wait()
            return False

    monkeypatch.setattr(bench.fuzz_live, "Line", Deadly)
    result = fuzz_live(server, 300, seed, warm_up=0)
    assert result.exits == 1 and not result.clean


def test_only_lines_that_no_peer_may_cause_are_complaints() -> None:
    log = '{"event": "a", "level": "info"}\n{"event": "b", "level": "error"}\nTraceback (most recent call last):\n'
    log += '{"event": "c", "level": "warning"}\n[1]\n{"event": "d"}\n'
    assert complaints(log) == [
        '{"event": "b", "level": "error"}', "Traceback (most recent call last):", "[1]", '{"event": "d"}',
    ]  # fmt: skip
