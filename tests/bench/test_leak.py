"""Memory by work: steps are forgiven, leaks are not."""

import pytest

from bench.leak import Memory, slope


def test_a_leak_is_measured_whole() -> None:
    assert slope([(n, 5_000_000 + 3 * n) for n in range(0, 1000, 50)]) == pytest.approx(3)


def test_a_leak_by_pages_is_measured_as_its_mean() -> None:
    assert slope([(n, 2 * n // 4096 * 4096) for n in range(0, 100_000, 1000)]) == pytest.approx(2, rel=0.1)


def test_an_early_step_and_a_late_one_are_forgiven() -> None:
    samples = [(n, 1_000_000 * (n > 50) + 500_000 * (n > 950)) for n in range(0, 1000, 25)]
    assert slope(samples) == 0


def test_too_few_samples_have_no_slope() -> None:
    assert slope([]) == slope([(1, 1)]) == slope([(1, 1), (1, 9)]) == 0


def test_what_this_process_keeps_is_seen() -> None:
    memory = Memory()
    kept = []
    for done in range(10):
        kept.append(bytearray(b"x" * 3_000_000))
        memory.sample(done)
    assert memory.bytes_per_unit() == pytest.approx(3_000_000, rel=0.3)
