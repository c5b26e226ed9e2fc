"""Nodes without matches that ask the directory for all that real ones do: what a Redis can carry, and how that grows.

A simulated node renews every 2 s, has 50 matches of 10 players who stay for ten minutes, and says of each player where
that is. So every second 500 / 600 players join (a claim and a seat kept), as many leave, each a ledger and a listing
written; 50 / 600 matches end and begin; 25 presences are refreshed.
To test: `tests/bench/test_simulated_nodes.py`.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from statistics import median
from time import monotonic

from bench.directory_quick_plays import KEYS, LOBBY, MODES, REGIONS, node, quick_play
from bench.raw_groups import percentile
from bench.redis_meter import Reading, read
from bench.report import ROOT, Report, at_most
from bench.serving import tell_settings
from game_server.cluster.records import Ledger, Listing, MatchSpec, Presence
from game_server.cluster.sealed import Sealer
from game_server.shell.embedded_redis import EmbeddedRedis
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_presence import Presences
from protocol.lobby_messages import Where

MATCHES, PLAYERS, SEATS = 50, 500, 12
STAYS_S = 600.0
RENEW_S = 2.0
SETTLE_S = 4.0
LEVELS = (125, 250, 500, 1000)
GROWTH_MOST = 1.25
"""What Redis spends on a node may grow by so much when there are twice as many: a linear cost grows by nothing."""


class SimulatedNode:
    """One node: its matches, its players, and what it owes the directory."""

    def __init__(self, number: int, directory: Directory) -> None:
        self.number, self.directory = number, directory
        self.record = node(number, MATCHES)
        self.rng = Random(number)
        self.listings = [self._listing(each) for each in range(MATCHES)]
        self.presences = Presences(directory.link, LOBBY, self.record.node, self.record.boot, directory.sealer)
        self.late_s = 0.0
        self.joins = 0

    def _listing(self, each: int) -> Listing:
        attributes = (("mode", self.rng.choice(MODES)), ("region", self.rng.choice(REGIONS)))
        match = f"{self.record.node}-{each}"
        return Listing(match, self.record.node, self.record.boot, PLAYERS // MATCHES, SEATS, 0, attributes)

    async def begin(self) -> None:
        """Say everything for the first time."""
        await self.directory.renew(self.record)
        await self._write(self.listings)
        for each in range(PLAYERS):
            self.presences.here(self._presence(each))
        await self.presences.flush()

    def _presence(self, each: int) -> Presence:
        player, match = f"{self.record.node}-player-{each}", self.listings[each % MATCHES].match
        record = self.record
        return Presence(player, f"Player {each}", Where.MATCH, match, record.node, record.boot, f"s{each}", 1)

    async def _write(self, listings: list[Listing]) -> None:
        record = self.record
        await self.directory.write_ledgers(record.node, record.boot, [
            Ledger(each.match, 1, 1, each.seats_max, each.seats) for each in listings
        ])  # fmt: skip
        await self.directory.publish(listings)

    async def live(self, until: float) -> None:
        """Do every 2 s what has become due, until a time; remember by how much it fell behind."""
        due = monotonic() + self.rng.uniform(0, RENEW_S)
        while due < until:
            await asyncio.sleep(max(0.0, due - monotonic()))
            self.late_s = max(self.late_s, monotonic() - due)
            await self._turn()
            due += RENEW_S

    async def _turn(self) -> None:
        await self.directory.renew(self.record)
        comings = self._drawn(PLAYERS * RENEW_S / STAYS_S)
        for _ in range(comings):
            self.joins += 1
            await quick_play(self.directory, f"{self.record.node}-{self.joins}", f"{self.record.node}-new-{self.joins}")
        # As many leave; each changes a match of this node, and who they are.
        changed = {self.rng.randrange(MATCHES) for _ in range(2 * comings)}
        for at in changed:
            seats = self.rng.randrange(PLAYERS // MATCHES - 1, PLAYERS // MATCHES + 2)
            self.listings[at] = replace(self.listings[at], seats=seats)
            self.presences.here(self._presence(self.rng.randrange(PLAYERS)))
        await self._write([self.listings[at] for at in changed])
        for _ in range(self._drawn(MATCHES * RENEW_S / STAYS_S)):
            await self._replace(self.rng.randrange(MATCHES))
        await self.presences.flush()

    async def _replace(self, at: int) -> None:
        """One match ends, another begins."""
        old, record = self.listings[at], self.record
        spec = MatchSpec(f"{record.node}-{self.rng.randrange(1 << 40)}", old.attributes)
        await self.directory.unlist(record.node, record.boot, [old.match])
        owner = await self.directory.create(spec, record)
        await self.directory.order(spec, owner)
        await self.directory.order_done(record.node, record.boot, spec.match)
        self.listings[at] = replace(old, match=spec.match)
        await self._write([self.listings[at]])

    def _drawn(self, mean: float) -> int:
        return int(mean) + (self.rng.random() < mean % 1)


@dataclass(frozen=True, slots=True)
class Level:
    """What so many nodes cost Redis, and how long its answers took. *Units*: as the names say."""

    nodes: int
    commands_per_s: float
    busy: float
    memory_bytes: int
    late_s: float
    took_ms: dict[str, list[float]]

    @property
    def cpu_us_per_node(self) -> float:
        """Redis' processor time for one node's second."""
        return 1e6 * self.busy / self.nodes


async def measure_level(nodes: list[SimulatedNode], url: str, empty: Reading, seconds: float) -> Level:
    """Let all nodes live, and measure the middle of it."""
    link = nodes[0].directory.link
    for each in nodes:
        each.late_s = 0.0
    until = monotonic() + SETTLE_S + seconds
    living = asyncio.gather(*(each.live(until) for each in nodes))
    await asyncio.sleep(SETTLE_S)
    probing = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.directory_probe", url, str(seconds - 2), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    before = await read(link)
    await asyncio.sleep(max(0.1, until - monotonic() - 0.1))
    after = await read(link)
    output, _ = await probing.communicate()
    await living
    spent = after.since(before)
    late_s = max(each.late_s for each in nodes)
    memory = after.memory_bytes - empty.memory_bytes
    return Level(len(nodes), spent.commands_per_s, spent.busy, memory, late_s, json.loads(output))


async def simulate(levels: tuple[int, ...], seconds: float) -> list[Level]:
    """Return what each number of nodes costs, one after the other on the same Redis."""
    server = EmbeddedRedis()
    url = await asyncio.to_thread(server.start)
    link = RedisLink(url, timeout_s=10.0)
    try:
        await link.connect()
        empty, nodes, found = await read(link), list[SimulatedNode](), []
        directory = Directory(link, LOBBY, Sealer(KEYS))
        for level in levels:
            while len(nodes) < level:
                nodes.append(SimulatedNode(len(nodes), directory))
                await nodes[-1].begin()
            found.append(await measure_level(nodes, url, empty, seconds))
        return found
    finally:
        await link.close()
        await asyncio.to_thread(server.stop)


def simulation(report: Report, levels: tuple[int, ...] = LEVELS, seconds: float = 15.0) -> None:
    """More and more nodes on one Redis."""
    tell_settings(report, "simulated nodes", nodes=" ".join(map(str, levels)), matches_of_each=MATCHES,
                  players_of_each=PLAYERS, player_stays_s=int(STAYS_S), seconds_of_each_level=seconds,
                  redis="Valkey on a Unix socket, one process of nodes, one that asks")  # fmt: skip
    found = asyncio.run(simulate(levels, seconds))
    for level in found:
        name = f"simulated_{level.nodes}_nodes"
        report.add(f"{name}_commands_per_s", level.commands_per_s, "commands/s", n=int(seconds))
        report.add(f"{name}_redis_busy", level.busy, "cores", n=int(seconds))
        report.add(f"{name}_redis_memory_mib", level.memory_bytes / 2**20, "MiB")
        report.add(f"{name}_latest_turn_s", level.late_s, "s", n=level.nodes)
        for what, took in level.took_ms.items():
            report.add(f"{name}_{what}_p50_ms", median(took), "ms", n=len(took))
            report.add(f"{name}_{what}_p99_ms", percentile(took, 99), "ms", n=len(took))
    grown = [two.cpu_us_per_node / one.cpu_us_per_node for one, two in pairwise(found)]
    spread = max(grown) - min(grown)
    report.add("redis_cpu_per_node_growth_as_nodes_double", max(grown), "x", at_most(GROWTH_MOST), n=len(grown),
               spread=spread)  # fmt: skip
    last = found[-1]
    report.add("redis_cpu_us_per_node_s", last.cpu_us_per_node, "us", n=last.nodes)
    report.add("redis_bytes_per_player", last.memory_bytes / (last.nodes * PLAYERS), "B", n=last.nodes * PLAYERS)
    report.add("nodes_that_fill_one_redis_core", last.nodes / last.busy, "nodes", n=last.nodes)
