"""A line: one connection's socket, its session and its match, and the facts that go between them.

    socket -> Line.frame() -> Session -> Join, FromConnection -> the runner's match

To test: `tests/game_server/shell/test_line.py`.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, assert_never

from game_server.session.facts import (
    CloseSocket,
    ControlFrameReceived,
    FrameReceived,
    Passed,
    SeatGiven,
    SocketClosed,
    TextReceived,
)  # fmt: skip
from game_server.session.facts import Fact as SessionFact
from game_server.session.rate_limit import RateLimits
from game_server.session.session import Session, SessionState
from game_server.sim import facts
from protocol.codec import encode
from protocol.errors import PeerFault
from protocol.messages import Hello, Refusal

if TYPE_CHECKING:
    from game_server.shell.match_runner import HostedMatch, MatchRunner

SECOND_NS = 1_000_000_000
STOOD_STILL_NS = 2_500_000_000
"""The scheduler wakes at least once a second, for the slowest of matches; after so long without it, all stood still."""

clock_ns = time.monotonic_ns


class Peer(Protocol):
    """A socket as the runner sees it."""

    def send(self, frame: bytes) -> None:
        """Queue a frame; it leaves with the next `flush`."""

    def flush(self) -> None:
        """Write what is queued, all at once."""

    def close(self, code: int, sentence: str) -> None:
        """Say why and begin to close; closing twice is harmless."""

    def abort(self, code: int, cause: str, sentence: str = "") -> None:
        """Cut the connection without a word; it counts as closed with `code`."""


class Conversation(Protocol):
    """What a socket's frames go to, and what it is told of itself: a match's `Line`, or a `LobbySocket`."""

    @property
    def deadline_ns(self) -> int | None:
        """When `advance` is due; None for never."""

    @property
    def is_live(self) -> bool:
        """Whether it can be told of round trips by now."""

    def frame(self, data: bytes) -> None:
        """A binary frame came."""

    def fragment(self) -> None:
        """A fragment came that does not end its message."""

    def text(self, data: bytes) -> None:
        """A text frame came."""

    def control(self) -> None:
        """A ping came, or a pong that nobody asked for."""

    def round_trip(self, rtt_ns: int) -> None:
        """A ping of ours came back."""

    def blocked(self, is_blocked: bool) -> None:
        """The socket's write buffer filled, or emptied."""

    def advance(self) -> None:
        """The deadline has passed."""

    def lost(self, code: int) -> None:
        """The socket has ended with `code`, or is about to. Harmless when repeated."""

    def farewell(self, code: int, sentence: str, retry_after_ms: int) -> bytes:
        """Return the frame that says why the socket is closed with `code`."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who wants into a match, as the upgrade request has proven it; with a `claim`, back to an old place."""

    name: str
    player: str = ""
    spectator: bool = False
    attempt: int = 0
    claim: facts.Claim | None = None


class Line:
    """One connection: its socket, its session, its match. The socket calls the methods below."""

    __slots__ = ("_gone", "_limits", "entrant", "hosted", "number", "peer", "runner", "session")

    def __init__(self, runner: "MatchRunner", hosted: "HostedMatch", peer: Peer, number: int, entrant: Entrant) -> None:
        self.runner, self.hosted, self.peer, self.number, self.entrant = runner, hosted, peer, number, entrant
        match = hosted.match
        self._limits = RateLimits(match.tick_rate_hz, runner.limits_factor) if runner.limits_factor else None
        self.session = Session(match.vocabulary, clock_ns(), runner.hello_within_ns, self._limits, entrant.spectator)
        self._gone = False

    @property
    def deadline_ns(self) -> int | None:
        """By when HELLO must have come; None once it has."""
        return self.session.deadline_ns

    @property
    def is_live(self) -> bool:
        """Whether the match knows this connection."""
        return self.session.state is SessionState.LIVE

    def farewell(self, code: int, sentence: str, retry_after_ms: int) -> bytes:
        """Return the ERROR that says why."""
        return encode(Refusal(code, sentence, retry_after_ms))

    def frame(self, data: bytes) -> None:
        """A binary frame came."""
        self._tell_session(FrameReceived(data))

    def fragment(self) -> None:
        """A fragment came that does not end its message: it costs what a frame does, and so counts as one."""
        if self._limits is None or self._gone:
            return
        try:
            self._limits.fragment(self._now_ns())
        except PeerFault as fault:
            self._close(fault.close_code, fault.reason, fault.cause)

    def text(self, data: bytes) -> None:
        """A text frame came."""
        self._tell_session(TextReceived())

    def control(self) -> None:
        """A ping came, or a pong that nobody asked for."""
        self._tell_session(ControlFrameReceived())

    def round_trip(self, rtt_ns: int) -> None:
        """A ping of ours came back."""
        if not self._gone:
            if self.runner.observer is not None:
                self.runner.observer.round_trip(rtt_ns / SECOND_NS)
            self.runner.tell_match(self.hosted, facts.RoundTrip(self.number, rtt_ns))

    def blocked(self, is_blocked: bool) -> None:
        """The socket's write buffer filled, or emptied."""
        if not self._gone:
            number = self.number
            self.runner.tell_match(self.hosted, facts.Blocked(number) if is_blocked else facts.Unblocked(number))

    def lost(self, code: int) -> None:
        """The socket has ended with `code`, or is about to: this line is done. Harmless when repeated."""
        if not self._gone:
            self._gone = True
            self._tell_session(SocketClosed())
            self.runner.forget(self)
            self.runner.tell_match(self.hosted, facts.Gone(self.number, code))

    def seat_given(self, seat: int) -> None:
        """The match seated this connection."""
        self._tell_session(SeatGiven(seat))

    def advance(self) -> None:
        """Let the session look at the clock."""
        self.session.advance(clock_ns())
        self._carry_session()

    def _now_ns(self) -> int:
        now_ns = clock_ns()
        if now_ns - self.runner.awake_ns > STOOD_STILL_NS:
            self.runner.forgive(now_ns)
        return now_ns

    def _tell_session(self, fact: SessionFact) -> None:
        self.session.handle(fact, self._now_ns())
        self._carry_session()

    def _carry_session(self) -> None:
        for effect in self.session.effects():
            match effect:
                case Passed(Hello() as hello):
                    self.runner.tell_match(self.hosted, self._join(hello))
                case Passed(message, value):
                    self.runner.tell_match(self.hosted, facts.FromConnection(self.number, message, value))
                case CloseSocket(code, sentence, cause):
                    self._close(code, sentence, cause)
                case _:
                    assert_never(effect)

    def _close(self, code: int, sentence: str, cause: str) -> None:
        if self.runner.observer is not None:
            self.runner.observer.violation(cause)
        self.runner.close(self, code, sentence)

    def _join(self, hello: Hello) -> facts.Join:
        who = self.entrant
        return facts.Join(self.number, who.name, hello, who.player, who.spectator, who.attempt, who.claim)
