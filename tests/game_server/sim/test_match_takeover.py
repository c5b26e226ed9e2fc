"""A player who comes anew, knowing nothing, and takes the own seat over."""

from game_server.game import Game
from game_server.sim.seat import Seat
from protocol.declare import Edge, Input
from protocol.messages import EventFrame, Keyframe, Welcome
from tests.game_server.sim.peers import Table
from tests.game_server.sim.yard import RATE_HZ, Bell, Yard, log, ring, yard


class Button(Input):
    fire: Edge = 0


class Presses(Game):
    tick_rate_hz, seats_max, input = RATE_HZ, 2, Button
    entities, commands, events = (), (), ()
    presses = 0

    def on_input(self, seat: Seat, button: Button) -> None:
        self.presses += button.fire


def press(table: Table, connection: int, times: int) -> None:
    for counter in range(1, times + 1):
        table.give_input(connection, table.match.tick, Button(fire=counter % 128))
        table.step()


def test_a_proven_player_who_comes_anew_takes_the_old_seat_over() -> None:
    table = Table(Yard())
    table.join(0, "A", player="ada")
    table.step()
    table.command(0, 1, Bell(times=1))
    ring(table)
    table.lose(0)
    ring(table)
    table.join(1, "A", player="ada")
    table.step()
    (welcome,) = table.got(1, Welcome)
    assert (welcome.seat, welcome.last_command, welcome.last_event) == (0, 1, 1)
    assert [each.sequence for each in table.got(1, EventFrame)] == [2] and table.got(1, Keyframe)
    assert log(table).count("join A") == 1 and table.match.counts.takeovers == 1


def test_a_late_hello_of_an_older_socket_takes_nothing_over() -> None:
    table = Table(Yard())
    table.join(5, "A", player="ada")
    table.step()
    table.join(4, "A", player="ada")
    table.step()
    assert table.closed[4][0] == 4001 and 5 not in table.closed


def test_presses_of_a_program_that_was_started_anew_count_from_its_own_zero() -> None:
    table = Table(Presses())
    table.join(0, "A", player="ada")
    table.step()
    press(table, 0, 100)
    table.join(1, "A", player="ada")
    table.step()
    press(table, 1, 5)
    game = table.match.game
    assert isinstance(game, Presses) and game.presses == 105


def test_the_newest_socket_of_a_proven_player_wins_and_voids_the_token_of_the_other() -> None:
    table = Table(Yard())
    table.join(0, "A", player="ada")
    table.step()
    table.join(1, "A", player="ada")
    table.step()
    assert table.closed[0][0] == 4001
    table.resume(0, 2, attempt=9)
    # Not "join anew", or the two would take the seat from each other for ever.
    assert table.closed[2][0] == 4001 and 1 not in table.closed


def test_names_prove_nothing() -> None:
    table = yard()
    table.join(1, "A")
    table.step()
    assert len(table.match.occupants) == 2 and 0 not in table.closed
