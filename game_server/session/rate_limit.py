"""What one connection may send: token buckets per message type, for all frames, their bytes and control frames.

A bucket holds `burst` tokens and gets `rate_per_s` new ones each second; what finds too few is over the limit. Limits
are set so that an honest client never meets them, whatever its network does: TCP delivers what a stall of 5 s held back
at once, and a resume sends up to 256 commands again. R is the match's tick rate.

| what | a second | at once | because |
|---|---|---|---|
| INPUT | 2 R, at least 20 | 6 R, at least 60 | one a tick; 5 s of them after a stall, and a second more |
| ACK | 2 R, at least 20 | 6 R, at least 60 | at most one a state |
| COMMAND | 2 R, at least 40 | 256 + 64 | a resend of all that is unacknowledged, and new ones |
| RESYNC | 2 | 10 | one is outstanding, and it repeats after a second |
| EVENT_ACK | 2 R, at least 20 | 256 + 64 | one for all events of 50 ms; who sends one for each has a burst |
| HELLO | 1 | 2 | comes once |
| all frames | the sum | the sum | what cannot be decoded closes anyway; each fragment counts |
| bytes | INPUT and ACK at 256, COMMAND at 4096 | likewise | so that only frames of unusual size meet it |
| control frames | 10 | 20 | a pong for each ping, and the client's own pings |

`factor` scales both columns; 0 switches the limits off. What comes while a connection is forgiven is not counted: after
the whole process stood still for longer than a stall, the kernel hands over at once what came meanwhile.
To test: `tests/game_server/session/test_rate_limit.py`.
"""

from dataclasses import dataclass
from functools import lru_cache

from protocol.codec import CLIENT_FRAME_BYTES_MAX
from protocol.errors import PeerFault, UsageFault
from protocol.messages import Ack, CommandFrame, EventAck, Hello, InputFrame, Message, Resync

