"""What a node tells Prometheus: plain numbers while it runs, added up into series when somebody asks.

    sockets, ticks, pings -> ints here            |
    matches               -> MatchStatistics      | -> collect() -> one family per row of `series.py`
    frames                -> Traffic              |

Nothing here calls the library before a scrape comes: a tick costs two bisections. A scrape may come in another thread,
so it reads whole containers in one step and keeps no count that could go down.
To test: `tests/game_server/shell/test_metrics.py`; that `docs/metrics.md` names each series is a tidy test.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sized
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from game_server.shell import series
from game_server.shell.buckets import Buckets
from game_server.shell.match_sums import MatchSums
from game_server.shell.series import NS_PER_S, SERIES, Key, Kind, Reading, Series
from game_server.sim.match import Match
from game_server.sim.statistics import MatchStatistics
from protocol.messages import KeyframeReason

if TYPE_CHECKING:
    from game_server.shell.line import Line
    from game_server.shell.match_runner import MatchRunner

Told = tuple[Series, Reading]

PLAIN = {
    series.TICKS: "ticks",
    series.CLOCK_REBASES: "rebases",
    series.SUBSTITUTIONS: "substitutions",
    series.EVENTS: "events",
    series.EVENTS_RESENT: "events_resent",
    series.EVENTS_FORGOTTEN: "events_forgotten",
    series.RESYNCS: "resyncs",
    series.TAKEOVERS: "takeovers",
    series.GRACE_EXPIRED: "grace_expired",
    series.STRAY_MESSAGES: "from_strangers",
}
"""Series that are one number of `MatchStatistics`."""
BY_LABEL = {
    series.COMMANDS: {"applied": "commands", "double": "commands_double"},
    series.SLOW_CLIENT_STEPS: {
        "blocked": "slow_blocked", "window": "slow_window", "paced": "slow_paced", "cut": "slow_cut",
    },
}  # fmt: skip
"""Series that are one number of `MatchStatistics` for each value of their label."""

# `_value_` is an attribute, `value` a property, which costs three times as much.
_role_and_state = attrgetter("entrant.spectator", "session.state._value_")


class ClusterFigures(Protocol):
    """How a node stands with the directory, in numbers. Read in the thread of a scrape."""

    @property
    def available(self) -> bool:
        """Whether Redis answers."""

    @property
    def frozen(self) -> bool:
        """Whether matches wait for the lease."""

    @property
    def reconnects(self) -> int:
        """How often listening began anew."""

    @property
    def silences(self) -> int:
        """How often that was because nothing came."""

    @property
    def sealed_refused(self) -> int:
        """How many values were not sealed by this cluster."""

    def lease_remaining_s(self) -> float:
        """For how long this node may still act."""


class Metrics(Collector):
    """A node's counts in a registry of its own. One that is never scraped costs only what counting costs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.loop_lag = series.LOOP_LAG.buckets()
        self._tick_duration = series.TICK_DURATION.buckets()
        self._tick_lateness = series.TICK_LATENESS.buckets()
        self._round_trip = series.ROUND_TRIP.buckets()
        self._duration = series.CONNECTION_DURATION.buckets()
        self._bytes: dict[Key, Buckets] = {(each,): series.CONNECTION_BYTES.buckets() for each in ("in", "out")}
        self._counted: dict[Series, Counter[Key]] = {
            each: Counter()
            for each in (series.DISCONNECTS, series.UPGRADES_REFUSED, series.AUTHENTICATIONS_FAILED, series.VIOLATIONS)
        }
        self._counted |= {each: Counter() for each in (series.DIRECTORY_ERRORS, series.ORDERS, series.MATCHES_REMOVED)}
        self._redis_round_trip = series.REDIS_ROUND_TRIP.buckets()
        self._cluster: ClusterFigures | None = None
        self._matches = MatchSums()
        self._runner: MatchRunner | None = None
        self._sockets: Sized = ()
        self._told: dict[tuple[Series, Key], float] = {}
        self.registry.register(self)
        ProcessCollector("tickwire", registry=self.registry)

    def watch(self, runner: "MatchRunner", sockets: Sized = ()) -> None:
        """Read the matches, lines and traffic of `runner`, and how many `sockets` there are, at every scrape."""
        self._runner, self._sockets = runner, sockets

    def watch_cluster(self, cluster: ClusterFigures) -> None:
        """Read how this node stands with the directory at every scrape."""
        self._cluster = cluster

    # What others tell

    def tick(self, duration_ns: int, lateness_ns: int) -> None:
        """A tick began so late and took so long."""
        self._tick_duration.count(duration_ns)
        self._tick_lateness.count(lateness_ns)

    def round_trip(self, seconds: float) -> None:
        """A ping came back."""
        self._round_trip.count(int(seconds * NS_PER_S))

    def disconnected(self, code: int, cause: str, duration_s: float, bytes_in: int, bytes_out: int) -> None:
        """An upgraded connection ended."""
        self._count(series.DISCONNECTS, str(code), cause)
        self._duration.count(int(duration_s * NS_PER_S))
        self._bytes[("in",)].count(bytes_in)
        self._bytes[("out",)].count(bytes_out)

    def upgrade_refused(self, status: int, reason: str) -> None:
        """A request for a match was answered with an error."""
        self._count(series.UPGRADES_REFUSED, str(status), reason)
        if status in series.CREDENTIAL_STATUSES and reason != "origin":
            self._count(series.AUTHENTICATIONS_FAILED, reason)

    def violation(self, cause: str) -> None:
        """A client did what it must not do."""
        self._count(series.VIOLATIONS, cause)

    def match_forgotten(self, match: Match) -> None:
        """Keep the counts of a match that has just left the runner's list; once for each."""
        self._matches.forget(match)

    def directory_asked(self, seconds: float) -> None:
        """A request of this node's was answered by Redis."""
        self._redis_round_trip.count(int(seconds * NS_PER_S))

    def directory_failed(self, request: str) -> None:
        """A request of this node's was not."""
        self._count(series.DIRECTORY_ERRORS, request)

    def ordered(self, outcome: str) -> None:
        """The lobby ordered a match here."""
        self._count(series.ORDERS, outcome)

    def match_removed(self, match: Match, reason: str) -> None:
        """A match has just left the runner's list."""
        self._count(series.MATCHES_REMOVED, reason)
        self.match_forgotten(match)

    def _count(self, row: Series, *labels: str) -> None:
        self._counted[row][row.key(*labels)] += 1

    # What a scrape reads

    def describe(self) -> Iterable[Metric]:
        """Return every family without samples, so that the registry knows their names."""
        return [row.empty() for row in SERIES]

    def collect(self) -> Iterator[Metric]:
        """Yield one family after the other, so that whoever asks can let others run in between."""
        for row, reading in self._readings():
            yield row.family(self._not_below(row, reading))
        for row, buckets in (
            (series.TICK_DURATION, self._tick_duration),
            (series.TICK_LATENESS, self._tick_lateness),
            (series.LOOP_LAG, self.loop_lag),
            (series.ROUND_TRIP, self._round_trip),
            (series.REDIS_ROUND_TRIP, self._redis_round_trip),
            (series.CONNECTION_DURATION, self._duration),
            (series.INPUT_TO_ACK, self._matches.input_to_ack(self._hosted())),
        ):
            yield row.histogram({(): buckets})
        yield series.CONNECTION_BYTES.histogram(self._bytes)

    def _readings(self) -> Iterator[Told]:
        yield series.BUILD_INFO, {tuple(label.values[0] for label in series.BUILD_INFO.labels): 1}
        for row, counted in self._counted.items():
            yield row, dict(counted)
        yield from self._of_sockets()
        yield from self._of_seats()
        yield from _of_counts(self._matches.counts(self._hosted()))
        yield from _of_cluster(self._cluster)

    def _hosted(self) -> list[Match]:
        hosted = [] if self._runner is None else list(self._runner.hosted.values())
        return [each.match for each in hosted]

    def _of_sockets(self) -> Iterator[Told]:
        runner = self._runner
        yield series.SOCKETS, _one(len(self._sockets))
        yield series.CONNECTIONS, _connections([] if runner is None else list(runner.lines.values()))
        if runner is not None:
            traffic = runner.traffic
            yield series.MESSAGES, _by({"in": traffic.messages_in, "out": traffic.messages_out})
            yield series.BYTES, _by({"in": traffic.bytes_in, "out": traffic.bytes_out})

    def _of_seats(self) -> Iterator[Told]:
        running = [each for each in self._hosted() if not each.ended]
        seats = [seat for match in running for seat in list(match.game.seats)]
        connected = sum(seat.connected for seat in seats)
        yield series.MATCHES, _one(len(running))
        yield series.SEATS, _by({"connected": connected, "away": len(seats) - connected})

    def _not_below(self, row: Series, reading: Reading) -> Reading:
        # Read while a match counts, or between its last tick and its being forgotten, a sum may lack what an earlier
        # one had. Prometheus would take that for a restart, and the whole sum for new.
        if row.kind is not Kind.COUNTER:
            return reading
        told = {key: max(value, self._told.get((row, key), 0)) for key, value in reading.items()}
        self._told.update({(row, key): value for key, value in told.items()})
        return told


