"""A match that is frozen, driven by integers: no tick runs, sockets stay, and it goes on where it stood."""

from game_server.game import Game
from game_server.sim.facts import Freeze, Ranked, Stop, Thaw
from game_server.sim.match import PAUSED_EVERY_NS
from game_server.sim.seat import Seat
from protocol.messages import CLOCK_SHIFT, Paused, State
from tests.game_server.sim.peers import Table
from tests.game_server.sim.test_match import Race, Steer, race

SECOND_NS = 1_000_000_000


def frozen() -> Table:
    table = race()
    table.step(3)
    table.handle(Freeze())
    return table


def wait(table: Table, seconds: float) -> None:
    until_ns = table.now_ns + int(seconds * SECOND_NS)
    while table.match.deadline_ns is not None and table.match.deadline_ns <= until_ns:
        table.now_ns = max(table.now_ns, table.match.deadline_ns)
        table.advance()
    table.now_ns = until_ns


def test_a_frozen_match_runs_no_tick_and_says_paused_every_250_ms() -> None:
    table = frozen()
    wait(table, 2)
    assert table.match.frozen and table.match.tick == 4
    paused = table.got(0, Paused)
    assert {each.tick for each in paused} == {3} and len(paused) == 9
    assert PAUSED_EVERY_NS == 250_000_000


def test_it_goes_on_with_the_next_tick_on_a_clock_of_a_new_generation() -> None:
    table = frozen()
    wait(table, 20)
    table.handle(Thaw())
    assert not table.match.frozen
    assert table.match.deadline_ns == table.now_ns + SECOND_NS // 20
    before = len(table.got(0, State))
    table.step(2)
    fresh = table.got(0, State)[before:]
    assert fresh[0].tick == 4 and table.match.tick == 6
    assert {each.flags >> CLOCK_SHIFT for each in fresh} == {1}
    assert table.match.counts.rebases == 1


def test_an_input_of_the_clock_before_is_counted_and_dropped() -> None:
    table = frozen()
    table.handle(Thaw())
    table.match.clock.generation, new = 0, table.match.clock.generation
    table.give_input(0, 4, Steer(dx=1))
    assert table.match.counts.inputs == 1
    table.match.clock.generation = new


def test_nobody_is_cut_as_silent_for_a_pause_in_which_nothing_was_sent() -> None:
    table = frozen()
    table.acknowledging = False
    wait(table, 60)
    table.handle(Thaw())
    table.step(20)
    assert not table.cut and len(table.match.occupants) == 2


def test_the_grace_time_stands_still_while_the_match_does() -> None:
    table = race()
    table.lose(1)
    table.step()
    table.handle(Freeze())
    wait(table, 300)
    table.handle(Thaw())
    table.step()
    assert len(table.match.occupants) == 2
    table.step(20 * 31)
    assert len(table.match.occupants) == 1


def test_a_player_may_come_back_to_a_frozen_match_but_a_new_one_is_told_to_try_again() -> None:
    table = frozen()
    table.lose(1)
    table.resume(1, 5)
    table.join(6)
    wait(table, 1)
    assert table.got(5, Paused) and table.closed[6][0] == 1013


def test_freezing_and_thawing_twice_is_once() -> None:
    table = frozen()
    table.handle(Freeze())
    table.handle(Thaw())
    table.handle(Thaw())
    assert table.match.counts.rebases == 1


def test_a_frozen_match_can_be_stopped() -> None:
    table = frozen()
    table.handle(Stop(1012, "restart"))
    assert table.closed[0] == (1012, "restart") and table.match.deadline_ns is None


class Sprint(Race):
    entities, commands, events = Race.entities, Race.commands, Race.events

    def on_join(self, seat: Seat) -> None:
        super().on_join(seat)
        if len(self.seats) == 2:
            self.rank([[self.seats[1]], [self.seats[0]]])
            self.end()


def test_who_won_is_told_by_proven_players_before_the_match_ends() -> None:
    game: Game = Sprint()
    table = Table(game)
    table.join(0, "Ada", player="ada")
    table.join(1, "Bob", player="bob")
    table.match.advance(table.match.deadline_ns or 0)
    effects = table.match.effects()
    assert Ranked((("bob",), ("ada",))) in effects
    assert [type(each).__name__ for each in effects][-1] == "Ended"