NS_PER_S = 1_000_000_000
STALL_S = 5
RESENT_MAX = 256
SMALL_FRAME_BYTES = 256
CONTROL_PER_S, CONTROL_BURST = 10, 20


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit: so many a second, so many at once, of what."""

    what: str
    rate_per_s: int
    burst: int

    def scaled(self, factor: float) -> "Allowance":
        """Return `factor` times as much, but never nothing."""
        rate_per_s = min(NS_PER_S, max(1, int(self.rate_per_s * factor)))
        return Allowance(self.what, rate_per_s, max(1, int(self.burst * factor)))

    def __str__(self) -> str:
        return f"{self.rate_per_s} a second are allowed, {self.burst} at once"


class TokenBucket:
    """A bucket, kept as one number: the time at which it will be full again. Nothing is added up while it rests.

    *Source*: the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371.
    """

    __slots__ = ("_each_ns", "_full_ns", "_span_ns")

    def __init__(self, rate_per_s: int, burst: int) -> None:
        if not 1 <= rate_per_s <= NS_PER_S or burst < 1:
            raise UsageFault(f"a bucket of {burst}, {rate_per_s} a second: both start at 1, the rate ends at 10^9")
        self._each_ns = NS_PER_S // rate_per_s
        self._span_ns = self._each_ns * burst
        # A number before all others: it is full, whatever the clock says.
        self._full_ns: int | None = None

    def take(self, n: int, now_ns: int) -> bool:
        """Take `n` tokens, or none if there are fewer; tell which."""
        full_ns = self._full_ns
        if full_ns is None or full_ns < now_ns:
            full_ns = now_ns
        full_ns += n * self._each_ns
        if full_ns - now_ns > self._span_ns:
            return False
        self._full_ns = full_ns
        return True

    def wait_ns(self, n: int, now_ns: int) -> int:
        """Return how long until `take(n)` can succeed; 0 if it can now."""
        if self._full_ns is None:
            return 0
        return max(0, self._full_ns + n * self._each_ns - self._span_ns - now_ns)

    def is_full(self, now_ns: int) -> bool:
        """Tell whether nothing is missing: such a bucket may be forgotten and made anew."""
        return self._full_ns is None or self._full_ns <= now_ns


class Allowances:
    """The limits of every connection to matches of one tick rate; shared, never changed."""

    def __init__(self, tick_rate_hz: int, factor: float) -> None:
        rate, burst = max(20, 2 * tick_rate_hz), max(60, (STALL_S + 1) * tick_rate_hz)
        command_rate, resend = max(40, 2 * tick_rate_hz), RESENT_MAX + 64
        by_message: dict[type[Message], Allowance] = {
            InputFrame: Allowance("INPUT frames", rate, burst),
            Ack: Allowance("ACK frames", rate, burst),
            CommandFrame: Allowance("COMMAND frames", command_rate, resend),
            Resync: Allowance("RESYNC frames", 2, 10),
            EventAck: Allowance("EVENT_ACK frames", rate, resend),
            Hello: Allowance("HELLO frames", 1, 2),
        }
        small = [each for cls, each in by_message.items() if cls is not CommandFrame]
        every = by_message.values()
        frames = Allowance("frames", sum(each.rate_per_s for each in every), sum(each.burst for each in every))
        count_bytes = Allowance(
            "bytes",
            SMALL_FRAME_BYTES * sum(each.rate_per_s for each in small) + CLIENT_FRAME_BYTES_MAX * command_rate,
            SMALL_FRAME_BYTES * sum(each.burst for each in small) + CLIENT_FRAME_BYTES_MAX * resend,
        )
        control = Allowance("control frames", CONTROL_PER_S, CONTROL_BURST)
        self.frames, self.bytes, self.control = (each.scaled(factor) for each in (frames, count_bytes, control))
        self.by_message = {cls: each.scaled(factor) for cls, each in by_message.items()}


@lru_cache(maxsize=64)
def allowances(tick_rate_hz: int, factor: float) -> Allowances:
    """Return the limits for a tick rate."""
    return Allowances(tick_rate_hz, factor)


class RateLimits:
    """The buckets of one connection. What counts raises `PeerFault` (1008, "rate") when too much came."""

    __slots__ = ("_allowances", "_bytes", "_control", "_forgiven_until_ns", "_frames", "_messages")

    def __init__(self, tick_rate_hz: int, factor: float = 1.0) -> None:
        if factor < 0:
            raise UsageFault(f"limits scaled by {factor}: 0 switches them off, 1 is what is documented")
        self._allowances = allowances(tick_rate_hz, factor) if factor else None
        self._forgiven_until_ns: int | None = None
        if self._allowances is not None:
            self._frames = _bucket(self._allowances.frames)
            self._bytes = _bucket(self._allowances.bytes)
            self._control = _bucket(self._allowances.control)
            self._messages: dict[type[Message], TokenBucket] = {}

    def forgive(self, until_ns: int) -> None:
        """Count nothing before `until_ns`; the buckets stay as full as they are. A later time holds."""
        known_ns = self._forgiven_until_ns
        self._forgiven_until_ns = until_ns if known_ns is None else max(known_ns, until_ns)

    def _limits(self, now_ns: int) -> Allowances | None:
        forgiven_ns = self._forgiven_until_ns
        return None if forgiven_ns is not None and now_ns < forgiven_ns else self._allowances

    def frame(self, frame_bytes: int, now_ns: int) -> None:
        """Count a frame that came, before anything looks into it."""
        limits = self._limits(now_ns)
        if limits is not None:
            if not self._frames.take(1, now_ns):
                _refuse(limits.frames)
            if not self._bytes.take(frame_bytes, now_ns):
                _refuse(limits.bytes)

    def fragment(self, now_ns: int) -> None:
        """Count a frame that does not end its message; the bytes are counted with the one that does."""
        limits = self._limits(now_ns)
        if limits is not None and not self._frames.take(1, now_ns):
            _refuse(limits.frames)

    def message(self, message: Message, now_ns: int) -> None:
        """Count a decoded message by its type."""
        limits = self._limits(now_ns)
        if limits is None:
            return
        cls = type(message)
        bucket = self._messages.get(cls)
        if bucket is None:
            # Made when first needed: a client that only watches never needs most of them.
            bucket = self._messages[cls] = _bucket(limits.by_message[cls])
        if not bucket.take(1, now_ns):
            _refuse(limits.by_message[cls])

    def control_frame(self, now_ns: int) -> None:
        """Count a ping or pong."""
        limits = self._limits(now_ns)
        if limits is not None and not self._control.take(1, now_ns):
            _refuse(limits.control)


def _bucket(allowance: Allowance) -> TokenBucket:
    return TokenBucket(allowance.rate_per_s, allowance.burst)


def _refuse(allowance: Allowance) -> None:
    raise PeerFault(f"too many {allowance.what}: {allowance}", 1008, "rate")
