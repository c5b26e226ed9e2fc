"""Sessions: real clients that are cut at once, and return by themselves to the seats they had.

The thousands of `many_clients` are as cheap as they can be, and return by a rhythm of the bench's own; these are what a
game uses, fewer, in one process.
To test: `tests/bench/test_client_storm.py`.
"""

import asyncio
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any

from bench.games import Quiet
from bench.many_clients import RETURN_WITHIN_S, STORM_SETTINGS
from bench.raw_groups import address, percentile
from bench.raw_socket import run_loop
from bench.report import Report, at_least, at_most, exactly
from bench.serving import serve, tell_settings
from demo_client.children import Children
from game_client import Client

QUIET = "bench.games:Quiet"
JOINS_PER_S = 100.0
STAYS_S = 1.0
"""So long after the last return all must still be there."""
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Came:
    """How one client came back. *Units*: seconds from the cut to the first state, None if that never came."""

    back_s: float | None
    same_seat: bool
    by_delta: bool


class Member:
    """One client, and when it came back from its cut."""

    def __init__(self, number: int, url: str) -> None:
        self.client = Client(url, name=f"member-{number}", rng=Random(number), local_addr=address(number))
        self.client.on_state = lambda applied: self._hear()
        self._seat: object = None
        self._returns = 0
        self._cut_s = self._back_s = 0.0

    @property
    def live(self) -> bool:
        """Whether states come."""
        return self.client.status.phase == "live"

    def cut(self) -> None:
        """End its socket without a word; from now on its return is measured."""
        self._seat, self._returns = self._where(), self.client.stats.reconnects
        self._back_s, self._cut_s = 0.0, monotonic()
        self.client.cut(0.0)

    @property
    def back(self) -> bool:
        """Whether its first state has come since the cut."""
        return self._back_s > 0

    def came(self) -> Came:
        """Return how it came back."""
        stats = self.client.stats
        back_s = self._back_s - self._cut_s if self.back and self.live else None
        kept = self._where() == self._seat and not stats.rejoined
        return Came(back_s, kept, by_delta=stats.resumed > 0 and not stats.resumed_by_keyframe)

    def _where(self) -> tuple[int | None, int]:
        return self.client.seat, self.client.session._held.epoch

    def _hear(self) -> None:
        if not self._back_s and self._cut_s and self.client.stats.reconnects > self._returns:
            self._back_s = monotonic()


def client_storm(report: Report, count: int = 200, given: dict[str, Any] | None = None) -> None:
    """All real clients are cut at once, and return."""
    settings = given or STORM_SETTINGS
    tell_settings(report, "storm of real clients", game=f"Quiet, {Quiet.tick_rate_hz} Hz", clients=count, **settings)
    with Children() as children:
        server = serve(children, QUIET, **settings)
        came = run_loop(_storm(server.url(), count))
    tell_came(report, came, count)


def tell_came(report: Report, came: list[Came], count: int) -> None:
    """Tell how they came back, of `count` that should have."""
    back_s = [each.back_s for each in came if each.back_s is not None]
    by_delta = sum(each.by_delta for each in came) / max(1, len(back_s))
    report.add("client_storm_returned", len(back_s), "clients", exactly(count), n=count)
    report.add("client_storm_seats_lost", sum(not each.same_seat for each in came), "seats", exactly(0), n=count)
    report.add("client_storm_returned_s", max(back_s, default=0.0), "s", at_most(RETURN_WITHIN_S), n=count)
    report.add("client_storm_returned_s_p50", percentile(back_s, 50), "s", n=count)
    report.add("client_storm_by_delta", by_delta, "ratio", at_least(0.99), n=count)


async def _storm(url: str, count: int) -> list[Came]:
    members = [Member(number, url) for number in range(count)]
    try:
        began = monotonic()
        async with asyncio.TaskGroup() as group:
            for number, each in enumerate(members):
                await asyncio.sleep(max(0.0, began + number / JOINS_PER_S - monotonic()))
                group.create_task(each.client.start())
        await asyncio.sleep(STAYS_S)
        for each in members:
            each.cut()
        await wait_back(members, RETURN_WITHIN_S + 5.0)
        await asyncio.sleep(STAYS_S)
        return [each.came() for each in members]
    finally:
        await asyncio.gather(*(each.client.stop() for each in members))


async def wait_back(members: list[Member], within_s: float) -> None:
    """Wait until all are back, at most so long."""
    until = monotonic() + within_s
    while not all(each.back for each in members) and monotonic() < until:
        await asyncio.sleep(POLL_S)
