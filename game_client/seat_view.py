"""What may be read of a client at any time: its world, its seat, how the connection is.

To test: `tests/game_client/test_seat_view.py`.
"""

from typing import Any

from game_client.clock_sync import ClockSync
from game_client.facts import Status
from game_client.following import Following
from game_client.replica import Replica
from game_client.resume import HeldSeat
from game_client.stats import ClientStats
from protocol.schema import Schema
from protocol.state_codec import WireState


class SeatView:
    """A seat as its player sees it. Set `playhead_tick` to what an interpolator shows, for lag compensation."""

    def __init__(self) -> None:
        self.status = Status()
        self.stats = ClientStats()
        self.tick_rate_hz = 0
        self.paused = False
        self._held = HeldSeat()
        self._following = Following(self._held, self.stats)

    @property
    def world(self) -> Replica:
        """What this seat may see of the match."""
        return self._following.world

    @property
    def clock(self) -> ClockSync:
        """When inputs leave."""
        return self._following.clock

    @property
    def playhead_tick(self) -> float | None:
        """Which tick an interpolator shows."""
        return self._following.playhead_tick

    @playhead_tick.setter
    def playhead_tick(self, tick: float | None) -> None:
        self._following.playhead_tick = tick

    @property
    def tick(self) -> int:
        """The last applied tick, -1 before the first."""
        return self._held.state.tick

    @property
    def seat(self) -> int | None:
        """The seat, None for a spectator."""
        return self._held.seat

    @property
    def schema(self) -> Schema:
        """What the match is made of; the same object for as long as the seat goes on."""
        return self._held.schema

    @property
    def wire_state(self) -> WireState:
        """What `world` shows, as wire values."""
        return self._held.state

    @property
    def commands_unacknowledged(self) -> int:
        """How many commands the server has not acknowledged."""
        return len(self._held.commands)

    def take_events(self) -> list[tuple[int, Any]]:
        """Return the events since the last call, each with its tick."""
        events = list(self._following.events)
        self._following.events.clear()
        return events
