"""Whether memory grows with work: resident bytes per unit of work, after a warm-up.

    memory = Memory(pid)
    for done in ...:
        memory.sample(done)
    memory.bytes_per_unit()

The slope is the median over all pairs of samples (Theil and Sen's), because an allocator takes memory in large steps: a
step or two move it little, a leak moves it whole. *Source*: P. K. Sen, JASA 63 (1968), 1379-1389.
Where even that is too restless, several stretches are measured and the flattest counts: what settles comes to rest at
some time, a leak never does.
To test: `tests/bench/test_leak.py`.
"""

from itertools import combinations
from statistics import median

import psutil  # type: ignore[import-untyped]

STRETCHES_MAX = 3
STANDS_BYTES_PER_UNIT = 1.0
"""A stretch that is no steeper needs no other."""


def slope(samples: list[tuple[int, int]]) -> float:
    """Return the median slope of all pairs of `(work, bytes)`; 0 for fewer than two different samples."""
    slopes = [(two[1] - one[1]) / (two[0] - one[0]) for one, two in combinations(samples, 2) if two[0] > one[0]]
    return median(slopes) if slopes else 0.0


class Memory:
    """Samples of one process's resident memory; `pid` None is this process."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid)
        self.samples: list[tuple[int, int]] = []

    def sample(self, done: int) -> None:
        """Remember how much memory there is after `done` units of work. Raises `psutil.Error`."""
        info = self._process.memory_info()
        # Shared pages are files: code that is run for the first time is no leak.
        self.samples.append((done, info.rss - getattr(info, "shared", 0)))

    def bytes_per_unit(self) -> float:
        """Return by how many bytes a unit of work made the memory grow."""
        return slope(self.samples)
