"""Cluster: every answer of Redis comes 2 s late; whether a tick waits for one.

    node -> proxy (holds what comes back) -> Redis        windows with and without it, in turns

The proxy has a process of its own, so that neither it nor this one is what is late. Matches go on, as with one node,
so that the window may be longer than a lease.
To test: `tests/bench/test_cluster_slow.py`.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import monotonic

from bench.node_group import NodeGroup, node_group
from bench.raw_clients import Idler
from bench.raw_groups import join_all, leave_all
from bench.raw_lobby import RawLobby
from bench.raw_socket import Request, run_loop
from bench.report import ROOT, Report, exactly
from bench.serving import Lateness, health, lateness, tell_settings
from demo_client.children import ServerChild
from protocol.lobby_messages import QuickPlay
from tests.game_server.shell.slow_redis import slow_way
from tests.redis_servers import RedisProcess

BUSY = "bench.games:Busy"
CLIENTS, MATCHES, TICK_RATE_HZ = 60, 4, 20
SLOW_S = 2.0
WAITED_S = 0.5
"""A tick that waited for an answer would be later than this: a request is given up after a second."""
SETTLE_S = 1.0
ASK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Ticks:
    """The ticks of one window: how many ran, how many were due, how late they began."""

    run: float
    due: float
    late: Lateness

    @property
    def missed(self) -> int:
        """How many were not run: each match may have one that was due at an edge of the window."""
        return max(0, int(self.due - self.run) - MATCHES)

    @property
    def waited(self) -> float:
        """How many began later than a tick that waits for nobody."""
        return self.late.ticks - max((n for edge, n in self.late.edges.items() if edge <= WAITED_S), default=0)


def slow_redis(report: Report, pairs: int = 3, seconds: float = 5.0) -> None:
    """Windows with a slow Redis and a fast one."""
    tell_settings(report, "slow redis", answers_late_by_s=SLOW_S, pairs=pairs, seconds=seconds,
                  on_redis_loss="continue", game="Busy, 20 Hz", matches=MATCHES, clients=CLIENTS,
                  quick_play_asked_every_s=ASK_EVERY_S)  # fmt: skip
    with (
        RedisProcess() as redis,
        slow_proxy(redis.port) as proxy,
        node_group(BUSY, proxy.url, 1, matches=MATCHES, on_redis_loss="continue") as nodes,
    ):
        fast, slow = run_loop(_measure_slow(nodes, proxy, pairs, seconds))
    run, due = sum(each.run for each in slow), sum(each.due for each in slow)
    p99 = [
        two.late.percentile_ms(99) / max(1e-3, one.late.percentile_ms(99)) for one, two in zip(fast, slow, strict=True)
    ]
    report.add("slow_redis_ticks_waited", sum(each.waited for each in slow), "ticks", exactly(0), n=int(run))
    report.add("slow_redis_ticks_missed", sum(each.missed for each in slow), "ticks", exactly(0), n=int(due))
    report.add("slow_redis_ticks_run_of_due", run / due, "ratio", n=int(due))
    report.add("slow_redis_lateness_ms_p99", median(each.late.percentile_ms(99) for each in slow), "ms", n=pairs)
    report.add("slow_redis_lateness_p99_ratio", median(p99), "x", n=pairs, spread=max(p99) - min(p99))


async def _measure_slow(
    nodes: NodeGroup, proxy: "SlowProxy", pairs: int, seconds: float
) -> tuple[list[Ticks], list[Ticks]]:
    urls = [nodes.url(1, number + 1) for number in range(MATCHES)]
    idlers = await join_all(lambda n: Idler(Request(urls[n % MATCHES], f"i{n}", 1)), CLIENTS)
    lobby = RawLobby(nodes.lobby(), "asks")
    await lobby.join()
    asking = asyncio.create_task(_ask(lobby))
    fast: list[Ticks] = []
    slow: list[Ticks] = []
    for _ in range(pairs):
        for delay_s, found in ((0.0, fast), (SLOW_S, slow)):
            proxy.delay(delay_s)
            await asyncio.sleep(SETTLE_S)
            found.append(await _window(nodes, seconds))
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await leave_all([*idlers, lobby])
    return fast, slow


async def _ask(lobby: RawLobby) -> None:
    """Ask for seats all the time: what waits for Redis is there beside the ticks."""
    while True:
        asked = asyncio.create_task(lobby.ask(QuickPlay("", [], [], 0)))
        await asyncio.wait([asked], timeout=ASK_EVERY_S)
        await asyncio.gather(asked, return_exceptions=True)
        await asyncio.sleep(ASK_EVERY_S)


async def _window(nodes: NodeGroup, seconds: float) -> Ticks:
    (server,) = nodes.servers
    late, before = Lateness(), lateness(server)
    ticks, began = _ticks(server)
    await asyncio.sleep(seconds)
    after, ended = _ticks(server)
    late.add(before, lateness(server))
    return Ticks(after - ticks, (ended - began) * TICK_RATE_HZ * MATCHES, late)


def _ticks(server: ServerChild) -> tuple[int, float]:
    """Return how many ticks have run, and when that was so."""
    asked = monotonic()
    told = health(server)
    return sum(each["tick"] for each in told["matches"]), (asked + monotonic()) / 2


class SlowProxy:
    """The process of a proxy that is told by how much to be late."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.url = self._answer()

    def delay(self, seconds: float) -> None:
        """Let answers be late by so much from now. Raises `OSError`."""
        assert self._process.stdin is not None, "it is a pipe"
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None, "it is a pipe"
        return self._process.stdout.readline().strip()


@contextmanager
def slow_proxy(port: int) -> Iterator[SlowProxy]:
    """Put a proxy in front of a Redis, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.cluster_slow", str(port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        try:
            yield SlowProxy(process)
        finally:
            process.terminate()


async def _proxy(port: int) -> None:
    """Serve until standard input ends; each line of it is a delay, halved for each way."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: lines.put_nowait(sys.stdin.readline()))
    async with slow_way(port) as way:
        print(way.url, flush=True)
        while line := (await lines.get()).strip():
            way.delay_s = float(line) / 2
            print("done", flush=True)


def main(arguments: Sequence[str]) -> None:
    """Be the proxy."""
    asyncio.run(_proxy(int(arguments[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
