"""The inputs of one seat by tick: a ring, never a FIFO, which would ratchet to the worst stall ever seen.

A tick takes the input labelled with it. Missing: the levels of the last one repeat, without edges; after 150 ms the
neutral input. Late: only its edges still count, in the next tick, each label once, none older than 250 ms. The first
input after a resume only tells where the counters of presses stand, since nobody knows how old those presses are.
To test: `tests/game_server/sim/test_input_buffer.py`.
"""

from dataclasses import dataclass
from enum import Enum

from protocol.declare import EDGE_MODULO, Input

EARLY_TICKS_MAX = 32
LABELS_REMEMBERED = 64
REPEAT_MS = 150
LATE_EDGE_MS = 250


class Verdict(Enum):
    """What became of an offered input."""

    TAKEN = "taken"
    LATE = "late"
    EARLY = "early"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class Due:
    """What a tick works with, and whether it had to be substituted."""

    input: Input
    substituted: bool


class InputBuffer:
    """The ring of one seat. *Units*: labels are ticks."""

    def __init__(self, neutral: Input, edges: list[str], tick_rate_hz: int) -> None:
        self._neutral = neutral
        self._edges = edges
        self._repeat_ticks = REPEAT_MS * tick_rate_hz // 1000
        self._late_ticks = LATE_EDGE_MS * tick_rate_hz // 1000
        self._waiting: dict[int, Input] = {}
        self._last = neutral
        self._heard = False
        self._missed = 0
        self._seen_to = -1
        self._seen = 0
        self._counters = dict.fromkeys(edges, 0)
        self._presses = dict.fromkeys(edges, 0)
        self._resumed = False

    def offer(self, label: int, input: Input, next_tick: int) -> Verdict:
        """Take the input for tick `label`; `next_tick` is the first that has not run."""
        if label >= next_tick + EARLY_TICKS_MAX:
            return Verdict.EARLY
        if not self._mark(label):
            return Verdict.DOUBLE
        self._heard = True
        if self._resumed:
            self._resumed = False
            self._set_counters(input)
        if label >= next_tick:
            self._waiting[label] = input
            return Verdict.TAKEN
        self._count_edges(input, counts=next_tick - label <= self._late_ticks)
        return Verdict.LATE

    def take(self, tick: int) -> Due:
        """Return what tick `tick` works with."""
        input = self._waiting.pop(tick, None)
        substituted = input is None and self._heard
        if input is not None:
            self._missed = 0
            self._last = input
            self._count_edges(input, counts=True)
        else:
            self._missed += 1
            input = self._last if self._missed <= self._repeat_ticks else self._neutral
        if not self._edges:
            return Due(input, substituted)
        presses, self._presses = self._presses, dict.fromkeys(self._edges, 0)
        # A copy of a model costs more than all else here, and most ticks have no presses to put in.
        if all(getattr(input, name) == count for name, count in presses.items()):
            return Due(input, substituted)
        return Due(input.model_copy(update=presses), substituted)

    def resume(self) -> None:
        """Another socket goes on: presses of the time between are not to count all at once."""
        self._resumed = True

    def forget_waiting(self) -> None:
        """Drop what waits: the match's clock was changed and old labels mean nothing."""
        self._waiting.clear()
        self._seen_to, self._seen = -1, 0

    def _count_edges(self, input: Input, counts: bool) -> None:
        for name in self._edges:
            counter = getattr(input, name)
            presses = (counter - self._counters[name]) % EDGE_MODULO
            # A counter that seems to run backwards is an older label arriving after a newer one.
            if presses < EDGE_MODULO // 2:
                self._counters[name] = counter
                self._presses[name] += presses if counts else 0

    def _set_counters(self, input: Input) -> None:
        for label in sorted(self._waiting):
            # What came before the cut still counts.
            self._count_edges(self._waiting[label], counts=True)
        self._counters = {name: getattr(input, name) for name in self._edges}

    def _mark(self, label: int) -> bool:
        if label > self._seen_to:
            shift = label - self._seen_to
            self._seen = 1 if shift >= LABELS_REMEMBERED else (self._seen << shift | 1) & (1 << LABELS_REMEMBERED) - 1
            self._seen_to = label
            return True
        back = self._seen_to - label
        if back >= LABELS_REMEMBERED or self._seen >> back & 1:
            return False
        self._seen |= 1 << back
        return True
