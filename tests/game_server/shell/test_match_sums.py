"""The counts of all matches, those that are gone included."""

from dataclasses import fields

import pytest

from game_server import Game
from game_server.shell.match_sums import SLACK_LEAST, MatchSums, input_to_ack, summed
from game_server.sim.match import Match
from game_server.sim.statistics import SLACK_BUCKETS, MatchStatistics

MS = 1_000_000


class Fast(Game):
    tick_rate_hz = 50


class Slow(Game):
    tick_rate_hz = 10


def numbered(first: int) -> MatchStatistics:
    """Counts of which no two are alike."""
    counts = MatchStatistics()
    for number, each in enumerate(fields(counts), first):
        value = getattr(counts, each.name)
        if isinstance(value, int):
            setattr(counts, each.name, number)
        elif isinstance(value, list):
            value[:] = range(number, number + len(value))
        else:
            value.update(epoch=number, attempt_old=1)
    return counts


def slack(eighths: int, times: int = 1) -> list[int]:
    counts = [0] * SLACK_BUCKETS
    counts[eighths - SLACK_LEAST] = times
    return counts


def test_every_count_is_summed_whatever_its_kind() -> None:
    first, second = numbered(1), numbered(1000)
    total = summed([first, second])
    for each in fields(total):
        mine, theirs, both = (getattr(every, each.name) for every in (first, second, total))
        if isinstance(both, int):
            assert both == mine + theirs > 1000, each.name
        elif isinstance(both, list):
            assert both == [a + b for a, b in zip(mine, theirs, strict=True)], each.name
        else:
            assert both == {key: mine[key] + theirs[key] for key in mine} and len(both) == 2, each.name


def test_a_sum_changes_nothing_that_it_is_made_of() -> None:
    first = numbered(1)
    total = summed([first, numbered(5)])
    total.slack_eighths[0] += 1
    total.resumes_refused["epoch"] += 1
    assert first == numbered(1)


def test_the_sum_of_nothing_is_nothing() -> None:
    assert summed([]) == MatchStatistics()


def test_what_a_forgotten_match_counted_stays() -> None:
    sums, first, second = MatchSums(), Match(Fast(), "1"), Match(Fast(), "2")
    first.counts.ticks, second.counts.ticks = 30, 12
    first.counts.slack_eighths = slack(8, 5)
    before = sums.counts([first, second]), sums.input_to_ack([first, second]).counts
    sums.forget(first)
    assert (sums.counts([second]), sums.input_to_ack([second]).counts) == before
    second.counts.ticks += 1
    assert sums.counts([second]).ticks == 43
    assert sums.counts([]).ticks == 30


@pytest.mark.parametrize(
    ("eighths", "waited_ms"),
    [
        (0, 1.25),  # just in time: at most an eighth of 20 ms, half of it in the middle
        (4, 11.25),
        (8, 21.25),
        (126, 316.25),
        (-1, 18.75),  # a little too late for its own tick: the next one tells of it
        (-8, 1.25),
        (-32, 1.25),
    ],
)
def test_slack_is_the_wait_for_the_tick_that_tells_of_the_input(eighths: int, waited_ms: float) -> None:
    assert input_to_ack(slack(eighths), 50).total == waited_ms * MS


def test_slack_is_counted_by_the_tick_rate_of_its_match() -> None:
    fast, slow = Match(Fast(), "1"), Match(Slow(), "2")
    fast.counts.slack_eighths, slow.counts.slack_eighths = slack(8, 2), slack(8, 3)
    sums = MatchSums()
    expected = 2 * 21.25 * MS + 3 * 106.25 * MS
    assert sums.input_to_ack([fast, slow]).total == expected
    sums.forget(slow)
    sums.forget(fast)
    assert sums.input_to_ack([]).total == expected
