"""What a node tells Prometheus."""

import asyncio
import re
from collections import deque
from dataclasses import fields
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families

from game_server import Game
from game_server.session.session import SessionState
from game_server.shell.line import Entrant, clock_ns
from game_server.shell.match_runner import MatchRunner
from game_server.shell.metrics import BY_LABEL, PLAIN, Metrics
from game_server.shell.series import CONNECTIONS, OTHER, SERIES, Kind
from game_server.sim.match import Match
from game_server.sim.seat import Seat
from game_server.sim.statistics import MatchStatistics
from protocol.codec import encode
from protocol.ids import SeatId
from protocol.messages import Keyframe, KeyframeReason, State
from tests.game_server.shell.game_for_tests import HELLO, Dots, push
from tests.game_server.shell.test_match_runner import FakePeer

MS = 1_000_000


class Empty(Game):
    pass


def line(state: SessionState = SessionState.LIVE, spectator: bool = False) -> Any:
    """As much of a line as is looked at."""
    return SimpleNamespace(session=SimpleNamespace(state=state), entrant=SimpleNamespace(spectator=spectator))


def watched(matches: int = 2) -> tuple[Metrics, MatchRunner]:
    metrics, runner = Metrics(), MatchRunner([Match(Empty(), str(n + 1)) for n in range(matches)])
    metrics.watch(runner)
    return metrics, runner


