"""Cluster: what a state costs a server's processor on two nodes with half of the clients each, and on one with all.

    one node  = 8 matches x 40 clients        two nodes = 2 x (4 matches x 40 clients)

Both run against the same Redis, with the same renewals; what a node costs by itself counts twice for two. Nothing is
pinned: the clients' process needs a core too, and would share it with a node that cannot move away.
To test: `tests/bench/test_cluster_two_nodes.py`.
"""

import asyncio
from dataclasses import dataclass
from statistics import median

from bench.node_group import NodeGroup, node_group
from bench.raw_clients import Idler
from bench.raw_groups import address, join_all, leave_all
from bench.raw_socket import Request, run_loop
from bench.report import Report, at_least, at_most
from bench.serving import cpu_s, health, tell_settings
from tests.redis_servers import RedisProcess

BUSY = "bench.games:Busy"
CLIENTS, MATCHES = 320, 8
SETTLE_S = 2.0
RATIO_MOST = 1.05


@dataclass(frozen=True, slots=True)
class Cost:
    """What one set-up cost in a window. *Units*: seconds of processor time; a client-update is a client's tick."""

    cpu_s: float
    updates: float
    states: int

    @property
    def us_per_update(self) -> float:
        """The servers' processor time for one client and tick."""
        return 1e6 * self.cpu_s / max(1.0, self.updates)

    @property
    def delivered(self) -> float:
        """The share of client-updates that clients were sent as states."""
        return self.states / max(1.0, self.updates)


def two_nodes(report: Report, pairs: int = 3, seconds: float = 10.0, clients: int = CLIENTS) -> None:
    """Measure one node and two in turns."""
    tell_settings(report, "two nodes", clients=clients, matches=MATCHES, game="Busy, 200 entities, 100 moving, 20 Hz",
                  pairs=pairs, seconds=seconds, counted="utime + stime")  # fmt: skip
    ratios, costs, delivered = [], [], []
    with RedisProcess() as redis:
        for pair in range(pairs):
            counts = (1, 2) if pair % 2 == 0 else (2, 1)
            found = {count: _measured(redis.url, count, seconds, clients) for count in counts}
            one, two = found[1].us_per_update, found[2].us_per_update
            report.note(f"two nodes: {one:.2f} us a client-update on one node, {two:.2f} us on two")
            ratios.append(two / one)
            costs.append(one)
            delivered += [each.delivered for each in found.values()]
    report.add("two_nodes_cpu_per_update", median(ratios), "x", at_most(RATIO_MOST), n=pairs,
               spread=max(ratios) - min(ratios))  # fmt: skip
    report.add("one_node_us_per_client_update", median(costs), "us", n=pairs, spread=max(costs) - min(costs))
    report.add("two_nodes_states_per_client_update", min(delivered), "ratio", at_least(0.99), n=2 * pairs)


def _measured(redis_url: str, count: int, seconds: float, clients: int) -> Cost:
    with node_group(BUSY, redis_url, count, matches=MATCHES // count, connections_max=2 * clients) as nodes:
        return run_loop(_measure(nodes, seconds, clients))


async def _measure(nodes: NodeGroup, seconds: float, clients: int) -> Cost:
    each = MATCHES // len(nodes.servers)
    urls = [nodes.url(node + 1, match + 1) for node in range(len(nodes.servers)) for match in range(each)]
    idlers = await join_all(lambda n: Idler(Request(urls[n % MATCHES], f"i{n}", 1), address=address(n)), clients)
    assert all(each.live for each in idlers), "there are seats for all"
    await asyncio.sleep(SETTLE_S)
    before = _reading(nodes, idlers)
    await asyncio.sleep(seconds)
    after = _reading(nodes, idlers)
    await leave_all(idlers)
    return Cost(after.cpu_s - before.cpu_s, after.updates - before.updates, after.states - before.states)


def _reading(nodes: NodeGroup, idlers: list[Idler]) -> Cost:
    cpu = sum(cpu_s(server.process.pid) for server in nodes.servers)
    ticks = sum(each["tick"] * each["seats"] for server in nodes.servers for each in health(server)["matches"])
    return Cost(cpu, ticks, sum(each.states for each in idlers))
