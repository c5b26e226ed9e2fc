"""THE table of series: everything a scrape of a node tells, once: name, kind, labels with all their values, meaning.

A label's values are listed here, and what is not listed is counted as "other": a match, player, seat or address cannot
become a label, whoever passes what. `docs/metrics.md` describes each row; a tidy test compares the two.
To test: `tests/game_server/shell/test_series.py`.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import product

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from game_server.shell.buckets import Buckets
from game_server.shell.ops_http import version
from protocol.close_codes import CLOSE_CODES
from protocol.messages import KeyframeReason

PREFIX = "tickwire_"
OTHER = "other"
COMBINATIONS_SHOWN_MAX = 32
"""A series with so few combinations of labels shows each from the start, so that a rate sees the first event too."""
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

Key = tuple[str, ...]
"""The values of a series' labels, in their order."""
Reading = Mapping[Key, int | float]


class Kind(Enum):
    """What Prometheus takes a series for."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Label:
    """A label and every value that it may have."""

    name: str
    values: tuple[str, ...]

    def bounded(self, value: str) -> str:
        """Return `value`, or "other" if it is none of the label's."""
        return value if value in self.values else OTHER


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One row, equal to itself alone.

    A histogram has `edges`; `per_unit` of their unit are one of the series' own (1e9 nanoseconds are a second).
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[Label, ...] = ()
    edges: tuple[int, ...] = ()
    per_unit: int = 1

    def key(self, *values: str) -> Key:
        """Return the key that counts something with these label values."""
        return tuple(label.bounded(value) for label, value in zip(self.labels, values, strict=True))

    def buckets(self) -> Buckets:
        """Return empty buckets with the edges of this row."""
        return Buckets(self.edges)

    def empty(self) -> Metric:
        """Return the family without samples."""
        names = [label.name for label in self.labels]
        match self.kind:
            case Kind.COUNTER:
                return CounterMetricFamily(self.name, self.meaning, labels=names)
            case Kind.GAUGE:
                return GaugeMetricFamily(self.name, self.meaning, labels=names)
            case Kind.HISTOGRAM:
                return HistogramMetricFamily(self.name, self.meaning, labels=names)

    def family(self, reading: Reading) -> Metric:
        """Return the family with a sample for each key of `reading`, and zeros for the rest if they are few."""
        family = self.empty()
        assert isinstance(family, CounterMetricFamily | GaugeMetricFamily), f"{self.name} is read from buckets"
        for key, value in {**self._zeros(), **reading}.items():
            family.add_metric(key, value)
        return family

    def histogram(self, readings: Mapping[Key, Buckets]) -> Metric:
        """Return the family of a histogram."""
        family = self.empty()
        assert isinstance(family, HistogramMetricFamily), f"{self.name} is no histogram"
        edges = [*(_as_number(edge / self.per_unit) for edge in self.edges), "+Inf"]
        for key, buckets in readings.items():
            counted = list(zip(edges, buckets.cumulative(), strict=True))
            family.add_metric(key, counted, buckets.total / self.per_unit)
        return family

    def _zeros(self) -> dict[Key, int]:
        combinations = list(product(*(label.values for label in self.labels)))
        return dict.fromkeys(combinations, 0) if len(combinations) <= COMBINATIONS_SHOWN_MAX else {}


def _as_number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _counter(name: str, meaning: str, *labels: Label) -> Series:
    return Series(f"{PREFIX}{name}_total", Kind.COUNTER, meaning, labels)


def _gauge(name: str, meaning: str, *labels: Label) -> Series:
    return Series(PREFIX + name, Kind.GAUGE, meaning, labels)


def _seconds(name: str, meaning: str, *edges_ms: float) -> Series:
    edges = tuple(round(each * NS_PER_MS) for each in edges_ms)
    return Series(f"{PREFIX}{name}_seconds", Kind.HISTOGRAM, meaning, (), edges, NS_PER_S)


