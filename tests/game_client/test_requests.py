from __future__ import annotations

from random import Random
from typing import Any

import pytest

from game_client.requests import UNDER_WAY_MAX, Requests
from protocol.lobby_messages import Cancel, Refused, Rejoin

MS = 1_000_000


def requests(count: int = 0, until_ns: int = 0) -> tuple[Requests, list[str]]:
    """A machine with so many requests in it, and their ids."""
    made = Requests(Random(1), Random(2))
    return made, [made.add(Rejoin, until_ns) for _ in range(count)]


def later(request: str, ms: int = 100) -> Refused:
    """A refusal that may be tried again."""
    return Refused(request, "unavailable", "", ms)


def test_ids_are_long_and_each_is_another() -> None:
    _, ids = requests(50)
    assert len(set(ids)) == 50
    assert {len(each) for each in ids} == {32}


def test_each_is_sent_once_on_a_socket_and_again_on_the_next() -> None:
    made, ids = requests(2)
    assert made.due(0) == [Rejoin(each) for each in ids]
    assert made.due(0) == []
    made.begin_socket()
    assert made.due(0) == [Rejoin(each) for each in ids]


def test_eight_are_under_way_and_the_others_wait_their_turn() -> None:
    made, ids = requests(UNDER_WAY_MAX + 2)
    assert len(made.due(0)) == UNDER_WAY_MAX
    assert made.end(ids[3])
    assert made.due(0) == [Rejoin(ids[8])]


def test_an_answer_ends_a_request_once() -> None:
    made, ids = requests(1)
    assert (ids[0] in made, made.end(ids[0]), made.end(ids[0]), len(made)) == (True, True, False, 0)


def test_one_that_no_lobby_heard_of_is_given_up_without_a_word() -> None:
    made, ids = requests(1)
    assert made.cancel(ids[0])
    assert made.due(0) == []


def test_one_that_was_sent_is_cancelled_and_waits_for_its_answer() -> None:
    made, ids = requests(1)
    made.due(0)
    assert not made.cancel(ids[0])
    assert made.due(0) == [Cancel(ids[0])]
    assert made.due(0) == []
    assert ids[0] in made


def test_on_a_new_socket_the_request_goes_before_its_cancel() -> None:
    made, ids = requests(1)
    made.due(0)
    made.cancel(ids[0])
    made.begin_socket()
    assert made.due(0) == [Rejoin(ids[0]), Cancel(ids[0])]


def test_an_unknown_one_is_not_given_up() -> None:
    made, _ = requests()
    assert not made.cancel("unknown")


def test_a_refused_one_goes_out_again_after_its_time_and_not_all_at_once() -> None:
    made, ids = requests(4, until_ns=1000 * MS)
    made.due(0)
    assert all(made.retries(later(each), 0) for each in ids)
    first_ns = made.deadline_ns
    assert first_ns is not None and 100 * MS <= first_ns < 125 * MS
    assert made.due(99 * MS) == []
    assert len(made.due(first_ns)) == 1
    assert len(made.due(126 * MS)) == 3
    assert made.deadline_ns is None


@pytest.mark.parametrize("answer", [Refused("", "full", "", 0), later("")])
def test_what_may_not_be_tried_again_or_not_for_long_enough_is_not(answer: Any) -> None:
    made, ids = requests(1, until_ns=50 * MS)
    made.due(0)
    assert not made.retries(Refused(ids[0], answer.code, "", answer.retry_after_ms), 0)


def test_one_that_waits_to_be_tried_again_is_given_up_without_a_word() -> None:
    made, ids = requests(1, until_ns=1000 * MS)
    made.due(0)
    made.retries(later(ids[0]), 0)
    assert made.cancel(ids[0])
    assert len(made) == 0


def test_one_that_was_cancelled_is_not_tried_again() -> None:
    made, ids = requests(1, until_ns=1000 * MS)
    made.due(0)
    made.cancel(ids[0])
    assert not made.retries(later(ids[0]), 0)


def test_what_cannot_be_made_is_not_taken() -> None:
    made, _ = requests()
    with pytest.raises(ZeroDivisionError):
        made.add(lambda request: 1 / 0, 0)
    assert len(made) == 0
