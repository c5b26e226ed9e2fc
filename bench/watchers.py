"""Sessions: those who only watch, and those who do nothing, are left in peace.

To test: `tests/bench/test_watchers.py`.
"""

import asyncio
from dataclasses import dataclass
from time import monotonic

from bench.raw_socket import run_loop
from bench.report import Report, at_most, exactly
from bench.serving import serve, tell_settings
from demo_client.children import Children
from game_client import Client, join
from protocol.handshake import SPECTATOR_QUERY

BUSY, CARDS = "bench.games:Busy", "examples.cards:Cards"
SILENCE_MOST_S = 1.0
"""Something comes every 250 ms; a second without is what a client calls trouble."""
LOOK_S = 0.05


@dataclass(slots=True)
class Watched:
    """How one who does nothing fared."""

    live: bool
    redials: int
    states: int
    silence_s: float


def watchers(report: Report, seconds: float = 60.0) -> None:
    """A spectator of a busy match, and two card players who do not play."""
    tell_settings(report, "watchers", games="Busy, Cards", seconds=seconds)
    with Children() as children:
        busy, cards = serve(children, BUSY), serve(children, CARDS)
        spectator, *players = run_loop(_watch(f"{busy.url()}?{SPECTATOR_QUERY}", cards.url(), seconds))
    for name, those in (("spectator", [spectator]), ("idle_card_player", players)):
        n = sum(each.states for each in those)
        report.add(f"{name}_live", min(each.live for each in those), "bool", exactly(1), n=n)
        report.add(f"{name}_redials", sum(each.redials for each in those), "count", exactly(0), n=n)
        report.add(f"{name}_silence_s", max(each.silence_s for each in those), "s", at_most(SILENCE_MOST_S), n=n)


async def _watch(busy_url: str, cards_url: str, seconds: float) -> list[Watched]:
    async with (
        join(busy_url, name="watcher") as spectator,
        join(cards_url, name="idle-1") as first,
        join(cards_url, name="idle-2") as second,
    ):
        return await asyncio.gather(*(_look(each, seconds) for each in (spectator, first, second)))


async def _look(client: Client, seconds: float) -> Watched:
    began = seen_s = monotonic()
    seen, states, dials = client.stats.states, client.stats.states, dials_of(client)
    silence_s = 0.0
    client.stats.forget_samples()
    while monotonic() - began < seconds:
        await asyncio.sleep(LOOK_S)
        # What lies between two looks, the client itself has measured.
        if client.stats.states != seen:
            seen, seen_s = client.stats.states, monotonic()
        silence_s = max(silence_s, monotonic() - seen_s)
    silence_s = max(silence_s, client.stats.state_gap_max_ms / 1000)
    live = client.status.phase == "live"
    return Watched(live, dials_of(client) - dials, client.stats.states - states, silence_s)


def dials_of(client: Client) -> int:
    """Return how often it dialled: sockets are numbered, and one beside a silent socket is a dial like any other."""
    return client.session._redial.newest
