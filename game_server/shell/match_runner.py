"""Many matches on one event loop: when each ticks, and who carries facts between sockets, sessions and matches.

    socket -> Line.frame() -> Session -> Join, FromConnection -> Match -> Send, Close, Cut -> Peer (the socket)
                                      <- SeatGiven            <- Seated
                                         a signed token       <- Greet

One scheduler wakes for the earliest deadline of all matches; their starts are staggered, so that their bursts of
frames do not meet. Sockets that are ready are read before a tick that is due. Garbage is collected between ticks.
Whatever raises (a machine of ours, a socket, the log) costs at most its own match; the scheduler always wakes again.
To test: `tests/game_server/shell/test_match_runner.py`.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, assert_never

from game_server.session.session import HELLO_NS
from game_server.shell.garbage import IdleCollector
from game_server.shell.histogram import Histogram
from game_server.shell.line import SECOND_NS, STOOD_STILL_NS, Entrant, Line, Peer, clock_ns
from game_server.shell.log import get_log
from game_server.sim import facts
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.messages import Moved, Welcome

# epoll counts in whole milliseconds: wake this much before a deadline, then take short naps.
WAKE_EARLY_NS = 1_000_000
NAP_NS = 200_000
# The kernel adds about this much to a nap; what is shorter is better spent in a turn of the loop.
NAP_LEAST_NS = 60_000
FORGIVEN_NS = 2_000_000_000
FAILED_SENTENCE = "the match ended by an error in its server"


class Observer(Protocol):
    """Who counts what a runner sees."""

    def tick(self, duration_ns: int, lateness_ns: int) -> None:
        """A tick began so late and took so long."""

    def round_trip(self, seconds: float) -> None:
        """A ping came back."""

    def violation(self, cause: str) -> None:
        """A client did what it must not do."""


Sign = Callable[[str, facts.Claim, Entrant], str]
"""Makes the resume token of a place: (match id, claim, whose it is)."""


OnRanked = Callable[[str, tuple[tuple[str, ...], ...]], None]
"""Hears which players won a match: (match id, teams, the best first)."""


def _no_token(match_id: str, claim: facts.Claim, entrant: Entrant) -> str:
    return ""  # A runner that cannot sign gives tokens with which nobody can come back.


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
    moving: bool = False
    """Whether another node has it: it stays frozen, whatever the others do."""
    scheduled_ns: int | None = None


class MatchRunner:
    """Runs matches until each has ended."""

    def __init__(
        self,
        matches: Sequence[Match],
        *,
        collector: IdleCollector | None = None,
        hello_within_ns: int = HELLO_NS,
        limits_factor: float = 1.0,
        sign: Sign = _no_token,
        observer: Observer | None = None,
    ) -> None:
        self.hello_within_ns, self.limits_factor, self.observer = hello_within_ns, limits_factor, observer
        self.hosted = {match.match_id: HostedMatch(match) for match in matches}
        self.lines: dict[int, Line] = {}
        self.traffic = Traffic()
        self.started_ns = clock_ns()
        self.stopping = False
        self.on_ranked: OnRanked | None = None
        self.guard: Callable[[], object] | None = None
        """Is called before each tick and after the last one; it freezes all matches when they may not go on."""
        self.awake_ns = clock_ns()
        self._log = get_log()
        self._sign = sign
        self._collector = collector
        self._connections = 0
        self._frozen = False
        self._heap: list[tuple[int, str]] = []
        self._unflushed: dict[int, Line] = {}
        self._timer: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to tick, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self.awake_ns = clock_ns()
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

    def add(self, match: Match) -> None:
        """Run one match more."""
        assert match.match_id not in self.hosted, "a match is added once"
        hosted = self.hosted[match.match_id] = HostedMatch(match)
        if self.stopping:
            self.tell_match(hosted, facts.Stop(1012, "the server is stopping"))
        elif self._frozen:
            self.tell_match(hosted, facts.Freeze())
        if self._next_deadline_ns() is None:
            # It rested; nothing stood still.
            self.awake_ns = clock_ns()
            if self._collector is not None and self._loop is not None:
                self._collector.wake()
        self._schedule(hosted)
        self._wake_anew()

    def freeze(self) -> None:
        """Run no tick until `thaw`; sockets stay open and clients are told."""
        self._frozen = True
        self._tell_all(facts.Freeze())

    def thaw(self) -> None:
        """Go on with every match that was frozen."""
        self._frozen = False
        self._tell_all(facts.Thaw())

    def give_away(self, match_id: str) -> None:
        """Freeze a match for good, which is another node's; `move` or `remove` follows."""
        hosted = self.hosted[match_id]
        hosted.moving = True
        self.tell_match(hosted, facts.Freeze())
        self.flush()
        self._wake_anew()

    def _tell_all(self, fact: facts.Fact) -> None:
        for hosted in [each for each in self.hosted.values() if not each.moving]:
            self.tell_match(hosted, fact)
        self.flush()
        self._wake_anew()

    def remove(self, match_id: str, code: int = 1000, sentence: str = "the match is over") -> None:
        """Forget a match; one that has not ended is stopped first, and its clients closed with `code`."""
        hosted = self.hosted[match_id]
        self.tell_match(hosted, facts.Stop(code, sentence))
        for line in list(hosted.lines.values()):
            self.close(line, code, sentence)
        self.flush()
        del self.hosted[match_id]

    def move(self, match_id: str, url: str) -> None:
        """Forget a match that another node has now; its clients are told where."""
        moved = encode(Moved(url, ""))
        for line in list(self.hosted[match_id].lines.values()):
            line.peer.send(moved)
            self._unflushed[line.number] = line
        self.flush()
        self.remove(match_id, 1012, "this match is on another node")

    def open_line(self, match_id: str, peer: Peer, entrant: Entrant) -> Line:
        """Return the line of a new connection to a match that `hosted` has."""
        self._connections += 1
        hosted = self.hosted[match_id]
        line = Line(self, hosted, peer, self._connections, entrant)
        self.lines[line.number] = hosted.lines[line.number] = line
        return line

    def forgive(self, now_ns: int) -> None:
        """The process stood still: what the kernel kept for it meanwhile comes at once, and is no flood."""
        stood_still_ms = (now_ns - self.awake_ns) // 1_000_000
        self.awake_ns = now_ns
        for line in self.lines.values():
            line.session.forgive(now_ns + FORGIVEN_NS)
        self._say("warning", "stood_still", ms=stood_still_ms)

    def forget(self, line: Line) -> None:
        """A line is done."""
        self.lines.pop(line.number, None)
        line.hosted.lines.pop(line.number, None)

    def close(self, line: Line, code: int, sentence: str) -> None:
        """Close one connection and tell its match."""
        try:
            line.peer.close(code, sentence)
        except Exception:
            self._drop(line)
        line.lost(code)

    def flush(self) -> None:
        """Write what this turn queued: once per connection."""
        # A write may block, which is a fact, whose effects may queue frames again.
        while self._unflushed:
            _, line = self._unflushed.popitem()
            try:
                line.peer.flush()
            except Exception:
                self._drop(line)

    def cut(self, line: Line, code: int, sentence: str) -> None:
        """Abort one connection, which a close would not end, and tell its match."""
        with suppress(Exception):
            line.peer.abort(code, "silent", sentence)
        line.lost(code)

    def _drop(self, line: Line) -> None:
        # Its socket raised, so there is nobody to tell why; the other connections of this turn are still to be written.
        with suppress(Exception):
            line.peer.abort(1011, "failed")
        line.lost(1011)
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
                case facts.Greet(connection, welcome, claim):
                    if connection in lines:
                        self._greet(lines[connection], welcome, claim)
                case facts.Close(connection, code, sentence):
                    if connection in lines:
                        self.close(lines[connection], code, sentence)
                case facts.Cut(connection, code, sentence):
                    if connection in lines:
                        self.cut(lines[connection], code, sentence)
                case facts.Told(level, event, fields):
                    self._say(level, event, **{**fields, "match": hosted.match.match_id})
                case facts.Ranked(teams):
                    if self.on_ranked is not None:
                        self.on_ranked(hosted.match.match_id, teams)
                case facts.Ended(code, sentence):
                    self._ended(hosted, code, sentence)
                case _:
                    assert_never(effect)

    def _greet(self, line: Line, welcome: Welcome, claim: facts.Claim) -> None:
        token = self._sign(line.hosted.match.match_id, claim, line.entrant)
        line.peer.send(encode(replace(welcome, resume_token=token)))
        self._unflushed[line.number] = line

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
        while heap and not self._is_due_as(*heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _is_due_as(self, deadline_ns: int, match_id: str) -> bool:
        hosted = self.hosted.get(match_id)
        return hosted is not None and hosted.scheduled_ns == deadline_ns

    def _wake_anew(self) -> None:
        """Something may be due before what is waited for."""
        if self._loop is not None:
            self._cancel_timer()
            self._wake_for_next()

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
        now_ns = clock_ns()
        if now_ns - self.awake_ns > STOOD_STILL_NS:
            self.forgive(now_ns)
        self.awake_ns = now_ns
        left_ns = deadline_ns - now_ns
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
                self._look_at_guard()
                deadline_ns = self._next_deadline_ns()
                if deadline_ns is None or deadline_ns > clock_ns():
                    break
                hosted = self.hosted[heapq.heappop(self._heap)[1]]
                hosted.scheduled_ns = None
                self._tick(hosted, deadline_ns)
            self._look_at_guard()
            self._collect_garbage()
        finally:
            # The one thread by which every match hangs: without it none would tick again, and nobody would notice.
            self._wake_anew()

    def _look_at_guard(self) -> None:
        if self.guard is not None:
            self.guard()

    def _tick(self, hosted: HostedMatch, deadline_ns: int) -> None:
        begun_ns = clock_ns()
        lateness_ns = begun_ns - deadline_ns
        hosted.lateness_ns.record(lateness_ns)
        try:
            hosted.match.advance(begun_ns)
            self._carry(hosted)
        except Exception:
            self._fail(hosted)
        self.flush()
        duration_ns = clock_ns() - begun_ns
        hosted.tick_ns.record(duration_ns)
        if self.observer is not None:
            self.observer.tick(duration_ns, lateness_ns)

    def _collect_garbage(self) -> None:
        if self._collector is not None:
            deadline_ns = self._next_deadline_ns()
            if deadline_ns is not None:
                self._collector.collect(deadline_ns - clock_ns())
