"""A match's clock: when each tick is due, in integers, and what happens when it fell too far behind.

    deadline(tick) = start + (tick - first) * 1_000_000_000 // tick_rate_hz

Never accumulated, never float. A rebase moves `start` and raises the generation, so that inputs labelled under the old
clock are known.
To test: `tests/game_server/sim/test_clock.py`.
"""

from protocol.messages import CLOCK_MODULO

SECOND_NS = 1_000_000_000
CATCH_UP_TICKS_MAX = 5


class MatchClock:
    """Deadlines of ticks. *Units*: nanoseconds of a monotonic clock."""

    def __init__(self, start_ns: int, first_tick: int, tick_rate_hz: int) -> None:
        self.tick_rate_hz = tick_rate_hz
        self.next_tick = first_tick
        self.generation = 0
        self._start_ns = start_ns
        self._first = first_tick

    @property
    def deadline_ns(self) -> int:
        """When the next tick is due."""
        return self.deadline_of(self.next_tick)

    def deadline_of(self, tick: int) -> int:
        """Return when `tick` is due."""
        return self._start_ns + (tick - self._first) * SECOND_NS // self.tick_rate_hz

    def due(self, now_ns: int) -> int:
        """Return how many ticks are due at `now_ns`, at most five."""
        count = 0
        while count < CATCH_UP_TICKS_MAX and self.deadline_of(self.next_tick + count) <= now_ns:
            count += 1
        return count

    def ran(self) -> None:
        """Count the next tick as run."""
        self.next_tick += 1

    def rebase(self, now_ns: int) -> int:
        """Make the next tick due one period from `now_ns`; return by how many nanoseconds the clock moved."""
        before = self.deadline_ns
        self._first = self.next_tick
        self._start_ns = now_ns + SECOND_NS // self.tick_rate_hz
        self.generation = (self.generation + 1) % CLOCK_MODULO
        return self._start_ns - before

    def earliness_eighths(self, tick: int, now_ns: int) -> int:
        """Return how long before its deadline something for `tick` came. *Units*: 1/8 ticks, negative when late."""
        return (self.deadline_of(tick) - now_ns) * self.tick_rate_hz * 8 // SECOND_NS
