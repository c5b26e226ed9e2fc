"""Sessions: what clients that read slowly, or never, cost the others and the server.

To test: `tests/bench/test_slow_clients.py`.
"""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from statistics import median
from time import monotonic

from bench.games import Busy
from bench.nginx import Nginx
from bench.raw_clients import Idler, NeverReader, SlowReader
from bench.raw_groups import GAP_MOST_S, Heard, Window, address, join_all, leave_all
from bench.raw_socket import FRESH, Request, run_loop
from bench.report import Report, Target, at_least, at_most, exactly
from bench.serving import Lateness, MemoryWatch, health, lateness, serve, tell_settings
from demo_client.children import Children, ServerChild

BUSY = "bench.games:Busy"
CUT_WITHIN_S = 6.0
KIB_EACH_MOST = 400
HZ_SHARE_LEAST = 0.98
LATENESS_RATIO_MOST = 1.2
WATCH_S = 12.0
WAVE_S = 5.0
"""How old acknowledgements become before their client is cut."""
LOOK_S = 0.2
RECEIVE_BYTES = 4096
# 33 kB/s for each client: four times what a 64 kbit/s line carries.
MUCH = "entities=400 moving=400"


@dataclass(slots=True)
class Wave:
    """Clients that never read, from their WELCOMEs until the server has cut them all; how many of each there were."""

    made: int
    cut: int
    seats_kept: int
    cut_s: float


@dataclass(slots=True)
class NeverRead:
    """One run with readers and with, or without, waves of some who never read."""

    waves: list[Wave] = field(default_factory=list)
    lateness: Lateness = field(default_factory=Lateness)
    heard: Heard = field(default_factory=Heard)
    readers_lost: int = 0
    kib_each: float = 0.0


def never_readers(report: Report, pairs: int, seconds: float, readers: int = 200, never: int = 100) -> None:
    """Pairs of runs, with and without clients that never read."""
    tell_settings(report, "never readers", game=f"Busy with {MUCH}", readers=readers, never=never, pairs=pairs,
                  seconds_watched=seconds, waves=f"who was cut returns, about every {WAVE_S:.0f} s")  # fmt: skip
    without: list[NeverRead] = []
    with_them: list[NeverRead] = []
    for number in range(pairs):
        # Interleaved, and each first as often as the other, so that what else the machine does hits both.
        for count in (0, never) if number % 2 == 0 else (never, 0):
            (with_them if count else without).append(_once(readers, count, seconds))
    _tell(report, "never_readers", with_them, never)
    tell_lateness(report, [each.lateness for each in with_them], [each.lateness for each in without], seconds)


def tell_lateness(report: Report, bad: Sequence[Lateness], good: Sequence[Lateness], seconds: float) -> None:
    """Tell how late ticks were with (`bad`) and without those who never read, run by run."""
    n, name = len(bad), "never_readers_lateness"
    ticks = min(each.ticks for each in (*bad, *good))
    # Of ticks that nobody measured the lateness would be good, too.
    report.add(f"{name}_ticks_each_run", ticks, "ticks", at_least(0.9 * seconds * Busy.tick_rate_hz), n=2 * n)
    means = [(one.mean_ms, other.mean_ms) for one, other in zip(bad, good, strict=True)]
    p99s = [(one.percentile_ms(99), other.percentile_ms(99)) for one, other in zip(bad, good, strict=True)]
    _add_median(report, f"{name}_ratio", _ratios(means), "ratio", at_most(LATENESS_RATIO_MOST))
    _add_median(report, f"{name}_p99_ratio", _ratios(p99s), "ratio")
    for measure, pairs in (("mean", means), ("p99", p99s)):
        for runs, values in (("with", [one for one, _ in pairs]), ("without", [other for _, other in pairs])):
            _add_median(report, f"{name}_ms_{measure}_{runs}", values, "ms")


def _ratios(pairs: list[tuple[float, float]]) -> list[float]:
    return [bad / max(0.001, good) for bad, good in pairs]


def _add_median(report: Report, name: str, values: list[float], unit: str, target: Target | None = None) -> None:
    report.add(name, median(values), unit, target, n=len(values), spread=max(values) - min(values))


def never_readers_through_nginx(report: Report, seconds: float, readers: int = 200, never: int = 100) -> None:
    """The same behind nginx, which reads what they do not; left out where there is no nginx."""
    if shutil.which("nginx") is None:
        report.leave_out("nginx_never_readers_state_hz_share", "ratio", at_least(HZ_SHARE_LEAST))
        report.leave_out("nginx_never_readers_cut_s", "s", at_most(CUT_WITHIN_S))
        return
    tell_settings(report, "never readers behind nginx", game=f"Busy with {MUCH}", readers=readers, never=never,
                  seconds_watched=seconds, trusted_proxies="127.0.0.1")  # fmt: skip
    _tell(report, "nginx_never_readers", [_once(readers, never, seconds, nginx=True)], never)


