"""A lobby of its own process that asks the directory while others load it: how long each kind of question takes.

    python -m bench.directory_probe URL SECONDS     prints {"create": [ms, ...], "join": [...], "renew": [...]}

It waits between questions, so that it measures the directory and not itself.
To test: `tests/bench/test_directory_probe.py`.
"""

import asyncio
import json
import sys
from time import monotonic

from bench.directory_quick_plays import KEYS, LOBBY, node, quick_play
from game_server.cluster.records import Ledger, MatchSpec
from game_server.cluster.sealed import Sealer
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink

PAUSE_S = 0.01
PROBE = 999_999
SEATS = 8


async def probe(url: str, seconds: float) -> dict[str, list[float]]:
    """Return how long creations, joins and renewals took. *Units*: milliseconds. Raises `DirectoryUnavailable`."""
    link = RedisLink(url, timeout_s=10.0)
    await link.connect()
    directory = Directory(link, LOBBY, Sealer(KEYS))
    took: dict[str, list[float]] = {"create": [], "join": [], "renew": []}
    me, until, number = node(PROBE), monotonic() + seconds, 0
    while monotonic() < until:
        number += 1
        for name, work in (
            ("renew", directory.renew(me)),
            ("create", _create(directory, number)),
            ("join", quick_play(directory, f"probe{number}", f"probe{number}")),
        ):
            began = monotonic()
            await work
            took[name].append(1000 * (monotonic() - began))
            await asyncio.sleep(PAUSE_S)
    await directory.depart(me.node, me.boot)
    await link.close()
    return took


async def _create(directory: Directory, number: int) -> None:
    """Create a match as a lobby and its node do: whose it is, the order, the ledger."""
    spec, me = MatchSpec(f"probe{number}"), node(PROBE)
    owner = await directory.create(spec, me)
    await directory.order(spec, owner)
    await directory.write_ledgers(me.node, me.boot, [Ledger(spec.match, owner.epoch, 1, SEATS, 0)])
    await directory.order_done(me.node, me.boot, spec.match)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(probe(sys.argv[1], float(sys.argv[2])))))
