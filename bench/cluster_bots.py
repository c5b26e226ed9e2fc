"""Cluster: `tickwire bots` on one lobby of three nodes; on how many of them they land.

To test: `tests/bench/test_cluster_bots.py`.
"""

from bench.load import FINISH_S
from bench.node_group import node_group
from bench.report import Report, exactly
from bench.serving import tell_settings
from demo_client.children import Children
from tests.redis_servers import RedisProcess

CROWDS = "bench.games:Crowds"
STILL = "bench.behaviours:Still"
NODES = 3


def bots(report: Report, count: int = 60, seconds: float = 5.0) -> None:
    """Let bots quick play."""
    tell_settings(report, "bots", nodes=NODES, bots=count, seconds=seconds, game="Crowds, 4 seats, 4 Hz", lobbies=1,
                  matches_max_of_each_node=count // 4)  # fmt: skip
    with (
        RedisProcess() as redis,
        node_group(CROWDS, redis.url, NODES, matches_max=count // 4) as nodes,
        Children() as children,
    ):
        child = children.bots(nodes.lobby(), count=count, seconds=seconds, behaviour=STILL)
        child.wait(seconds + 2 * FINISH_S)
        result = child.result()
        if result is None:
            raise child.failure()
    report.add("bots_nodes_used", result["nodes"], "nodes", exactly(NODES), n=count)
    report.add("bots_matches", result["matches"], "matches", n=count)
    report.add("bots_errors", result["errors"], "bots", exactly(0), n=count)
