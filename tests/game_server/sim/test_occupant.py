"""The match's side of one seat."""

from game_server.sim.occupant import ACKNOWLEDGED_WITHIN_NS, COMMANDS_BURST, SLACK_NONE, Occupant
from game_server.sim.seat import Seat
from protocol.ids import SeatId


def occupant() -> Occupant:
    return Occupant(Seat(SeatId(0), "Ada"), 7, None, 20)


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


def test_silence_counts_from_the_first_thing_sent_and_ends_with_progress() -> None:
    made = occupant()
    made.base = 3
    assert not made.is_silent(10**12)
    made.sent(0)
    made.sent(4_000_000_000)
    assert not made.is_silent(ACKNOWLEDGED_WITHIN_NS) and made.is_silent(ACKNOWLEDGED_WITHIN_NS + 1)
    made.acked_tick = 2
    made.acknowledged(4_000_000_000)
    assert not made.is_silent(8_000_000_000)
    made.acked_tick = 3
    made.acknowledged(8_000_000_000)
    assert not made.is_silent(10**12)


def test_after_a_burst_commands_come_at_their_rate() -> None:
    made = occupant()
    assert [made.may_command() for _ in range(COMMANDS_BURST + 1)][-2:] == [True, False]
    made.begin_tick()
    assert [made.may_command(), made.may_command()] == [True, False]
