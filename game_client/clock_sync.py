"""Which tick an input is for, and when it leaves, so that it comes about two ticks before that tick runs.

The client keeps a clock of ticks: tick `t` is sent at `origin + t * period`. The server answers with `slack`: how early
the least early input since the last state came, in 1/8 ticks. Once per window the least of these is compared with the
target and the origin is moved: earlier by half the difference, at most a tick; later by an eighth of it, so that a late
frame costs little and a fast route is believed slowly. A clock that stays more than ten ticks off for 250 ms, and a
server that changed its own clock (the generation in the flags), make it jump.

    first guess:   sent = now;  tick = state's tick + 1 + round trip + target
To test: `tests/game_client/test_clock_sync.py`.
"""

SECOND_NS = 1_000_000_000
TARGET_EIGHTHS = 14
"""1.75 ticks early."""
DEADBAND_EIGHTHS = 3
"""No steering within 1.4 to 2.1 ticks."""
WINDOW_STATES = 8
EARLIER_MAX_EIGHTHS = 8
LATER_LEAST_EIGHTHS = 1
SLACK_NONE = 127
SLACK_LEAST = -32
JUMP_TICKS = 10
JUMP_AFTER_NS = 250_000_000
"""A burst of held-up states looks like a clock that is off, but not for so long."""
RTT_MAX_NS = SECOND_NS


class ClockSync:
    """The client's clock of ticks. *Units*: nanoseconds of the client's monotonic clock."""

    def __init__(self, tick_rate_hz: int, rtt_ns: int = 0) -> None:
        self.tick_rate_hz = tick_rate_hz
        self.rtt_ns = min(rtt_ns, RTT_MAX_NS)
        self.generation = -1
        self.jumps = 0
        self._origin_ns = 0
        self._last_label = -1
        self._least = SLACK_NONE
        self._heard = 0
        self._waiting = 0
        self._off_since_ns: int | None = None

    @property
    def running(self) -> bool:
        """Whether a state has set the clock."""
        return self.generation >= 0

    def send_ns(self, tick: int) -> int:
        """Return when the input for `tick` leaves."""
        return self._origin_ns + tick * SECOND_NS // self.tick_rate_hz

    @property
    def deadline_ns(self) -> int:
        """When the next input leaves."""
        return self.send_ns(self._last_label + 1)

    def take_label(self, now_ns: int) -> int | None:
        """Return the tick that an input sent now is for, or None if its time has not come. Each label comes once."""
        label = (now_ns - self._origin_ns) * self.tick_rate_hz // SECOND_NS
        # Integer division rounds the two directions differently; send_ns decides.
        if self.send_ns(label + 1) <= now_ns:
            label += 1
        if label <= self._last_label:
            return None
        self._last_label = label
        return label

    def heard(self, tick: int, slack: int, generation: int, now_ns: int) -> None:
        """Take a state: set the clock by the first one, steer by the others."""
        if generation != self.generation:
            # The server forgets the labels of an older clock, so these may begin anew.
            self.generation, self._last_label = generation, -1
            self._jump(tick, now_ns)
            return
        ahead = self._lead_of(now_ns) - tick
        wanted = self._lead_ticks()
        if abs(ahead - wanted) <= JUMP_TICKS:
            self._off_since_ns = None
        elif self._off_since_ns is None:
            self._off_since_ns = now_ns
        elif now_ns - self._off_since_ns >= JUMP_AFTER_NS:
            self._jump(tick, now_ns)
            return
        if self._waiting > 0:
            # What this slack tells was sent before the last adjustment.
            self._waiting -= 1
            return
        if slack == SLACK_NONE:
            return
        self._least = min(self._least, slack)
        self._heard += 1
        if self._heard >= WINDOW_STATES:
            self._steer()

    def _steer(self) -> None:
        least, self._least, self._heard = self._least, SLACK_NONE, 0
        if least <= SLACK_LEAST:
            self._shift(-SLACK_LEAST + TARGET_EIGHTHS)
            return
        off = TARGET_EIGHTHS - least
        if off > DEADBAND_EIGHTHS:
            self._shift(min(EARLIER_MAX_EIGHTHS, off // 2))
        elif off < -DEADBAND_EIGHTHS:
            self._shift(-max(LATER_LEAST_EIGHTHS, -off // 8))

    def _shift(self, earlier_eighths: int) -> None:
        self._origin_ns -= earlier_eighths * SECOND_NS // (8 * self.tick_rate_hz)
        self._waiting = 2 + self.rtt_ns * self.tick_rate_hz // SECOND_NS

    def _lead_ticks(self) -> int:
        """How far labels should be ahead of the state that just came: the way there and back, then the target."""
        return 1 + (self.rtt_ns * self.tick_rate_hz + SECOND_NS - 1) // SECOND_NS + TARGET_EIGHTHS // 8

    def _lead_of(self, now_ns: int) -> int:
        return (now_ns - self._origin_ns) * self.tick_rate_hz // SECOND_NS

    def _jump(self, tick: int, now_ns: int) -> None:
        lead_eighths = 8 + TARGET_EIGHTHS + self.rtt_ns * self.tick_rate_hz * 8 // SECOND_NS
        self._origin_ns = now_ns - (tick * 8 + lead_eighths) * SECOND_NS // (8 * self.tick_rate_hz)
        self._least, self._heard, self._off_since_ns = SLACK_NONE, 0, None
        self._waiting = 2 + self.rtt_ns * self.tick_rate_hz // SECOND_NS
        self.jumps += 1
