"""How late an event loop runs what is due: a timer that looks at the clock.

To test: `tests/game_server/shell/test_loop_lag.py`.
"""

import asyncio
import time
from collections.abc import Callable

from game_server.shell.buckets import Buckets

INTERVAL_NS = 250_000_000


class LoopLag:
    """Counts into `buckets`, four times a second between `start` and `stop`, how late the loop is."""

    def __init__(self, buckets: Buckets, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._buckets, self._clock_ns = buckets, clock_ns
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        # Not the loop's own time: uvloop's stands still while a callback runs, which is what is to be seen.
        due_ns = self._clock_ns() + INTERVAL_NS
        self._timer = asyncio.get_running_loop().call_later(INTERVAL_NS / 1e9, self._measure, due_ns)

    def stop(self) -> None:
        """Leave no timer behind."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _measure(self, due_ns: int) -> None:
        self._buckets.count(self._clock_ns() - due_ns)
        self.start()
