"""A histogram of durations that never grows: counting is O(1), a percentile costs a walk over a thousand buckets.

Buckets are 1/16 of an octave, so a percentile is at most 6 % too high. Two windows of `WINDOW` samples take turns, so
what is told is about the last one to two windows, not about the time since the start.
To test: `tests/game_server/shell/test_histogram.py`.
"""

from array import array

WINDOW = 2000
_STEP_BITS = 4
_BUCKETS = 64 << _STEP_BITS


def _bucket(value: int) -> int:
    if value < 1 << _STEP_BITS:
        return max(value, 0)
    octave = value.bit_length() - _STEP_BITS - 1
    return min(((octave + 1) << _STEP_BITS) + (value >> octave) - (1 << _STEP_BITS), _BUCKETS - 1)


def _upper_edge(bucket: int) -> int:
    if bucket < 1 << _STEP_BITS:
        return bucket
    octave = (bucket >> _STEP_BITS) - 1
    return (((bucket & ((1 << _STEP_BITS) - 1)) + (1 << _STEP_BITS) + 1) << octave) - 1


def _no_counts() -> "array[int]":
    return array("I", bytes(array("I").itemsize * _BUCKETS))


class Histogram:
    """Counts of whole, non-negative numbers (nanoseconds, here)."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        # All buckets from the start: dicts would fill for minutes, which looks like a leak to whoever watches memory.
        self._now, self._before = _no_counts(), _no_counts()
        self._count = 0

    def record(self, value: int) -> None:
        """Count one value."""
        if self._count >= self._window:
            self._before, self._now, self._count = self._now, _no_counts(), 0
        self._now[_bucket(value)] += 1
        self._count += 1

    def percentile(self, percent: float) -> int:
        """Return the value that `percent` of the recent ones do not exceed; 0 when there are none."""
        merged = [now + before for now, before in zip(self._now, self._before, strict=True)]
        wanted = sum(merged) * percent / 100
        seen = 0
        for bucket, count in enumerate(merged):
            seen += count
            if count and seen >= wanted:
                return _upper_edge(bucket)
        return 0
