from __future__ import annotations

from game_client.current_socket import CurrentSocket


def test_no_socket_is_none_and_socket_zero_would_be_one() -> None:
    assert not CurrentSocket()
    assert CurrentSocket(1)
    assert CurrentSocket(0)


def test_only_the_end_of_a_live_socket_that_was_heard_is_a_loss() -> None:
    assert CurrentSocket(1, is_live=True).was_lost
    assert not CurrentSocket(1, is_live=True, is_silent=True).was_lost
    assert not CurrentSocket(1).was_lost


def test_a_resume_is_refused_by_an_end_before_its_welcome() -> None:
    assert CurrentSocket(1, resuming=True).was_refused_resume
    assert not CurrentSocket(1, resuming=True, welcomed=True).was_refused_resume
    assert not CurrentSocket(1).was_refused_resume