def told(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The value of one sample, as Prometheus would read it."""
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        for sample in family.samples:
            if sample.name == f"tickwire_{name}" and sample.labels == labels:
                return cast(float, sample.value)
    return None


def test_a_scrape_tells_every_row_of_the_table_and_the_process() -> None:
    metrics, _ = watched()
    families = {each.name: each for each in metrics.registry.collect()}
    assert {row.empty().name for row in SERIES} <= families.keys()
    rest = families.keys() - {row.empty().name for row in SERIES}
    assert rest and all(each.startswith("tickwire_process_") for each in rest)
    for row in SERIES:
        assert families[row.empty().name].type == row.kind.value


def test_each_family_comes_once() -> None:
    metrics, _ = watched()
    names = [each.name for each in metrics.collect()]
    assert len(names) == len(set(names)) == len(SERIES)


def test_labels_are_those_of_the_table() -> None:
    metrics, runner = watched()
    metrics.disconnected(1006, "eof", 1.0, 1, 1)
    metrics.upgrade_refused(401, "forged")
    runner.lines[1] = line()
    rows = {row.empty().name: row for row in SERIES}
    for family in metrics.collect():
        assert family.samples, family.name
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if name != "le"}
            assert list(labels) == [label.name for label in rows[family.name].labels], sample
            for label in rows[family.name].labels:
                assert labels[label.name] in label.values, sample


def test_the_registry_is_its_own() -> None:
    first, second = Metrics(), Metrics()
    first.violation("rate")
    assert told(first, "violations_total", cause="rate") == 1
    assert told(second, "violations_total", cause="rate") == 0
    assert not any(each.name.startswith("tickwire") for each in REGISTRY.collect())


def test_metrics_without_a_runner_can_be_counted_in_and_scraped() -> None:
    metrics = Metrics()
    metrics.tick(1, 1)
    assert told(metrics, "matches") == 0
    assert told(metrics, "connections", role="player", state="live") == 0


def test_ticks_are_told_in_seconds() -> None:
    metrics = Metrics()
    metrics.tick(3 * MS, MS // 5)
    metrics.tick(30 * MS, 0)
    assert told(metrics, "tick_duration_seconds_sum") == pytest.approx(0.033)
    assert told(metrics, "tick_duration_seconds_bucket", le="0.004") == 1
    assert told(metrics, "tick_duration_seconds_count") == 2
    assert told(metrics, "tick_lateness_seconds_bucket", le="0.0001") == 1
    assert told(metrics, "tick_lateness_seconds_bucket", le="0.00025") == 2


def test_round_trips_are_told_in_seconds() -> None:
    metrics = Metrics()
    metrics.round_trip(0.04)
    assert told(metrics, "round_trip_seconds_bucket", le="0.033") == 0
    assert told(metrics, "round_trip_seconds_bucket", le="0.05") == 1
    assert told(metrics, "round_trip_seconds_sum") == pytest.approx(0.04)


def test_a_disconnect_is_counted_with_code_cause_duration_and_bytes() -> None:
    metrics = Metrics()
    metrics.disconnected(4008, "silent", 90.5, 3000, 2_000_000)
    assert told(metrics, "disconnects_total", code="4008", cause="silent") == 1
    assert told(metrics, "connection_duration_seconds_sum") == 90.5
    assert told(metrics, "connection_duration_seconds_bucket", le="60.0") == 0
    assert told(metrics, "connection_bytes_sum", direction="in") == 3000
    assert told(metrics, "connection_bytes_sum", direction="out") == 2_000_000


def test_unknown_codes_causes_and_reasons_are_other() -> None:
    metrics = Metrics()
    for code in (4777, 0, -1, 3000):
        metrics.disconnected(code, f"Ada was here {code}", 1.0, 0, 0)
        metrics.upgrade_refused(code, f"Ada {code}")
        metrics.violation(f"Ada {code}")
    assert told(metrics, "disconnects_total", code=OTHER, cause=OTHER) == 4
    assert told(metrics, "upgrades_refused_total", status=OTHER, reason=OTHER) == 4
    assert told(metrics, "violations_total", cause=OTHER) == 4


def test_an_upgrade_refused_for_its_credential_is_a_failed_authentication() -> None:
    metrics = Metrics()
    metrics.upgrade_refused(403, "forged")
    metrics.upgrade_refused(409, "expired")
    metrics.upgrade_refused(401, "something new")
    metrics.upgrade_refused(403, "origin")
    metrics.upgrade_refused(503, "full")
    assert told(metrics, "upgrades_refused_total", status="403", reason="forged") == 1
    assert told(metrics, "upgrades_refused_total", status="403", reason="origin") == 1
    family = next(each for each in metrics.collect() if each.name == "tickwire_authentications_failed")
    failed = {each.labels["reason"]: each.value for each in family.samples}
    assert {reason: count for reason, count in failed.items() if count} == {"forged": 1, "expired": 1, OTHER: 1}


def test_connections_are_told_by_role_and_state_and_sockets_beside_them() -> None:
    metrics, runner = Metrics(), MatchRunner([])
    metrics.watch(runner, sockets=deque([1, 2, 3, 4, 5]))
    runner.lines.update(enumerate((line(), line(), line(spectator=True), line(SessionState.JOINING))))
    assert told(metrics, "connections", role="player", state="live") == 2
    assert told(metrics, "connections", role="player", state="joining") == 1
    assert told(metrics, "connections", role="spectator", state="live") == 1
    assert told(metrics, "sockets") == 5


def test_traffic_is_read_from_the_runner() -> None:
    metrics, runner = watched()
    runner.traffic.bytes_in, runner.traffic.bytes_out = 10, 2000
    runner.traffic.messages_in, runner.traffic.messages_out = 3, 40
    assert told(metrics, "bytes_total", direction="in") == 10
    assert told(metrics, "bytes_total", direction="out") == 2000
    assert told(metrics, "messages_total", direction="in") == 3
    assert told(metrics, "messages_total", direction="out") == 40


def test_seats_are_told_as_connected_or_away_and_only_of_running_matches() -> None:
    metrics, runner = watched(3)
    for number, hosted in enumerate(runner.hosted.values()):
        hosted.match.game.seats += [Seat(SeatId(each), "Ada", connected=each > 0) for each in range(number + 2)]
    runner.hosted["3"].match.ended = True
    assert told(metrics, "matches") == 2
    assert told(metrics, "seats", state="connected") == 3
    assert told(metrics, "seats", state="away") == 2


def test_matches_are_added_up() -> None:
    metrics, runner = watched()
    first, second = (each.match.counts for each in runner.hosted.values())
    first.ticks, second.ticks = 100, 20
    first.inputs, first.inputs_late, first.inputs_early, first.inputs_double = 50, 3, 2, 1
    first.states, second.states, second.states_merged, second.keyframes = 70, 30, 9, 4
    second.keyframes_by_reason[KeyframeReason.FORKED] = 4
    first.resumes_by_delta, first.resumes_by_keyframe = 8, 2
    first.resumes_refused, second.resumes_refused = {"epoch": 2, "token_old": 1}, {"epoch": 1, "of Ada": 5}
    second.slow_cut = 6
    assert told(metrics, "ticks_total") == 120
    assert told(metrics, "inputs_total", verdict="taken") == 44
    assert told(metrics, "inputs_total", verdict="late") == 3
    assert told(metrics, "states_total", kind="relative") == 91
    assert told(metrics, "states_total", kind="merged") == 9
    assert told(metrics, "states_total", kind="keyframe") == 4
    assert told(metrics, "keyframes_total", reason="forked") == 4
    assert told(metrics, "resumes_total", outcome="delta") == 8
    assert told(metrics, "resumes_total", outcome="refused") == 9
    assert told(metrics, "resumes_refused_total", reason="epoch") == 3
    assert told(metrics, "resumes_refused_total", reason=OTHER) == 5
    assert told(metrics, "slow_client_steps_total", step="cut") == 6


def test_every_count_of_a_match_is_told() -> None:
    for each in fields(MatchStatistics):
        metrics, runner = watched(1)
        before = generate_latest(_without_process(metrics))
        counts = runner.hosted["1"].match.counts
        value = getattr(counts, each.name)
        if isinstance(value, int):
            setattr(counts, each.name, 5)
        elif isinstance(value, list):
            value[2] += 5
        else:
            value["epoch"] = 5
        assert generate_latest(_without_process(metrics)) != before, f"{each.name} is counted, and nobody is told"


def _without_process(metrics: Metrics) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(metrics)
    return registry


def test_tables_name_counts_that_exist() -> None:
    names = {each.name for each in fields(MatchStatistics)}
    assert set(PLAIN.values()) <= names
    assert {name for each in BY_LABEL.values() for name in each.values()} <= names


def test_no_counter_goes_down_when_a_match_is_forgotten() -> None:
    metrics, runner = watched()
    counts = runner.hosted["1"].match.counts
    counts.ticks, counts.events, counts.inputs, counts.inputs_late = 100, 7, 9, 4
    counts.slack_eighths[40] = 3
    metrics.tick(MS, MS)
    before = _counters(metrics)
    gone = runner.hosted.pop("1").match
    assert _counters(metrics) == before  # as another thread sees it just before it is told
    metrics.match_forgotten(gone)
    assert _counters(metrics) == before
    runner.hosted["2"].match.counts.ticks += 5
    assert told(metrics, "ticks_total") == 105
    assert told(metrics, "matches") == 1
    assert told(metrics, "input_to_ack_seconds_count") == 3


def test_a_count_that_is_read_half_way_does_not_go_down() -> None:
    metrics, runner = watched(1)
    counts = runner.hosted["1"].match.counts
    counts.inputs = 10
    assert told(metrics, "inputs_total", verdict="taken") == 10
    counts.inputs_late = 1  # the last of the ten was late after all
    assert told(metrics, "inputs_total", verdict="taken") == 10


def test_every_state_of_a_live_session_has_a_label() -> None:
    states = {each.value for each in SessionState} - {SessionState.CLOSED.value}
    assert states == set(CONNECTIONS.labels[1].values) - {OTHER}


async def test_nothing_of_a_match_a_player_or_an_address_is_told() -> None:
    """Whatever passes by: names, ids, tokens, addresses, codes that a peer made up, sentences."""
    secrets = ["Zebra", "zebra-match", "zebra-player", "zebra-token", "203.0.113.77", "2001:db8::77", "77077"]
    metrics = Metrics()
    runner = MatchRunner([Match(Dots(), "zebra-match", start_ns=clock_ns())], observer=metrics)
    metrics.watch(runner, sockets={"203.0.113.77"})
    peer = FakePeer()
    runner.start()
    line = runner.open_line("zebra-match", peer, Entrant("Zebra", "zebra-player", claim=None))
    line.frame(encode(HELLO))
    while not any(isinstance(each, State | Keyframe) for each in peer.messages()):
        await asyncio.sleep(0.005)
    line.round_trip(5_000_000)
    line.frame(push(77_077))
    line.frame(b"zebra-token")
    runner.hosted["zebra-match"].match.counts.refused_resume("the seat of Zebra is gone")
    for secret in secrets:
        metrics.disconnected(77_077, secret, 77.0, 1, 1)
        metrics.upgrade_refused(77_077, secret)
        metrics.violation(secret)
    runner.stop(1012, "Zebra has to leave")
    runner.halt()
    for accept in ("text/plain", "application/openmetrics-text"):
        encoder, _ = choose_encoder(accept)
        text = encoder(_without_process(metrics)).decode()
        assert "tickwire_ticks_total" in text or "tickwire_ticks" in text
        assert [each for each in secrets if each in text] == []
        labels = set(re.findall(r'(\w+)="', text))
        assert labels == {label.name for row in SERIES for label in row.labels} | {"le"}


def _counters(metrics: Metrics) -> dict[tuple[str, str], float]:
    names = {row.empty().name for row in SERIES if row.kind is Kind.COUNTER}
    return {
        (sample.name, str(sample.labels)): sample.value
        for family in metrics.collect()
        if family.name in names
        for sample in family.samples
    }


def test_what_a_node_asks_of_the_directory_is_told() -> None:
    metrics, runner = watched(1)
    metrics.directory_asked(0.004)
    metrics.directory_failed("renew")
    metrics.directory_failed("weather")
    metrics.ordered("created")
    (match,) = (each.match for each in runner.hosted.values())
    match.counts.ticks = 5
    runner.hosted.clear()
    metrics.match_removed(match, "empty")
    assert told(metrics, "redis_round_trip_seconds_bucket", le="0.005") == 1
    assert told(metrics, "directory_errors_total", request="renew") == 1
    assert told(metrics, "directory_errors_total", request=OTHER) == 1
    assert told(metrics, "orders_total", outcome="created") == 1
    assert told(metrics, "matches_removed_total", reason="empty") == 1
    assert told(metrics, "ticks_total") == 5, "its counts stay"


def test_how_a_node_stands_with_the_directory_is_read_at_the_scrape() -> None:
    metrics, _ = watched()
    assert told(metrics, "redis_up") == 0
    cluster = SimpleNamespace(
        available=True, frozen=False, reconnects=3, silences=2, sealed_refused=1, lease_remaining_s=lambda: 8.5
    )
    metrics.watch_cluster(cast(Any, cluster))
    names = ("redis_up", "frozen", "subscriber_reconnects_total", "subscriber_silences_total", "sealed_refused_total")
    assert [told(metrics, f"{name}") for name in names] == [1, 0, 3, 2, 1]
    assert told(metrics, "lease_remaining_seconds") == 8.5
