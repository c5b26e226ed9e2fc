"""Who comes, comes back and goes: places given, given back after a lost connection, and freed.

`resume` needs no tick, since no rule of the game runs for it; all else happens within one, and tells the game's hooks.
Everything about a claim is looked at before anything changes.
To test: `tests/game_server/sim/test_seating.py`, and with a whole match `test_match_resume.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from game_server.replication.audience import Audiences
from game_server.sim.clock import MatchClock
from game_server.sim.facts import Claim, Close, Effect, Greet, Join, Seated, Told
from game_server.sim.hooks import Hooks
from game_server.sim.input_buffer import InputBuffer
from game_server.sim.occupant import Occupant
from game_server.sim.roster import REPLACED, Roster
from game_server.sim.seat import Seat
from game_server.sim.statistics import MatchStatistics
from game_server.sim.world import World
from protocol.close_codes import close_code
from protocol.ids import NO_SEAT, SeatId
from protocol.messages import KeyframeReason, Role, Welcome

LEFT = (1000, 1001, 1005)
TOOK_OVER = "a newer socket of the same player took over"


@dataclass(frozen=True, slots=True)
class Leaving:
    """Waits for its turn among the commands: what a leaver said last is still heard."""

    occupant: Occupant
    why: str


class Seating:
    """Gives and frees the places of one match. `grace_ticks` is how long a lost player's place is kept."""

    def __init__(
        self, game: Hooks, roster: Roster, world: World, audiences: Audiences, clock: MatchClock,
        counts: MatchStatistics, emit: Callable[[Effect], None],
    ) -> None:  # fmt: skip
        self._game, self._roster, self._world, self._audiences = game, roster, world, audiences
        self._clock, self._counts, self._emit = clock, counts, emit
        self.grace_ticks = 0

    def look_who_is_there(self, now_ns: int) -> None:
        """Count the grace time, and tell the game whose player went or came back."""
        for occupant in list(self._roster):
            if occupant.away_ticks is not None:
                occupant.away_ticks -= 1
                if occupant.away_ticks <= 0:
                    self._counts.grace_expired += 1
                    self._unseat(occupant, "grace_over")
                    continue
            connected = occupant.is_connected(now_ns)
            if connected != occupant.seat.connected:
                occupant.seat.connected = connected
                if not occupant.spectator:
                    hook = self._game.on_reconnect if connected else self._game.on_disconnect
                    hook(occupant.seat)

    # --- coming

    def let_in(self, join: Join) -> None:
        """Seat a player, or let a spectator watch."""
        if self._has_other_schema(join):
            return
        known = self._roster.of_player(join.player, join.spectator)
        if known is not None:
            self._take_over(known, join)
            return
        place = self._roster.free_place(join.spectator)
        if place is not None:
            self._seat(place, join)
        elif join.spectator:
            self._close(join, 1013, f"all {self._roster.spectators_max} places of spectators are taken")
        else:
            self._close(join, 1013, f"all {self._roster.seats_max} seats are taken")

    def _has_other_schema(self, join: Join) -> bool:
        known = self._game.vocabulary.schema.hash
        if join.hello.schema_hash in (0, known):
            return False
        told = f"this client was made for schema {join.hello.schema_hash}, the match has {known}: update it"
        self._close(join, 4003, told)
        return True

    def _close(self, join: Join, code: int, sentence: str) -> None:
        self._emit(Close(join.connection, code, sentence))

    def _seat(self, place: SeatId, join: Join) -> None:
        seat = Seat(place, join.name, player=join.player)
        inputs = None if join.spectator else self._new_inputs()
        occupant = Occupant(
            seat, join.connection, inputs, self._game.tick_rate_hz, player=join.player, spectator=join.spectator
        )
        self._roster.seat(occupant, join.connection, join.attempt)
        if not join.spectator:
            self._game.seats.append(seat)
            self._audiences.admit(seat.id)
        self._greet(occupant, join.connection)
        self._tell_seat("seat_taken", occupant)
        if not join.spectator:
            self._game.on_join(seat)

    def _new_inputs(self) -> InputBuffer | None:
        kind = self._game.vocabulary.input
        return None if kind is None else InputBuffer(kind.cls(), kind.edges, self._game.tick_rate_hz)

    def _greet(self, occupant: Occupant, connection: int) -> None:
        place, epoch, schema = occupant.seat.id, self._roster.epoch, self._game.vocabulary.schema.to_wire()
        seat, role = (NO_SEAT, Role.SPECTATOR) if occupant.spectator else (place, Role.PLAYER)
        welcome = Welcome(
            epoch, self._clock.next_tick, self._game.tick_rate_hz, seat, role.value, schema, "",
            occupant.last_command, occupant.events.sent,
        )  # fmt: skip
        self._emit(Seated(connection, place))
        self._emit(Greet(connection, welcome, Claim(place, occupant.player, epoch, occupant.next_n())))

    def _tell_seat(self, event: str, occupant: Occupant, **fields: Any) -> None:
        told = {"seat": occupant.seat.id, "tick": self._clock.next_tick, **fields}
        if occupant.spectator:
            told["spectator"] = True
        self._emit(Told("info", event, told))

    # --- coming back

    def resume(self, join: Join) -> Occupant | None:
        """Give an old place to a new socket, once everything about it has been looked at; else change nothing."""
        assert join.claim is not None, "a resume has a claim"
        if self._has_other_schema(join):
            self._counts.refused_resume("schema")
            return None
        refusal = self._roster.refusal(join)
        if refusal is not None:
            self._counts.refused_resume(refusal.reason)
            self._close(join, refusal.code, refusal.sentence)
            return None
        occupant = self._roster.at(SeatId(join.claim.place))
        base = self._roster.base_of(occupant, join.hello, self._clock.next_tick, self._audiences.history_ticks)
        occupant.presented = (join.claim.n, join.attempt)
        self._attach(occupant, join, base, join.hello.last_event)
        if isinstance(base, KeyframeReason):
            self._counts.resumes_by_keyframe += 1
        else:
            self._counts.resumes_by_delta += 1
        reason = base.name.lower() if isinstance(base, KeyframeReason) else None
        self._tell_seat("seat_resumed", occupant, keyframe=reason)
        return occupant

    def _take_over(self, occupant: Occupant, join: Join) -> None:
        """The player of a taken place came anew, knowing nothing: the newest of one player's programs wins."""
        if occupant.connection is not None and join.connection < occupant.connection:
            # Connections are numbered as they come: this HELLO was only late.
            self._close(join, REPLACED, TOOK_OVER)
            return
        self._counts.takeovers += 1
        occupant.presented = (occupant.issued, join.attempt)
        occupant.void_until = occupant.issued
        occupant.confirmed = occupant.issued + 1
        self._attach(occupant, join, KeyframeReason.JOINED, 0)
        self._tell_seat("seat_taken_over", occupant)

    def _attach(self, occupant: Occupant, join: Join, base: int | KeyframeReason, last_event: int) -> None:
        unsent = occupant.events.last - occupant.events.sent
        goes_on_after = occupant.events.resume(last_event)
        self._counts.events_resent += occupant.events.last - goes_on_after - unsent
        if join.hello.last_tick < 0 and occupant.inputs is not None:
            # Another program: it counts presses from 0, and what the one before sent is not held against it.
            occupant.inputs = self._new_inputs()
        elif occupant.inputs is not None:
            occupant.inputs.resume()
        replaced = self._roster.reconnect(occupant, join.connection)
        if replaced is not None:
            self._emit(Close(replaced, REPLACED, TOOK_OVER))
        if isinstance(base, KeyframeReason):
            occupant.attach(join.connection, None, base)
        else:
            occupant.attach(join.connection, base, KeyframeReason.UNKNOWN_BASE)
        self._greet(occupant, join.connection)

    # --- going

    def lose(self, connection: int, code: int) -> Leaving | None:
        """A connection has ended: keep its place for the grace time, or return who leaves with the next tick."""
        occupant = self._roster.lose(connection)
        if occupant is None:
            return None
        if close_code(code).keeps_seat and self.grace_ticks:
            occupant.detach(self.grace_ticks)
            self._tell_seat("seat_away", occupant, code=code)
            return None
        # Nobody can have the place back from now on.
        occupant.detach(0)
        return Leaving(occupant, "left" if code in LEFT else "closed")

    def let_go(self, leaving: Leaving) -> None:
        """Free the place of who leaves."""
        if self._roster.has(leaving.occupant) and leaving.occupant.away_ticks == 0:
            self._unseat(leaving.occupant, leaving.why)

    def _unseat(self, occupant: Occupant, why: str) -> None:
        seat = occupant.seat
        self._roster.leave(occupant)
        if not occupant.spectator:
            self._game.seats.remove(seat)
            self._game.on_leave(seat)
            self._world.despawn_owned(seat)
            self._audiences.dismiss(seat.id)
        self._tell_seat("seat_left", occupant, why=why)
