from random import Random

from game_client.redial import DIAL_WITHIN_NS, Redial
from protocol.close_codes import Return

MS = 1_000_000


def returning(seed: int = 1) -> Redial:
    """One whose connection was lost at 0 after a good time."""
    redial = Redial(Random(seed), 0)
    redial.dial(0, False, 0)
    assert redial.ended(1)
    assert redial.opened(1) == []
    assert redial.live() == []
    redial.lost(Return.AT_ONCE, 0, 10_000 * MS)
    return redial


def test_sockets_are_numbered_from_1_and_the_first_is_due_at_once() -> None:
    redial = Redial(Random(1), 7)
    assert (redial.due_ns, redial.attempt) == (7, 0)
    assert redial.dial(7, False, 0) == (1, [])
    assert (redial.pending, redial.attempt) == ((1,), 0)


def test_alone_the_next_dial_is_due_once_the_last_has_failed() -> None:
    redial = returning()
    redial.dial(0, False, 0)
    assert redial.due_ns is None
    assert redial.deadline_ns == DIAL_WITHIN_NS
    assert redial.ended(2)
    redial.retry(Return.AT_ONCE, 10)
    assert redial.due_ns is not None and 200 * MS <= redial.due_ns <= 300 * MS + 10


def test_beside_others_the_next_dial_is_due_without_an_answer_and_the_oldest_of_four_gives_way() -> None:
    redial = returning()
    for _ in range(4):
        assert redial.due_ns is not None
        assert redial.dial(redial.due_ns, True, 0)[1] == []
    assert redial.pending == (2, 3, 4, 5)
    assert redial.due_ns is not None
    assert redial.dial(redial.due_ns, True, 0) == (6, [2])
    assert redial.pending == (3, 4, 5, 6)
    assert redial.attempt == 5


def test_a_failed_dial_beside_others_leaves_the_timetable_unless_it_was_told_to_come_later() -> None:
    redial = returning()
    redial.dial(0, True, 0)
    due_ns = redial.due_ns
    redial.retry(Return.AT_ONCE, 5 * MS, beside=True)
    assert redial.due_ns == due_ns
    redial.retry(Return.BACKOFF, 5 * MS, 3000, beside=True)
    assert redial.due_ns is not None and redial.due_ns > 3005 * MS


def test_a_dial_that_is_pending_for_10_s_has_expired_once() -> None:
    redial = returning()
    redial.dial(0, False, 0)
    assert redial.expired(DIAL_WITHIN_NS - 1) == []
    assert redial.expired(DIAL_WITHIN_NS) == [2]
    assert redial.expired(DIAL_WITHIN_NS) == []
    assert not redial.ended(2)


def test_a_dial_that_opens_ends_the_older_ones_and_leaves_the_newer() -> None:
    redial = returning()
    for _ in range(3):
        redial.dial(0, True, 0)
    assert redial.ended(3)
    assert redial.opened(3) == [2]
    assert (redial.pending, redial.due_ns) == ((4,), None)


def test_stopping_and_going_live_give_all_dials_up() -> None:
    redial = returning()
    redial.dial(0, True, 0)
    redial.dial(0, True, 0)
    assert redial.stop() == [2, 3]
    assert (redial.pending, redial.due_ns, redial.deadline_ns) == ((), None, None)
    redial.at_once(9)
    assert redial.due_ns == 9
    assert redial.live() == []
    assert redial.due_ns is None


def test_the_first_failure_of_all_begins_the_returning() -> None:
    redial = Redial(Random(1), 0)
    redial.dial(0, False, 0)
    redial.retry(Return.AT_ONCE, 5)
    assert (redial.attempt, redial.due_ns) == (1, 5)
