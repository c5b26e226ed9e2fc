"""GET /metrics, over real sockets."""

import asyncio
import errno
import gzip
import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from game_server import Game
from game_server.shell import metrics_http
from game_server.shell.match_runner import MatchRunner
from game_server.shell.metrics import Metrics
from game_server.shell.metrics_http import MetricsServer
from game_server.sim.match import Match
from protocol.errors import NodeFault


class Empty(Game):
    pass


@contextmanager
def serving(metrics: Metrics | None = None, host: str = "127.0.0.1") -> Iterator[MetricsServer]:
    server = MetricsServer(metrics or Metrics(), host)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def ask(
    server: MetricsServer, path: str = "/metrics", method: str = "GET", host: str = "127.0.0.1", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of one request, made while the loop runs on."""

    def request() -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(host, server.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    return await asyncio.to_thread(request)


def values(body: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_a_scrape_is_what_prometheus_reads() -> None:
    metrics, runner = Metrics(), MatchRunner([Match(Empty(), "1")])
    metrics.watch(runner)
    runner.hosted["1"].match.counts.ticks = 1234
    metrics.tick(5_000_000, 100_000)
    metrics.disconnected(1006, "eof", 2.0, 100, 200)
    with serving(metrics) as server:
        status, headers, body = await ask(server)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    told = values(body)
    assert told["tickwire_ticks_total", ()] == 1234
    assert told["tickwire_matches", ()] == 1
    assert told["tickwire_tick_duration_seconds_sum", ()] == pytest.approx(0.005)
    assert told["tickwire_tick_duration_seconds_bucket", (("le", "0.008"),)] == 1
    assert told["tickwire_disconnects_total", (("cause", "eof"), ("code", "1006"))] == 1
    assert told["tickwire_process_resident_memory_bytes", ()] > 1_000_000
    assert any(name == "tickwire_build_info" for name, _ in told)


async def test_it_is_compressed_for_who_can_read_that() -> None:
    with serving() as server:
        _, headers, body = await ask(server, **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert b"tickwire_ticks_total" in gzip.decompress(body)


async def test_openmetrics_is_spoken_to_who_asks_for_it() -> None:
    with serving() as server:
        _, headers, body = await ask(server, Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


async def test_some_series_can_be_asked_for_by_name() -> None:
    with serving() as server:
        _, _, body = await ask(server, "/metrics?name[]=tickwire_matches")
    assert {name for name, _ in values(body) if not name.startswith("tickwire_process_")} == {"tickwire_matches"}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/metrics/x", 404), ("POST", "/metrics", 405)]
)
async def test_nothing_else_is_there(method: str, path: str, status: int) -> None:
    with serving() as server:
        assert (await ask(server, path, method))[0] == status


async def test_it_listens_on_ipv6_as_well() -> None:
    with serving(host="::1") as server:
        assert (await ask(server, host="::1"))[0] == 200


async def test_by_default_only_this_machine_can_ask() -> None:
    with serving() as server:
        assert server._http is not None
        assert server._http.server_address[0] == "127.0.0.1"


async def test_a_taken_port_is_the_nodes_fault_and_the_fix_is_told() -> None:
    with serving() as server:
        second = MetricsServer(Metrics(), "127.0.0.1", server.port)
        with pytest.raises(NodeFault, match=rf"127.0.0.1:{server.port}, is taken.*TICKWIRE_METRICS_PORT.*-1"):
            second.start()
        second.stop()
        assert (await ask(server))[0] == 200


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("192.0.2.1", 0, "no address of this machine"),
        ("no.such.host.invalid", 0, "cannot be served"),
        ("127.0.0.1", 70_000, "cannot be served"),
    ],
)
async def test_an_address_that_cannot_be_had_is_the_nodes_fault(host: str, port: int, why: str) -> None:
    with pytest.raises(NodeFault, match=why):
        MetricsServer(Metrics(), host, port).start()


async def test_after_the_end_the_port_is_free_and_the_thread_is_gone() -> None:
    with serving() as server:
        port, thread = server.port, server._thread
        assert (await ask(server))[0] == 200
        assert thread is not None and thread.is_alive()
    assert not thread.is_alive()
    server.stop()
    again = MetricsServer(Metrics(), "127.0.0.1", port)
    again.start()
    again.stop()


async def test_the_end_does_not_wait_for_a_scraper_that_dawdles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_http, "STOP_S", 0.05)
    monkeypatch.setattr(metrics_http, "REQUEST_S", 1.0)
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.port)) as dawdler:
            dawdler.sendall(b"GET /met")
            await asyncio.sleep(0.05)
            begun = time.monotonic()
            server.stop()
            assert time.monotonic() - begun < 0.5


async def test_a_scraper_that_dawdles_holds_the_next_one_up_no_longer_than_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_http, "REQUEST_S", 0.3)
    with serving() as server:
        with socket.create_connection(("127.0.0.1", server.port)) as dawdler:
            dawdler.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
            await asyncio.sleep(0.05)
            asked = asyncio.create_task(ask(server))
            while not asked.done():
                # A byte now and then, so that no timeout of a single read would end it.
                await asyncio.sleep(0.02)
                try:
                    dawdler.send(b"x")
                except OSError:
                    break
            assert (await asked)[0] == 200


async def test_a_scraper_that_goes_away_harms_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", server.port)) as gone:
                gone.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                # A reset instead of a farewell.
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        assert (await ask(server))[0] == 200
    assert "Traceback" not in capfd.readouterr().err


async def test_metrics_that_cannot_be_read_are_a_500_and_the_next_scrape_is_tried(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    metrics = Metrics()
    healthy = metrics.collect

    def broken() -> Any:
        raise RuntimeError("boom")

    with serving(metrics) as server:
        monkeypatch.setattr(metrics, "collect", broken)
        status, _, body = await ask(server)
        assert status == 500 and b"see the log" in body
        monkeypatch.setattr(metrics, "collect", healthy)
        assert (await ask(server))[0] == 200
    assert "scrape_failed" in "".join(capfd.readouterr())


async def test_the_loop_runs_while_a_scrape_is_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    # Families come one by one, and the thread lets others run after each.
    monkeypatch.setattr(metrics_http, "BREATH_S", 0.005)
    turns = 0
    with serving() as server:
        asked = asyncio.create_task(ask(server))
        while not asked.done():
            turns += 1
            await asyncio.sleep(0.001)
        assert (await asked)[0] == 200
    assert turns > 40


async def test_the_loops_lag_is_measured_meanwhile() -> None:
    metrics = Metrics()
    with serving(metrics):
        time.sleep(0.3)
        await asyncio.sleep(0.01)
        assert sum(metrics.loop_lag.counts) == 1
    time.sleep(0.3)
    await asyncio.sleep(0.01)
    assert sum(metrics.loop_lag.counts) == 1


async def test_without_file_descriptors_a_scraper_waits_and_costs_nothing_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_http, "EXHAUSTED_PAUSE_S", 0.1)
    accept = socket.socket.accept
    tried = 0

    def failing(sock: socket.socket) -> tuple[socket.socket, Any]:
        nonlocal tried
        if sock.getsockname()[1] == server.port:
            tried += 1
            if tried <= 3:
                raise OSError(errno.EMFILE, "too many open files")
        return accept(sock)

    with serving() as server, capture_logs() as logs:
        monkeypatch.setattr(socket.socket, "accept", failing)
        begun = time.monotonic()
        assert (await ask(server))[0] == 200
        assert time.monotonic() - begun > 0.29
        monkeypatch.undo()
    assert [each["event"] for each in logs] == ["out_of_file_descriptors"] * 3
