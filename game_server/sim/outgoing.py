"""What one tick sends: events and acknowledgements, then to each seat one state; coalesced, never queued.

A seat whose socket still holds what it was given gets nothing; its base stays, and the next state covers the gap. One
that leaves states unacknowledged for longer than its window gets one per 250 ms, as long as its socket is empty. A
seat for which nothing changed and from which nothing came gets a short STATE every 250 ms, so that silence always means
trouble. A base older than the history becomes a keyframe. So a slow client costs one window of events, and no state.
To test: `tests/game_server/sim/test_outgoing.py`.
"""

from collections.abc import Iterable, Iterator

from game_server.replication.audience import Audiences
from game_server.replication.delta import keyframe_frame, state_frame
from game_server.sim.clock import MatchClock
from game_server.sim.facts import Effect, Send
from game_server.sim.hooks import Hooks
from game_server.sim.occupant import SLACK_NONE, Occupant
from game_server.sim.seat import Seat
from game_server.sim.statistics import MatchStatistics
from protocol.codec import encode, event_tail
from protocol.declare import Audience, Entity
from protocol.messages import (
    CLOCK_SHIFT,
    CommandAck,
    KeyframeReason,
    StateFlag,
)  # fmt: skip

# Plain ints: or-ing an IntFlag costs more than packing the frame's head.
RELATIVE, SUBSTITUTED = StateFlag.RELATIVE.value, StateFlag.SUBSTITUTED.value
QUIET_NS = 250_000_000
HASH_EVERY_TICKS = 64
SLACK_LEAST = -32


class Outgoing:
    """Turns a committed tick into frames."""

    def __init__(self, game: Hooks, clock: MatchClock, audiences: Audiences, counts: MatchStatistics) -> None:
        self._game, self._clock, self._audiences, self._counts = game, clock, audiences, counts

    def keep_events(self, occupants: Iterable[Occupant], tick: int) -> None:
        """Give what the game emitted to those whom it reaches."""
        for kind, values, to in self._game.take_emitted():
            tail = event_tail(tick, kind, values)
            for occupant in occupants:
                if self._reaches(to, occupant):
                    self._counts.events += 1
                    occupant.events.add(tail)

    def trim_events(self, occupants: Iterable[Occupant]) -> list[Occupant]:
        """Forget events beyond the windows; return whose socket took too few, so that one was never sent."""
        starved = []
        for occupant in occupants:
            forgotten = occupant.events.forgotten
            if occupant.events.trim() and occupant.reachable:
                starved.append(occupant)
            self._counts.events_forgotten += occupant.events.forgotten - forgotten
        return starved

    def catch_up(self, occupant: Occupant, tick: int, now_ns: int) -> Iterator[Effect]:
        """Yield the state of the last `tick` for who has just come back, rather than let it wait for the next."""
        if occupant.base is None or occupant.base < tick:
            yield from self._hand(occupant, tick, now_ns)

    def _hand(self, occupant: Occupant, tick: int, now_ns: int) -> Iterator[Effect]:
        frame = self._state(occupant, tick, now_ns)
        if frame is not None:
            occupant.handed(tick, now_ns)
            occupant.clock_told = self._clock.generation
            yield Send(_connection(occupant), frame)

    def frames(self, occupants: Iterable[Occupant], tick: int, now_ns: int) -> Iterator[Effect]:
        """Yield what `tick` sends."""
        there = [each for each in occupants if each.reachable]
        for occupant in there:
            if self._may_take_state(occupant, tick, now_ns):
                yield from self._hand(occupant, tick, now_ns)
        yield from self.events(there, now_ns)
        for occupant in there:
            applied = occupant.last_command - len(occupant.commands)
            if applied != occupant.command_acked and not occupant.blocked:
                occupant.command_acked = applied
                yield Send(_connection(occupant), encode(CommandAck(applied, applied)))

    def events(self, occupants: Iterable[Occupant], now_ns: int) -> Iterator[Effect]:
        """Yield the events that have not been sent, to whose sockets take them."""
        for occupant in occupants:
            if occupant.reachable and not occupant.blocked:
                for frame in occupant.events.take_unsent():
                    occupant.sent(now_ns)
                    yield Send(_connection(occupant), frame)

    def _may_take_state(self, occupant: Occupant, tick: int, now_ns: int) -> bool:
        if occupant.blocked:
            self._counts.slow_blocked += 1
            return False
        if not occupant.is_behind(tick):
            return True
        if now_ns - occupant.sent_ns < QUIET_NS:
            self._counts.slow_window += 1
            return False
        self._counts.slow_paced += 1
        return True

    def _state(self, occupant: Occupant, tick: int, now_ns: int) -> bytes | None:
        base = occupant.base
        if base is not None and tick - base > self._audiences.history_ticks:
            base, occupant.reason = None, KeyframeReason.TOO_OLD
        flags = self._clock.generation << CLOCK_SHIFT
        if occupant.substituted:
            flags |= SUBSTITUTED
        if base is None:
            return self._keyframe(occupant, tick, flags)
        audiences, seat = self._audiences, occupant.seat.id
        delta, relative = audiences.delta(seat, base)
        hashed = (tick + seat) % HASH_EVERY_TICKS == 0
        heard = occupant.slack != SLACK_NONE or occupant.substituted or hashed
        heard = heard or occupant.clock_told != self._clock.generation
        if delta.empty and not heard and now_ns - occupant.sent_ns < QUIET_NS:
            return None
        if relative:
            flags |= RELATIVE
        self._counts.states += 1
        self._counts.states_merged += not relative
        hash = self._remembered_hash(occupant, tick) if hashed else None
        return state_frame(tick, base, flags, self._take_slack(occupant), delta, hash)

    def _keyframe(self, occupant: Occupant, tick: int, flags: int) -> bytes:
        self._counts.keyframes += 1
        self._counts.keyframes_by_reason[occupant.reason] += 1
        delta, hash = self._audiences.keyframe(occupant.seat.id), self._remembered_hash(occupant, tick)
        return keyframe_frame(tick, occupant.reason, flags, self._take_slack(occupant), delta, hash)

    def _remembered_hash(self, occupant: Occupant, tick: int) -> int:
        hash = self._audiences.hash(occupant.seat.id)
        occupant.hashes.append((tick, hash))
        return hash

    def _take_slack(self, occupant: Occupant) -> int:
        slack = occupant.take_slack()
        if slack != SLACK_NONE:
            self._counts.slack_eighths[slack - SLACK_LEAST] += 1
        return slack

    def _reaches(self, to: Seat | Audience | Entity, occupant: Occupant) -> bool:
        match to:
            case Seat():
                # Not equal but the same: who leaves may be followed by another on the same seat within a tick.
                return to is occupant.seat
            case Entity():
                return self._audiences.saw(occupant.seat.id, to.id)
            case _:
                return True


def _connection(occupant: Occupant) -> int:
    assert occupant.connection is not None, "a reachable place has a connection"
    return occupant.connection
