"""Tallies of samples: as exact as they say, and adding up."""

from __future__ import annotations

import json
from random import Random

import pytest

from game_client.tally import Tally


def test_percentiles_are_by_nearest_rank() -> None:
    tally = Tally(range(1, 101))
    assert (tally.percentile(50), tally.percentile(99), tally.percentile(100)) == (50, 99, 100)
    assert Tally([7.0]).percentile(99) == Tally([7.0]).percentile(0) == 7.0


def test_no_samples_have_percentile_0() -> None:
    assert Tally().percentile(50) == 0.0
    assert len(Tally()) == 0


def test_two_tallies_merged_have_the_percentiles_of_all_samples() -> None:
    few, many = Tally([100.0] * 10), Tally([1.0] * 90)
    few.merge(many)
    assert len(few) == 100
    # An average of the two medians would be 50.5.
    assert (few.percentile(50), few.percentile(95)) == (1.0, 100.0)


def test_a_tally_survives_json() -> None:
    tally = Tally([0.001, 0.001, 33.3, 1234.0])
    read = Tally.from_wire(json.loads(json.dumps(tally.to_wire())))
    assert [read.percentile(percent) for percent in (50, 75, 100)] == [0.001, 33.3, 1234.0]
    assert len(read) == 4


def test_later_samples_are_counted_too() -> None:
    tally = Tally([1.0])
    tally.add([3.0, 3.0])
    assert (len(tally), tally.percentile(50)) == (3, 3.0)


@pytest.mark.parametrize("largest_ms", [0.01, 10.0, 1000.0, 1e7])
def test_a_sample_is_kept_to_four_digits_or_a_microsecond(largest_ms: float, seed: int) -> None:
    rng = Random(seed)
    for _ in range(500):
        sample_ms = rng.uniform(0, largest_ms)
        assert Tally([sample_ms]).percentile(50) == pytest.approx(sample_ms, rel=0.0005001, abs=0.0005001)


def test_a_million_different_samples_are_a_few_thousand_counts(seed: int) -> None:
    rng = Random(seed)
    assert len(Tally(rng.uniform(10, 99) for _ in range(50_000)).to_wire()) <= 2 * 9001
