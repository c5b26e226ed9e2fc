"""One match, driven by integers."""

from collections.abc import Callable
from random import Random
from typing import Annotated

import pytest
from pydantic import Field

from game_server.game import Game
from game_server.sim.facts import Blocked, Stop, Unblocked
from game_server.sim.match import COMMANDS_PER_TICK, JOINS_WAITING_MAX
from game_server.sim.occupant import COMMANDS_BURST, COMMANDS_PER_S
from game_server.sim.seat import Seat
from protocol.close_codes import CLOSE_CODES, Return, close_code
from protocol.declare import Chat, Command, Entity, Event, Input, Said, owner, replicated
from protocol.errors import UsageFault
from protocol.messages import (
    CLOCK_SHIFT,
    Ack,
    CommandAck,
    EventFrame,
    Hello,
    InputFrame,
    Keyframe,
    KeyframeReason,
    Resync,
    State,
    StateFlag,
    Welcome,
)  # fmt: skip
from tests.game_server.sim.peers import Table


class Steer(Input):
    dx: Annotated[int, Field(ge=-1, le=1)] = 0


class Runner(Entity):
    x: float = replicated(0.0, step=0.5)
    name: str = replicated("", max_length=16)


class Purse(Entity):
    audience = owner
    coins: int = replicated(0, min=0)


class Buy(Command):
    price: int = 1


class Bought(Event):
    price: int


class Race(Game):
    tick_rate_hz, seats_max, input = 20, 2, Steer
    entities, commands, events = (Runner, Purse), (Buy,), (Bought,)
    seen: list[tuple[int, int, int]]

    def on_start(self) -> None:
        self.seen = []

    def on_join(self, seat: Seat) -> None:
        self.world.spawn(Runner(x=self.rng.uniform(0, 5), name=seat.name), owner=seat)
        self.world.spawn(Purse(coins=3), owner=seat)

    def on_input(self, seat: Seat, input: Steer) -> None:
        self.world.owned(seat, Runner).x += input.dx
        self.seen.append((self.tick, seat.id, input.dx))

    def on_command(self, seat: Seat, command: Buy) -> None:
        if command.price < 0:
            raise ZeroDivisionError("bad price")
        self.world.owned(seat, Purse).coins -= command.price
        self.emit(Bought(price=command.price), to=seat)

    def on_leave(self, seat: Seat) -> None:
        self.world.despawn(self.world.owned(seat, Runner))
        self.world.despawn(self.world.owned(seat, Purse))


def race(players: int = 2) -> Table:
    table = Table(Race())
    for connection in range(players):
        table.join(connection, name="AB"[connection])
    table.step()
    return table


def test_a_player_is_welcomed_and_gets_a_keyframe_within_one_tick() -> None:
    table = race()
    (welcome,) = table.got(1, Welcome)
    assert (welcome.seat, welcome.tick, welcome.tick_rate_hz) == (1, 0, 20)
    (keyframe,) = table.got(1, Keyframe)
    assert (keyframe.reason, keyframe.tick) == (KeyframeReason.JOINED, 0)
    assert sorted(each.kind.name for each in table.states[1].entities.values()) == ["Purse", "Runner", "Runner"]


def test_input_for_a_tick_is_used_in_that_tick_by_every_seat() -> None:
    table = race()
    table.give_input(0, 3, Steer(dx=1))
    table.step(4)
    game = table.match.game
    assert isinstance(game, Race)
    assert game.seen[-8:] == [(1, 0, 0), (1, 1, 0), (2, 0, 0), (2, 1, 0), (3, 0, 1), (3, 1, 0), (4, 0, 1), (4, 1, 0)]


def test_every_replica_follows_by_relative_states() -> None:
    table = race()
    for tick in range(1, 40):
        table.give_input(0, tick, Steer(dx=1))
        table.step()
    assert all(state.flags & StateFlag.RELATIVE and state.base_back == 1 for state in table.got(1, State))
    seats = {each.connection: each.seat.id for each in table.match.occupants}
    for connection, state in table.states.items():
        assert state.hash() == table.match.audiences.hash(seats[connection])


def test_a_full_match_and_a_foreign_schema_are_refused_with_a_sentence() -> None:
    table = race()
    table.join(7)
    table.join(8, hello=Hello(12345, 0, -1, -1, 0, 0))
    table.step()
    assert table.closed[7] == (1013, "all 2 seats are taken")
    assert table.closed[8][0] == 4003 and "update" in table.closed[8][1]


def test_a_seat_is_free_again_after_a_leave() -> None:
    table = race()
    table.leave(0)
    table.join(5)
    table.step()
    assert table.got(5, Welcome)[0].seat == 0
    assert len(table.states[1].entities) == 3


