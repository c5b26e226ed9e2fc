"""A histogram of durations that never grows: counting is O(1), a percentile costs a walk over a few hundred buckets.

Buckets are 1/16 of an octave, so a percentile is at most 6 % too high. Two windows of `WINDOW` samples take turns, so
what is told is about the last one to two windows, not about the time since the start.
To test: `tests/game_server/shell/test_histogram.py`.
"""

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


class Histogram:
    """Counts of whole, non-negative numbers (nanoseconds, here)."""

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._now: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._count = 0

    def record(self, value: int) -> None:
        """Count one value."""
        if self._count >= self._window:
            self._before, self._now, self._count = self._now, {}, 0
        bucket = _bucket(value)
        self._now[bucket] = self._now.get(bucket, 0) + 1
        self._count += 1

    def percentile(self, percent: float) -> int:
        """Return the value that `percent` of the recent ones do not exceed; 0 when there are none."""
        merged = dict(self._before)
        for bucket, count in self._now.items():
            merged[bucket] = merged.get(bucket, 0) + count
        wanted = sum(merged.values()) * percent / 100
        seen = 0
        for bucket in sorted(merged):
            seen += merged[bucket]
            if seen >= wanted:
                return _upper_edge(bucket)
        return 0
