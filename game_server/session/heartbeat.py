"""The heartbeat: which ping is due when, which pong counts, and when the peer is given up.

    born          the first ping is due when its maker says: at once, so that the round trip is known early
    ping due      fewer than `MISSED_MAX` unanswered -> SendPing, the next one is due after `every_ns`; else GiveUp
    pong          of an unanswered ping -> that one and all before it are answered; RoundTrip
                  of none, or a second time -> Unasked

A pong may come after the next ping was sent: on a line with seconds of queue in it that is the rule, and no sign of
death. A peer that answers nothing is given up `MISSED_MAX + 1` periods after the last ping that it answered; not when
that is found out a whole period late, for then it was this process that stood still, and there is one ping more.
*Source*: RFC 6455 sections 5.5.2 and 5.5.3.  To test: `tests/game_server/session/test_heartbeat.py`.
"""

from collections import deque
from dataclasses import dataclass
from random import Random

PAYLOAD_BYTES = 4
MISSED_MAX = 2
REMEMBERED = MISSED_MAX + 1


@dataclass(frozen=True, slots=True)
class PongCame:
    """A pong, whatever it answers."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class SendPing:
    """Send a ping now."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A ping came back after so long."""

    rtt_ns: int


@dataclass(frozen=True, slots=True)
class Unasked:
    """A pong that answers nothing. Section 5.5.3 allows it; it says nothing of the peer, and costs as a ping does."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The peer is gone."""


Effect = SendPing | RoundTrip | Unasked | GiveUp


class Heartbeat:
    """The pings of one connection. Payloads are drawn, so that a pong proves that its sender read the ping."""

    __slots__ = ("_due_ns", "_effects", "_every_ns", "_random", "_sent")

    def __init__(self, every_ns: int, first_ns: int, random: Random) -> None:
        assert every_ns > 0, "a heart that beats without a pause starves everything else"
        self._every_ns, self._random = every_ns, random
        self._due_ns: int | None = first_ns
        self._sent: deque[tuple[bytes, int]] = deque(maxlen=REMEMBERED)
        self._effects: list[Effect] = []

    @property
    def deadline_ns(self) -> int | None:
        """When the next ping is due; None once the peer has been given up."""
        return self._due_ns

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: PongCame, now_ns: int) -> None:
        """Take one fact."""
        place = next((n for n, (payload, _) in enumerate(self._sent) if payload == fact.payload), None)
        if place is None:
            self._effects.append(Unasked())
            return
        _, sent_ns = self._sent[place]
        # Section 5.5.3: a peer "MAY elect to send a Pong frame for only the most recently processed Ping frame", so
        # those before it are answered as well.
        for _ in range(place + 1):
            self._sent.popleft()
        self._effects.append(RoundTrip(now_ns - sent_ns))

    def advance(self, now_ns: int) -> None:
        """Send the ping that is due, or give the peer up."""
        if self._due_ns is None or now_ns < self._due_ns:
            return
        stood_still = now_ns - self._due_ns >= self._every_ns
        if len(self._sent) >= MISSED_MAX and not stood_still:
            self._due_ns = None
            self._effects.append(GiveUp())
            return
        payload = self._random.randbytes(PAYLOAD_BYTES)
        self._sent.append((payload, now_ns))  # the oldest of more than `REMEMBERED` is forgotten
        self._due_ns = now_ns + self._every_ns
        self._effects.append(SendPing(payload))
