"""Which node gets a new match: the better of two drawn at random, by what each says of itself.

Everybody choosing the emptiest would send a whole second's matches to one node; the better of two spreads them nearly
as evenly, though every lobby decides alone on values that are two seconds old. What it placed itself since then it
knows, and counts.
*Source*: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12 (2001).
To test: `tests/game_server/cluster/test_placement.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from random import Random

from game_server.cluster.records import NodeRecord


def choose(
    candidates: Sequence[NodeRecord],
    rng: Random,
    exclude: Collection[str] = (),
    placed: Mapping[str, int] | None = None,
) -> NodeRecord | None:
    """Return who gets a match; None if nobody can take one.

    `exclude` are names of nodes that could not; `placed` tells how many matches each got that it has not counted yet.
    """
    placed = placed or {}
    able = [each for each in candidates if free_places(each) > 0 and each.node not in exclude]
    if not able:
        return None
    drawn = rng.sample(able, min(2, len(able)))
    return min(drawn, key=lambda each: load(replace(each, matches=each.matches + placed.get(each.node, 0))))


def free_places(node: NodeRecord) -> int:
    """Return how many more matches a node takes."""
    return 0 if node.draining else max(0, node.matches_max - node.matches)


def load(node: NodeRecord) -> tuple[float, int, int]:
    """Return what to compare nodes by: the share of its places that are taken, then seats, then players."""
    return node.matches / max(1, node.matches_max), node.seats, node.players


def next_epoch(seen: int, unix_s: int) -> int:
    """Return the epoch of a new owner: above every epoch seen, and no lower after the directory has lost everything."""
    return max(seen, unix_s) + 1
