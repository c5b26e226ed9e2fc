"""A server with settings of its own, and what it holds."""

import os

import pytest

from bench.serving import (
    Lateness,
    MemoryWatch,
    cpu_s,
    environment,
    health,
    kernel_kib,
    lateness,
    log_lines,
    metric,
    port_of,
    rss_kib,
    serve,
    socket_bytes,
    urls,
    wait_connections,
)
from demo_client.children import ChildFailed, Children


def test_settings_stand_in_the_environment_only_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKWIRE_SEED", "5")
    monkeypatch.delenv("TICKWIRE_MATCHES", raising=False)
    with environment(seed=7, matches=2):
        assert (os.environ["TICKWIRE_SEED"], os.environ["TICKWIRE_MATCHES"]) == ("7", "2")
    assert os.environ["TICKWIRE_SEED"] == "5"
    assert "TICKWIRE_MATCHES" not in os.environ


def test_a_server_takes_its_settings_and_its_game_the_options() -> None:
    with Children() as children:
        server = serve(children, "bench.games:Busy", matches=2, options="entities=3 moving=1", seed=77)
        (line,) = log_lines(server, event="serving")
        assert (line["seed"], line["matches"]) == (77, 2)
        assert [url.rpartition("/")[2] for url in urls(server, 2)] == ["1", "2"]
        assert health(server)["status"] == "ok"
        assert wait_connections(server, at_most=0, within_s=5) is not None
        assert wait_connections(server, at_most=-1, within_s=0.1) is None
        assert rss_kib(server.process.pid) > 1000
        assert metric(server, "tickwire_inputs_total", 'verdict="late"') == 0
        while not (late := lateness(server)).ticks:
            pass
        assert 0 < late.mean_ms < 1000
        assert 0 < late.percentile_ms(99) <= 1000
        assert cpu_s(server.process.pid) > 0
        assert kernel_kib(port_of(server)) >= 0
        assert MemoryWatch(server).look() < 50_000


def test_a_setting_that_is_none_is_an_error() -> None:
    with Children() as children, pytest.raises(ChildFailed, match="TICKWIRE_NO_SUCH"):
        serve(children, "bench.games:Quiet", no_such=1)


def test_a_sockets_memory_is_the_sum_of_what_it_holds_and_not_of_what_it_may() -> None:
    assert socket_bytes("r100,rb131072,t20,tb87040,f3,w4,o5,bl6,d7") == 138


def reading(seconds: float, *counts: int) -> Lateness:
    """A reading of a histogram with the edges 1 ms, 2 ms, 10 ms and none."""
    name, edges = "tickwire_tick_lateness_seconds", ("0.001", "0.002", "0.01", "+Inf")
    lines = [f'{name}_bucket{{le="{edge}"}} {count}' for edge, count in zip(edges, counts, strict=True)]
    return Lateness([*lines, f"{name}_sum {seconds}", f"{name}_count {counts[-1]}"])


def test_lateness_is_of_what_lies_between_readings_of_several_spans() -> None:
    late = Lateness()
    late.add(reading(1.0, 5, 5, 5, 100), reading(1.1, 55, 55, 55, 150))
    late.add(reading(2.0, 60, 60, 60, 200), reading(2.4, 60, 110, 110, 250))
    assert late.ticks == 100
    assert late.mean_ms == pytest.approx(5.0)
    assert late.percentile_ms(50) == pytest.approx(1.0)
    assert late.percentile_ms(75) == pytest.approx(1.5)


def test_a_percentile_above_all_edges_is_the_last_edge_and_that_of_nothing_is_0() -> None:
    assert reading(1.0, 0, 0, 0, 10).percentile_ms(99) == 10.0
    assert Lateness().percentile_ms(99) == 0.0