# The period of 60, 30 and 20 ticks a second is an edge, or just above one.
TICK_EDGES_MS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 12, 16, 25, 33, 50, 100, 250, 1000)
TRAVEL_EDGES_MS = (1, 2, 5, 10, 16, 25, 33, 50, 75, 100, 150, 200, 300, 500, 1000, 2500)
STAY_EDGES_MS = tuple(1000 * each for each in (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400))
SIZE_EDGES = tuple(1024 * 4**each for each in range(11))

DIRECTION = Label("direction", ("in", "out"))
VIOLATION_CAUSES = ("malformed", "order", "range", "rate", "size", "text", "frame", "error")
CODE = Label("code", (*(str(code) for code in sorted(CLOSE_CODES)), OTHER))
DISCONNECT_CAUSE = Label("cause", (
    "left", "over", "replaced", "seat_gone", "schema", "restart", "moved", "overload", "evicted", "policy", "protocol",
    "closed", "eof", "reset", "timeout", "network", "silent", "slow", "game_failed", "failed", *VIOLATION_CAUSES, OTHER,
))  # fmt: skip
REFUSED_STATUS = Label("status", (
    "400", "401", "403", "404", "405", "408", "409", "426", "429", "431", "500", "503", "505", OTHER,
))  # fmt: skip
CREDENTIAL_STATUSES = frozenset({401, 403, 409})
"""An upgrade refused with one of these, but for its origin, was refused for its credential."""
CREDENTIAL_REASON = Label("reason", (
    "no_credential", "forged", "key", "kind", "claims", "expired", "not_yet", "lifetime", "used", "wrong_match",
    "wrong_node", "wrong_role", "not_loopback", "private", "refused", OTHER,
))  # fmt: skip
REFUSED_REASON = Label("reason", (
    "origin", "rate", "full", "address_rate", "address_full", "evicted", "stopping", "no_match", "match_over", "path",
    "query", "method", "no_upgrade", "handshake", "http_version", "head", "header", "credential", "length", "name",
    "attempt", "forwarded", "timeout", "tls", "malformed", "hasty", "authenticator_failed", "authenticator_slow",
    "directory", "not_ready", "error", *CREDENTIAL_REASON.values,
))  # fmt: skip

CONNECTIONS = _gauge(
    "connections", "Upgraded connections now.",
    Label("role", ("player", "spectator")), Label("state", ("connected", "joining", "live", OTHER)),
)  # fmt: skip
SOCKETS = _gauge("sockets", "TCP connections now, those that have not sent their upgrade request included.")
CONNECTION_DURATION = _seconds("connection_duration", "How long a connection lasted, told at its end.", *STAY_EDGES_MS)
CONNECTION_BYTES = Series(
    f"{PREFIX}connection_bytes", Kind.HISTOGRAM, "Bytes of one connection, told at its end.", (DIRECTION,), SIZE_EDGES
)
MESSAGES = _counter("messages", "Messages; pings and closes are none.", DIRECTION)
BYTES = _counter("bytes", "Bytes as written to and read from TCP.", DIRECTION)
DISCONNECTS = _counter("disconnects", "Connections that ended, by close code and cause.", CODE, DISCONNECT_CAUSE)
UPGRADES_REFUSED = _counter(
    "upgrades_refused", "Upgrade requests that were refused, by HTTP status and reason.", REFUSED_STATUS, REFUSED_REASON
)
AUTHENTICATIONS_FAILED = _counter(
    "authentications_failed", "Upgrade requests refused for their credential; upgrades_refused counts them too.",
    CREDENTIAL_REASON,
)  # fmt: skip
VIOLATIONS = _counter("violations", "What clients did that they must not.", Label("cause", (*VIOLATION_CAUSES, OTHER)))
ROUND_TRIP = _seconds("round_trip", "From a ping to its pong.", *TRAVEL_EDGES_MS)

