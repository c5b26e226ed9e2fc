"""Garbage collection in the idle part of a tick, instead of in the middle of one.

To test: `tests/game_server/shell/test_garbage.py`.
"""

import gc
import time

IDLE_NS_LEAST = 3_000_000
YOUNG_OBJECTS = 700
# A collection of this many takes a quarter of a millisecond; more must not pile up, however busy the node is.
YOUNG_OBJECTS_MAX = 20_000
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

    def rest(self) -> None:
        """Switch the automatic collector on again: nobody will call `collect` any more."""
        gc.enable()

    def wake(self) -> None:
        """Switch it off again: somebody calls `collect`."""
        gc.disable()

    def stop(self) -> None:
        """Give the collector back."""
        gc.enable()
        gc.unfreeze()

    def collect(self, idle_ns: int) -> int | None:
        """Collect what fits into `idle_ns`, or what cannot wait; return the generation, None if nothing was done."""
        young, middle, old = gc.get_count()
        if old > MIDDLE_ROUNDS_MAX or (old > MIDDLE_ROUNDS and idle_ns > 2 * self._full_ns):
            begun_ns = time.perf_counter_ns()
            gc.collect(2)
            self._full_ns = time.perf_counter_ns() - begun_ns
            return 2
        if young < YOUNG_OBJECTS or (idle_ns <= IDLE_NS_LEAST and young <= YOUNG_OBJECTS_MAX):
            return None
        generation = 1 if middle > YOUNG_ROUNDS else 0
        gc.collect(generation)
        return generation
