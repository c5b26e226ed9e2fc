"""GET /metrics, on a port of its own and in a thread of its own: a scrape takes turns with the ticks.

The thread needs the interpreter's lock to work, as the event loop does. So it sleeps for a moment after every family:
a loop that has become due waits for one family, not for all of them (with 200 matches, 5000 connections and eight
scrapes a second, the 99th percentile of lateness was 3.0 ms instead of 5.5). Scrapes are answered one at a time, each
within `REQUEST_S`, whatever the scraper does.
*Source*: HTTP is the standard library's `wsgiref`, the exposition prometheus-client's WSGI application.
To test: `tests/game_server/shell/test_metrics_http.py`.
"""

import errno
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from game_server.shell.listener import EXHAUSTED
from game_server.shell.log import get_log
from game_server.shell.loop_lag import LoopLag
from game_server.shell.metrics import Metrics
from protocol.errors import NodeFault

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

METRICS_PATH = "/metrics"
REQUEST_S = 5.0
BREATH_S = 0.0001
STOP_S = 1.0
# Shorter than `STOP_S`: a pause must not outlast it.
EXHAUSTED_PAUSE_S = 0.5


class MetricsServer:
    """Serves `metrics` over HTTP between `start` and `stop`, which are called in the node's event loop."""

    def __init__(self, metrics: Metrics, host: str = "127.0.0.1", port: int = 0) -> None:
        self._metrics, self._host, self._port = metrics, host, port
        self._lag = LoopLag(metrics.loop_lag)
        self._http: _HttpServer | None = None
        self._thread: threading.Thread | None = None
        self._alarm: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._http is not None, "start() comes first"
        return self._http.server_port

    @property
    def url(self) -> str:
        """Where a scraper of this machine finds the metrics."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{METRICS_PATH}"

    def start(self) -> None:
        """Open the port and answer. Raises `NodeFault` when the port cannot be had."""
        try:
            self._http = _HttpServer(self._host, self._port)
        except (OSError, OverflowError) as error:
            raise NodeFault(_why_not_listening(error, f"{self._host}:{self._port}")) from None
        # The library's application asks no more of a registry than `_Breathing` has.
        breathing = cast(CollectorRegistry, _Breathing(self._metrics.registry))
        self._http.set_app(_only_metrics(make_wsgi_app(breathing)))
        self._alarm, hears = socket.socketpair()
        self._thread = threading.Thread(target=_serve, args=(self._http, hears), name="metrics", daemon=True)
        self._thread.start()
        self._lag.start()

    def stop(self) -> None:
        """Close the port. A scrape that is being answered has `STOP_S` to end. Harmless when repeated."""
        self._lag.stop()
        if self._http is not None and self._thread is not None and self._alarm is not None:
            self._alarm.close()
            self._thread.join(STOP_S)
            self._http.server_close()
            self._thread = None


def _serve(http: "_HttpServer", alarm: socket.socket) -> None:
    # Not serve_forever(), which wakes up again and again to see whether it should stop.
    with alarm, selectors.DefaultSelector() as selector:
        selector.register(http, selectors.EVENT_READ)
        selector.register(alarm, selectors.EVENT_READ)
        while all(key.fileobj is not alarm for key, _ in selector.select()):
            http.handle_request()


class _Breathing(Collector):
    """A registry that sleeps for a moment after each family."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def collect(self) -> Iterator[Metric]:
        """Yield what the registry does, taking breath."""
        for family in self._inner.collect():
            yield family
            # Not sleep(0): the lock would be back in these hands before another thread has woken up.
            time.sleep(BREATH_S)

    def restricted_registry(self, names: Iterable[str]) -> "_Breathing":
        """Return the part with these names (`/metrics?name[]=...`)."""
        return _Breathing(self._inner.restricted_registry(names))


def _only_metrics(metrics: "WSGIApplication") -> "WSGIApplication":
    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == METRICS_PATH:
            try:
                return metrics(environ, start_response)
            except Exception:
                get_log().error("scrape_failed", exc_info=True)
                start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
                return [b"the metrics could not be read: see the log\n"]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [f"nothing is here but {METRICS_PATH}\n".encode()]

    return application


class _Handler(WSGIRequestHandler):
    """Writes no line to stderr; a node's log is structured, and scrapes are no news."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _HttpServer(WSGIServer):
    """Binds without asking the DNS for its own name, and gives nobody more than `REQUEST_S`."""

    # Another node's port is taken, not shared.
    allow_reuse_port = False
    # `_serve` has waited already.
    timeout = 0

    def __init__(self, host: str, port: int) -> None:
        # Without the port: getaddrinfo() takes 70000 for 4464.
        self.address_family, *_, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        super().__init__((str(address[0]), port), _Handler)

    def server_bind(self) -> None:
        """Open the port."""
        # Past HTTPServer, whose getfqdn() may wait for a name server for seconds.
        TCPServer.server_bind(self)
        # A scraper may be gone before it is accepted.
        self.socket.setblocking(False)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a scraper. Raises `OSError`, which `socketserver` takes for nobody having come."""
        try:
            return super().get_request()
        except OSError as error:
            if error.errno in EXHAUSTED:
                # It waits on: without a pause the thread would find it, and fail, as fast as it can.
                get_log().error("out_of_file_descriptors", pause_s=EXHAUSTED_PAUSE_S, port="metrics")
                time.sleep(EXHAUSTED_PAUSE_S)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer one request, or end it at the deadline: a byte now and then would keep a timeout of reads at bay."""
        deadline = threading.Timer(REQUEST_S, _end, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request(request, client_address)
        finally:
            deadline.cancel()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that goes away is its own affair."""


def _end(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


def _why_not_listening(error: OSError | OverflowError, where: str) -> str:
    fix = "choose another with TICKWIRE_METRICS_PORT, or none with -1"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"the port for metrics, {where}, is taken: {fix}"
        case errno.EACCES | errno.EPERM:
            return f"the port for metrics, {where}, may not be opened by this user: {fix}"
        case errno.EADDRNOTAVAIL:
            return f"{where}, where metrics should be served, is no address of this machine: see TICKWIRE_METRICS_HOST"
        case _:
            return f"metrics cannot be served on {where}: {error}; {fix}"
