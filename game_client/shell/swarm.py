"""Bots: many clients in one process, each with a behaviour and a seed of its own, and what they measured.

The window of measurement opens one second after the last one joined, so that joining is not in the numbers.
To test: `tests/game_client/shell/test_swarm.py`.
"""

import asyncio
import gc
import importlib
import json
import math
import sys
from collections.abc import Callable, Iterable
from random import Random
from time import monotonic, process_time
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from game_client.bot import BehaviourMaker, play_turn
from game_client.shell.connection import Client, JoinRefused
from protocol.errors import UsageFault

DEFAULT_BEHAVIOUR = "demo_game.bots:Hunter"
SETTLE_S = 1.0
JOINING_MAX = 16
"""Dials at a time."""
COUNTED = ("states", "keyframes", "desyncs", "resyncs", "reconnects", "substituted", "bytes_down", "bytes_up", "errors")


def load_behaviour(behaviour: str | BehaviourMaker) -> BehaviourMaker:
    """Return the class that `module:Class` names. *Raises* `UsageFault`."""
    if not isinstance(behaviour, str):
        return behaviour
    module_name, _, class_name = behaviour.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # As `python -m` has it: the reader's own module lies in the current folder.
    try:
        made: BehaviourMaker = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageFault(f"behaviour {behaviour!r} is not module:Class: {error}") from error
    return made


def percentile(samples: Iterable[float], percent: float) -> float:
    """Return the nearest-rank percentile, 0 of no samples."""
    ranked = sorted(samples)
    if not ranked:
        return 0.0
    return round(ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)], 3)


class Bot:
    """One client with its behaviour."""

    def __init__(self, number: int, url: str, behaviour: BehaviourMaker, seed: int) -> None:
        self.client = Client(url, name=f"bot-{number}", rng=Random(f"{seed}:dial:{number}"))
        plays = behaviour(Random(f"{seed}:play:{number}"))
        self.client.on_state = lambda applied: play_turn(plays, self.client)
        self.before: dict[str, int] = {}
        self.refusal: str | None = None

    async def join(self, gate: asyncio.Semaphore) -> None:
        """Join, and remember a refusal."""
        async with gate:
            try:
                await self.client.start()
            except JoinRefused as refusal:
                self.refusal = str(refusal)
            except Exception as error:
                # What a behaviour raises is a bot's error like any other; the others play on.
                self.refusal = repr(error)

    def begin(self) -> None:
        """Open the window."""
        self.client.stats.forget_samples()
        self.before = {name: getattr(self.client.stats, name) for name in COUNTED}

    def counted(self, name: str) -> int:
        """Return how much a count grew in the window."""
        value: int = getattr(self.client.stats, name)
        return value - self.before[name]

    @property
    def error(self) -> str | None:
        """Why this bot failed, if it did: refused, sent away, or a behaviour that raised."""
        if self.refusal is not None:
            return self.refusal
        status = self.client.status
        if self.client.fault is not None:
            return repr(self.client.fault)
        ended = status.phase != "live" and status.code != 1000
        return str(status) if ended else None


Told: TypeAlias = Callable[[str, float], None]
"""Called with what the bots are doing and the seconds of the window that have passed."""


async def swarm(
    urls: list[str], count: int, seconds: float, behaviour: BehaviourMaker, seed: int, told: Told
) -> dict[str, Any]:
    """Let `count` bots play for `seconds` after all have joined, and return what they measured."""
    bots = [Bot(number + 1, urls[number % len(urls)], behaviour, seed) for number in range(count)]
    gate = asyncio.Semaphore(JOINING_MAX)
    told("joining", 0.0)
    await asyncio.gather(*(bot.join(gate) for bot in bots))
    playing = [bot for bot in bots if bot.refusal is None]
    try:
        gc.collect()
        gc.freeze()
        if playing:
            # After the collection, whose pause would make the first states of the window come in a heap.
            await asyncio.sleep(SETTLE_S)
        for bot in bots:
            bot.begin()
        began, cpu_began = monotonic(), process_time()
        while playing and monotonic() - began < seconds:
            told("playing", monotonic() - began)
            await asyncio.sleep(min(0.25, max(0.0, began + seconds - monotonic())))
        took, cpu = monotonic() - began, process_time() - cpu_began
        return summary(bots, took, cpu)
    finally:
        gc.unfreeze()
        await asyncio.gather(*(bot.client.stop() for bot in playing))


def summary(bots: list[Bot], took_s: float, cpu_s: float) -> dict[str, Any]:
    """Return the measurement as one JSON-able dict. *Units*: as the names say; bytes with WebSocket headers."""
    total = {name: sum(bot.counted(name) for bot in bots) for name in COUNTED}
    playing = [bot for bot in bots if bot.refusal is None]
    per_client_s = max(1, len(playing)) * max(took_s, 0.001)
    stats = [bot.client.stats for bot in playing]
    gaps = [gap for each in stats for gap in each.state_gap_ms]
    acks = [ack for each in stats for ack in each.input_to_ack_ms]
    rtts = [rtt for each in stats for rtt in each.rtts_ms]
    failed = [bot.error for bot in bots if bot.error is not None]
    return {
        "clients": len(playing),
        "seconds": round(took_s, 3),
        "state_hz": round(total["states"] / per_client_s, 2),
        "bytes_down_per_client_s": round(total["bytes_down"] / per_client_s, 1),
        "bytes_up_per_client_s": round(total["bytes_up"] / per_client_s, 1),
        "rtt_ms": {"p50": percentile(rtts, 50), "p99": percentile(rtts, 99)},
        "input_to_ack_ms": {"p50": percentile(acks, 50), "p99": percentile(acks, 99)},
        "state_gap_ms": {
            "p50": percentile(gaps, 50),
            "p99": percentile(gaps, 99),
            "max": round(max([each.state_gap_max_ms for each in stats], default=0.0), 3),
        },
        "desyncs": sum(bot.client.stats.desyncs for bot in bots),
        "resyncs": total["resyncs"],
        "keyframes": total["keyframes"],
        "substituted": total["substituted"],
        "reconnects": total["reconnects"],
        "errors": len(failed),
        "error": failed[0] if failed else None,
        "cpu_s": round(cpu_s, 3),
    }


def run(
    url: str,
    *,
    count: int = 4,
    seconds: float = 10.0,
    behaviour: str | BehaviourMaker = DEFAULT_BEHAVIOUR,
    seed: int = 1,
    json_line: bool = False,
) -> int:
    """Run `count` bots against the matches at `url` (several: separated by commas) and print what they measured.

    Returns the exit status: 1 when a bot failed or a desync was seen. *Raises* `UsageFault` for a bad behaviour.
    """
    made = load_behaviour(behaviour)
    urls = [each.strip() for each in url.split(",") if each.strip()]
    if not urls or count < 1:
        raise UsageFault(f"url={url!r}, count={count}: give at least one match and one bot")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("joining", total=seconds)

        def told(phase: str, done_s: float) -> None:
            progress.update(task, description=f"{count} bots {phase}", completed=done_s)

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            result = runner.run(swarm(urls, count, seconds, made, seed, told))
    if json_line:
        print(json.dumps(result), flush=True)
    else:
        for name, value in result.items():
            print(f"{name:24} {value}", flush=True)
    return 1 if result["errors"] or result["desyncs"] else 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None  # Windows, PyPy: asyncio's own loop.
    return uvloop.new_event_loop
