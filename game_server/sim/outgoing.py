"""What one tick sends: events and acknowledgements, then to each seat one state.

A seat whose connection is blocked gets no state; its base stays, and the next one covers the gap. A seat for which
nothing changed and from which nothing came gets a short STATE every 250 ms, so that silence always means trouble.
To test: `tests/game_server/sim/test_outgoing.py`.
"""

from collections.abc import Iterator

from game_server.replication.audience import Audiences
from game_server.replication.delta import keyframe_frame, state_frame
from game_server.sim.clock import MatchClock
from game_server.sim.facts import Effect, Send
from game_server.sim.hooks import Hooks
from game_server.sim.occupant import SLACK_NONE, Occupant
from game_server.sim.seat import Seat
from game_server.sim.statistics import MatchStatistics
from protocol.codec import encode
from protocol.declare import Audience, Entity
from protocol.messages import (
    CLOCK_SHIFT,
    CommandAck,
    EventFrame,
    KeyframeReason,
    StateFlag,
)  # fmt: skip

# Plain ints: or-ing an IntFlag costs more than packing the frame's head.
RELATIVE, SUBSTITUTED = StateFlag.RELATIVE.value, StateFlag.SUBSTITUTED.value
QUIET_NS = 250_000_000
HASH_EVERY_TICKS = 64


class Outgoing:
    """Turns a committed tick into frames."""

    def __init__(self, game: Hooks, clock: MatchClock, audiences: Audiences, counts: MatchStatistics) -> None:
        self._game, self._clock, self._audiences, self._counts = game, clock, audiences, counts

    def frames(self, taken: list[Occupant], tick: int, now_ns: int) -> Iterator[Effect]:
        """Yield what `tick` sends to the taken seats."""
        occupants = [each for each in taken if not each.dropped]
        for occupant in occupants:
            if not occupant.blocked:
                frame = self._state(occupant, tick, now_ns)
                if frame is not None:
                    occupant.sent_ns, occupant.base = now_ns, tick
                    occupant.sent(now_ns)
                    occupant.substituted = False
                    occupant.clock_told = self._clock.generation
                    yield Send(occupant.connection, frame)
        yield from self.events(occupants, tick, now_ns)
        for occupant in occupants:
            applied = occupant.last_command - len(occupant.commands)
            if applied != occupant.command_acked:
                occupant.command_acked = applied
                yield Send(occupant.connection, encode(CommandAck(applied, applied)))

    def _state(self, occupant: Occupant, tick: int, now_ns: int) -> bytes | None:
        audiences, seat, base = self._audiences, occupant.seat.id, occupant.base
        if base is not None and tick - base > audiences.history_ticks:
            base, occupant.reason = None, KeyframeReason.TOO_OLD
        flags = self._clock.generation << CLOCK_SHIFT
        if occupant.substituted:
            flags |= SUBSTITUTED
        if base is None:
            self._counts.keyframes += 1
            delta, hash = audiences.keyframe(seat), audiences.hash(seat)
            return keyframe_frame(tick, occupant.reason, flags, occupant.take_slack(), delta, hash)
        delta, relative = audiences.delta(seat, base)
        hashed = (tick + seat) % HASH_EVERY_TICKS == 0
        heard = occupant.slack != SLACK_NONE or occupant.substituted or hashed
        heard = heard or occupant.clock_told != self._clock.generation
        if delta.empty and not heard and now_ns - occupant.sent_ns < QUIET_NS:
            return None
        if relative:
            flags |= RELATIVE
        self._counts.states += 1
        return state_frame(tick, base, flags, occupant.take_slack(), delta, audiences.hash(seat) if hashed else None)

    def events(self, occupants: list[Occupant], tick: int, now_ns: int) -> Iterator[Effect]:
        """Yield the events that the game emitted, to whom they reach."""
        for kind, values, to in self._game.take_emitted():
            for occupant in occupants:
                if occupant.dropped or not self._reaches(to, occupant):
                    continue
                occupant.last_event += 1
                occupant.sent(now_ns)
                yield Send(occupant.connection, encode(EventFrame(occupant.last_event, tick, kind, values)))

    def _reaches(self, to: Seat | Audience | Entity, occupant: Occupant) -> bool:
        match to:
            case Seat():
                # Not equal but the same: who leaves may be followed by another on the same seat within a tick.
                return to is occupant.seat
            case Entity():
                return self._audiences.saw(occupant.seat.id, to.id)
            case _:
                return True
