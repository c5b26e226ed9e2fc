"""Samples that processes can add up: a percentile of all of them, not an average of percentiles.

Each sample is counted under its first four digits (never finer than a microsecond), so that a percentile is at most
0.05 % off, and a million samples are a few thousand counts.
To test: `tests/game_client/test_tally.py`.
"""

from collections import Counter
from collections.abc import Iterable
from math import ceil

DIGITS = 10_000
US_PER_MS = 1000


def _place(sample_ms: float) -> int:
    """Return the microseconds of a sample, rounded to four digits."""
    us = sample_ms * US_PER_MS
    step = 1
    while us >= step * DIGITS:
        step *= 10
    # Once, from the sample itself: a second rounding would add to the error of the first.
    return round(us / step) * step


class Tally:
    """How often each duration was seen. *Units*: milliseconds come in and go out."""

    def __init__(self, samples_ms: Iterable[float] = ()) -> None:
        self._counts: Counter[int] = Counter(map(_place, samples_ms))

    def __len__(self) -> int:
        return self._counts.total()

    def add(self, samples_ms: Iterable[float]) -> None:
        """Count more samples."""
        self._counts.update(map(_place, samples_ms))

    def merge(self, other: "Tally") -> None:
        """Count all that `other` has counted."""
        self._counts.update(other._counts)

    def percentile(self, percent: float) -> float:
        """Return the nearest-rank percentile, 0 of no samples."""
        wanted = max(1, ceil(len(self) * percent / 100))
        for place in sorted(self._counts):
            wanted -= self._counts[place]
            if wanted <= 0:
                return place / US_PER_MS
        return 0.0

    def to_wire(self) -> list[int]:
        """Return a flat list, `place, count` repeated, that JSON can carry."""
        return [number for pair in self._counts.items() for number in pair]

    @classmethod
    def from_wire(cls, wire: list[int]) -> "Tally":
        """Return the tally that `to_wire` wrote."""
        tally = cls()
        tally._counts.update(dict(zip(wire[::2], wire[1::2], strict=True)))
        return tally
