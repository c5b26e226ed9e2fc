"""What bots measured adds up over processes."""

from __future__ import annotations

import json

from game_client.shell.measured import Measured
from game_client.stats import ClientStats


def measured(*, clients: int, states: int, gaps_ms: list[float], seconds: float = 10.0) -> Measured:
    made = Measured(clients, seconds, clients * seconds, 1.0, 0.5)
    made.counts.update(states=states, bytes_down=1000 * clients)
    stats = ClientStats()
    stats.state_gap_ms.extend(gaps_ms)
    stats.state_gap_max_ms = max(gaps_ms)
    made.add_samples(stats)
    return made


def test_counts_add_up_and_rates_are_per_client_of_all() -> None:
    whole = Measured()
    whole.merge(measured(clients=1, states=300, gaps_ms=[33.0]))
    whole.merge(measured(clients=3, states=300, gaps_ms=[33.0]))
    summary = whole.summary()
    assert (summary["clients"], summary["seconds"], summary["cpu_s"]) == (4, 10.0, 1.0)
    assert summary["state_hz"] == 15.0
    assert summary["bytes_down_per_client_s"] == 100.0


def test_percentiles_are_of_all_samples_together() -> None:
    whole = Measured()
    whole.merge(measured(clients=1, states=1, gaps_ms=[100.0] * 10))
    whole.merge(measured(clients=1, states=1, gaps_ms=[10.0] * 90))
    assert whole.summary()["state_gap_ms"] == {"p50": 10.0, "p99": 100.0, "max": 100.0}


def test_failures_are_counted_and_the_first_one_is_told() -> None:
    whole, other = Measured(), Measured()
    other.fail(["refused", "sent away"])
    whole.merge(other)
    whole.fail(["worker 2 ended"])
    assert (whole.summary()["errors"], whole.summary()["error"]) == (3, "refused")


def test_it_survives_the_way_between_processes() -> None:
    one = measured(clients=2, states=7, gaps_ms=[1.0, 2.0, 33.333])
    one.fail(["x"])
    assert Measured.from_wire(json.loads(json.dumps(one.to_wire()))).summary() == one.summary()


def test_nothing_measured_is_a_summary_too() -> None:
    assert Measured().summary()["state_hz"] == 0.0


def test_where_clients_played_is_counted_once_over_processes() -> None:
    one, other = Measured(), Measured()
    one.add_place("ws://gateway/n/a/v1/match/m-1")
    one.add_place("ws://gateway/n/b/v1/match/m-2")
    other.add_place("ws://gateway/n/b/v1/match/m-2")
    other.add_place("ws://gateway/n/b/v1/match/m-3")
    one.merge(Measured.from_wire(other.to_wire()))
    assert (one.summary()["matches"], one.summary()["nodes"]) == (3, 2)


def test_without_a_gateway_a_node_is_known_by_its_address() -> None:
    measured = Measured()
    for url in ("ws://127.0.0.1:7777/v1/match/1", "ws://127.0.0.1:7778/v1/match/1", "ws://127.0.0.1:7777/v1/match/2"):
        measured.add_place(url)
    assert (measured.summary()["matches"], measured.summary()["nodes"]) == (3, 2)
