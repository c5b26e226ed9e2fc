"""Area `cluster`: many nodes on one Redis; what is shared is never sold twice, and no tick waits for it.

To test: `tests/bench/test_cluster.py`.
"""

from bench import directory_quick_plays as quick_plays
from bench.cluster_bots import bots
from bench.cluster_churn import RSS_BYTES_MOST, churn
from bench.cluster_failover import BACK_MOST_S, sentinel_failover
from bench.cluster_joins import rush
from bench.cluster_outage import outage
from bench.cluster_pubsub import pubsub_kills
from bench.cluster_slow import slow_redis
from bench.cluster_two_nodes import RATIO_MOST, two_nodes
from bench.report import Report, at_most, exactly
from bench.simulated_nodes import simulation


def measure(report: Report) -> None:
    """Measure every figure of the area; a quick run is a subset of it, in smaller numbers."""
    (_quick if report.quick else _full)(report)


def _full(report: Report) -> None:
    with report.section("quick plays at once"):
        quick_plays.at_once(report)
    with report.section("creations whose answers are lost"):
        quick_plays.lost_answers(report)
    with report.section("a Redis that lost everything"):
        quick_plays.empty_restart(report)
    with report.section("listing all"):
        quick_plays.listing(report)
    with report.section("quick play's cost"):
        quick_plays.growth(report)
    with report.section("1,500 joiners of 1,000 seats"):
        rush(report)
    with report.section("bots on one lobby of three nodes"):
        bots(report)
    with report.section("subscribers that are cut"):
        pubsub_kills(report)
    with report.section("10 s without Redis"):
        outage(report, 10.0)
    with report.section("15 s without Redis"):
        outage(report, 15.0)
    with report.section("a master that dies"):
        sentinel_failover(report)
    with report.section("a Redis that is slow"):
        slow_redis(report)
    with report.section("two nodes and one"):
        two_nodes(report)
    with report.section("100,000 joins and leaves"):
        churn(report)
    with report.section("simulated nodes"):
        simulation(report)


def _quick(report: Report) -> None:
    with report.section("quick plays at once"):
        quick_plays.at_once(report)
    with report.section("creations whose answers are lost"):
        quick_plays.lost_answers(report, rounds=50)
    with report.section("a Redis that lost everything"):
        quick_plays.empty_restart(report)
    report.leave_out("listed_matches", "matches", exactly(10_000))
    report.leave_out("quick_play_redis_cpu_growth", "x", at_most(quick_plays.GROWTH_MOST))
    with report.section("180 joiners of 200 seats"):
        # All find one: those who do not are told so by and by, which takes its time.
        rush(report, joiners=180, matches=(1, 1))
    report.leave_out("bots_nodes_used", "nodes", exactly(3))
    with report.section("subscribers that are cut"):
        pubsub_kills(report, seconds=4.0)
    with report.section("4 s without Redis"):
        outage(report, 4.0)
    report.leave_out("redis_down_10_s_nodes_frozen", "nodes", exactly(3))
    report.leave_out("failover_lobbies_back_after_it_s", "s", at_most(BACK_MOST_S))
    with report.section("a Redis that is slow"):
        slow_redis(report, pairs=1, seconds=2.5)
    report.leave_out("two_nodes_cpu_per_update", "x", at_most(RATIO_MOST))
    report.leave_out("churn_node_rss_bytes_per_join", "B", at_most(RSS_BYTES_MOST))
    report.leave_out("churn_redis_keys_left", "keys", exactly(0))
    with report.section("simulated nodes"):
        simulation(report, (10, 20), 3.0)
