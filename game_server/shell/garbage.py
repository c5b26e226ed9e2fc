"""Garbage collection in the idle part of a tick, instead of in the middle of one.

To test: `tests/game_server/shell/test_garbage.py`.
"""

import gc
import time

IDLE_NS_LEAST = 3_000_000
YOUNG_OBJECTS = 700
YOUNG_ROUNDS = 10
MIDDLE_ROUNDS = 50
MIDDLE_ROUNDS_MAX = 1000


class IdleCollector:
    """Takes the collector over between `start` and `stop`; `collect` is for whoever knows how long nothing is due."""

    def __init__(self) -> None:
        self._full_ns = IDLE_NS_LEAST

    def start(self) -> None:
        """Set aside everything that exists (modules, classes) and switch the automatic collector off."""
        gc.collect()
        gc.freeze()
        gc.disable()

    def stop(self) -> None:
        """Give the collector back."""
        gc.enable()
        gc.unfreeze()

    def collect(self, idle_ns: int) -> int | None:
        """Collect what fits into `idle_ns`; return the generation, None when there was no time or no need."""
        young, middle, old = gc.get_count()
        if old > MIDDLE_ROUNDS_MAX or (old > MIDDLE_ROUNDS and idle_ns > 2 * self._full_ns):
            begun_ns = time.perf_counter_ns()
            gc.collect(2)
            self._full_ns = time.perf_counter_ns() - begun_ns
            return 2
        if idle_ns <= IDLE_NS_LEAST or young < YOUNG_OBJECTS:
            return None
        generation = 1 if middle > YOUNG_ROUNDS else 0
        gc.collect(generation)
        return generation
