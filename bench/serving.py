"""A server process with settings of its own, and what it and its sockets hold of memory.

To test: `tests/bench/test_serving.py`.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

from bench.report import Report
from demo_client.children import Children, ServerChild
from game_server.shell.settings import PREFIX

LATENESS = "tickwire_tick_lateness_seconds"
EDGE = re.compile(rf'{LATENESS}_bucket{{le="([^"]+)"}}')
PAGE_KIB = 4
SKMEM = re.compile(r"skmem:\(([^)]*)\)")
HELD = ("r", "t", "f", "w", "o", "bl")
"""What `ss` calls received, sent, forward-allocated, queued, option and backlog bytes of a socket."""


@contextmanager
def environment(**settings: Any) -> Iterator[None]:
    """Put settings into the environment, for processes that are started meanwhile."""
    names = {f"{PREFIX}{name}".upper(): str(value) for name, value in settings.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def serve(children: Children, game: str, *, matches: int = 1, options: str = "", **settings: Any) -> ServerChild:
    """Start a server; `options` are the game's, `key=value` with spaces between. *Raises* `ChildFailed`."""
    arguments = ["game_server", "serve", game, "--port", "0", "--matches", str(matches), "--log-format", "json"]
    for option in options.split():
        arguments += ["--option", option]
    with environment(**settings):
        return children.start_server(arguments)


def tell_settings(report: Report, section: str, **settings: Any) -> None:
    """Tell with which settings of the server, and which load, a section is measured."""
    report.settings(section, settings)


def urls(server: ServerChild, matches: int) -> list[str]:
    """Return where each match is joined."""
    return [server.url(str(number + 1)) for number in range(matches)]


def log_lines(server: ServerChild, **wanted: Any) -> list[dict[str, Any]]:
    """Return the lines of the server's log that have these fields."""
    return [line for line in server._lines() if all(line.get(name) == value for name, value in wanted.items())]


def port_of(server: ServerChild) -> int:
    """Return the server's port."""
    return int(server.address.rpartition(":")[2])


def cpu_s(pid: int) -> float:
    """Return the processor time of a process, which may be too busy to answer."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    # proc(5): utime and stime are fields 14 and 15; two stand before the last bracket.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def health(server: ServerChild, within_s: float = 20.0) -> dict[str, Any]:
    """Return what /healthz says, however busy the server is. *Raises* `OSError` after `within_s`."""
    with urlopen(f"http://{server.address}/healthz", timeout=within_s) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def metrics(server: ServerChild) -> list[str]:
    """Return the lines of the server's metrics. *Raises* `OSError`."""
    (serving,) = log_lines(server, event="serving")
    with urlopen(serving["metrics"], timeout=20.0) as answer:
        lines: list[str] = answer.read().decode().splitlines()
    return lines


def metric(server: ServerChild, name: str, label: str = "") -> float:
    """Return the sum of a metric's samples that have `label` (any, if it is empty). *Raises* `OSError`."""
    found = (line for line in metrics(server) if line.startswith((f"{name} ", f"{name}{{")) and label in line)
    return sum(float(line.rpartition(" ")[2]) for line in found)


class Lateness:
    """How late ticks began: their number, their sum, and how many were not later than each edge of the histogram."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self.ticks = self.seconds = 0.0
        self.edges: Counter[float] = Counter()
        for line in lines:
            name, _, value = line.rpartition(" ")
            if name == f"{LATENESS}_sum":
                self.seconds = float(value)
            elif name == f"{LATENESS}_count":
                self.ticks = float(value)
            elif found := EDGE.search(name):
                self.edges[float(found[1])] = int(float(value))

    def add(self, before: "Lateness", after: "Lateness") -> None:
        """Add what lies between two readings of one server."""
        self.ticks += after.ticks - before.ticks
        self.seconds += after.seconds - before.seconds
        for edge, count in after.edges.items():
            self.edges[edge] += count - before.edges[edge]

    @property
    def mean_ms(self) -> float:
        """The mean of all ticks. *Units*: milliseconds."""
        return 1000 * self.seconds / max(1.0, self.ticks)

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile as Prometheus reckons it: linearly within its bucket. *Units*: milliseconds."""
        wanted, low, seen = self.ticks * percent / 100, 0.0, 0
        for edge, count in sorted(self.edges.items()):
            if count >= wanted and count > seen:
                return 1000 * (low if edge == inf else low + (edge - low) * (wanted - seen) / (count - seen))
            low, seen = edge, count
        return 0.0


def lateness(server: ServerChild) -> Lateness:
    """Return how late the server's ticks were, since it began. *Raises* `OSError`."""
    return Lateness(line for line in metrics(server) if line.startswith(LATENESS))


def rss_kib(pid: int) -> int:
    """Return the resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS:"))


def kernel_kib(port: int) -> float:
    """Return what the kernel holds for the server's ends of its sockets, orphans included.

    Without `ss`, what it holds for all of TCP on this machine, both ends: too much rather than too little.
    """
    if shutil.which("ss") is None:
        text = Path("/proc/net/sockstat").read_text(encoding="ascii")
        return PAGE_KIB * int(next(line.split()[-1] for line in text.splitlines() if line.startswith("TCP:")))
    told = subprocess.run(
        ["ss", "-tmnH", "state", "all", f"sport = :{port}"], capture_output=True, text=True, check=True
    )
    return sum(map(socket_bytes, SKMEM.findall(told.stdout))) / 1024


def socket_bytes(skmem: str) -> int:
    """Return the bytes that one socket holds, of `r0,rb131072,t0,...` as `ss -m` has it. *Source*: ss(8)."""
    counts = {match[1]: int(match[2]) for match in re.finditer(r"([a-z]+)(\d+)", skmem)}
    return sum(counts.get(name, 0) for name in HELD)


class MemoryWatch:
    """The most that a server held since a baseline, its kernel's share included. *Units*: KiB."""

    def __init__(self, server: ServerChild) -> None:
        self._pid, self._port = server.process.pid, port_of(server)
        self._rss, self._kernel = rss_kib(self._pid), kernel_kib(self._port)
        self.most = 0.0

    def look(self) -> float:
        """Return how much more it holds now than at the baseline, and remember the most."""
        grown = rss_kib(self._pid) - self._rss + kernel_kib(self._port) - self._kernel
        self.most = max(self.most, grown)
        return grown


def wait_connections(server: ServerChild, at_most: int, within_s: float) -> float | None:
    """Wait until the server has no more connections than that; return after how many seconds, None if in vain."""
    began = monotonic()
    while monotonic() - began < within_s:
        if health(server)["connections"] <= at_most:
            return monotonic() - began
        sleep(0.05)
    return None
