"""Deadlines in integers."""

from game_server.sim.clock import CATCH_UP_TICKS_MAX, SECOND_NS, MatchClock
from protocol.messages import CLOCK_MODULO


def test_deadlines_never_drift() -> None:
    clock = MatchClock(5, 200_000, 30)
    assert clock.deadline_of(200_000 + 30 * 3600) == 5 + 3600 * SECOND_NS
    assert clock.deadline_of(200_001) - 5 == 33_333_333


def test_at_most_five_ticks_are_due_at_once() -> None:
    clock = MatchClock(0, 0, 10)
    assert clock.due(-1) == 0
    assert clock.due(0) == 1
    assert clock.due(250_000_000) == 3
    assert clock.due(100 * SECOND_NS) == CATCH_UP_TICKS_MAX


def test_a_rebase_keeps_the_tick_number_and_raises_the_generation() -> None:
    clock = MatchClock(0, 0, 10)
    clock.ran()
    moved = clock.rebase(7 * SECOND_NS)
    assert clock.next_tick == 1
    assert clock.deadline_ns == 7 * SECOND_NS + 100_000_000
    assert moved == 7 * SECOND_NS
    assert clock.generation == 1
    for _ in range(CLOCK_MODULO):
        clock.rebase(0)
    assert clock.generation == 1


def test_earliness_is_in_eighths_of_a_tick() -> None:
    clock = MatchClock(0, 0, 10)
    assert clock.earliness_eighths(2, 0) == 16
    assert clock.earliness_eighths(1, 100_000_000 + 12_500_000) == -1
