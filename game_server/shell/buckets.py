"""Counts in fixed buckets: a histogram that Prometheus can add up, at the price of a bisection per value.

    edges     e0      e1      e2
    counts  c0  |  c1  |  c2  |  c3       c1 counts e0 < value <= e1

`histogram.py` answers "which percentile, lately"; this answers "how many ever, up to here", which a scraper subtracts.
To test: `tests/game_server/shell/test_buckets.py`.
"""

from bisect import bisect_left


class Buckets:
    """How many whole numbers fell between fixed edges, and their sum. *Units*: the caller's; nanoseconds, mostly."""

    __slots__ = ("counts", "edges", "total")

    def __init__(self, edges: tuple[int, ...]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.total = 0

    def count(self, value: int) -> None:
        """Count one value; a negative one lies in the first bucket and adds nothing."""
        self.counts[bisect_left(self.edges, value)] += 1
        if value > 0:
            self.total += value

    def count_many(self, value: int, times: int) -> None:
        """Count `value` as often as `times` says."""
        self.counts[bisect_left(self.edges, value)] += times
        self.total += max(value, 0) * times

    def plus(self, other: "Buckets") -> "Buckets":
        """Return the sum of two that have the same edges."""
        assert self.edges == other.edges, "buckets of different edges cannot be added"
        both = Buckets(self.edges)
        both.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        both.total = self.total + other.total
        return both

    def cumulative(self) -> list[int]:
        """Return, for each edge and then for infinity, how many values were not above it."""
        found, seen = [], 0
        for count in self.counts:
            seen += count
            found.append(seen)
        return found
