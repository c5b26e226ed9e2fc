"""The command `tickwire bots`: how many processes, how many open files, a progress bar, the summary.

To test: `tests/game_client/shell/test_bots_command.py`.
"""

import asyncio
import json
import math
import os
import signal
from collections.abc import Mapping
from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from game_client.bot import BehaviourMaker
from game_client.shell.measured import Measured
from game_client.shell.quick_seat import is_lobby
from game_client.shell.swarm import (
    DEFAULT_BEHAVIOUR,
    JOINING_MAX,
    JOINS_PER_S,
    Plan,
    Told,
    load_behaviour,
    swarm,
    trust,
)
from game_client.shell.workers import loop_factory, play_in_processes
from protocol.errors import UsageFault

BOTS_PER_PROCESS = 500
"""About what one core plays at 20 Hz."""
SPARE_FILES = 64
"""What a process opens besides its bots' sockets."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


def run(
    url: str,
    *,
    count: int = 4,
    seconds: float = 10.0,
    behaviour: str | BehaviourMaker = DEFAULT_BEHAVIOUR,
    seed: int = 1,
    processes: int | None = None,
    joins_per_s: float = JOINS_PER_S,
    json_line: bool = False,
    ca: str = "",
    filters: Mapping[str, str] | None = None,
) -> int:
    """Run `count` bots against the matches or lobbies at `url` (several: by commas) and print what they measured.

    At a lobby they play in matches that `filters` let through, and create them so.
    Returns the exit status: 1 when a bot failed or a desync was seen, 130 after Ctrl-C. *Raises* `UsageFault` for a bad
    behaviour or `ca`, a file of certificates to trust, or when more files may not be opened.
    """
    urls = tuple(each.strip() for each in url.split(",") if each.strip())
    if not urls or count < 1:
        raise UsageFault(f"url={url!r}, count={count}: give at least one match or lobby, and one bot")
    if filters and not all(map(is_lobby, urls)):
        raise UsageFault("--filter is for a lobby, ws://host:port/v1/lobby: a match is as it is")
    made = load_behaviour(behaviour)
    trust(ca)
    processes = min(count, processes or processes_for(count, os.cpu_count() or 1))
    # Those who are joining have a socket at the lobby, too.
    allow_files(math.ceil(count / processes) + SPARE_FILES + JOINING_MAX * any(map(is_lobby, urls)))
    if processes > 1 and not isinstance(behaviour, str):
        behaviour = f"{behaviour.__module__}:{getattr(behaviour, '__qualname__', behaviour)}"
    plan = Plan(
        urls,
        count,
        made if processes == 1 else behaviour,
        seed,
        joins_per_s,
        ca=ca,
        filters=tuple((filters or {}).items()),
    )
    measured, interrupted = _run(plan, processes, seconds)
    tell(measured, json_line)
    if interrupted:
        return INTERRUPTED
    return 1 if measured.errors or measured.desyncs else 0


def processes_for(count: int, cores: int) -> int:
    """Return how many processes make `count` bots: one up to about 500, else as many as they need or cores are."""
    return 1 if count <= BOTS_PER_PROCESS else min(max(2, cores), math.ceil(count / BOTS_PER_PROCESS))


def allow_files(wanted: int) -> None:
    """Raise this process's limit of open files, which its children inherit. *Raises* `UsageFault` if it may not."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise UsageFault(
            f"a process of these bots opens {wanted} files, and at most {hard} are allowed here: "
            f"raise `ulimit -n`, or give more --processes"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def tell(measured: Measured, json_line: bool) -> None:
    """Print the summary: one line of JSON, or a table."""
    result = measured.summary()
    if json_line:
        print(json.dumps(result), flush=True)
    else:
        for name, value in result.items():
            print(f"{name:24} {value}", flush=True)


def _run(plan: Plan, processes: int, seconds: float) -> tuple[Measured, bool]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("joining", total=plan.count)

        def told(phase: str, done: float) -> None:
            total = plan.count if phase == "joining" else seconds
            progress.update(task, description=f"{plan.count} bots {phase}", total=total, completed=done)

        # Children are told apart by asyncio's own loop as well as by any; bots want the fast one.
        with asyncio.Runner(loop_factory=loop_factory() if processes == 1 else None) as runner:
            return runner.run(_play(plan, processes, seconds, told))


async def _play(plan: Plan, processes: int, seconds: float, told: Told) -> tuple[Measured, bool]:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        # Windows has none of these handlers, and only a main thread may set them.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(each, ended.set)
    if processes == 1:
        measured = await swarm(plan, seconds, told, ended)
    else:
        measured = await play_in_processes(plan, processes, seconds, told, ended)
    return measured, ended.is_set()