def test_a_blocked_client_gets_nothing_and_then_one_merged_state() -> None:
    table = race()
    table.handle(Blocked(1))
    for tick in range(1, 11):
        table.give_input(0, tick, Steer(dx=1))
        table.step()
    assert table.got(1, State) == []
    table.handle(Unblocked(1))
    table.give_input(0, 11, Steer(dx=1))
    table.step()
    (state,) = table.got(1, State)
    assert (state.base_back, state.flags & StateFlag.RELATIVE) == (11, 0)
    assert table.states[1].entities[0].wire == table.states[0].entities[0].wire


def test_a_client_away_for_longer_than_the_history_gets_a_keyframe_that_says_so() -> None:
    table = race()
    table.step(201)
    table.say(1, Resync(0, 0))
    table.step()
    assert [each.reason for each in table.got(1, Keyframe)] == [KeyframeReason.JOINED, KeyframeReason.TOO_OLD]


def test_resync_gives_a_delta_from_a_known_tick_and_a_keyframe_otherwise() -> None:
    table = race()
    for tick in range(1, 21):
        table.give_input(0, tick, Steer(dx=1))
        table.step()
    table.say(0, Resync(12, 0))
    table.step()
    assert table.got(0, State)[-1].base_back == 21 - 12
    table.step(10)
    table.say(0, Resync(-1, 0))
    table.step()
    assert table.got(0, Keyframe)[-1].reason == KeyframeReason.DESYNC
    table.step(10)
    table.say(0, Resync(99_999, 0))
    table.step()
    assert table.got(0, Keyframe)[-1].reason == KeyframeReason.UNKNOWN_BASE


def test_resync_is_limited_to_one_in_250_ms() -> None:
    table = race()
    for _ in range(50):
        table.say(0, Resync(-1, 0))
    table.step()
    table.say(0, Resync(-1, 0))
    table.step()
    assert table.match.counts.resyncs == 1 and len(table.got(0, Keyframe)) == 2


def test_an_unchanged_match_sends_a_short_state_every_250_ms() -> None:
    table = race()
    table.step(100)
    # 100 ticks are 5 s; of the hashes that are due every 64 ticks one or two come in between.
    assert 18 <= len(table.got(0, State)) <= 22


def test_a_hash_comes_every_64_ticks_staggered_by_seat() -> None:
    table = race()
    hashed: dict[int, list[int]] = {0: [], 1: []}
    for tick in range(1, 200):
        table.give_input(0, tick, Steer(dx=1))
        table.step()
    for connection, ticks in hashed.items():
        ticks += [each.tick for each in table.got(connection, State) if each.hash is not None]
    assert hashed == {0: [64, 128, 192], 1: [63, 127, 191]}
    assert table.got(0, State)[-1].hash is None


def test_commands_are_applied_once_in_order_and_acknowledged() -> None:
    table = race()
    table.command(0, 1, Buy(price=1))
    table.command(0, 1, Buy(price=1))
    table.command(0, 2, Buy(price=2))
    table.step()
    assert [each.applied for each in table.got(0, CommandAck)] == [2]
    assert [(each.sequence, each.values) for each in table.got(0, EventFrame)] == [(1, [1]), (2, [2])]
    assert table.got(1, EventFrame) == []
    table.command(0, 2, Buy(price=2))
    table.step()
    assert [each.applied for each in table.got(0, CommandAck)] == [2, 2], "a resent command is acknowledged again"
    assert table.match.counts.commands == 2


def test_a_gap_in_commands_closes_that_connection_only() -> None:
    table = race()
    table.command(0, 5, Buy())
    assert table.closed[0][0] == 1002 and 1 not in table.closed


def test_a_flood_of_commands_closes_that_connection_only() -> None:
    table = race()
    for sequence in range(1, 300):
        table.command(0, sequence, Buy(price=0))
    assert table.closed[0][0] == 1008
    assert set(table.closed) == {0}


def test_commands_beyond_the_burst_wait_their_turn_and_none_is_lost() -> None:
    table = race()
    for sequence in range(1, 201):
        table.command(0, sequence, Buy(price=0))
    table.step(40)
    before = table.match.counts.commands
    assert COMMANDS_BURST < before <= COMMANDS_BURST + 2 * COMMANDS_PER_S
    table.step(20)
    assert table.match.counts.commands == before + COMMANDS_PER_S
    table.command(1, 1, Buy(price=0))
    table.step()
    assert table.got(1, CommandAck)[-1].applied == 1, "the neighbour does not wait"
    table.step(20 * 10)
    assert table.got(0, CommandAck)[-1].applied == 200 and 0 not in table.closed


