"""Plain HTTP on the game's listener: the answers' bytes, and what /healthz and /readyz say.

To test: `tests/game_server/shell/test_ops_http.py`.
"""

import json
import resource
import sys
import time
from functools import cache
from http import HTTPStatus
from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from game_server.shell.match_runner import HostedMatch, MatchRunner

NS_PER_MS = 1_000_000
# What a status must or should bring along: RFC 9110 sections 11.6.1, 15.5.6 and 15.5.22, RFC 6455 section 4.4.
HEADERS_OF_STATUS = {
    400: "Sec-WebSocket-Version: 13",
    401: "WWW-Authenticate: Bearer",
    405: "Allow: GET",
    426: "Upgrade: websocket",
}


@cache
def version() -> str:
    """Return the installed version of Tickwire, or `0+checkout` when it runs from a checkout."""
    try:
        return metadata.version("tickwire")
    except metadata.PackageNotFoundError:
        return "0+checkout"


def json_response(status: int, body: dict[str, Any], *, head: bool = False, retry_after_s: int | None = None) -> bytes:
    """Return a whole HTTP/1.1 answer that ends its connection."""
    text = json.dumps(body, separators=(",", ":")).encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if status in HEADERS_OF_STATUS:
        lines.append(HEADERS_OF_STATUS[status])
    if retry_after_s is not None:
        lines.append(f"Retry-After: {retry_after_s}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (b"" if head else text)


def sentence_response(
    status: int, sentence: str, *, reason: str = "refused", retry_after_s: int | None = None
) -> bytes:
    """Return an HTTP answer whose body is `{"error": sentence, "reason": reason}`."""
    return json_response(status, {"error": sentence, "reason": reason}, retry_after_s=retry_after_s)


class ClusterState(Protocol):
    """How this node stands with the other nodes."""

    @property
    def available(self) -> bool:
        """Whether the directory answers."""

    @property
    def frozen(self) -> bool:
        """Whether matches wait for the lease."""

    @property
    def freezes(self) -> bool:
        """Whether they would."""


def unready(runner: "MatchRunner", cluster: ClusterState | None = None) -> list[str]:
    """Return why no players should be sent here; nothing if they should."""
    reasons = ["stopping"] if runner.stopping else []
    if cluster is not None and cluster.frozen:
        reasons.append("frozen")
    if cluster is not None and cluster.freezes and not cluster.available:
        reasons.append("directory unavailable")
    return reasons


def health(runner: "MatchRunner", cluster: ClusterState | None = None) -> dict[str, Any]:
    """Return what /healthz tells."""
    traffic = runner.traffic
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "status": "stopping" if runner.stopping else "ok",
        "version": version(),
        "uptime_s": round((time.monotonic_ns() - runner.started_ns) / 1e9, 3),
        "matches": [_match_health(hosted) for hosted in runner.hosted.values()],
        "directory": "none" if cluster is None else "ok" if cluster.available else "unavailable",
        "frozen": cluster is not None and cluster.frozen,
        "connections": len(runner.lines),
        "bytes_in": traffic.bytes_in,
        "bytes_out": traffic.bytes_out,
        "messages_in": traffic.messages_in,
        "messages_out": traffic.messages_out,
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "rss_kib": _rss_kib(),
    }


def _match_health(hosted: "HostedMatch") -> dict[str, Any]:
    players = [each.seat for each in hosted.match.occupants if not each.spectator]
    return {
        "match": hosted.match.match_id,
        "tick": hosted.match.tick,
        "seats": len(players),
        "away": sum(not each.connected for each in players),
        "spectators": len(hosted.match.occupants) - len(players),
        "tick_ms_p50": round(hosted.tick_ns.percentile(50) / NS_PER_MS, 3),
        "tick_ms_p99": round(hosted.tick_ns.percentile(99) / NS_PER_MS, 3),
        "lateness_ms_p99": round(hosted.lateness_ns.percentile(99) / NS_PER_MS, 3),
        "rebases": hosted.match.counts.rebases,
        "ended": hosted.match.ended,
    }


def _rss_kib() -> int:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        # Without /proc the largest that it ever was must do; macOS counts it in bytes, the others in KiB.
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest // 1024 if sys.platform == "darwin" else largest
