"""When a client dials again after its socket ended or fell silent: at once, then soon, then ever more rarely.

| after | dials |
|---|---|
| a loss with "returns at once", 5 s of good connection before it | immediately, then as the next row |
| a loss with "returns at once" | every 250 ms +/- 20 % for 3 s, then backoff |
| a loss with "returns with backoff", a loss or a dial that was told to come later | backoff |

Backoff is exponential with full jitter, at most 30 s apart. A server's `retry_after_ms` is a lower bound, the jitter
comes on top of it: those that were sent away together do not come back together. The loss of a connection that was
good for a second begins the 3 s anew; only 5 s of good connection forget the attempts and the backoffs.
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
STOOD_NS = 1_000 * MS
"""Who is cut every few seconds still comes back quickly; a server that accepts and drops is not dialled for ever so."""
GOOD_NS = 5_000 * MS


class Reconnect:
    """The timetable of one client's dials. Each of `lost`, `dialled` and `failed` returns when the next one is due."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.attempt = 0
        """Which dial since the last good connection is the next or the newest; 0 before anything failed."""
        self._announced = False
        self._lost_ns = 0
        self._stood = True
        """Whether the next loss begins the quick dials anew; a client's first one does."""
        self._is_soon = False
        self._backoffs = 0

    def connected_for(self, good_ns: int) -> None:
        """Take note that a connection was good for so long before it ended."""
        self._stood = self._stood or good_ns >= STOOD_NS
        if good_ns >= GOOD_NS:
            self.attempt = self._backoffs = 0

    def lost(self, returns: Return, now_ns: int, retry_after_ms: int = 0) -> int:
        """Take note that there is no good connection from now on."""
        if self._stood:
            self._lost_ns, self._stood = now_ns, False
        self._is_soon = returns is Return.AT_ONCE and not retry_after_ms
        self.attempt += 1
        self._announced = True
        if not self._soon(now_ns):
            wait_ns = self._backoff_ns(counts=True)
        else:
            wait_ns = 0 if self.attempt == 1 else self._soon_ns(0)
        return now_ns + wait_ns + retry_after_ms * MS

    def count_dial(self) -> None:
        """Count a dial; the first one after a loss was counted with the loss, and a client's very first is none."""
        if self.attempt and not self._announced:
            self.attempt += 1
        self._announced = False

    def beside(self, now_ns: int, rtt_ns: int) -> int:
        """Return when the next dial is due though the last one is pending; not before an answer could be here."""
        return now_ns + (self._soon_ns(rtt_ns) if self._soon(now_ns) else self._backoff_ns(counts=True))

    def failed(self, returns: Return, now_ns: int, retry_after_ms: int = 0, *, beside: bool = False) -> int:
        """Return when to dial after a dial failed. With `beside` the wait after it was counted when it began."""
        if returns is Return.AT_ONCE and not retry_after_ms and self._soon(now_ns):
            return now_ns + self._soon_ns(0)
        counts = not beside or self._soon(now_ns)
        self._is_soon = False
        return now_ns + self._backoff_ns(counts) + retry_after_ms * MS

    def _soon(self, now_ns: int) -> bool:
        return self._is_soon and now_ns - self._lost_ns < SOON_FOR_NS

    def _soon_ns(self, least_ns: int) -> int:
        return int(max(SOON_NS, least_ns) * self._rng.uniform(1 - SOON_JITTER, 1 + SOON_JITTER))

    def _backoff_ns(self, counts: bool) -> int:
        ceiling_ns = min(BACKOFF_MAX_NS, BACKOFF_FIRST_NS << min(max(0, self._backoffs - (not counts)), 16))
        self._backoffs += counts
        return max(BACKOFF_LEAST_NS, int(self._rng.random() * ceiling_ns))
