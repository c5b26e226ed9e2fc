"""How long the way to the server and back is, as far as one may rely on it, and for how long a server may say nothing.

A ping that was held up tells of the stall, not of the way: the least of the last few counts, and never more than a
second. A new socket may go another way and begins anew, with the time from HELLO to WELCOME.
To test: `tests/game_client/test_round_trip.py`.
"""

from collections import deque

from game_client.clock_sync import RTT_MAX_NS, SECOND_NS

ROUND_TRIPS_KEPT = 4
"""With a ping every 2 s a way that became longer is believed after 8 s."""
SILENCE_LEAST_NS = SECOND_NS
SILENCE_UNKNOWN_NS = 5 * SECOND_NS
"""For how long a server may say nothing before it told its tick rate."""


class RoundTrip:
    """The round trip of the current socket; `ns` is the last socket's until this one's is known, 0 before any."""

    def __init__(self) -> None:
        self.ns = 0
        self._last: deque[int] = deque(maxlen=ROUND_TRIPS_KEPT)

    def begin_socket(self) -> None:
        """Forget what another socket measured as soon as this one has measured something."""
        self._last.clear()

    def measured(self, rtt_ns: int) -> None:
        """Take a ping that came back, or a WELCOME."""
        self._last.append(rtt_ns)
        self.ns = min(RTT_MAX_NS, *self._last)

    def silence_ns(self, tick_rate_hz: int, beside: bool) -> int:
        """Return for how long nothing may come before the server counts as silent; its rate is 0 if not known.

        Twice as long where no dial can go `beside` the silent socket, which is given up then.
        """
        silence_ns = SILENCE_UNKNOWN_NS
        if tick_rate_hz:
            silence_ns = max(SILENCE_LEAST_NS, 4 * (SECOND_NS // tick_rate_hz) + self.ns)
        return silence_ns if beside else 2 * silence_ns