def _connections(lines: Iterable["Line"]) -> Reading:
    # Thousands of them: counted in C first, named afterwards.
    return {
        series.CONNECTIONS.key("spectator" if spectator else "player", state): count
        for (spectator, state), count in Counter(map(_role_and_state, lines)).items()
    }


def _of_counts(counts: MatchStatistics) -> Iterator[Told]:
    for row, name in PLAIN.items():
        yield row, _one(getattr(counts, name))
    for row, names in BY_LABEL.items():
        yield row, _by({value: getattr(counts, name) for value, name in names.items()})
    refused = counts.inputs_late + counts.inputs_early + counts.inputs_double
    yield series.INPUTS, _by({
        "taken": counts.inputs - refused, "late": counts.inputs_late, "early": counts.inputs_early,
        "double": counts.inputs_double, "stale_clock": counts.inputs_stale_clock,
    })  # fmt: skip
    merged = counts.states_merged
    yield series.STATES, _by({"relative": counts.states - merged, "merged": merged, "keyframe": counts.keyframes})
    by_reason = counts.keyframes_by_reason
    yield series.KEYFRAMES, _by({reason.name.lower(): by_reason[reason.value] for reason in KeyframeReason})
    yield series.RESUMES, _by({
        "delta": counts.resumes_by_delta, "keyframe": counts.resumes_by_keyframe,
        "refused": sum(counts.resumes_refused.values()),
    })  # fmt: skip
    reasons: Counter[Key] = Counter()
    for reason, count in counts.resumes_refused.items():
        reasons[series.RESUMES_REFUSED.key(reason)] += count
    yield series.RESUMES_REFUSED, reasons


def _of_cluster(cluster: ClusterFigures | None) -> Iterator[Told]:
    yield series.LEASE_REMAINING, {(): 0.0 if cluster is None else cluster.lease_remaining_s()}
    yield series.FROZEN, _one(int(cluster is not None and cluster.frozen))
    yield series.REDIS_UP, _one(int(cluster is not None and cluster.available))
    yield series.SUBSCRIBER_RECONNECTS, _one(0 if cluster is None else cluster.reconnects)
    yield series.SUBSCRIBER_SILENCES, _one(0 if cluster is None else cluster.silences)
    yield series.SEALED_REFUSED, _one(0 if cluster is None else cluster.sealed_refused)


def _one(value: int) -> Reading:
    return {(): value}


def _by(by_value: Mapping[str, int]) -> Reading:
    return {(value,): count for value, count in by_value.items()}
