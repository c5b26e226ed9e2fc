"""When a client dials again after its socket ended: at once, then soon, then ever more rarely.

| after | dials |
|---|---|
| a close with "returns at once" | immediately, then every 250 ms +/- 20 % for 3 s, then backoff |
| a close with "returns with backoff" | backoff |

Backoff is exponential with full jitter, at most 30 s apart; 5 s of good connection forget all of it. A server's
`retry_after_ms` is a lower bound.
*Source*: wire, version 1, "Handshake, resume, leaving".
To test: `tests/game_client/test_reconnect.py`.
"""

from random import Random

from protocol.close_codes import Return

MS = 1_000_000
SOON_NS = 250 * MS
SOON_JITTER = 0.2
SOON_FOR_NS = 3_000 * MS
BACKOFF_FIRST_NS = 500 * MS
BACKOFF_MAX_NS = 30_000 * MS
BACKOFF_LEAST_NS = 50 * MS
"""Full jitter may draw zero, which would be a second dial at once."""
GOOD_NS = 5_000 * MS


class Reconnect:
    """The timetable of one client's dials."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.attempt = 0
        self._lost_ns = 0
        self._backoffs = 0

    def connected_for(self, good_ns: int) -> None:
        """Take note that a connection was good for so long before it ended."""
        if good_ns >= GOOD_NS:
            self.attempt = self._backoffs = 0

    def next_dial_ns(self, returns: Return, now_ns: int, retry_after_ms: int = 0) -> int:
        """Return when to dial, and count the attempt."""
        if self.attempt == 0:
            self._lost_ns = now_ns
        self.attempt += 1
        soon = returns is Return.AT_ONCE and now_ns - self._lost_ns < SOON_FOR_NS
        if soon and self.attempt == 1:
            wait_ns = 0
        elif soon:
            wait_ns = int(SOON_NS * self._rng.uniform(1 - SOON_JITTER, 1 + SOON_JITTER))
        else:
            ceiling_ns = min(BACKOFF_MAX_NS, BACKOFF_FIRST_NS << min(self._backoffs, 16))
            self._backoffs += 1
            wait_ns = max(BACKOFF_LEAST_NS, int(self._rng.random() * ceiling_ns))
        return now_ns + max(wait_ns, retry_after_ms * MS)
