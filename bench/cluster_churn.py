"""Cluster: players come by a reserved seat and its ticket, stay a moment, and go; what is left of each.

    reserve (a script) -> ticket -> upgrade -> WELCOME -> the node's ledger takes the seat over -> close

The lobby's sockets are left out, its work is not: reservation and ticket are made by this process, as a lobby's node
does. A player stays until the node has told the directory, or the reservation would outlive the visit by its 35 s.
To test: `tests/bench/test_cluster_churn.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic

from bench.games import Quiet
from bench.leak import STANDS_BYTES_PER_UNIT, STRETCHES_MAX, Memory
from bench.node_group import SIGNER, NodeGroup, node_group, standing
from bench.raw_groups import address
from bench.raw_socket import RawSocket, Request, run_loop
from bench.redis_meter import Reading, read
from bench.report import Report, at_least, at_most, exactly
from bench.serving import tell_settings
from game_client.shell.bots_command import allow_files
from game_server.cluster.errors import LobbyRefused
from game_server.shell.authenticators import issue_ticket
from game_server.shell.redis_directory import Directory
from tests.redis_servers import RedisProcess

QUIET = "bench.games:Quiet"
MATCHES = 4
AT_ONCE = 320
STAYS_S = 0.35
"""The node looks ten times a second who is there, and tells it 100 ms later."""
SAMPLES = 40
RSS_BYTES_MOST = 16
KEYS_WITHIN_S = 60.0
WARM_UP = 25_000
"""A ticket is remembered for 35 s after it was used: only then does as much go as comes."""


@dataclass(slots=True)
class Churn:
    """What was counted. *Units*: bytes, seconds."""

    stretches: list[float] = field(default_factory=list)
    joined: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    took_s: float = 0.0
    keys_left: int = 0
    keys_gone_s: float = 0.0
    redis_bytes: float = 0.0


def churn(report: Report, joins: int = 100_000, warm_up: int = WARM_UP, stretches: int = 1) -> None:
    """Let so many players come and go."""
    tell_settings(report, "joins and leaves", joins=joins, warm_up=warm_up, nodes=1, matches=MATCHES,
                  game="Quiet, 4 Hz", at_once=AT_ONCE, each_stays_s=STAYS_S,
                  way="reservation, ticket, match socket")  # fmt: skip
    allow_files(2 * AT_ONCE + 200)
    with RedisProcess() as redis, node_group(QUIET, redis.url, 1, matches=MATCHES, connections_max=2_000) as nodes:
        got = run_loop(_measure_churn(nodes, joins, warm_up, stretches))
    report.note(f"churn: {joins / max(1e-9, got.took_s):.0f} joins a second, failed {dict(got.failed)}")
    report.add("churn_joins", got.joined, "joins", at_least(joins), n=joins)
    report.add("churn_failed", got.failed.total(), "joins", at_most(0), n=joins)
    if report.quick:
        # So few are all warm-up.
        report.leave_out("churn_node_rss_bytes_per_join", "B", at_most(RSS_BYTES_MOST))
    else:
        report.add("churn_node_rss_bytes_per_join", min(got.stretches), "B", at_most(RSS_BYTES_MOST), n=joins,
                   spread=max(got.stretches) - min(got.stretches))  # fmt: skip
    report.add("churn_redis_keys_left", got.keys_left, "keys", exactly(0), n=joins)
    report.add("churn_redis_keys_gone_after_s", got.keys_gone_s, "s", n=joins)
    report.add("churn_redis_bytes_per_join", got.redis_bytes, "B", n=joins)
    report.add("churn_joins_per_s", joins / max(1e-9, got.took_s), "joins/s", n=joins)


async def _measure_churn(nodes: NodeGroup, joins: int, warm_up: int, stretches: int) -> Churn:
    got = Churn()
    (server,) = nodes.servers
    async with nodes.directory() as directory:
        await _settled(directory, 0)
        before = await read(directory.link)
        await Visits(nodes, directory, "warm", got).all(warm_up)
        got.joined, began = 0, monotonic()
        for stretch in range(min(stretches, STRETCHES_MAX)):
            memory = Memory(server.process.pid)
            visits = Visits(nodes, directory, f"s{stretch}", got)
            for sample in range(SAMPLES + 1):
                memory.sample(sample * joins // SAMPLES)
                if sample < SAMPLES:
                    await visits.all(joins // SAMPLES)
            got.stretches.append(memory.bytes_per_unit())
            if got.stretches[-1] <= STANDS_BYTES_PER_UNIT:
                break
        got.took_s = monotonic() - began
        ended = monotonic()
        after = await _settled(directory, before.keys)
        got.keys_gone_s, got.keys_left = monotonic() - ended, max(0, after.keys - before.keys)
        got.redis_bytes = max(0, after.memory_bytes - before.memory_bytes) / (joins + warm_up)
    return got


async def _settled(directory: Directory, keys: int) -> Reading:
    """Wait until there are no more keys than that, or, with 0, until they are the same for a while."""
    until, last, since = monotonic() + KEYS_WITHIN_S, -1, monotonic()
    while True:
        reading = await read(directory.link)
        if reading.keys != last:
            last, since = reading.keys, monotonic()
        if (keys and reading.keys <= keys) or (not keys and monotonic() - since > 3.0) or monotonic() > until:
            return reading
        await asyncio.sleep(0.25)


class Visits:
    """Players who come and go, each under a name of its own."""

    def __init__(self, nodes: NodeGroup, directory: Directory, prefix: str, got: Churn) -> None:
        self._nodes, self._directory, self._prefix, self._got = nodes, directory, prefix, got
        self._number = 0

    async def all(self, count: int) -> None:
        """Let `count` come and go, at most so many at once."""
        left = iter(range(count))
        await asyncio.gather(*(self._some(left) for _ in range(min(AT_ONCE, count))))

    async def _some(self, left: Iterator[int]) -> None:
        for _ in left:
            self._number += 1
            await self._one(self._number)

    async def _one(self, number: int) -> None:
        player, match = f"{self._prefix}-{number}", standing(1, 1 + number % MATCHES)
        try:
            reserved = await self._directory.reserve(match, [player])
        except LobbyRefused as refused:
            self._got.failed[refused.code.value] += 1
            return
        owner = reserved.owner
        ticket = issue_ticket(SIGNER, match, player, player, node=owner.node, epoch=reserved.generation)
        url = self._nodes.url(1, 1 + number % MATCHES)
        socket = RawSocket(Request(url, ticket), address=address(number))
        if not await socket.join():
            self._got.failed[socket.failure] += 1
            return
        self._got.joined += 1
        await asyncio.sleep(STAYS_S)
        socket.leave()
        if not await socket.wait_end(5.0):
            socket.cut()


assert MATCHES * Quiet.seats_max / 4 > AT_ONCE, "there is always a seat"
