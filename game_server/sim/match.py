"""The match: one game, its seats, its clock. A pure machine with four doors.

    handle(fact, now_ns)   takes one fact; nothing of the game runs yet
    advance(now_ns)        runs the ticks that are due, at most five
    effects()              what to write, close and log; drain it after every call
    deadline_ns            when the next tick is due, None once the match has ended

A tick: commands and leaves in the order they came, joins, who is connected, `on_input` for every seat, `on_tick`,
commit, frames. Tick numbers are never skipped: a match that fell more than five ticks behind moves its clock and says
so. A resume needs no tick, since no rule of the game runs for it: it is answered in `handle`. A frozen match runs no
tick, so that nothing which is counted in ticks goes on, and says PAUSED instead of STATE.
To test: drive it with integers for time; `game_server.testing.LocalMatch` does.
"""

import traceback
from collections import deque
from random import Random
from typing import Any

from game_server.replication.audience import Audiences
from game_server.sim.clock import MatchClock
from game_server.sim.facts import (
    Blocked,
    Claim,
    Close,
    Cut,
    Effect,
    Ended,
    Fact,
    Freeze,
    FromConnection,
    Gone,
    Join,
    Ranked,
    RoundTrip,
    Send,
    Stop,
    Thaw,
    Told,
    Unblocked,
)  # fmt: skip
from game_server.sim.hooks import Hooks
from game_server.sim.input_buffer import Verdict
from game_server.sim.occupant import COMMANDS_PER_S, COMMANDS_WAITING_MAX, Occupant
from game_server.sim.outgoing import Outgoing
from game_server.sim.roster import Roster
from game_server.sim.seating import Leaving, Seating
from game_server.sim.statistics import MatchStatistics
from game_server.sim.world import World
from protocol.codec import encode
from protocol.declare import Input, Record
from protocol.errors import UsageFault
from protocol.ids import SeatId, Tick
from protocol.messages import Ack, CommandFrame, EventAck, InputFrame, KeyframeReason, Paused, Resync

HISTORY_S = 10
QUARANTINE_S = 12
RESYNC_NS = 250_000_000
JOINS_WAITING_MAX = 1024
GRACE_S = 30.0
SPECTATORS_MAX = 100
SILENT = 4008
AWAY_NS = 1_000_000_000
PAUSED_EVERY_NS = 250_000_000
FROZEN_SENTENCE = "this match is frozen while its node cannot reach the directory: try again"
COMMANDS_PER_TICK = 4
"""Of one seat: a burst of one player must not make a tick long."""


