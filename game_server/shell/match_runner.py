"""Many matches on one event loop: when each ticks, and who carries facts between sockets, sessions and matches.

    socket -> Line.frame() -> Session -> Join, FromConnection -> Match -> Send, Close -> Peer (the socket)
                                      <- SeatGiven            <- Seated

One scheduler wakes for the earliest deadline of all matches; their starts are staggered, so that their bursts of
frames do not meet. Sockets that are ready are read before a tick that is due. Garbage is collected between ticks.
Whatever raises (a machine of ours, a socket, the log) costs at most its own match; the scheduler always wakes again.
To test: `tests/game_server/shell/test_match_runner.py`.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

from game_server.session.facts import CloseSocket, FrameReceived, Passed, SeatGiven, SocketClosed, TextReceived
from game_server.session.facts import Fact as SessionFact
from game_server.session.session import HELLO_NS, Session
from game_server.shell.garbage import IdleCollector
from game_server.shell.histogram import Histogram
from game_server.shell.log import get_log
from game_server.sim import facts
from game_server.sim.match import Match
from protocol.messages import Hello

SECOND_NS = 1_000_000_000
# epoll counts in whole milliseconds: wake this much before a deadline, then take short naps.
WAKE_EARLY_NS = 1_000_000
NAP_NS = 200_000
# The kernel adds about this much to a nap; what is shorter is better spent in a turn of the loop.
NAP_LEAST_NS = 60_000
FAILED_SENTENCE = "the match ended by an error in its server"

clock_ns = time.monotonic_ns


class Peer(Protocol):
    """A socket as the runner sees it."""

    def send(self, frame: bytes) -> None:
        """Queue a frame; it leaves with the next `flush`."""

    def flush(self) -> None:
        """Write what is queued, all at once."""

    def close(self, code: int, sentence: str) -> None:
        """Say why and begin to close; closing twice is harmless."""

    def abort(self) -> None:
        """Cut the connection without a word."""


@dataclass(slots=True)
class Traffic:
    """Bytes as they stand on the wire, and messages, since the start."""

    bytes_in: int = 0
    bytes_out: int = 0
    messages_in: int = 0
    messages_out: int = 0


@dataclass(slots=True)
class HostedMatch:
    """A match and what is measured about it."""

    match: Match
    tick_ns: Histogram = field(default_factory=Histogram)
    lateness_ns: Histogram = field(default_factory=Histogram)
    lines: dict[int, "Line"] = field(default_factory=dict)
    # At most a few facts per connection: they come while effects are carried out (a write that blocks, a socket
    # that closes) and are gone before the loop turns.
    mail: deque[facts.Fact] = field(default_factory=deque)
    carrying: bool = False
    scheduled_ns: int | None = None


class Line:
    """One connection: its socket, its session, its match. The socket calls the four methods below."""

    def __init__(self, runner: "MatchRunner", hosted: HostedMatch, peer: Peer, number: int, name: str) -> None:
        self.runner, self.hosted, self.peer, self.number, self.name = runner, hosted, peer, number, name
        self.session = Session(hosted.match.vocabulary, clock_ns(), runner.hello_within_ns)
        self._gone = False

    def frame(self, data: bytes) -> None:
        """A binary frame came."""
        self._tell_session(FrameReceived(data))

    def text(self) -> None:
        """A text frame came."""
        self._tell_session(TextReceived())

    def blocked(self, is_blocked: bool) -> None:
        """The socket's write buffer filled, or emptied."""
        if not self._gone:
            number = self.number
            self.runner.tell_match(self.hosted, facts.Blocked(number) if is_blocked else facts.Unblocked(number))

    def lost(self) -> None:
        """The socket has ended, or is about to: whatever comes, this line is done. Harmless when repeated."""
        if not self._gone:
            self._gone = True
            self._tell_session(SocketClosed())
            self.runner.forget(self)
            self.runner.tell_match(self.hosted, facts.Gone(self.number))

    def seat_given(self, seat: int) -> None:
        """The match seated this connection."""
        self._tell_session(SeatGiven(seat))

    def advance(self) -> None:
        """Let the session look at the clock."""
        self.session.advance(clock_ns())
        self._carry_session()

    def _tell_session(self, fact: SessionFact) -> None:
        self.session.handle(fact, clock_ns())
        self._carry_session()

    def _carry_session(self) -> None:
        for effect in self.session.effects():
            match effect:
                case Passed(Hello() as hello):
                    self.runner.tell_match(self.hosted, facts.Join(self.number, self.name, hello))
                case Passed(message, value):
                    self.runner.tell_match(self.hosted, facts.FromConnection(self.number, message, value))
                case CloseSocket(code, sentence):
                    self.runner.close(self, code, sentence)
                case _:
                    assert_never(effect)


