"""One taken place as the match keeps it: its connection, its base, its inputs, commands and events on the way.

A place outlives its connection: what a resume needs stands here, what belongs to one socket is set anew by `attach`.
To test: `tests/game_server/sim/test_occupant.py`.
"""

from collections import deque

from game_server.sim.event_queue import EventQueue
from game_server.sim.input_buffer import InputBuffer
from game_server.sim.seat import Seat
from protocol.declare import Record
from protocol.messages import KeyframeReason

COMMANDS_WAITING_MAX = 256
"""As many as a client keeps unacknowledged; one more closes its connection."""
COMMANDS_PER_S = 20
COMMANDS_BURST = 64
ACKNOWLEDGED_WITHIN_NS = 5_000_000_000
AWAY_AFTER_NS = 2_500_000_000
"""A client that acknowledges nothing for so long is not connected any more, whatever its socket says."""
WINDOW_TICKS = 8
ACK_DELAY_MS = 100
"""A client without input acknowledges a state so late."""
ROUND_TRIPS_KEPT = 4
UNKNOWN_ROUND_TRIP_NS = 500_000_000
HASHES_KEPT = 4
SLACK_NONE = 127
"""Stands in a STATE before which no input came."""
NEVER_SENT_NS = -(10**18)
"""As if the last state had been sent an age ago, so that the next one is due now."""


class Occupant:
    """The match's side of one place."""

    def __init__(
        self, seat: Seat, connection: int, inputs: InputBuffer | None, tick_rate_hz: int, *,
        player: str = "", spectator: bool = False,
    ) -> None:  # fmt: skip
        self.seat = seat
        self.player = player
        self.spectator = spectator
        self.inputs = inputs
        self.connection: int | None = connection
        self.away_ticks: int | None = None
        self.issued = self.confirmed = 0
        self.void_until = -1
        """Tokens up to this number belong to a program whose player has started another one since."""
        self.presented = (-1, -1)
        self.events = EventQueue()
        self.last_command = 0
        self.commands: deque[Record] = deque()
        self.sent_tick = -1
        self.hashes: deque[tuple[int, int]] = deque(maxlen=HASHES_KEPT)
        self._round_trips_ns: deque[int] = deque(maxlen=ROUND_TRIPS_KEPT)
        self._tick_rate_hz = tick_rate_hz
        self._allowance = COMMANDS_BURST * tick_rate_hz
        self.attach(connection, None, KeyframeReason.JOINED)
        self.command_acked = 0

    def attach(self, connection: int, base: int | None, reason: KeyframeReason) -> None:
        """Begin on a new socket, whose client holds the state of tick `base`, or gets a keyframe for `reason`."""
        self.connection = connection
        self.away_ticks = None
        self.blocked = self.dropped = False
        self.base, self.reason = base, reason
        self.acked_tick = -1 if base is None else base
        self.sent_ns = NEVER_SENT_NS
        self.clock_told = -1
        self.resynced_ns: int | None = None
        self.slack = SLACK_NONE
        self.substituted = False
        # What an acknowledgement said on an older socket may have been lost with it.
        self.command_acked = -1
        self.unacknowledged: deque[int] = deque()
        self.silent_since_ns: int | None = None

    def detach(self, away_ticks: int) -> None:
        """The socket has ended; the place is kept for `away_ticks` more."""
        self.connection = None
        self.away_ticks = away_ticks
        self.silent_since_ns = None

    @property
    def reachable(self) -> bool:
        """Whether there is a socket that takes frames."""
        return self.connection is not None and not self.dropped

    def next_n(self) -> int:
        """Return the number of the next resume token."""
        self.issued += 1
        return self.issued

    def heard(self) -> None:
        """A frame came: the client has its WELCOME, so that older tokens are void."""
        self.confirmed = self.issued

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

    def note_round_trip(self, rtt_ns: int) -> None:
        """Remember a ping that came back."""
        self._round_trips_ns.append(rtt_ns)

    @property
    def window_ticks(self) -> int:
        """For how many ticks a state may stay unacknowledged before the client is sent less."""
        rtt_ns = min(self._round_trips_ns, default=UNKNOWN_ROUND_TRIP_NS)
        return WINDOW_TICKS + (rtt_ns + ACK_DELAY_MS * 1_000_000) * self._tick_rate_hz // 1_000_000_000

    def handed(self, tick: int, now_ns: int) -> None:
        """The state of `tick` was handed to the socket."""
        self.base = self.sent_tick = tick
        self.sent_ns = now_ns
        self.substituted = False
        # At most a window's worth and a few more: beyond it four a second are sent, and after 5 s the socket is cut.
        self.unacknowledged.append(tick)
        self.sent(now_ns)

    def hear_ack(self, tick: int, now_ns: int) -> None:
        """The client applied the state of `tick`."""
        if self.base is None or not self.acked_tick < tick <= self.base:
            return
        self.acked_tick = tick
        while self.unacknowledged and self.unacknowledged[0] <= tick:
            self.unacknowledged.popleft()
        self.acknowledged(now_ns)

    def is_behind(self, tick: int) -> bool:
        """Tell whether a state has been unacknowledged for longer than the window at `tick`."""
        return bool(self.unacknowledged) and tick - self.unacknowledged[0] > self.window_ticks

    def sent(self, now_ns: int) -> None:
        """Something was sent that the client has to acknowledge."""
        if self.silent_since_ns is None:
            self.silent_since_ns = now_ns

    def acknowledged(self, now_ns: int) -> None:
        """An acknowledgement made progress."""
        settled = self.acked_tick == self.base and not self.events.outstanding
        self.silent_since_ns = None if settled else now_ns

    def excuse_silence(self, now_ns: int) -> None:
        """Count silence from now on: until now nobody could be heard."""
        if self.silent_since_ns is not None:
            self.silent_since_ns = now_ns

    def is_silent(self, now_ns: int, within_ns: int = ACKNOWLEDGED_WITHIN_NS) -> bool:
        """Tell whether nothing was acknowledged for so long although something was sent."""
        return self.silent_since_ns is not None and now_ns - self.silent_since_ns > within_ns

    def is_connected(self, now_ns: int) -> bool:
        """Tell whether the player is there, as far as a server can know."""
        return self.reachable and not self.is_silent(now_ns, AWAY_AFTER_NS)