class Match:
    """One running game. *Raises* `UsageFault` when its effects are not drained."""

    def __init__(
        self,
        game: Hooks,
        match_id: str,
        *,
        seed: int = 0,
        start_ns: int = 0,
        epoch: int = 1,
        first_tick: int = 0,
        grace_s: float = GRACE_S,
        spectators_max: int = SPECTATORS_MAX,
    ) -> None:
        self.game = game
        self.match_id = match_id
        self.epoch = epoch
        self.vocabulary = game.vocabulary
        self.tick_rate_hz, self.seats_max = game.tick_rate_hz, game.seats_max
        self.clock = MatchClock(start_ns, first_tick, game.tick_rate_hz)
        self.world = World(self.vocabulary, QUARANTINE_S * game.tick_rate_hz)
        self.audiences = Audiences(HISTORY_S * game.tick_rate_hz)
        self.counts = MatchStatistics()
        self.ended = False
        self._paused_due_ns: int | None = None
        self._roster = Roster(game.seats_max, spectators_max, epoch)
        self._joins: dict[int, Join] = {}
        self._arrivals: deque[Leaving | Occupant] = deque()
        self._effects: list[Effect] = []
        self._seating = Seating(game, self._roster, self.world, self.audiences, self.clock, self.counts, self._emit)
        self._seating.grace_ticks = round(grace_s * game.tick_rate_hz)
        self._outgoing = Outgoing(game, self.clock, self.audiences, self.counts)
        self._started = False
        game.world, game.rng, game.seats = self.world, Random(seed), []
        game.tick, game.dt_s = first_tick, 1 / game.tick_rate_hz

    @property
    def tick(self) -> int:
        """The next tick to run."""
        return self.clock.next_tick

    @property
    def deadline_ns(self) -> int | None:
        """When `advance` should be called next."""
        if self.ended:
            return None
        return self.clock.deadline_ns if self._paused_due_ns is None else self._paused_due_ns

    @property
    def frozen(self) -> bool:
        """Whether it waits for `Thaw`."""
        return self._paused_due_ns is not None

    @property
    def occupants(self) -> list[Occupant]:
        """The taken places, seats and spectators', in the order in which they were taken."""
        return list(self._roster)

    @property
    def place_changes(self) -> int:
        """How often a place was taken or freed: a match that stands at the same number has the same occupants."""
        return self._roster.changes

    def _emit(self, effect: Effect) -> None:
        self._effects.append(effect)

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: Fact, now_ns: int) -> None:
        """Take one fact."""
        if len(self._effects) > 100_000:
            raise UsageFault("effects() was not drained: call it after every handle() and advance()")
        if self.ended:
            if isinstance(fact, Join):
                self._effects.append(Close(fact.connection, 4004, "this match is over"))
            return
        match fact:
            case FromConnection(connection, message, value):
                occupant = self._roster.of(connection)
                if occupant is None or occupant.dropped:
                    self.counts.from_strangers += 1
                else:
                    occupant.heard()
                    self._hear(occupant, message, value, now_ns)
            case Join(claim=Claim()):
                resumed = self._seating.resume(fact)
                if resumed is not None:
                    self._effects += self._outgoing.catch_up(resumed, self.tick - 1, now_ns)
            case Join() if self.frozen:
                self._effects.append(Close(fact.connection, 1013, FROZEN_SENTENCE))
            case Join():
                self._queue(fact)
            case Gone(connection, code):
                self._lose(connection, code)
            case Blocked(connection) | Unblocked(connection) | RoundTrip(connection):
                occupant = self._roster.of(connection)
                if isinstance(fact, RoundTrip) and occupant is not None:
                    occupant.note_round_trip(fact.rtt_ns)
                elif occupant is not None:
                    occupant.blocked = isinstance(fact, Blocked)
            case Freeze():
                self._freeze(now_ns)
            case Thaw():
                self._thaw(now_ns)
            case Stop(code, sentence):
                if self._guard(self.game.on_stop):
                    self._guard(self._send_events, now_ns)
                self.end(code, sentence)

    def advance(self, now_ns: int) -> None:
        """Run the ticks that are due, at most five; then move the clock if still behind."""
        if self._paused_due_ns is not None:
            self._say_paused(self._paused_due_ns, now_ns)
            return
        if not self._started and not self.ended:
            self._started = True
            self._guard(self.game.on_start)
        if now_ns - self.clock.deadline_ns > AWAY_NS:
            # The whole process stood still, and so did what its clients can have answered.
            for occupant in self._roster:
                occupant.excuse_silence(now_ns)
        for _ in range(self.clock.due(now_ns)):
            if self.ended:
                return
            self._run_tick(now_ns)
        if not self.ended and self.clock.due(now_ns):
            self._rebase("clock_rebased", now_ns)

    def _rebase(self, event: str, now_ns: int) -> None:
        late_ms = self.clock.rebase(now_ns) // 1_000_000
        self.counts.rebases += 1
        for occupant in self._roster:
            if occupant.inputs is not None:
                occupant.inputs.forget_waiting()
        self._effects.append(Told("warning", event, {"late_ms": late_ms, "tick": self.tick}))

    def _freeze(self, now_ns: int) -> None:
        if not self.frozen:
            self._paused_due_ns = now_ns
            self._effects.append(Told("warning", "match_frozen", {"tick": self.tick}))

    def _thaw(self, now_ns: int) -> None:
        if self.frozen:
            self._paused_due_ns = None
            # Nothing was sent that could have been acknowledged.
            for occupant in self._roster:
                occupant.excuse_silence(now_ns)
            self._rebase("match_thawed", now_ns)

    def _say_paused(self, due_ns: int, now_ns: int) -> None:
        if now_ns < due_ns or self.ended:
            return
        self._paused_due_ns = now_ns + PAUSED_EVERY_NS
        frame = encode(Paused(max(0, self.tick - 1)))
        for occupant in self._roster:
            if occupant.connection is not None and occupant.reachable and not occupant.blocked:
                self._effects.append(Send(occupant.connection, frame))

    def end(self, code: int, sentence: str) -> None:
        """Close every connection and end."""
        if not self.ended:
            self.ended = True
            self._effects += [Close(each, code, sentence) for each in (*self._roster.connections(), *self._joins)]
            self._effects.append(Ended(code, sentence))

    def _queue(self, join: Join) -> None:
        if len(self._joins) >= JOINS_WAITING_MAX:
            self._effects.append(Close(join.connection, 1013, "too many are joining at once: try again"))
        else:
            self._joins[join.connection] = join

    def _hear(self, occupant: Occupant, message: Any, value: Record | None, now_ns: int) -> None:
        match message:
            case InputFrame():
                assert isinstance(value, Input), "the session passes the parsed input"
                self._hear_input(occupant, message, value, now_ns)
            case Ack(tick):
                occupant.hear_ack(tick, now_ns)
            case CommandFrame(sequence):
                assert value is not None, "the session passes the parsed command"
                self._hear_command(occupant, sequence, value)
            case EventAck(sequence):
                if occupant.events.acknowledge(sequence):
                    occupant.acknowledged(now_ns)
            case Resync(last_tick):
                self._hear_resync(occupant, last_tick, now_ns)

    def _hear_input(self, occupant: Occupant, frame: InputFrame, input: Input, now_ns: int) -> None:
        occupant.hear_ack(frame.tick - frame.ack_back, now_ns)
        if frame.clock != self.clock.generation:
            self.counts.inputs_stale_clock += 1
            return
        if occupant.inputs is None:
            return
        occupant.note_slack(self.clock.earliness_eighths(frame.tick, now_ns))
        self.counts.inputs += 1
        match occupant.inputs.offer(frame.tick, input, self.tick):
            case Verdict.LATE:
                self.counts.inputs_late += 1
            case Verdict.EARLY:
                self.counts.inputs_early += 1
            case Verdict.DOUBLE:
                self.counts.inputs_double += 1

    def _hear_command(self, occupant: Occupant, sequence: int, command: Record) -> None:
        if occupant.spectator:
            self._drop(occupant, 1008, "a spectator only watches")
        elif sequence <= occupant.last_command:
            self.counts.commands_double += 1
            occupant.command_acked = min(occupant.command_acked, sequence - 1)
        elif sequence != occupant.last_command + 1:
            self._drop(occupant, 1002, f"command {sequence} came after {occupant.last_command}: one is missing")
        elif len(occupant.commands) >= COMMANDS_WAITING_MAX:
            self._drop(occupant, 1008, f"{COMMANDS_WAITING_MAX} commands wait: send at most {COMMANDS_PER_S} a second")
        else:
            occupant.last_command = sequence
            occupant.commands.append(command)
            if len(occupant.commands) == 1:
                self._arrivals.append(occupant)

    def _hear_resync(self, occupant: Occupant, last_tick: int, now_ns: int) -> None:
        if occupant.resynced_ns is not None and now_ns - occupant.resynced_ns < RESYNC_NS:
            return
        occupant.resynced_ns = now_ns
        self.counts.resyncs += 1
        known = occupant.base is not None and 0 <= last_tick <= occupant.base
        occupant.base = last_tick if known else None
        occupant.unacknowledged.clear()
        occupant.reason = KeyframeReason.DESYNC if last_tick < 0 else KeyframeReason.UNKNOWN_BASE

    def _drop(self, occupant: Occupant, code: int, sentence: str) -> None:
        assert occupant.connection is not None, "only what a connection said can be wrong"
        occupant.dropped = True
        self._effects.append(Close(occupant.connection, code, sentence))

    def _cut(self, occupant: Occupant, sentence: str) -> None:
        assert occupant.connection is not None, "only a connection can be cut"
        occupant.dropped = True
        self.counts.slow_cut += 1
        self._effects.append(Cut(occupant.connection, SILENT, sentence))

    def _run_tick(self, now_ns: int) -> None:
        tick = self.clock.next_tick
        self.game.tick = tick
        for occupant in self._roster:
            occupant.begin_tick()
            if occupant.is_silent(now_ns) and occupant.reachable:
                self._cut(occupant, "nothing was acknowledged for 5 s")
        if not (self._guard(self._play, tick, now_ns) and self._guard(self._commit, tick)):
            return
        self.clock.ran()
        self.counts.ticks += 1
        self._effects += [Ranked(teams) for teams in self.game.take_ranked()]
        if self._guard(self._send, tick, now_ns) and self.game.ended:
            self.end(1000, "the match is over")

    def _send(self, tick: int, now_ns: int) -> None:
        self._outgoing.keep_events(self._roster, tick)
        self._effects += self._outgoing.frames(self._roster, tick, now_ns)
        for occupant in self._outgoing.trim_events(self._roster):
            self._cut(occupant, "the events that it did not take are too many")

    def _send_events(self, now_ns: int) -> None:
        self._outgoing.keep_events(self._roster, self.tick)
        self._effects += self._outgoing.events(self._roster, now_ns)

    def _play(self, tick: int, now_ns: int) -> None:
        # As many as there are now: a seat whose commands have to wait goes to the end again.
        for _ in range(len(self._arrivals)):
            match self._arrivals.popleft():
                case Leaving() as leaving:
                    self._seating.let_go(leaving)
                case occupant:
                    self._command(occupant)
        # Last, so that they find the seats that others leave in this tick.
        joins, self._joins = self._joins, {}
        for join in joins.values():
            self._seating.let_in(join)
        self._seating.look_who_is_there(now_ns)
        for occupant in self.occupants:
            if occupant.inputs is not None:
                due = occupant.inputs.take(tick)
                if due.substituted:
                    occupant.substituted = True
                    self.counts.substitutions += 1
                self.game.on_input(occupant.seat, due.input)
        self.game.on_tick(tick)
        if self.game.ended:
            self.game.on_stop()

    def _command(self, occupant: Occupant) -> None:
        """Apply the oldest commands of `occupant`; too many wait for later ticks."""
        if not self._roster.has(occupant):
            return
        for _ in range(min(len(occupant.commands), COMMANDS_PER_TICK)):
            if not occupant.may_command():
                break
            self.counts.commands += 1
            self.game.asked_command(occupant.seat, occupant.commands.popleft())
        if occupant.commands:
            self._arrivals.append(occupant)

    def _commit(self, tick: int) -> None:
        born, changed, died = self.world.commit(Tick(tick))
        self.audiences.commit(Tick(tick), born, changed, died, self._can_see)

    def _can_see(self, seat: SeatId, record: Any) -> bool:
        return self.game.can_see(self._roster.at(seat).seat, self.world.entity_of(record))

    def _lose(self, connection: int, code: int) -> None:
        leaving = self._seating.lose(connection, code)
        if leaving is not None:
            self._arrivals.append(leaving)
        else:
            self._joins.pop(connection, None)  # Perhaps its HELLO still waits for the tick.

    def _guard(self, hook: Any, *arguments: Any) -> bool:
        try:
            hook(*arguments)
        except (Exception, SystemExit) as error:
            fields = {"tick": self.tick, "error": repr(error), "traceback": traceback.format_exc()}
            self._effects.append(Told("error", "game_failed", fields))
            self.end(4010, f"the match ended by an error in its game: {type(error).__name__}")
            return False
        return True
