"""Following a match to another address."""

from __future__ import annotations

import pytest

from game_client.facts import DialNow, SocketOpened
from protocol.messages import Hello, Moved, Refusal
from tests.game_client.frames import (
    MS,
    TOKEN,
    URL,
    Driven,
    dials,
    keyframe,
    sent,
    welcome,
)  # fmt: skip

ELSEWHERE = "ws://elsewhere/v1/match/1"
NODE_B = "ws://there/n/b/v1/match/1"


def move(driven: Driven, url: str = ELSEWHERE, ticket: str = "") -> list[DialNow]:
    """Let MOVED and the close after it come now; return the dials that are due at once."""
    driven.hear(Moved(url, ticket))
    driven.lose(1012)
    return dials(driven.wait(0))


def test_a_moved_match_is_dialled_at_its_new_address_at_once_with_the_same_token() -> None:
    driven = Driven().join()
    assert move(driven) == [DialNow(2, ELSEWHERE, TOKEN)]
    assert driven.session.url == ELSEWHERE


def test_a_path_is_one_on_the_host_that_was_dialled() -> None:
    driven = Driven().join()
    assert move(driven, "/n/b/v1/match/1") == [DialNow(2, NODE_B, TOKEN)]


def test_who_has_not_joined_yet_brings_the_same_credential_to_the_new_address_once() -> None:
    driven = Driven()
    driven.open()
    assert move(driven, "/n/b/v1/match/1") == [DialNow(2, NODE_B, again=True)]
    driven.fail()
    assert dials(driven.wait(300)) == [DialNow(3, NODE_B)]


def test_a_move_is_followed_at_once_even_in_the_middle_of_a_bad_network() -> None:
    driven = Driven().join()
    for _ in range(6):
        driven.lose()
        driven.wait(400)
        driven.fail()
    driven.wait(600)
    driven.open()
    assert len(move(driven)) == 1


def test_two_nodes_that_name_each_other_are_followed_a_few_times_and_then_with_backoff() -> None:
    driven = Driven().join()
    followed = 0
    while move(driven, f"/n/{'ab'[followed % 2]}/v1/match/1"):
        followed += 1
        driven.open()
        assert followed < 10
    assert followed == 4
    assert driven.session.deadline_ns is not None
    assert dials(driven.wait(31_000))[0].url == NODE_B.replace("/b/", "/a/")


def test_a_state_ends_the_row_of_moves() -> None:
    driven = Driven().join()
    for hop in range(9):
        assert len(move(driven, f"/n/{hop}/v1/match/1")) == 1
        driven.open()
        driven.hear(welcome(), keyframe(101 + hop))


def test_a_move_that_was_told_to_wait_waits() -> None:
    driven = Driven().join()
    driven.hear(Moved(ELSEWHERE, ""), Refusal(1013, "it is being loaded", 2000))
    driven.lose(1013)
    assert dials(driven.wait(1999)) == []
    assert dials(driven.wait(600))[0].url == ELSEWHERE


def test_a_cut_between_moved_and_its_close_changes_nothing() -> None:
    driven = Driven().join()
    driven.hear(Moved(ELSEWHERE, ""))
    driven.lose()
    assert dials(driven.wait(0)) == [DialNow(2, ELSEWHERE, TOKEN)]


def test_a_ticket_of_a_move_is_brought_instead_of_the_resume_token_and_claims_nothing() -> None:
    driven = Driven().join()
    assert move(driven, ticket="tickwire-ticket-1.x") == [DialNow(2, ELSEWHERE, "tickwire-ticket-1.x")]
    assert sent(driven.open(), Hello)[0].last_tick == -1
    driven.hear(welcome(resume_token="tickwire-resume-1.two"), keyframe())
    driven.lose()
    assert dials(driven.wait(300))[0] == DialNow(3, ELSEWHERE, "tickwire-resume-1.two")


def test_a_ticket_that_is_refused_is_forgotten_and_the_resume_token_brought() -> None:
    driven = Driven().join()
    move(driven, ticket="tickwire-ticket-1.x")
    driven.fail("used", 409)
    assert dials(driven.wait(0)) == [DialNow(3, ELSEWHERE, TOKEN)]


def test_without_a_second_ticket_no_dial_goes_beside_the_first() -> None:
    driven = Driven().join()
    move(driven, ticket="tickwire-ticket-1.x")
    assert dials(driven.wait(5000)) == []


def test_a_resume_token_in_a_move_takes_the_place_of_the_old_one() -> None:
    driven = Driven().join()
    assert move(driven, ticket="tickwire-resume-1.other") == [DialNow(2, ELSEWHERE, "tickwire-resume-1.other")]
    assert sent(driven.open(), Hello)[0].last_tick == 100


def test_dials_to_the_old_address_are_given_up() -> None:
    driven = Driven().join()
    driven.lose()
    driven.wait(600)
    second, third = driven.session._redial.pending[:2]
    driven.handle(SocketOpened(second))
    driven.hear(Moved(ELSEWHERE, ""), socket=second)
    driven.lose(1012, socket=second)
    assert third not in driven.session._redial.pending
    assert [each.url for each in dials(driven.wait(0))] == [ELSEWHERE]


def test_an_address_where_nobody_answers_is_left_now_and_then_for_the_callers_own() -> None:
    driven = Driven().join()
    dialled = [each.url for each in move(driven)]
    for _ in range(5):
        driven.fail()
        dialled += [each.url for each in dials(driven.wait(320))]
    assert dialled[:6] == [ELSEWHERE] * 3 + [URL] + [ELSEWHERE] * 2


@pytest.mark.parametrize("url", ["http://there/", "nonsense", ""])
def test_an_address_that_cannot_be_dialled_is_the_servers_fault(url: str) -> None:
    driven = Driven().join()
    driven.hear(Moved(url, ""))
    assert (driven.session.status.phase, driven.session.status.code) == ("closed", 1002)
    assert driven.session.deadline_ns is None


def test_a_lobby_may_name_another_address() -> None:
    driven = Driven().join()
    driven.session.redirect(ELSEWHERE)
    driven.lose()
    driven.now_ns += MS
    assert dials(driven.wait(300))[0].url == ELSEWHERE


def test_following_while_joining_is_no_failed_dial() -> None:
    driven = Driven()
    driven.open()
    assert len(move(driven)) == 1
    assert (driven.session.status.phase, driven.session.status.attempt) == ("dialling", 0)
    driven.fail()
    assert driven.session.status.attempt == 1
