"""The dials of one client: numbered from 1, pending until they open or fail, at most four at a time.

`reconnect` says when the next one is due. With `beside` (there is a resume token, so that a second dial takes nobody's
seat) the next one is due though the last is pending; without it, once the last has failed.
To test: `tests/game_client/test_redial.py`.
"""

from random import Random

from game_client.reconnect import MS, Reconnect
from protocol.close_codes import Return

NEVER_STATUS = (400, 401, 403, 404, 426)
"""HTTP statuses after which the same dial cannot succeed."""
DIALS_PENDING_MAX = 4
"""One more, and the oldest gives way: it had its time."""
DIAL_WITHIN_NS = 10_000 * MS
"""A dial that nobody answered for so long has failed, whatever became of it: the shell gives up earlier."""


class Redial:
    """Which dials are pending, and when the next one is due."""

    def __init__(self, rng: Random, now_ns: int) -> None:
        self.due_ns: int | None = now_ns
        self.newest = 0
        self._times = Reconnect(rng)
        self._pending: dict[int, int] = {}
        self._returning = False

    @property
    def attempt(self) -> int:
        """Which dial since the last good connection this is, 0 before anything failed."""
        return self._times.attempt

    @property
    def pending(self) -> tuple[int, ...]:
        """The sockets that are being dialled, the oldest first."""
        return tuple(self._pending)

    @property
    def deadline_ns(self) -> int | None:
        """When a dial is due, or has been pending for too long."""
        first_ns = next(iter(self._pending.values()), None)
        if first_ns is None:
            return self.due_ns
        expires_ns = first_ns + DIAL_WITHIN_NS
        return expires_ns if self.due_ns is None else min(self.due_ns, expires_ns)

    def lost(self, returns: Return, now_ns: int, good_ns: int, retry_after_ms: int = 0) -> None:
        """Begin to return: a connection that was good for `good_ns` ended, or is not heard any more."""
        self._times.connected_for(good_ns)
        self.due_ns = self._times.lost(returns, now_ns, retry_after_ms)
        self._returning = True

    def retry(self, returns: Return, now_ns: int, retry_after_ms: int = 0, *, beside: bool = False) -> None:
        """Go on returning after a dial, or a socket that never was live, failed."""
        if not self._returning:
            self.lost(returns, now_ns, 0, retry_after_ms)
        elif self.due_ns is None:
            self.due_ns = self._times.failed(returns, now_ns, retry_after_ms)
        elif returns is not Return.AT_ONCE or retry_after_ms:
            due_ns = self._times.failed(returns, now_ns, retry_after_ms, beside=beside)
            self.due_ns = max(self.due_ns, due_ns)

    def at_once(self, now_ns: int) -> None:
        """Let the next dial be due now, whatever the timetable says."""
        self.due_ns, self._returning = now_ns, True

    def follow(self, now_ns: int) -> None:
        """Let the next dial be due now: a server said where to. That is neither a loss nor a failed dial."""
        self.due_ns = now_ns

    def dial(self, now_ns: int, beside: bool, rtt_ns: int) -> tuple[int, list[int]]:
        """Begin the dial that is due; return its socket, and those of the dials that give way to it."""
        gives_way = list(self._pending)[: 1 - DIALS_PENDING_MAX]
        for socket in gives_way:
            del self._pending[socket]
        self.newest += 1
        self._pending[self.newest] = now_ns
        self._times.count_dial()
        self.due_ns = self._times.beside(now_ns, rtt_ns) if beside and self._returning else None
        return self.newest, gives_way

    def expired(self, now_ns: int) -> list[int]:
        """Return the dials that were pending for too long, and forget them."""
        late = [socket for socket, dialled_ns in self._pending.items() if now_ns >= dialled_ns + DIAL_WITHIN_NS]
        for socket in late:
            del self._pending[socket]
        return late

    def ended(self, socket: int) -> bool:
        """Forget a dial that opened or failed; tell whether it was pending."""
        return self._pending.pop(socket, None) is not None

    def opened(self, socket: int) -> list[int]:
        """Let no further dial be due: `socket` has opened; return the older ones, which a server would refuse now."""
        self.due_ns = None
        older = [each for each in self._pending if each < socket]
        for each in older:
            del self._pending[each]
        return older

    def stop(self) -> list[int]:
        """Give all dials up; return the sockets that were pending."""
        given_up = list(self._pending)
        self._pending.clear()
        self.due_ns = None
        return given_up

    def live(self) -> list[int]:
        """Take note of a good connection, which ends the returning; return the sockets that were pending."""
        self._returning = False
        return self.stop()
