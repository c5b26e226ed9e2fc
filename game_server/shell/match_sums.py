"""What all matches of a node counted, those that were forgotten included: the counts of a node never go down.

Matches count with plain additions to their own `MatchStatistics`, while they tick; adding them up waits until somebody
asks, which may be in another thread. Each match is read in one step, so its counts fit each other.
To test: `tests/game_server/shell/test_match_sums.py`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter

from game_server.shell.buckets import Buckets
from game_server.shell.series import INPUT_TO_ACK
from game_server.sim.match import Match
from game_server.sim.statistics import MatchStatistics

SLACK_LEAST = -32
EIGHTHS = 8
NS_PER_S = 1_000_000_000

_EMPTY = MatchStatistics()
_names = {kind: [each.name for each in fields(_EMPTY) if type(getattr(_EMPTY, each.name)) is kind]
          for kind in (int, list, dict)}  # fmt: skip
# Without a line of Python in between: no other thread can run while the numbers of one match are taken.
_numbers = attrgetter(*_names[int])


def summed(counts: Sequence[MatchStatistics]) -> MatchStatistics:
    """Return the sum of `counts`: numbers and lists place by place, dictionaries key by key."""
    total = MatchStatistics()
    for name, value in zip(_names[int], _columns(map(_numbers, counts)), strict=False):
        setattr(total, name, value)
    for name in _names[list]:
        setattr(total, name, _columns(getattr(each, name) for each in (total, *counts)))
    for name in _names[dict]:
        by_key: Counter[str] = Counter()
        for each in counts:
            by_key.update(getattr(each, name).copy())
        setattr(total, name, dict(by_key))
    return total


def _columns(rows: Iterable[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def input_to_ack(slack_eighths: Sequence[int], tick_rate_hz: int) -> Buckets:
    """Return how long inputs waited for the tick that used them, from counts by slack in 1/8 ticks.

    An input that came `slack` before its tick's deadline is told of at that deadline; a late one at the next. A bucket
    counts as its middle, so a value is at most 1/16 tick off.
    """
    found = INPUT_TO_ACK.buckets()
    for index, times in enumerate(slack_eighths):
        if times:
            slack = index + SLACK_LEAST
            waited = slack if slack >= 0 else slack % EIGHTHS
            found.count_many((2 * waited + 1) * NS_PER_S // (2 * EIGHTHS * tick_rate_hz), times)
    return found


class MatchSums:
    """The counts of matches that are gone, to which those of the living are added when asked."""

    def __init__(self) -> None:
        self._gone = MatchStatistics()
        self._gone_input_to_ack = INPUT_TO_ACK.buckets()

    def forget(self, match: Match) -> None:
        """Keep the counts of a match that nobody will list any more; once, and after it left the list."""
        self._gone_input_to_ack = self._gone_input_to_ack.plus(
            input_to_ack(match.counts.slack_eighths, match.tick_rate_hz)
        )
        self._gone = summed([self._gone, match.counts])

    def counts(self, matches: Iterable[Match]) -> MatchStatistics:
        """Return the sum over `matches` and all that were forgotten."""
        return summed([self._gone, *(each.counts for each in matches)])

    def input_to_ack(self, matches: Iterable[Match]) -> Buckets:
        """Return how long inputs waited for the tick that used them, over `matches` and all that were forgotten."""
        by_rate: dict[int, list[list[int]]] = {}
        for each in matches:
            by_rate.setdefault(each.tick_rate_hz, []).append(each.counts.slack_eighths)
        total = self._gone_input_to_ack
        for tick_rate_hz, slacks in by_rate.items():
            total = total.plus(input_to_ack(_columns(slacks), tick_rate_hz))
        return total
