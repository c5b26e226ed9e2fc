"""Inputs by tick: late, early, double, missing, and presses that count once."""

from game_server.sim.input_buffer import EARLY_TICKS_MAX, InputBuffer, Verdict
from protocol.declare import Edge, Input


class Pad(Input):
    dx: int = 0
    jump: Edge = 0


def buffer() -> InputBuffer:
    return InputBuffer(Pad(), ["jump"], 20)


def test_a_tick_takes_the_input_labelled_with_it() -> None:
    inputs = buffer()
    assert inputs.offer(6, Pad(dx=2), 5) is Verdict.TAKEN
    assert inputs.offer(5, Pad(dx=1), 5) is Verdict.TAKEN
    assert [inputs.take(tick).input.dx for tick in (5, 6)] == [1, 2]  # type: ignore[attr-defined]


def test_before_the_first_input_a_seat_is_neutral_and_not_substituted() -> None:
    due = buffer().take(0)
    assert due.input == Pad() and not due.substituted


def test_a_missing_input_repeats_levels_without_presses_and_turns_neutral_after_150_ms() -> None:
    inputs = buffer()
    inputs.offer(0, Pad(dx=1, jump=1), 0)
    assert inputs.take(0).input == Pad(dx=1, jump=1)
    for tick in (1, 2, 3):
        due = inputs.take(tick)
        assert (due.input, due.substituted) == (Pad(dx=1, jump=0), True)
    assert inputs.take(4).input == Pad()


def test_presses_are_counted_from_a_counter_and_wrap() -> None:
    inputs = buffer()
    inputs.offer(0, Pad(jump=50), 0)
    inputs.offer(1, Pad(jump=110), 0)
    inputs.offer(2, Pad(jump=2), 0)
    assert [inputs.take(tick).input.jump for tick in range(3)] == [50, 60, 20]  # type: ignore[attr-defined]


def test_a_late_press_counts_in_the_next_tick_once() -> None:
    inputs = buffer()
    for tick in range(4):
        inputs.take(tick)
    assert inputs.offer(2, Pad(dx=1, jump=1), 4) is Verdict.LATE
    assert inputs.offer(2, Pad(dx=1, jump=1), 4) is Verdict.DOUBLE
    assert inputs.take(4).input == Pad(dx=0, jump=1)
    assert inputs.take(5).input == Pad()


def test_a_press_older_than_250_ms_is_dropped_for_good() -> None:
    inputs = buffer()
    assert inputs.offer(4, Pad(jump=1), 10) is Verdict.LATE
    inputs.offer(10, Pad(jump=1), 10)
    assert inputs.take(10).input == Pad()


def test_an_input_too_early_is_refused() -> None:
    inputs = buffer()
    assert inputs.offer(5 + EARLY_TICKS_MAX, Pad(), 5) is Verdict.EARLY
    assert inputs.offer(4 + EARLY_TICKS_MAX, Pad(), 5) is Verdict.TAKEN


def test_a_label_counts_once_however_far_back_within_64() -> None:
    inputs = buffer()
    for label in (3, 1, 30, 2):
        assert inputs.offer(label, Pad(), 0) is not Verdict.DOUBLE
    for label in (3, 1, 30, 2):
        assert inputs.offer(label, Pad(), 0) is Verdict.DOUBLE
    inputs.offer(90, Pad(), 80)
    assert inputs.offer(5, Pad(), 80) is Verdict.DOUBLE


def test_after_a_rebase_nothing_old_waits() -> None:
    inputs = buffer()
    inputs.offer(3, Pad(dx=1), 2)
    inputs.forget_waiting()
    assert inputs.take(3).input == Pad()
    assert inputs.offer(3, Pad(dx=1), 4) is Verdict.LATE


def test_presses_of_the_time_between_two_sockets_do_not_count_and_later_ones_do() -> None:
    inputs = buffer()
    inputs.offer(0, Pad(jump=3), 0)
    inputs.take(0)
    inputs.resume()
    assert inputs.offer(90, Pad(dx=1, jump=23), 90) is Verdict.TAKEN
    inputs.offer(91, Pad(dx=1, jump=24), 90)
    assert [inputs.take(tick).input for tick in (90, 91)] == [Pad(dx=1), Pad(dx=1, jump=1)]


def test_a_late_first_input_of_a_resume_brings_no_presses_either() -> None:
    inputs = buffer()
    inputs.resume()
    assert inputs.offer(9, Pad(jump=20), 10) is Verdict.LATE
    assert inputs.take(10).input == Pad()


def test_presses_that_waited_when_the_socket_was_lost_still_count_once() -> None:
    inputs = buffer()
    inputs.offer(1, Pad(jump=2), 0)
    inputs.resume()
    inputs.offer(2, Pad(jump=9), 0)
    assert sum(inputs.take(tick).input.jump for tick in (0, 1, 2)) == 2  # type: ignore[attr-defined]


def test_counters_that_begin_anew_with_a_resume_count_from_there() -> None:
    inputs = buffer()
    inputs.offer(0, Pad(jump=40), 0)
    inputs.take(0)
    inputs.resume()
    inputs.offer(1, Pad(jump=0), 1)
    inputs.offer(2, Pad(jump=1), 1)
    assert [inputs.take(tick).input.jump for tick in (1, 2)] == [0, 1]  # type: ignore[attr-defined]