class MatchRunner:
    """Runs matches until each has ended."""

    def __init__(
        self, matches: Sequence[Match], *, collector: IdleCollector | None = None, hello_within_ns: int = HELLO_NS
    ) -> None:
        self.hello_within_ns = hello_within_ns
        self.hosted = {match.match_id: HostedMatch(match) for match in matches}
        self.lines: dict[int, Line] = {}
        self.traffic = Traffic()
        self.started_ns = clock_ns()
        self.stopping = False
        self._log = get_log()
        self._collector = collector
        self._connections = 0
        self._heap: list[tuple[int, str]] = []
        self._unflushed: dict[int, Line] = {}
        self._timer: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to tick, in the running loop."""
        self._loop = asyncio.get_running_loop()
        for hosted in self.hosted.values():
            self._schedule(hosted)
        self._wake_for_next()

    def stop(self, code: int, sentence: str) -> None:
        """End every match; its clients are closed with `code`."""
        self.stopping = True
        for hosted in self.hosted.values():
            self.tell_match(hosted, facts.Stop(code, sentence))
        self.flush()

    def halt(self) -> None:
        """Let go of the loop: no tick comes after this."""
        self._cancel_timer()
        self._loop = None

    def open_line(self, match_id: str, peer: Peer, name: str) -> Line:
        """Return the line of a new connection to a match that `hosted` has."""
        self._connections += 1
        hosted = self.hosted[match_id]
        line = Line(self, hosted, peer, self._connections, name)
        self.lines[line.number] = hosted.lines[line.number] = line
        return line

    def forget(self, line: Line) -> None:
        """A line is done."""
        self.lines.pop(line.number, None)
        line.hosted.lines.pop(line.number, None)

    def close(self, line: Line, code: int, sentence: str) -> None:
        """Close one connection and tell its match."""
        try:
            line.peer.close(code, sentence)
        except Exception:
            self._cut(line)
        line.lost()
        match_id = line.hosted.match.match_id
        self._say("info", "connection_closed", match=match_id, connection=line.number, code=code, sentence=sentence)

    def flush(self) -> None:
        """Write what this turn queued: once per connection."""
        # A write may block, which is a fact, whose effects may queue frames again.
        while self._unflushed:
            _, line = self._unflushed.popitem()
            try:
                line.peer.flush()
            except Exception:
                self._cut(line)

    def _cut(self, line: Line) -> None:
        # Its socket raised, so there is nobody to tell why; the other connections of this turn are still to be written.
        with suppress(Exception):
            line.peer.abort()
        line.lost()
        self._say("error", "connection_failed", connection=line.number, exc_info=True)

    def _say(self, level: str, event: str, /, **fields: Any) -> None:
        # Where a line goes is the operator's choice; that it cannot be written is no reason to stop a match.
        with suppress(Exception):
            getattr(self._log, level)(event, **fields)

    def tell_match(self, hosted: HostedMatch, fact: facts.Fact) -> None:
        """Give a match one fact and carry out what follows from it."""
        hosted.mail.append(fact)
        if not hosted.carrying:
            self._carry(hosted)

    def _carry(self, hosted: HostedMatch) -> None:
        match = hosted.match
        hosted.carrying = True
        try:
            self._carry_out(hosted, match.effects())
            while hosted.mail:
                match.handle(hosted.mail.popleft(), clock_ns())
                self._carry_out(hosted, match.effects())
        except Exception:
            self._fail(hosted)
        finally:
            hosted.carrying = False
        if match.deadline_ns != hosted.scheduled_ns:
            self._schedule(hosted)

    def _carry_out(self, hosted: HostedMatch, effects: list[facts.Effect]) -> None:
        lines, unflushed = hosted.lines, self._unflushed
        for effect in effects:
            match effect:
                case facts.Send(connection, frame):
                    line = lines.get(connection)
                    if line is not None:
                        line.peer.send(frame)
                        unflushed[connection] = line
                case facts.Seated(connection, seat):
                    if connection in lines:
                        lines[connection].seat_given(seat)
                case facts.Close(connection, code, sentence):
                    if connection in lines:
                        self.close(lines[connection], code, sentence)
                case facts.Told(level, event, fields):
                    self._say(level, event, **{**fields, "match": hosted.match.match_id})
                case facts.Ended(code, sentence):
                    self._ended(hosted, code, sentence)
                case _:
                    assert_never(effect)

    def _ended(self, hosted: HostedMatch, code: int, sentence: str) -> None:
        for line in list(hosted.lines.values()):
            self.close(line, code, sentence)
        self._say("info", "match_ended", match=hosted.match.match_id, code=code, sentence=sentence)

    def _fail(self, hosted: HostedMatch) -> None:
        # Not a game's fault (the match guards its hooks) but ours; the neighbours go on all the same. A match that is
        # broken may break again while it ends, so nothing here waits for what comes before it.
        with suppress(Exception):
            hosted.match.end(1011, FAILED_SENTENCE)
            hosted.match.effects()
        self._say("error", "match_failed", match=hosted.match.match_id, exc_info=True)
        with suppress(Exception):
            self._ended(hosted, 1011, FAILED_SENTENCE)
        hosted.mail.clear()

    def _schedule(self, hosted: HostedMatch) -> None:
        deadline_ns = hosted.scheduled_ns = hosted.match.deadline_ns
        if deadline_ns is not None:
            heapq.heappush(self._heap, (deadline_ns, hosted.match.match_id))
        elif all(each.match.ended for each in self.hosted.values()):
            self._rest()

    def _rest(self) -> None:
        """Nothing will ever be due: no timer is left behind, and garbage is Python's own affair again."""
        self._cancel_timer()
        if self._collector is not None:
            self._collector.rest()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next_deadline_ns(self) -> int | None:
        heap = self._heap
        # A deadline that moved leaves its old entry behind.
        while heap and self.hosted[heap[0][1]].scheduled_ns != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _wake_for_next(self) -> None:
        deadline_ns = self._next_deadline_ns()
        if self._loop is None:
            return
        if deadline_ns is None:
            self._rest()
            return
        left_ns = deadline_ns - clock_ns()
        if left_ns > 2 * WAKE_EARLY_NS:
            self._timer = self._loop.call_later((left_ns - WAKE_EARLY_NS) / SECOND_NS, self._approach)
        else:
            self._timer = self._loop.call_soon(self._approach)

    def _approach(self) -> None:
        """Nap until the deadline, a turn of the loop between naps; the last turn reads the sockets, then come ticks."""
        deadline_ns = self._next_deadline_ns()
        if deadline_ns is None or self._loop is None:
            return
        left_ns = deadline_ns - clock_ns()
        if left_ns > 2 * WAKE_EARLY_NS:
            self._wake_for_next()
            return
        if left_ns > NAP_LEAST_NS:
            # Blocking for 0.2 ms is cheaper than 50 empty turns of the loop, and no socket waits longer than that.
            time.sleep(min(left_ns - NAP_LEAST_NS // 2, NAP_NS) / SECOND_NS)
            left_ns = deadline_ns - clock_ns()
        self._timer = self._loop.call_soon(self._approach if left_ns > NAP_LEAST_NS // 2 else self._run_due)

    def _run_due(self) -> None:
        """Run one tick of every match that is due; what is due then waits until the sockets have been read again."""
        try:
            for _ in range(len(self.hosted)):
                deadline_ns = self._next_deadline_ns()
                if deadline_ns is None or deadline_ns > clock_ns():
                    break
                hosted = self.hosted[heapq.heappop(self._heap)[1]]
                hosted.scheduled_ns = None
                self._tick(hosted, deadline_ns)
            self._collect_garbage()
        finally:
            # The one thread by which every match hangs: without it none would tick again, and nobody would notice.
            self._wake_for_next()

    def _tick(self, hosted: HostedMatch, deadline_ns: int) -> None:
        begun_ns = clock_ns()
        hosted.lateness_ns.record(begun_ns - deadline_ns)
        try:
            hosted.match.advance(begun_ns)
            self._carry(hosted)
        except Exception:
            self._fail(hosted)
        self.flush()
        hosted.tick_ns.record(clock_ns() - begun_ns)

    def _collect_garbage(self) -> None:
        if self._collector is not None:
            deadline_ns = self._next_deadline_ns()
            if deadline_ns is not None:
                self._collector.collect(deadline_ns - clock_ns())
