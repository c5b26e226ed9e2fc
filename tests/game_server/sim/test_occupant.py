"""The match's side of one seat."""

from game_server.sim.occupant import SLACK_NONE, Occupant
from game_server.sim.seat import Seat
from protocol.ids import SeatId


def occupant() -> Occupant:
    return Occupant(Seat(SeatId(0), "Ada"), 7, None)


def test_the_least_early_input_since_the_last_state_counts_and_is_bounded() -> None:
    made = occupant()
    assert made.take_slack() == SLACK_NONE
    for eighths in (40, 16, 900):
        made.note_slack(eighths)
    assert (made.take_slack(), made.take_slack()) == (16, SLACK_NONE)
    made.note_slack(900)
    assert made.take_slack() == SLACK_NONE - 1
    made.note_slack(-900)
    assert made.take_slack() == -32


def test_events_wait_until_they_are_acknowledged() -> None:
    made = occupant()
    made.last_event, made.events_acked = 9, 4
    assert made.events_waiting == 5
