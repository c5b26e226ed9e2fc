"""Cluster: the master is killed and a Sentinel makes its replica the master; how long the lobbies are away.

To test: `tests/bench/test_cluster_failover.py`.
"""

import asyncio
from dataclasses import dataclass
from time import monotonic

from bench.cluster_crowd import all_listed, gather, wait_for
from bench.node_group import NodeGroup, node_group
from bench.raw_lobby import RawLobby
from bench.raw_socket import run_loop
from bench.report import Report, at_most, exactly
from bench.serving import tell_settings
from protocol.lobby_messages import ListMatches, Matches
from tests.redis_servers import SentinelSetUp

BOOTH = "bench.games:Booth"
MATCHES_EACH, PLAYERS_EACH, WATCHERS = 2, 5, 9
BACK_MOST_S = 2.0
WATCH_S = 15.0
ASK_EVERY_S = 0.05
SETTLE_S = 3.0


@dataclass(slots=True)
class Failover:
    """One of them. *Units*: seconds since the kill."""

    failed_over_s: float
    lobbies_back_s: float
    matches: int
    lost: int
    sockets: int
    dropped: int

    @property
    def longer_s(self) -> float:
        """How much longer than the failover the lobbies were away."""
        return self.lobbies_back_s - self.failed_over_s


def sentinel_failover(report: Report, rounds: int = 2) -> None:
    """Kill the master of a Sentinel set-up."""
    tell_settings(report, "sentinel failover", rounds=rounds, nodes=3, on_redis_loss="freeze",
                  set_up="a master, a replica, three Sentinels, down-after-milliseconds 500",
                  kill="SIGKILL")  # fmt: skip
    found = [_failover() for _ in range(rounds)]
    longer = [each.longer_s for each in found]
    matches, sockets = sum(each.matches for each in found), sum(each.sockets for each in found)
    report.add("failover_s", max(each.failed_over_s for each in found), "s", n=rounds)
    report.add("failover_lobbies_back_s", max(each.lobbies_back_s for each in found), "s", n=rounds)
    report.add("failover_lobbies_back_after_it_s", max(longer), "s", at_most(BACK_MOST_S), n=rounds,
               spread=max(longer) - min(longer))  # fmt: skip
    report.add("failover_matches_lost", sum(each.lost for each in found), "matches", exactly(0), n=matches)
    report.add("failover_sockets_dropped", sum(each.dropped for each in found), "sockets", exactly(0), n=sockets)


def _failover() -> Failover:
    with SentinelSetUp() as redis, node_group(BOOTH, redis.url, matches=MATCHES_EACH, on_redis_loss="freeze") as nodes:
        return run_loop(_measure_failover(redis, nodes))


async def _measure_failover(redis: SentinelSetUp, nodes: NodeGroup) -> Failover:
    crowd = await gather(nodes, matches_each=MATCHES_EACH, players_each=PLAYERS_EACH, watchers=WATCHERS)
    # A replica must have what the master has before that is killed, as a Sentinel promises no more.
    await asyncio.sleep(SETTLE_S)
    async with nodes.directory() as directory:
        before = (await all_listed(directory)).keys()
    master = redis.master_port()
    killed = monotonic()
    await asyncio.to_thread(redis.server_at(master).kill)

    async def failed_over() -> bool:
        return await asyncio.to_thread(redis.master_port) != master

    failed_over_s, *back_s = await asyncio.gather(
        wait_for(failed_over, WATCH_S), *(_away_until(each, killed) for each in crowd.watchers[:3])
    )
    await asyncio.sleep(SETTLE_S)
    async with nodes.directory() as directory:
        after = (await all_listed(directory)).keys()
    result = Failover(failed_over_s, max(back_s), len(before), len(before - after), crowd.sockets, crowd.dropped)
    await crowd.leave()
    return result


async def _away_until(lobby: RawLobby, killed: float) -> float:
    """Return how long after the kill a lobby answers for good; 0 if it never stopped."""
    back_s, answers = 0.0, True
    while not answers or monotonic() - killed < max(2 * BACK_MOST_S, back_s + BACK_MOST_S):
        if monotonic() - killed > WATCH_S:
            return WATCH_S
        answered = isinstance(await lobby.ask(ListMatches("", [], "", 10)), Matches)
        if answered and not answers:
            back_s = monotonic() - killed
        answers = answered
        await asyncio.sleep(ASK_EVERY_S)
    return back_s