def _tell(report: Report, name: str, runs: list[NeverRead], never: int) -> None:
    n, waves = len(runs), [wave for each in runs for wave in each.waves]
    shares = [each.heard.state_hz / Busy.tick_rate_hz for each in runs]
    cut_s, many = [each.cut_s for each in waves], len(waves)
    spread = max(shares) - min(shares)
    report.add(f"{name}_state_hz_share", min(shares), "ratio", at_least(HZ_SHARE_LEAST), n=n, spread=spread)
    report.add(f"{name}_state_gap_s", max(each.heard.gap_s for each in runs), "s", at_most(GAP_MOST_S), n=n)
    report.add(f"{name}_readers_lost", max(each.readers_lost for each in runs), "clients", exactly(0), n=n)
    report.add(f"{name}_kib_each", max(each.kib_each for each in runs), "KiB", at_most(KIB_EACH_MOST), n=n)
    # One that never joined is not there either: it must not pass for one that was cut.
    report.add(f"{name}_made", min(each.made for each in waves), "clients", exactly(never), n=many)
    report.add(f"{name}_cut", min(each.cut for each in waves), "clients", exactly(never), n=many)
    spread = max(cut_s) - min(cut_s)
    report.add(f"{name}_cut_s", max(cut_s), "s", at_most(CUT_WITHIN_S), n=many, spread=spread)
    report.add(f"{name}_seats_kept", min(each.seats_kept for each in waves), "seats", exactly(never), n=many)


def _once(readers: int, never: int, seconds: float, *, nginx: bool = False) -> NeverRead:
    with Children() as children:
        # Without nginx 127.0.0.1 is one of the clients' own addresses.
        server = serve(children, BUSY, options=MUCH, trusted_proxies="127.0.0.1" if nginx else "")
        front: AbstractContextManager[str] = Nginx(server.address) if nginx else nullcontext(server.address)
        with front as where:
            return run_loop(_run(server, f"ws://{where}/v1/match/1", readers, never, seconds))


async def _run(server: ServerChild, url: str, readers: int, never: int, seconds: float) -> NeverRead:
    idlers = await join_all(lambda n: Idler(Request(url, f"reader-{n}"), address=address(n)), readers)
    result, memory = NeverRead(), MemoryWatch(server)
    window, watched_s = Window(idlers, Busy.tick_rate_hz), 0.0
    deaf: list[NeverReader] = []
    while watched_s < seconds:
        # They stay away for no part of what is watched, and their joining is none of it.
        deaf = await _join_deaf(url, never, deaf)
        before, began = await asyncio.to_thread(lateness, server), monotonic()
        result.waves.append(await _watch(server, memory, deaf, readers))
        watched_s += monotonic() - began
        result.lateness.add(before, await asyncio.to_thread(lateness, server))
    result.heard = window.close()
    result.readers_lost = sum(not each.live for each in idlers)
    result.kib_each = memory.most / max(1, never)
    for each in deaf:
        each.cut()
    await leave_all(idlers)
    return result


async def _join_deaf(url: str, count: int, before: Sequence[NeverReader]) -> list[NeverReader]:
    """Let those who never read join; those of the wave before, who have been cut, return to their seats."""

    def make(number: int) -> NeverReader:
        request, hello = Request(url, f"never-{number}", 1), FRESH
        if before and (welcome := before[number].welcome) is not None:
            request = Request(url, welcome.resume_token, before[number].request.attempt + 1)
            hello = replace(FRESH, epoch=welcome.epoch)
        return NeverReader(request, hello=hello, address=address(number), receive_bytes=RECEIVE_BYTES)

    for each in before:
        each.cut()
    return await join_all(make, count)


async def _watch(server: ServerChild, memory: MemoryWatch, deaf: Sequence[NeverReader], readers: int) -> Wave:
    """Watch until all are cut, as the server tells it; without any, for as long as that would have taken."""
    began = max((each.welcomed_s for each in deaf), default=0.0) or monotonic()
    made = sum(each.welcome is not None for each in deaf)
    while True:
        # The same questions in every run, and few: they cost the server time, and the machine.
        told, early = await asyncio.to_thread(health, server), monotonic() - began < WAVE_S - 1.0
        if early:
            await asyncio.to_thread(memory.look)
        lived_s, still = monotonic() - began, told["connections"] - readers
        if lived_s >= (WATCH_S if deaf else WAVE_S) or (deaf and still <= 0):
            break
        await asyncio.sleep(1.0 if early else LOOK_S)
    (match,) = told["matches"]
    return Wave(made, made - still, match["seats"] - readers, lived_s)


def slow_reader(report: Report, seconds: float) -> None:
    """One client on a line of 64 kbit/s, in a match that makes four times as much."""
    tell_settings(report, "slow reader", game=f"Busy with {MUCH}", line="64 kbit/s")
    with Children() as children:
        server = serve(children, BUSY, options=MUCH)
        slow, quick, connected = run_loop(_read_slowly(server.url(), seconds))
    report.add("slow_reader_connected", connected, "bool", exactly(1), n=slow.states)
    report.add("slow_reader_incoherent_states", slow.faults, "states", exactly(0), n=slow.states)
    report.add("slow_reader_merged_states", slow.merged, "states", at_least(1), n=slow.states)
    report.add("slow_reader_hashes_checked", slow.hashes, "hashes", at_least(1), n=slow.states)
    report.add("slow_reader_ticks_merged_max", slow.base_back_max, "ticks", n=slow.states)
    report.add("slow_reader_bytes", slow.bytes_in / seconds, "B/s", n=slow.states)
    report.add("slow_reader_bystander_hz", quick.states / seconds, "Hz", n=quick.states)
    if slow.fault:
        report.note(f"slow reader: {slow.fault}")


async def _read_slowly(url: str, seconds: float) -> tuple[SlowReader, Idler, bool]:
    slow, quick = SlowReader(Request(url, "slow")), Idler(Request(url, "quick"))
    await asyncio.gather(slow.join(), quick.join())
    await asyncio.sleep(seconds)
    connected = slow.live
    slow.cut()
    quick.cut()
    return slow, quick, connected