MATCHES = _gauge("matches", "Matches that run now.")
SEATS = _gauge("seats", "Taken seats now.", Label("state", ("connected", "away")))
TICK_DURATION = _seconds("tick_duration", "From a tick's first hook to its last byte written.", *TICK_EDGES_MS)
TICK_LATENESS = _seconds("tick_lateness", "How long after its deadline a tick began.", *TICK_EDGES_MS)
LOOP_LAG = _seconds("event_loop_lag", "How late the event loop ran a timer that measures this.", *TICK_EDGES_MS)
TICKS = _counter("ticks", "Ticks run.")
CLOCK_REBASES = _counter("clock_rebases", "Times that a match fell over five ticks behind and moved its clock.")
INPUT_TO_ACK = _seconds(
    "input_to_ack",
    "Once per state that answers inputs: from the arrival of the least early one to the deadline of its tick.",
    *TRAVEL_EDGES_MS,
)
INPUTS = _counter(
    "inputs", "Inputs that came, by what became of them.",
    Label("verdict", ("taken", "late", "early", "double", "stale_clock")),
)  # fmt: skip
SUBSTITUTIONS = _counter("substitutions", "Ticks for which a seat's input was missing and its last one was repeated.")
COMMANDS = _counter("commands", "Commands, by what became of them.", Label("verdict", ("applied", "double")))
EVENTS = _counter("events", "Events numbered for a seat.")
EVENTS_RESENT = _counter("events_resent", "Events sent again after a resume.")
EVENTS_FORGOTTEN = _counter("events_forgotten", "Events that were dropped because too many waited.")
STATES = _counter("states", "States handed to sockets.", Label("kind", ("relative", "merged", "keyframe")))
KEYFRAMES = _counter(
    "keyframes", "Keyframes, by why.", Label("reason", tuple(each.name.lower() for each in KeyframeReason))
)
RESYNCS = _counter("resyncs", "Times that a client said it cannot apply what came.")
RESUMES = _counter(
    "resumes", "Claims to a seat after a cut, by their outcome.", Label("outcome", ("delta", "keyframe", "refused"))
)
RESUMES_REFUSED = _counter("resumes_refused", "Refused resumes, by why.", Label("reason", (
    "schema", "epoch", "seat_gone", "token_old", "token_unknown", "attempt_old", "taken_over", "events_forgotten",
    OTHER,
)))  # fmt: skip
TAKEOVERS = _counter("takeovers", "Seats that their proven player took over with a fresh join.")
GRACE_EXPIRED = _counter("grace_expired", "Seats given up because nobody came back within the grace time.")
SLOW_CLIENT_STEPS = _counter(
    "slow_client_steps", "Steps taken against slow clients; the last one cuts.",
    Label("step", ("blocked", "window", "paced", "cut")),
)  # fmt: skip
LEASE_REMAINING = _gauge("lease_remaining_seconds", "For how long this node may still run its matches by its lease.")
FROZEN = _gauge("frozen", "1 while the matches of this node wait for its lease.")
REDIS_UP = _gauge("redis_up", "1 while Redis answers.")
REDIS_ROUND_TRIP = _seconds("redis_round_trip", "From a request of this node's own to Redis' answer.", *TRAVEL_EDGES_MS)
DIRECTORY_ERRORS = _counter(
    "directory_errors", "Requests of this node's own that Redis did not answer.",
    Label("request", ("renew", "orders", "publish", "other")),
)  # fmt: skip
ORDERS = _counter(
    "orders", "Matches that the lobby ordered here, by what became of it.",
    Label("outcome", ("created", "refused", "failed")),
)  # fmt: skip
MATCHES_REMOVED = _counter(
    "matches_removed", "Matches that were removed, by why.", Label("reason", ("ended", "empty", "superseded"))
)
SUBSCRIBER_RECONNECTS = _counter("subscriber_reconnects", "Times that listening to Redis' messages began anew.")
SUBSCRIBER_SILENCES = _counter("subscriber_silences", "Times that this was because nothing had come for two seconds.")
SEALED_REFUSED = _counter("sealed_refused", "Values in Redis that were not sealed with this cluster's secret.")
STRAY_MESSAGES = _counter("stray_messages", "Messages from connections that have no seat any more.")
BUILD_INFO = _gauge(
    "build_info", "Always 1; its labels say what runs.",
    Label("version", (version(),)), Label("python", (platform.python_version(),)),
)  # fmt: skip

SERIES: tuple[Series, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Series))
"""Every row, in the order of this page."""
