"""The line that a demo ends with: what ran where, and what was wrong.

To test: `tests/demo_client/test_demo_summary.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo_client.lobby_scene import short_match

NEVER_PLAYED = "nothing was measured"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a demo went: the line to print, and what was wrong."""

    line: str
    faults: tuple[str, ...]


def merged(healths: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what several nodes say of themselves as if it were one; each match tells its node."""
    matches = [{**match, "node": node} for node, each in healths.items() for match in each["matches"]]
    return {
        "matches": matches,
        "nodes": list(healths),
        **{name: sum(each[name] for each in healths.values()) for name in ("connections", "bytes_out")},
    }


def seats_of(health: Mapping[str, Any]) -> int:
    """Return how many seats are taken in all matches."""
    return sum(match["seats"] for match in health["matches"])


def spread(matches: Sequence[Mapping[str, Any]]) -> str:
    """Return who plays where: `3 matches on 2 nodes (node-1: m-3fa9c0 8, m-77c1d2 5; node-2: m-19ab03 8)`."""
    on: dict[str, list[str]] = {}
    for match in matches:
        on.setdefault(match["node"], []).append(f"{short_match(match['match'])} {match['seats']}")
    told = "; ".join(f"{node}: {', '.join(sorted(on[node]))}" for node in sorted(on))
    return f"{count_of(len(matches), 'match', 'matches')} on {count_of(len(on), 'node')} ({told})"


def count_of(number: int, one: str, many: str = "") -> str:
    """Return `1 node` or `3 nodes`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def summary(health: Mapping[str, Any], bots: Mapping[str, Any] | None, errors_logged: int) -> Outcome:
    """Return the one line that a demo ends with. `health` was asked while everybody still played.

    Of several matches the slowest tick counts.
    """
    matches = health.get("matches", ())
    played = [match for match in matches if match["seats"]] or list(matches)[:1]
    if not played:
        return Outcome(NEVER_PLAYED, ("the server has no match",))
    seats = sum(match["seats"] for match in played)
    p50, p99 = (max(match[name] for match in played) for name in ("tick_ms_p50", "tick_ms_p99"))
    where = f" in {spread(played)}" if "nodes" in health else ""
    parts = [
        f"{max(match['tick'] for match in played):,} ticks",
        f"{seats} players{where}",
        f"tick {p50:.2f} ms p50 {p99:.2f} ms p99",
    ]
    faults = []
    if bots is not None:
        parts.append(f"{bots['state_hz']:.1f} states/s")
        parts.append(f"{bots['bytes_down_per_client_s']:,.0f} B/s down per client")
        parts.append(f"{bots['desyncs']} desyncs")
        if bots["desyncs"]:
            faults.append(f"{bots['desyncs']} desyncs")
        if bots["errors"]:
            faults.append(f"{bots['errors']} bots failed: {bots.get('error')}")
    errors = errors_logged + (bots["errors"] if bots is not None else 0)
    parts.append(f"{errors} errors")
    if errors_logged:
        faults.append(f"{errors_logged} errors in the server's log")
    if any(match["ended"] for match in matches):
        faults.append("a match ended by itself")
    return Outcome(", ".join(parts), tuple(faults))
