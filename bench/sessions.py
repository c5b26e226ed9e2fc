"""Area `sessions`: cuts, stalls and attacks cost a player nothing that could be saved, and the neighbours nothing.

To test: `tests/bench/test_sessions.py`.
"""

from bench.client_storm import client_storm
from bench.conformance import conformance
from bench.cuts import random_cuts
from bench.fuzz import FuzzResult, fuzz_in_process
from bench.fuzz_live import WARM_UP_FRAMES, fuzz_live, fuzzed_server
from bench.hostile_clients import flooder, origins, slow_handshakes, tickets
from bench.many_clients import IDLE_KIB_MOST, idle, storm
from bench.report import Report, at_least, at_most, exactly
from bench.serving import tell_settings
from bench.slow_clients import CUT_WITHIN_S, never_readers, never_readers_through_nginx, slow_reader
from bench.watchers import watchers
from demo_client.children import Children

FRAMES_IN_PROCESS, FRAMES_LIVE = 1_000_000, 20_000
RSS_BYTES_PER_FRAME_MOST = 1.0
EXCEPTIONS_MOST = 5
CASES = 301
"""Autobahn's, all but those of compression."""


def measure(report: Report) -> None:
    """Measure every figure of the area; a quick run is a subset of it, in smaller numbers."""
    (_quick if report.quick else _full)(report)


def _full(report: Report) -> None:
    with report.section("1,000 cuts at random"):
        random_cuts(report)
    with report.section("clients that never read"):
        never_readers(report, pairs=5, seconds=25.0)
    with report.section("clients that never read, behind nginx"):
        never_readers_through_nginx(report, seconds=12.0)
    with report.section("a slow reader"):
        slow_reader(report, seconds=30.0)
    with report.section("a flood"):
        flooder(report)
    with report.section("slow handshakes"):
        slow_handshakes(report)
    with report.section("5,000 cut at once"):
        storm(report)
    with report.section("200 real clients cut at once"):
        client_storm(report)
    with report.section("10,000 idle connections"):
        idle(report)
    with report.section("tickets"):
        tickets(report)
    with report.section("foreign pages"):
        origins(report)
    with report.section("mutated frames"):
        fuzz(report, FRAMES_IN_PROCESS, FRAMES_LIVE)
    with report.section("conformance"):
        conform(report)
    with report.section("those who only watch"):
        watchers(report)


def _quick(report: Report) -> None:
    with report.section("80 cuts at random"):
        # As often for each bot as in the full run, every 3 s: more often, and they would meet bots that are away.
        random_cuts(report, bots=20, cuts=80, seconds=12.0)
    report.leave_out("never_readers_cut_s", "s", at_most(CUT_WITHIN_S))
    report.leave_out("nginx_never_readers_cut_s", "s", at_most(CUT_WITHIN_S))
    with report.section("a slow reader"):
        slow_reader(report, seconds=5.0)
    with report.section("a flood"):
        flooder(report, seconds=2.0)
    with report.section("slow handshakes"):
        slow_handshakes(report, slow=300, honest=100)
    with report.section("300 cut at once"):
        storm(report, 300)
    with report.section("50 real clients cut at once"):
        client_storm(report, 50)
    report.leave_out("idle_connections_held", "clients", exactly(10_000))
    report.leave_out("idle_rss_kib_each", "KiB", at_most(IDLE_KIB_MOST))
    with report.section("tickets"):
        tickets(report, forged=5_000, replayed=1000, sample=50)
    with report.section("foreign pages"):
        origins(report)
    with report.section("mutated frames"):
        fuzz(report, 20_000, 1_000)
    report.leave_out("conformance_exceptions", "cases", at_most(EXCEPTIONS_MOST))
    with report.section("those who only watch"):
        watchers(report, seconds=5.0)


def fuzz(report: Report, in_process: int, live: int, seed: int = 1) -> None:
    """Mutated frames: into the decoder and the sessions in this process, and into live sockets."""
    tell_settings(report, "mutated frames", in_process=in_process, over_sockets=live, seed=seed,
                  game="Arena and Cards in process, Arena over sockets", grace_seconds=1)  # fmt: skip
    _tell_fuzz(report, "fuzz_in_process", fuzz_in_process(in_process, seed), in_process)
    with Children() as children:
        # Warming a server up takes longer than a quick run may.
        result = fuzz_live(fuzzed_server(children), live, seed, 0 if report.quick else WARM_UP_FRAMES)
    _tell_fuzz(report, "fuzz_live", result, live)


def _tell_fuzz(report: Report, name: str, result: FuzzResult, frames: int) -> None:
    n = result.frames
    for finding in result.findings:
        report.note(finding)
    report.add(f"{name}_frames", n, "frames", at_least(frames), n=n)
    report.add(f"{name}_escapes", result.escapes, "count", exactly(0), n=n)
    report.add(f"{name}_unhandled", result.unhandled, "count", exactly(0), n=n)
    report.add(f"{name}_exits", result.exits, "count", exactly(0), n=n)
    if report.quick:
        # So few frames are all warm-up.
        report.leave_out(f"{name}_rss_bytes_per_frame", "B", at_most(RSS_BYTES_PER_FRAME_MOST))
    else:
        rss = result.rss_bytes_per_frame
        report.add(f"{name}_rss_bytes_per_frame", rss, "B", at_most(RSS_BYTES_PER_FRAME_MOST), n=n)


def conform(report: Report) -> None:
    """Autobahn's cases against an echo on the same transport."""
    tell_settings(report, "conformance", server="an echo on the same transport, its limits raised (bench/echo.py)")
    result = conformance()
    for name, why in result.failed.items():
        report.note(f"case {name}: {why}")
    n = result.cases
    report.add("conformance_cases", n, "cases", exactly(CASES), n=n)
    report.add("conformance_exceptions", len(result.failed), "cases", at_most(EXCEPTIONS_MOST), n=n)
    report.add("conformance_complaints", len(result.complaints), "count", exactly(0), n=n)
    report.add("conformance_unexplained", len(result.unexpected), "cases", exactly(0), n=n)