def test_chat_reaches_everyone() -> None:
    table = race()
    table.command(1, 1, Chat(text="hello"))
    table.step()
    assert Race.vocabulary.events[1].cls is Said
    for connection in (0, 1):
        (event,) = table.got(connection, EventFrame)
        assert (event.kind, event.values, event.tick) == (1, [1, "B", "hello"], 1)


def test_a_seat_that_is_left_is_free_for_who_joins_in_the_same_tick() -> None:
    table = race()
    table.join(7)
    table.leave(0)
    table.step()
    assert table.got(7, Welcome)[0].seat == 0


def test_a_burst_of_one_players_commands_is_spread_over_ticks_and_keeps_its_order() -> None:
    table = race()
    for sequence in range(1, 21):
        table.command(0, sequence, Chat(text=f"line {sequence}"))
    for tick in range(5):
        table.step()
        assert table.match.counts.commands == (tick + 1) * COMMANDS_PER_TICK
    assert [event.values[2] for event in table.got(0, EventFrame)] == [f"line {n}" for n in range(1, 21)]


def test_a_client_that_acknowledges_nothing_for_five_seconds_is_cut_and_may_return() -> None:
    table = race()
    table.acknowledging = False
    for tick in range(1, 100):
        table.say(0, InputFrame(0, tick, tick, 0, []), Steer(dx=1))
        table.say(1, Ack(tick - 1))
        table.step()
    assert table.cut == {}
    table.say(1, Ack(99))
    table.step(5)
    assert table.cut[0][0] == 4008 and 1 not in table.cut and table.closed == {}
    assert close_code(4008).client is Return.AT_ONCE


def test_a_burst_of_events_closes_nobody() -> None:
    table = race()
    table.acknowledging = False
    for sequence in range(1, 201):
        table.command(0, sequence, Chat(text="x"))
    table.step(60)
    assert table.closed == {} and len(table.got(1, EventFrame)) > 100


def test_what_a_leaver_still_owns_goes_with_it() -> None:
    class Careless(Race):
        entities, commands, events = (Runner, Purse), (Buy,), (Bought,)

        def on_leave(self, seat: Seat) -> None:
            self.emit(Bought(price=1), to=seat)

    table = Table(Careless())
    table.join(0, "first")
    table.step()
    table.leave(0)
    table.join(1, "second")
    table.step()
    (runner,) = table.match.game.world.all(Runner)
    assert runner.name == "second"
    assert table.got(1, EventFrame) == [], "what was meant for the leaver is not for who sits there next"


@pytest.mark.parametrize("stop", ["by itself", "by the node"])
def test_an_event_of_the_last_tick_still_arrives(stop: str) -> None:
    class Farewell(Race):
        entities, commands, events = (Runner, Purse), (Buy,), (Bought,)

        def on_tick(self, tick: int) -> None:
            if tick == 2 and stop == "by itself":
                self.end()

        def on_stop(self) -> None:
            self.emit(Bought(price=7))

    table = Table(Farewell())
    table.join(0)
    table.step(2)
    if stop == "by the node":
        table.handle(Stop(1012, "restart"))
    else:
        table.step()
    assert [each.values for each in table.got(0, EventFrame)] == [[7]]
    assert table.ended is not None and set(table.closed) == {0}


@pytest.mark.parametrize("fault", [lambda game: game.emit(Said(seat=2**70, name="", text="")), lambda game: exit(3)])
def test_whatever_a_hook_does_wrong_ends_its_match_with_4010(fault: Callable[[Game], None]) -> None:
    class Faulty(Race):
        entities, commands, events = (Runner, Purse), (Buy,), (Bought,)

        def on_tick(self, tick: int) -> None:
            if tick == 3:
                fault(self)

    table = Table(Faulty())
    table.join(0)
    table.step(4)
    assert table.ended is not None and table.ended.code == 4010


def test_at_most_five_ticks_catch_up_then_the_clock_moves_and_says_so() -> None:
    table = race()
    before = table.match.tick
    table.now_ns += 10_000_000_000
    table.advance()
    assert table.match.tick == before + 5
    assert table.match.counts.rebases == 1
    assert [each.event for each in table.told if each.level == "warning"] == ["clock_rebased"]
    table.step(3)
    assert table.match.tick == before + 8
    assert table.got(0, State)[-1].flags >> CLOCK_SHIFT == 1
    seen = [each.tick for each in table.got(0, State)]
    assert seen == sorted(seen)


