"""Load over real sockets: a server process, a process of bots, and what both of them counted meanwhile.

To test: `tests/bench/test_load.py`.
"""

from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from demo_client.children import BotsChild, ChildFailed, Children, ServerChild

JOIN_S = 20.0
SETTLED_S = 1.5
"""Bots open their window a second after the last one joined."""
FINISH_S = 20.0


@dataclass(frozen=True, slots=True)
class Load:
    """What one load measured: by the bots, and by the server between two readings of its health."""

    bots: dict[str, Any]
    seconds: float
    before: dict[str, Any]
    after: dict[str, Any]
    errors_logged: int

    def per_second(self, name: str) -> float:
        """Return by how much a count of the server's health grew per second."""
        grown: float = self.after[name] - self.before[name]
        return grown / self.seconds

    def worst(self, name: str) -> float:
        """Return the largest of a number that each match has."""
        return max(float(each[name]) for each in self.after["matches"])


def play(server: ServerChild, children: Children, *, matches: int, count: int, seconds: float, behaviour: str) -> Load:
    """Let `count` bots, spread over the matches, play for `seconds`. *Raises* `ChildFailed`."""
    urls = ",".join(server.url(str(number + 1)) for number in range(matches))
    bots = children.bots(urls, count=count, seconds=seconds, behaviour=behaviour)
    _wait(bots, server, count)
    sleep(SETTLED_S)
    before, began = server.health(), monotonic()
    sleep(max(0.5, seconds - 1.0))
    after, ended = server.health(), monotonic()
    until = monotonic() + FINISH_S
    while bots.alive and monotonic() < until:
        sleep(0.05)
    result = bots.result()
    if result is None:
        raise bots.failure()
    return Load(result, ended - began, before, after, server.errors_logged())


def _wait(bots: BotsChild, server: ServerChild, count: int) -> None:
    until = monotonic() + JOIN_S
    while sum(match["seats"] for match in server.health()["matches"]) < count:
        if not bots.alive:
            raise bots.failure()
        if monotonic() > until:
            raise ChildFailed(f"not all of {count} bots have joined after {JOIN_S:.0f} s")
        sleep(0.05)
