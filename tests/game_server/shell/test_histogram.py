"""The histogram of durations."""

import tracemalloc
from random import Random

from game_server.shell.histogram import Histogram


def test_an_empty_histogram_tells_zero() -> None:
    assert Histogram().percentile(99) == 0


def test_percentiles_are_at_most_one_sixteenth_too_high(seed: int) -> None:
    rng = Random(seed)
    values = [int(rng.lognormvariate(13, 2)) for _ in range(1900)]
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    for percent in (50, 90, 99, 100):
        exact = sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]
        assert exact <= histogram.percentile(percent) <= exact * 17 / 16 + 1


def test_small_and_negative_and_huge_values_have_buckets() -> None:
    histogram = Histogram()
    for value in (-5, 0, 1, 15, 16, 17):
        histogram.record(value)
    assert histogram.percentile(1) == 0
    assert histogram.percentile(100) == 17
    histogram.record(2**200)
    assert histogram.percentile(100) > 2**60


def test_old_values_are_forgotten_after_two_windows() -> None:
    histogram = Histogram(window=10)
    for _ in range(10):
        histogram.record(1_000_000)
    for _ in range(10):
        histogram.record(1)
    assert histogram.percentile(100) > 900_000
    histogram.record(1)
    assert histogram.percentile(100) == 1


def test_a_histogram_never_grows(seed: int) -> None:
    rng = Random(seed)
    tracemalloc.start()
    try:
        histogram = Histogram(window=500)
        held = tracemalloc.get_traced_memory()[0]
        for _ in range(1400):
            histogram.record(int(rng.lognormvariate(13, 4)))
        assert tracemalloc.get_traced_memory()[0] - held < 1024
    finally:
        tracemalloc.stop()