def test_input_of_an_older_clock_is_counted_and_dropped() -> None:
    table = race()
    table.now_ns += 10_000_000_000
    table.advance()
    table.say(0, InputFrame(0, table.match.tick + 1, 1, 0, []), Steer(dx=1))
    assert table.match.counts.inputs_stale_clock == 1


def test_slack_tells_how_early_the_least_early_input_came() -> None:
    table = race()
    table.give_input(0, 3, Steer())
    table.give_input(0, 2, Steer())
    table.step()
    # After tick 0 the clock stands at its deadline: tick 2 is 16 eighths ahead, tick 3 is 24.
    assert table.got(0, State)[-1].slack == 16
    assert table.got(1, State) == [] or table.got(1, State)[-1].slack == 127


def test_a_substituted_input_is_flagged() -> None:
    table = race()
    table.give_input(0, 1, Steer())
    table.step(2)
    assert [bool(each.flags & StateFlag.SUBSTITUTED) for each in table.got(0, State)] == [False, True]


def test_a_late_acknowledgement_after_a_leave_is_counted_and_ignored() -> None:
    table = race()
    table.leave(0)
    table.step()
    table.say(0, Ack(0))
    assert table.match.counts.from_strangers == 1 and table.ended is None


def test_an_error_in_a_hook_ends_the_match_with_4010_and_its_traceback() -> None:
    table = race()
    table.command(0, 1, Buy(price=-1))
    table.step()
    assert table.ended is not None and table.ended.code == 4010
    assert {each[0] for each in table.closed.values()} == {4010} and set(table.closed) == {0, 1}
    (error,) = [each for each in table.told if each.level == "error"]
    assert "bad price" in error.fields["traceback"]
    assert table.match.deadline_ns is None
    table.join(9)
    assert table.closed[9][0] == 4004


def test_a_stop_closes_everyone_and_the_game_can_end_itself() -> None:
    table = race()
    table.join(5)
    table.handle(Stop(1012, "restart"))
    assert {code for code, _ in table.closed.values()} == {1012} and set(table.closed) == {0, 1, 5}
    other = race()
    game = other.match.game
    assert isinstance(game, Race)
    game.end()
    other.step()
    assert other.ended is not None and other.ended.code == 1000


def test_every_code_a_match_closes_with_is_in_the_table() -> None:
    assert {1000, 1002, 1008, 1012, 1013, 4003, 4004, 4010} <= set(CLOSE_CODES)


def test_forgetting_to_drain_effects_is_an_error_that_says_so() -> None:
    table = race()
    table.match._effects.extend([None] * 100_001)  # type: ignore[list-item]
    with pytest.raises(UsageFault, match="drained"):
        table.match.handle(Blocked(0), 0)


def played(seed: int) -> list[tuple[int, bytes]]:
    dice = Random(99)
    table = Table(Race(), seed=seed, first_tick=70_000)
    for step in range(300):
        if dice.random() < 0.05:
            table.join(step)
        if dice.random() < 0.03:
            table.leave(dice.randrange(step + 1))
        for connection in [each.connection for each in table.match.occupants]:
            table.give_input(connection, table.match.tick + dice.randrange(-2, 4), Steer(dx=dice.randrange(-1, 2)))
        table.step()
    return table.frames


def test_the_same_seed_and_facts_give_the_same_bytes() -> None:
    assert played(5) == played(5)
    assert played(5) != played(6)


def test_a_flood_of_inputs_for_two_seconds_stops_no_tick() -> None:
    table = race()
    before, start_ns = table.match.tick, table.now_ns
    flood = 0
    # A mail costs 30 us of the fake clock, and the loop advances after every 64, as the shell's does.
    while table.now_ns < start_ns + 2_000_000_000:
        for _ in range(64):
            table.give_input(0, table.match.tick + flood % 40, Steer(dx=1))
            flood += 1
            table.now_ns += 30_000
        table.advance()
    assert table.match.tick - before == 40
    assert table.match.counts.rebases == 0 and flood > 60_000


def test_who_joins_in_the_tick_that_fails_is_told_too() -> None:
    table = race(players=1)
    table.command(0, 1, Buy(price=-1))
    table.join(9)
    table.step()
    assert {connection: code for connection, (code, _) in table.closed.items()} == {0: 4010, 9: 4010}


def test_too_many_joins_at_once_are_told_to_try_again_and_waiting_commands_are_no_joins() -> None:
    table = race(players=1)
    for sequence in range(1, 257):
        table.command(0, sequence, Buy(price=0))
    for connection in range(1, JOINS_WAITING_MAX + 2):
        table.join(connection)
    assert set(table.closed) == {JOINS_WAITING_MAX + 1} and table.closed[JOINS_WAITING_MAX + 1][0] == 1013
