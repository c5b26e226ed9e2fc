"""Work that lasts as long as its node: an error in it is told and costs a second, not the work.

A task of asyncio that fails ends, and nobody hears of it before it is garbage. What polls for all players of a node
must not end by one record that it cannot read.
To test: `tests/game_server/shell/test_lasting.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from game_server.shell.log import get_log

PAUSE_S = 1.0


def lasting(work: Callable[[], Awaitable[None]], name: str, *, pause_s: float = PAUSE_S) -> asyncio.Task[None]:
    """Return a task that runs `work`, anew whenever it failed, until it is cancelled."""
    return asyncio.create_task(_run(work, name, pause_s), name=name)


async def _run(work: Callable[[], Awaitable[None]], name: str, pause_s: float) -> None:
    while True:
        try:
            await work()
            return
        except Exception as error:
            get_log().error("task_failed", task=name, exc_info=error)
        await asyncio.sleep(pause_s)
