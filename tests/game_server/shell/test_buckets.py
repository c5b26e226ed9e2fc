"""Counts in fixed buckets."""

import pytest

from game_server.shell.buckets import Buckets


def counted(*values: int) -> Buckets:
    buckets = Buckets((10, 100))
    for value in values:
        buckets.count(value)
    return buckets


def test_an_edge_belongs_to_the_bucket_below_it() -> None:
    assert counted(10).counts == [1, 0, 0]
    assert counted(11).counts == [0, 1, 0]
    assert counted(100).counts == [0, 1, 0]
    assert counted(101).counts == [0, 0, 1]


def test_the_sum_is_exact_and_a_negative_value_adds_nothing_to_it() -> None:
    buckets = counted(3, 50, 1000, -7)
    assert buckets.total == 1053
    assert buckets.counts == [2, 1, 1]


def test_many_at_once_are_as_many_one_by_one() -> None:
    at_once = Buckets((10, 100))
    at_once.count_many(50, 3)
    at_once.count_many(-1, 2)
    one_by_one = counted(50, 50, 50, -1, -1)
    assert (at_once.counts, at_once.total) == (one_by_one.counts, one_by_one.total)


def test_a_sum_of_two_leaves_both_as_they_were() -> None:
    first, second = counted(5, 500), counted(50)
    both = first.plus(second)
    assert (both.counts, both.total) == ([1, 1, 1], 555)
    assert (first.counts, second.counts) == ([1, 0, 1], [0, 1, 0])


def test_buckets_of_other_edges_are_not_added() -> None:
    with pytest.raises(AssertionError, match="different edges"):
        counted().plus(Buckets((10,)))


def test_cumulative_counts_end_with_all_of_them() -> None:
    assert counted(5, 50, 60, 500).cumulative() == [1, 3, 4]
