"""A peer that vanishes without a word: no FIN, no RST, its packets are simply gone."""

import asyncio
import sys
from collections.abc import Callable
from time import monotonic

import pytest

from bench.ledger import Ledger
from game_server.shell.serve import Node
from game_server.shell.settings import read_settings
from game_server.sim.match import Match
from tests.faults.namespaces import other_host

BOTS = 5


async def passed_until(condition: Callable[[], bool], within_s: float) -> float:
    """Return how many seconds passed until `condition` held."""
    began = monotonic()
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.02)
    return monotonic() - began


def there(match: Match) -> list[bool]:
    """Return for each seat whether its player counts as connected."""
    return [each.seat.connected for each in match.occupants]


@pytest.mark.slow
async def test_a_peer_that_vanished_is_away_within_3_s_and_its_socket_gone_within_15_s_its_seat_kept() -> None:
    with other_host() as host:
        node = Node(Ledger, read_settings({}, host=host.here, port=0, auth="dev-anywhere"))
        await node.start()
        bots = host.start(
            sys.executable, "-m", "game_server", "bots", node.url(), "--count", str(BOTS), "--seconds", "60",
            "--behaviour", "bench.behaviours:Still",
        )  # fmt: skip
        try:
            match = node.runner.hosted["1"].match
            await passed_until(lambda: there(match) == [True] * BOTS and match.counts.states > 300, 20)
            host.unplug()
            away_s = await passed_until(lambda: not any(there(match)), 10)
            closed_s = away_s + await passed_until(lambda: not node.server.connections, 20)
            assert away_s <= 3.0, f"away after {away_s:.2f} s"
            assert closed_s <= 15.0, f"sockets gone after {closed_s:.2f} s"
            assert len(match.occupants) == BOTS and match.counts.slow_cut == BOTS
        finally:
            bots.kill()
            bots.wait()
            await node.stop()
