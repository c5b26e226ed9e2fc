"""Sessions: thousands of clients that are cut at once and return, and thousands that only stay.

To test: `tests/bench/test_many_clients.py`.
"""

import asyncio
from collections.abc import Callable
from math import ceil
from time import monotonic, process_time
from typing import Any

from bench.games import Quiet
from bench.raw_clients import Idler
from bench.raw_groups import Returned, address, cut_all, join_all, leave_all, percentile
from bench.raw_socket import Request, run_loop
from bench.report import Report, at_least, at_most, exactly
from bench.serving import cpu_s, kernel_kib, port_of, rss_kib, serve, tell_settings, urls
from demo_client.children import Children, ServerChild
from game_client.shell.bots_command import allow_files

QUIET, STILL = "bench.games:Quiet", "bench.games:Still"
RETURN_WITHIN_S = 10.0
IDLE_KIB_MOST = 25
JOINS_PER_S = 500.0
JOIN_WITHIN_S = 30.0
SPARE_CONNECTIONS = 200
STORM_SETTINGS = {"handshakes_per_second_max": 1000}


def matches_for(count: int) -> int:
    """Return how many matches seat `count` clients with some room to spare."""
    return ceil(count / (Quiet.seats_max * 0.9))


def storm(report: Report, count: int = 5000, given: dict[str, Any] | None = None) -> None:
    """All clients are cut at once and return by their resume tokens."""
    settings: dict[str, Any] = {"connections_max": 2 * count, **(given or STORM_SETTINGS)}
    matches = matches_for(count)
    tell_settings(report, "storm", game="Quiet, 4 Hz", clients=count, matches=matches, **settings)
    allow_files(2 * count + SPARE_CONNECTIONS)
    with Children() as children:
        server = serve(children, QUIET, matches=matches, **settings)
        result = run_loop(_storm(urls(server, matches), count))
    tell_return(report, "storm", result)


def tell_return(report: Report, name: str, result: Returned) -> None:
    """Tell how clients came back."""
    n = result.count
    # A WELCOME alone is no return: the first state is.
    report.add(f"{name}_returned", len(result.stated_s), "clients", exactly(n), n=n)
    report.add(f"{name}_seats_lost", result.seats_lost, "seats", exactly(0), n=n)
    report.add(f"{name}_returned_s", max(result.stated_s, default=0.0), "s", at_most(RETURN_WITHIN_S), n=n)
    report.add(f"{name}_returned_s_p50", percentile(result.stated_s, 50), "s", n=n)
    report.add(f"{name}_by_delta", result.delta_share, "ratio", at_least(0.99), n=n)
    report.add(f"{name}_refused_meanwhile", result.refused.total(), "dials", n=n)
    report.note(f"{name}: refusals {dict(result.refused)}, never back {result.never}")


async def _storm(match_urls: list[str], count: int) -> Returned:
    idlers = await join_all(_maker(match_urls), count, per_s=JOINS_PER_S, within_s=JOIN_WITHIN_S)
    await asyncio.sleep(1.0)
    result, back = await cut_all(idlers, within_s=RETURN_WITHIN_S + 5.0)
    await leave_all(back)
    return result


def _maker(match_urls: list[str]) -> Callable[[int], Idler]:
    return lambda n: Idler(Request(match_urls[n % len(match_urls)], f"idler-{n}", 1), address=address(n))


def idle(report: Report, count: int = 10_000, seconds: float = 60.0) -> None:
    """Clients that only stay: what each costs the server."""
    settings: dict[str, Any] = {"connections_max": count + SPARE_CONNECTIONS}
    matches = matches_for(count)
    tell_settings(report, "idle", game="Still, 2 Hz", clients=count, matches=matches, **settings)
    allow_files(count + SPARE_CONNECTIONS)
    with Children() as children:
        server = serve(children, STILL, matches=matches, **settings)
        held = run_loop(_idle(server, urls(server, matches), count, seconds))
    report.add("idle_connections_held", held["live"], "clients", exactly(count), n=count)
    report.add("idle_rss_kib_each", held["rss_kib"] / count, "KiB", at_most(IDLE_KIB_MOST), n=count)
    report.add("idle_kernel_kib_each", held["kernel_kib"] / count, "KiB", n=count)
    report.add("idle_server_cpu", 100 * held["server_cpu_s"] / held["seconds"], "% of a core", n=count)
    report.add("idle_client_us_per_state", 1e6 * held["client_cpu_s"] / max(1, held["states"]), "us", n=count)
    report.add("idle_state_hz", held["states"] / held["seconds"] / count, "Hz", n=count)
    report.add("idle_join_s", held["join_s"], "s", n=count)


async def _idle(server: ServerChild, match_urls: list[str], count: int, seconds: float) -> dict[str, float]:
    pid, port = server.process.pid, port_of(server)
    rss, kernel = rss_kib(pid), kernel_kib(port)
    began = monotonic()
    idlers = await join_all(_maker(match_urls), count, per_s=JOINS_PER_S, within_s=JOIN_WITHIN_S)
    joined = monotonic()
    cpu, server_cpu = process_time(), cpu_s(pid)
    states = sum(each.states for each in idlers)
    await asyncio.sleep(seconds)
    took, client_cpu = monotonic() - joined, process_time() - cpu
    held = {
        "live": sum(each.live for each in idlers),
        "states": sum(each.states for each in idlers) - states,
        "seconds": took,
        "join_s": joined - began,
        "client_cpu_s": client_cpu,
        "server_cpu_s": cpu_s(pid) - server_cpu,
        "rss_kib": rss_kib(pid) - rss,
        "kernel_kib": kernel_kib(port) - kernel,
    }
    await leave_all(idlers, within_s=10.0)
    return held
