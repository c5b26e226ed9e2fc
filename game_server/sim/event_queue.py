"""The events of one seat that its client has not acknowledged, as frames: a window.

    acknowledged ... | forgotten ... | sent, unacknowledged ... | unsent ...

An event is numbered and encoded when it is emitted, leaves when the socket takes it, and stays until it is
acknowledged, so that a resume can send it again. At least the newest 256 are kept, more while they are small. Once a
tick, after the socket was given what it takes, what is too much is forgotten from the old end: of what was sent what is
beyond 64 KiB, of what was not what is beyond 256 KiB.
To test: `tests/game_server/sim/test_event_queue.py`.
"""

from collections import deque
from itertools import islice

from protocol.codec import event_frame

EVENTS_KEPT_LEAST = 256
EVENTS_BYTES_SMALL = 64 * 1024
"""More events than that are kept as long as all together have no more bytes than this, or have not been sent."""
EVENTS_BYTES_MAX = 256 * 1024
SLICE_BYTES = 16 * 1024
"""What is sent of a backlog in one tick: the state must not wait behind all of it."""


class EventQueue:
    """Numbers, keeps and sends again the events of one seat."""

    __slots__ = ("_bytes", "_kept", "acknowledged", "forgotten", "last", "sent")

    def __init__(self) -> None:
        self.last = self.sent = self.acknowledged = self.forgotten = 0
        self._kept: deque[bytes] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def kept_bytes(self) -> int:
        """How many bytes are kept."""
        return self._bytes

    @property
    def outstanding(self) -> bool:
        """Whether something was sent that has not been acknowledged."""
        return self.sent > self.acknowledged

    def add(self, tail: tuple[int, bytes]) -> None:
        """Number an event, given as `event_tail` makes it, and keep it."""
        self.last += 1
        frame = event_frame(self.last, tail)
        self._kept.append(frame)
        self._bytes += len(frame)

    def take_unsent(self, bytes_max: int = SLICE_BYTES) -> list[bytes]:
        """Return the next frames that have not left, at least one if there are any, and count them as sent."""
        if self.sent == self.last:
            return []
        taken: list[bytes] = []
        left = bytes_max
        first = max(self.sent, self.forgotten)
        for frame in islice(self._kept, first - (self.last - len(self._kept)), None):
            if taken and len(frame) > left:
                break
            taken.append(frame)
            left -= len(frame)
        self.sent = first + len(taken)
        return taken

    def acknowledge(self, sequence: int) -> bool:
        """Forget all up to `sequence`; tell whether that was news. What was never sent is not believed."""
        if not self.acknowledged < sequence <= self.sent:
            return False
        self.acknowledged = sequence
        self._drop(sequence - (self.last - len(self._kept)))
        return True

    def trim(self) -> bool:
        """Forget what is too much; tell whether that cost an event that was never sent."""
        before = self.forgotten
        while self._is_too_much():
            self._drop(1)
            self.forgotten = self.last - len(self._kept)
        return self.forgotten > max(before, self.sent)

    def resume(self, last: int) -> int:
        """Send everything after `last` anew, as a new socket has taken nothing yet; return after which it goes on.

        That is `last`, unless later events have been acknowledged before, or are forgotten.
        """
        self.acknowledge(last)
        self.sent = max(self.forgotten, min(max(last, self.acknowledged), self.sent))
        return self.sent

    def _is_too_much(self) -> bool:
        if self._bytes <= EVENTS_BYTES_SMALL:
            return False
        was_sent = self.last - len(self._kept) < self.sent
        return self._bytes > EVENTS_BYTES_MAX or (was_sent and len(self._kept) > EVENTS_KEPT_LEAST)

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._bytes -= len(self._kept.popleft())
