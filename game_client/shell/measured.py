"""What bots measured, as a value that adds up over processes.

To test: `tests/game_client/shell/test_measured.py`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from game_client.stats import ClientStats
from game_client.tally import Tally
from protocol.handshake import NODE_PATH

COUNTED = (
    "states", "keyframes", "desyncs", "resyncs", "reconnects", "substituted", "bytes_down", "bytes_up", "errors",
)  # fmt: skip
"""Counts of `ClientStats` that a window of measurement is told by how much they grew."""
SAMPLED = {"rtt_ms": "rtts_ms", "input_to_ack_ms": "input_to_ack_ms", "state_gap_ms": "state_gap_ms"}
"""What is told, and the samples of `ClientStats` that it comes from."""


@dataclass(slots=True)
class Measured:
    """One window of some bots. *Units*: as the names say; bytes with WebSocket headers."""

    clients: int = 0
    seconds: float = 0.0
    client_seconds: float = 0.0
    join_seconds: float = 0.0
    cpu_s: float = 0.0
    desyncs: int = 0
    errors: int = 0
    error: str | None = None
    state_gap_max_ms: float = 0.0
    matches: set[str] = field(default_factory=set)
    nodes: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in SAMPLED})

    def add_samples(self, stats: ClientStats) -> None:
        """Take what one client sampled in the window."""
        for name, source in SAMPLED.items():
            self.tallies[name].add(getattr(stats, source))
        self.state_gap_max_ms = max(self.state_gap_max_ms, stats.state_gap_max_ms)

    def add_place(self, url: str) -> None:
        """Take note of where a client plays: a node that a gateway names in the path, or else the host itself."""
        parts = urlsplit(url)
        path = parts.path.strip("/").split("/")
        node = path[1] if parts.path.startswith(NODE_PATH) and len(path) > 1 else parts.netloc
        self.nodes.add(node)
        self.matches.add(f"{node}/{path[-1]}")

    def fail(self, errors: Iterable[str]) -> None:
        """Take note of bots that failed, and why the first of them did."""
        for error in errors:
            self.errors += 1
            self.error = self.error or error

    def merge(self, other: "Measured") -> None:
        """Add what another process measured at the same time."""
        self.clients += other.clients
        self.seconds = max(self.seconds, other.seconds)
        self.client_seconds += other.client_seconds
        self.join_seconds = max(self.join_seconds, other.join_seconds)
        self.cpu_s += other.cpu_s
        self.desyncs += other.desyncs
        self.errors += other.errors
        self.error = self.error or other.error
        self.state_gap_max_ms = max(self.state_gap_max_ms, other.state_gap_max_ms)
        self.counts.update(other.counts)
        self.matches |= other.matches
        self.nodes |= other.nodes
        for name, tally in other.tallies.items():
            self.tallies[name].merge(tally)

    def summary(self) -> dict[str, Any]:
        """Return the measurement as one JSON-able dict."""
        per_client_s = max(self.client_seconds, 0.001)
        told = {name: {"p50": each.percentile(50), "p99": each.percentile(99)} for name, each in self.tallies.items()}
        told["state_gap_ms"]["max"] = round(self.state_gap_max_ms, 3)
        return {
            "clients": self.clients,
            "matches": len(self.matches),
            "nodes": len(self.nodes),
            "seconds": round(self.seconds, 3),
            "join_seconds": round(self.join_seconds, 3),
            "state_hz": round(self.counts["states"] / per_client_s, 2),
            "bytes_down_per_client_s": round(self.counts["bytes_down"] / per_client_s, 1),
            "bytes_up_per_client_s": round(self.counts["bytes_up"] / per_client_s, 1),
            **told,
            "desyncs": self.desyncs,
            "resyncs": self.counts["resyncs"],
            "keyframes": self.counts["keyframes"],
            "substituted": self.counts["substituted"],
            "reconnects": self.counts["reconnects"],
            "errors": self.errors,
            "error": self.error,
            "cpu_s": round(self.cpu_s, 3),
        }

    def to_wire(self) -> dict[str, Any]:
        """Return what a worker tells its parent, as JSON can carry it."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "tallies"}
        plain |= {"matches": sorted(self.matches), "nodes": sorted(self.nodes)}
        return {**plain, "tallies": {name: tally.to_wire() for name, tally in self.tallies.items()}}

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> "Measured":
        """Return what `to_wire` wrote."""
        tallies = {name: Tally.from_wire(each) for name, each in wire["tallies"].items()}
        places = {"matches": set(wire["matches"]), "nodes": set(wire["nodes"])}
        return cls(**{**wire, **places, "counts": Counter(wire["counts"]), "tallies": tallies})
