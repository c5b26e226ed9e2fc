"""One taken seat as the match keeps it: its connection, its base, its inputs, commands and events on the way.

To test: `tests/game_server/sim/test_occupant.py`.
"""

from collections import deque

from game_server.sim.input_buffer import InputBuffer
from game_server.sim.seat import Seat
from protocol.declare import Record
from protocol.messages import KeyframeReason

EVENTS_UNACKNOWLEDGED_MAX = 256
COMMANDS_WAITING_MAX = 64
SLACK_NONE = 127
"""Stands in a STATE before which no input came."""


class Occupant:
    """The match's side of one seat."""

    def __init__(self, seat: Seat, connection: int, inputs: InputBuffer | None) -> None:
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
        self.commands: deque[tuple[int, Record]] = deque()
        self.last_event = 0
        self.events_acked = 0

    def note_slack(self, eighths: int) -> None:
        """Remember how early an input came, if it was the least early since the last state. *Units*: 1/8 ticks."""
        self.slack = min(self.slack, max(-32, min(SLACK_NONE - 1, eighths)))

    def take_slack(self) -> int:
        """Return the least earliness since the last state."""
        slack, self.slack = self.slack, SLACK_NONE
        return slack

    @property
    def events_waiting(self) -> int:
        """How many events are not acknowledged."""
        return self.last_event - self.events_acked
