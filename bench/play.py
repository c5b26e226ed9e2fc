"""Area `play`: the figures that a playable match must show.

To test: `tests/bench/test_play.py`.
"""

from collections.abc import Callable
from statistics import median
from typing import TypeVar

from bench.core import bytes_of_moving_ships, compare_with_another_interpreter, flood_under_fake_clock, tick_times_us
from bench.flood import flood
from bench.load import Load, play
from bench.report import Report, at_least, at_most, exactly
from bench.serving import serve
from demo_client.children import Children
from game_server.testing.random_world import Divergence, run_seed

ARENA = "demo_game.arena:Arena"
HUNTER = "demo_game.bots:Hunter"
RESTLESS = "bench.behaviours:Restless"
LATE_TICK = 200_000
STATE_HZ_LEAST = 29.5
DOWN_MOST = 3500
UP_MOST = 650

T = TypeVar("T")


def measure(report: Report) -> None:
    """Measure every figure of the area."""
    quick = report.quick
    with report.section("64 bots in two matches"):
        two_matches(report, seconds=10 if quick else 60)
    with report.section("bytes of 16 players, moving and shooting"):
        byte_counts(report, seconds=6 if quick else 20)
    with report.section("the same match twice"):
        same_twice(report, ticks=300 if quick else 1800)
    with report.section("random worlds"):
        random_worlds(report, seeds=100 if quick else 1000)
    with report.section("a flood of inputs"):
        floods(report)
    with report.section("one tick without sockets"):
        micro(report, runs=2 if quick else 5)


def two_matches(report: Report, seconds: int) -> None:
    """64 bots in two Arena matches."""
    with Children() as children:
        server = children.serve(ARENA, matches=2)
        load = play(server, children, matches=2, count=64, seconds=seconds, behaviour=HUNTER)
    bots = load.bots
    report.add("two_matches_clients", bots["clients"], "clients", exactly(64), n=seconds)
    report.add("two_matches_desyncs", bots["desyncs"], "count", exactly(0), n=seconds)
    report.add("two_matches_errors", bots["errors"] + load.errors_logged, "count", exactly(0), n=seconds)
    report.add("two_matches_state_hz", bots["state_hz"], "Hz", at_least(STATE_HZ_LEAST), n=seconds)
    report.add("two_matches_server_cpu", 100 * load.per_second("cpu_s"), "% of a core", n=seconds)
    report.add("two_matches_bots_cpu", 100 * bots["cpu_s"] / bots["seconds"], "% of a core", n=seconds)
    for name in ("tick_ms_p50", "tick_ms_p99", "lateness_ms_p99"):
        report.add(f"two_matches_{name}", load.worst(name), "ms", n=seconds)
    report.add("two_matches_rebases", load.worst("rebases"), "count", n=seconds)
    report.add("two_matches_state_gap_ms_p99", bots["state_gap_ms"]["p99"], "ms", n=seconds)
    report.add("two_matches_bytes_down", bots["bytes_down_per_client_s"], "B/s per client", n=seconds)


def byte_counts(report: Report, seconds: int) -> None:
    """16 moving, shooting players from tick 200,000 on; the larger of what the clients and the server counted."""
    _byte_counts(report, "bytes", RESTLESS, seconds)
    if report.quick:
        report.leave_out("bytes_hunters_down", "B/s per client", at_most(DOWN_MOST))
        report.leave_out("bytes_hunters_up", "B/s per client", at_most(UP_MOST))
    else:
        _byte_counts(report, "bytes_hunters", HUNTER, seconds)


def late_load(seconds: int, behaviour: str = RESTLESS, count: int = 16) -> Load:
    """Let `count` bots play in a match that begins at tick 200,000."""
    with Children() as children:
        server = children.start_server(["bench.node", "--first-tick", str(LATE_TICK)])
        return play(server, children, matches=1, count=count, seconds=seconds, behaviour=behaviour)


def _byte_counts(report: Report, name: str, behaviour: str, seconds: int) -> None:
    load = late_load(seconds, behaviour)
    clients = load.bots["clients"]
    downs = (load.bots["bytes_down_per_client_s"], load.per_second("bytes_out") / clients)
    ups = (load.bots["bytes_up_per_client_s"], load.per_second("bytes_in") / clients)
    for way, counted, most in (("down", downs, DOWN_MOST), ("up", ups, UP_MOST)):
        spread = max(counted) - min(counted)
        report.add(f"{name}_{way}", max(counted), "B/s per client", at_most(most), n=seconds, spread=spread)


def same_twice(report: Report, ticks: int) -> None:
    """Same seed, same facts, another interpreter: the same bytes."""
    compared, differing = compare_with_another_interpreter(seed=7, ticks=ticks, players=16)
    report.add("same_seed_frames_compared", compared, "frames", at_least(ticks), n=compared)
    report.add("same_seed_frames_differing", differing, "frames", exactly(0), n=compared)


def random_worlds(report: Report, seeds: int) -> None:
    """Every client's replica equals the server's view after every frame."""
    frames = mismatches = 0
    for seed in range(seeds):
        try:
            frames += run_seed(seed)
        except Divergence as divergence:
            mismatches += 1
            report.note(f"seed {seed}: {divergence}")
    report.add("random_world_frames_checked", frames, "frames", n=seeds)
    report.add("random_world_mismatches", mismatches, "seeds", exactly(0), n=seeds)
    if report.quick:
        report.leave_out("random_world_seeds", "seeds", at_least(1000))
    else:
        report.add("random_world_seeds", seeds, "seeds", at_least(1000), n=seeds)


def floods(report: Report) -> None:
    """Two seconds of inputs as fast as they go: every tick of the match still runs."""
    core = flood_under_fake_clock()
    report.add("flood_fake_clock_ticks_missed", core.ticks_due - core.ticks, "ticks", exactly(0), n=core.frames)
    report.add("flood_fake_clock_us_per_frame", core.us_per_frame, "us", n=core.frames)
    with Children() as children:
        # Without the limits, which would end the flood at once: what is shown is that the ticks do not need them.
        server = serve(children, ARENA, rate_limit_factor=0)
        real = flood(server, seconds=2.0)
    report.add("flood_socket_ticks_missed", real.ticks_missed, "ticks", exactly(0), n=real.frames)
    report.add("flood_socket_rebases", real.rebases, "count", exactly(0), n=real.frames)
    report.add("flood_socket_frames_handled", real.frames, "frames", n=real.frames)
    report.add("flood_socket_bystander_gap_ms_max", real.bystander_gap_ms_max, "ms", n=real.frames)
    report.add("flood_socket_bystander_hz", real.bystander_hz, "Hz", n=real.frames)


def micro(report: Report, runs: int) -> None:
    """What one tick costs, and one moving ship."""
    medians = _repeat(runs, lambda: median(tick_times_us(players=32, ticks=230)))
    report.add("tick_us_32_players", median(medians), "us", n=200 * runs, spread=max(medians) - min(medians))
    moving = bytes_of_moving_ships(players=16, ticks=300)
    report.add("bytes_per_moving_entity", moving.per_entity, "B", n=moving.entities)


def _repeat(runs: int, once: Callable[[], T]) -> list[T]:
    return [once() for _ in range(runs)]


