"""One taken seat as the match keeps it: its connection, its base, its inputs, commands and events on the way.

To test: `tests/game_server/sim/test_occupant.py`.
"""

from collections import deque

from game_server.sim.input_buffer import InputBuffer
from game_server.sim.seat import Seat
from protocol.declare import Record
from protocol.messages import KeyframeReason

COMMANDS_WAITING_MAX = 256
"""As many as a client keeps unacknowledged; one more closes its connection."""
COMMANDS_PER_S = 20
COMMANDS_BURST = 64
ACKNOWLEDGED_WITHIN_NS = 5_000_000_000
SLACK_NONE = 127
"""Stands in a STATE before which no input came."""


class Occupant:
    """The match's side of one seat."""

    def __init__(self, seat: Seat, connection: int, inputs: InputBuffer | None, tick_rate_hz: int) -> None:
        self.seat = seat
        self.connection = connection
        self.inputs = inputs
        self.blocked = False
        self.dropped = False
        self.clock_told = 0
        self.base: int | None = None
        self.reason = KeyframeReason.JOINED
        self.acked_tick = -1
        self.sent_ns = 0
        self.resynced_ns: int | None = None
        self.slack = SLACK_NONE
        self.substituted = False
        self.last_command = 0
        self.command_acked = 0
        self.commands: deque[Record] = deque()
        self.last_event = 0
        self.events_acked = 0
        self.silent_since_ns: int | None = None
        self._tick_rate_hz = tick_rate_hz
        self._allowance = COMMANDS_BURST * tick_rate_hz

    def note_slack(self, eighths: int) -> None:
        """Remember how early an input came, if it was the least early since the last state. *Units*: 1/8 ticks."""
        self.slack = min(self.slack, max(-32, min(SLACK_NONE - 1, eighths)))

    def take_slack(self) -> int:
        """Return the least earliness since the last state."""
        slack, self.slack = self.slack, SLACK_NONE
        return slack

    def begin_tick(self) -> None:
        """Let a tick's worth of commands through."""
        self._allowance = min(COMMANDS_BURST * self._tick_rate_hz, self._allowance + COMMANDS_PER_S)

    def may_command(self) -> bool:
        """Use up one command's allowance; more than `COMMANDS_PER_S` after a burst wait for later ticks."""
        if self._allowance < self._tick_rate_hz:
            return False
        self._allowance -= self._tick_rate_hz
        return True

    def sent(self, now_ns: int) -> None:
        """Something was sent that the client has to acknowledge."""
        if self.silent_since_ns is None:
            self.silent_since_ns = now_ns

    def acknowledged(self, now_ns: int) -> None:
        """An acknowledgement made progress."""
        settled = self.acked_tick == self.base and self.events_acked == self.last_event
        self.silent_since_ns = None if settled else now_ns

    def is_silent(self, now_ns: int) -> bool:
        """Tell whether nothing was acknowledged for 5 s although something was sent."""
        return self.silent_since_ns is not None and now_ns - self.silent_since_ns > ACKNOWLEDGED_WITHIN_NS
