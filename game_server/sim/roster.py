"""Who is where in a match: seats and spectators' places, the connections to them, and who may have one back.

A place is a seat (0 to `seats_max` - 1) or a spectator's (from `seats_max` up). It stays taken while its connection is
lost, until `away_ticks` have passed. `refusal` looks at a resume from all sides and changes nothing.
To test: `tests/game_server/sim/test_roster.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from game_server.sim.facts import Join
from game_server.sim.occupant import Occupant
from protocol.close_codes import SEAT_GONE
from protocol.ids import SeatId
from protocol.messages import Hello, KeyframeReason

REPLACED = 4001


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a resume cannot be: a close code, a sentence for the player, a word to count by."""

    code: int
    sentence: str
    reason: str


class Roster:
    """The taken places of one match."""

    def __init__(self, seats_max: int, spectators_max: int, epoch: int) -> None:
        self.seats_max, self.spectators_max, self.epoch = seats_max, spectators_max, epoch
        self.changes = 0
        """How often a place was taken or freed."""
        self._places: dict[SeatId, Occupant] = {}
        self._connections: dict[int, Occupant] = {}
        # A token of a place's former occupant must not fit the next one, so that numbers go on.
        self._last_n: dict[SeatId, int] = {}

    def __iter__(self) -> Iterator[Occupant]:
        return iter(self._places.values())

    def at(self, place: SeatId) -> Occupant:
        """Return who has a taken place."""
        return self._places[place]

    def of(self, connection: int) -> Occupant | None:
        """Return whose current connection this is."""
        return self._connections.get(connection)

    def has(self, occupant: Occupant) -> bool:
        """Tell whether this occupant still has its place."""
        return self._places.get(occupant.seat.id) is occupant

    def connections(self) -> list[int]:
        """Return all current connections."""
        return list(self._connections)

    def free_place(self, spectator: bool) -> SeatId | None:
        """Return the first free seat or spectator's place."""
        first, count = (self.seats_max, self.spectators_max) if spectator else (0, self.seats_max)
        return next((SeatId(each) for each in range(first, first + count) if each not in self._places), None)

    def of_player(self, player: str, spectator: bool) -> Occupant | None:
        """Return the place that a proven player has already."""
        if not player:
            return None
        return next((each for each in self if each.player == player and each.spectator == spectator), None)

    def seat(self, occupant: Occupant, connection: int, attempt: int) -> None:
        """Give a new occupant its place."""
        place = occupant.seat.id
        self.changes += 1
        occupant.issued = self._last_n.get(place, 0)
        occupant.presented = (occupant.issued, attempt)
        occupant.confirmed = occupant.issued + 1
        self._places[place] = occupant
        self._connections[connection] = occupant

    def reconnect(self, occupant: Occupant, connection: int) -> int | None:
        """Make `connection` the current one of a place; return the one that it replaces."""
        replaced = occupant.connection
        if replaced is not None:
            self._connections.pop(replaced, None)
        self._connections[connection] = occupant
        return replaced

    def lose(self, connection: int) -> Occupant | None:
        """Forget a connection that ended; return its occupant, unless another connection took over."""
        return self._connections.pop(connection, None)

    def leave(self, occupant: Occupant) -> None:
        """Free a place."""
        place = occupant.seat.id
        self.changes += 1
        del self._places[place]
        self._last_n[place] = occupant.issued
        if occupant.connection is not None:
            self._connections.pop(occupant.connection, None)

    def refusal(self, join: Join) -> Refusal | None:
        """Return why the claim of `join` cannot be met, or None when it can. Changes nothing."""
        claim = join.claim
        assert claim is not None, "a resume has a claim"
        if claim.epoch != self.epoch:
            return Refusal(SEAT_GONE, "this match was started anew since: join anew", "epoch")
        occupant = self._places.get(SeatId(claim.place))
        former = claim.n <= self._last_n.get(SeatId(claim.place), 0)
        if occupant is None or occupant.away_ticks == 0 or occupant.player != claim.player or former:
            return Refusal(SEAT_GONE, "the seat was not kept any longer: join anew", "seat_gone")
        if claim.n <= occupant.void_until:
            return Refusal(REPLACED, "another program of this player took the seat over", "taken_over")
        if claim.n < occupant.confirmed:
            return Refusal(SEAT_GONE, "this resume token was followed by a newer one: join anew", "token_old")
        if claim.n > occupant.issued:
            return Refusal(SEAT_GONE, "this resume token was never given out: join anew", "token_unknown")
        if (claim.n, join.attempt) <= occupant.presented:
            return Refusal(REPLACED, "a newer socket of this player came first", "attempt_old")
        return None

    def base_of(self, occupant: Occupant, hello: Hello, next_tick: int, history_ticks: int) -> int | KeyframeReason:
        """Return the tick from which a resumed client can go on, or why it gets a keyframe."""
        if hello.last_tick < 0:
            return KeyframeReason.JOINED
        if hello.epoch != self.epoch:
            return KeyframeReason.FORKED
        if hello.last_tick > occupant.sent_tick:
            return KeyframeReason.UNKNOWN_BASE
        if next_tick - hello.last_tick > history_ticks:
            return KeyframeReason.TOO_OLD
        if any(tick == hello.hash_tick and hash != hello.hash for tick, hash in occupant.hashes):
            return KeyframeReason.DESYNC
        return hello.last_tick
