"""Leaving a match and coming back to it: the part of the session that follows a socket's end."""

from __future__ import annotations

from itertools import pairwise

import pytest

from game_client.facts import CloseSocket, DialFailed, DialNow, RoundTripMeasured, SocketClosed, SocketOpened
from protocol.messages import EventFrame, Hello, InputFrame, Moved, Refusal
from tests.game_client.frames import MS, START_NS, URL, Driven, keyframe, play, state, welcome


def test_a_lost_socket_is_dialled_at_once_and_then_every_quarter_of_a_second() -> None:
    driven = Driven().join()
    driven.wait(1000)
    driven.handle(SocketClosed())
    status = driven.session.status
    assert (status.phase, status.attempt) == ("reconnecting", 1)
    dials = []
    for _ in range(8):
        assert driven.session.deadline_ns is not None
        assert driven.advance_to(driven.session.deadline_ns) == [DialNow(URL)]
        dials.append(driven.now_ns)
        driven.handle(DialFailed("refused"))
    gaps = [(b - a) / MS for a, b in pairwise(dials)]
    assert dials[0] == START_NS + 1000 * MS
    assert all(200 <= gap <= 300 for gap in gaps)
    assert driven.session.status.attempt == 9


def test_a_rejoin_is_plain_a_new_seat_a_keyframe_and_held_levels_without_old_presses() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1, fire=5)
    driven.session.send_command("Chat", text="lost")
    driven.wait(100)
    driven.hear(EventFrame(1, 100, 0, [5]))
    world = driven.session.world
    driven.effects.clear()
    driven.handle(SocketClosed())
    driven.open()
    assert driven.sent(Hello) == [Hello(0, 0, -1, -1, 0, 0)]
    driven.hear(welcome(seat=4), keyframe(200))
    assert (driven.session.status.phase, driven.session.seat, driven.session.tick) == ("live", 4, 200)
    assert driven.session.world is world
    assert (driven.session.stats.reconnects, driven.session.stats.commands_lost) == (1, 1)
    driven.effects.clear()
    driven.wait(100)
    assert driven.sent(InputFrame)[-1].values == [1, False, 0]
    driven.hear(EventFrame(1, 200, 0, [6]))
    assert [event.points for _, event in driven.session.take_events()] == [5, 6]
    assert list(driven.session.stats.input_to_ack_ms) == []  # the old seat's inputs are not this one's


def test_a_connection_that_was_good_for_5_s_forgets_earlier_attempts() -> None:
    driven = Driven().join()
    play(driven, 101, 130)
    driven.handle(SocketClosed())
    driven.open()
    driven.hear(welcome(), keyframe())
    play(driven, 101, 130)
    driven.handle(SocketClosed())
    assert driven.session.status.attempt == 2
    driven.wait(60_000)
    driven.handle(SocketOpened())
    driven.hear(welcome(), keyframe())
    play(driven, 101, 205)
    driven.handle(SocketClosed())
    assert driven.session.status.attempt == 1
    assert driven.session.deadline_ns == driven.now_ns


def test_silence_is_taken_for_a_dead_socket() -> None:
    driven = Driven().join()
    driven.handle(RoundTripMeasured(20 * MS))
    assert not any(isinstance(effect, CloseSocket) for effect in driven.wait(1999))
    effects = driven.wait(1)
    assert CloseSocket(1001) in effects
    assert DialNow(URL) in effects
    assert driven.session.status.reason == "the server fell silent"


@pytest.mark.parametrize("code", [1000, 1008, 4001, 4010])
def test_a_close_that_says_do_not_return_is_the_end(code: int) -> None:
    driven = Driven().join()
    driven.handle(SocketClosed(code, "because"))
    assert driven.session.deadline_ns is None
    status = driven.session.status
    assert (status.phase, status.code, status.reason) == ("closed", code, "because")
    assert driven.session.stats.errors == (code != 1000)


def test_a_server_error_is_returned_to_with_backoff() -> None:
    driven = Driven().join()
    driven.handle(SocketClosed(1011))
    assert driven.session.deadline_ns is not None
    assert driven.session.deadline_ns > driven.now_ns


def test_the_sentence_of_an_error_frame_is_the_reason_and_its_delay_is_kept() -> None:
    driven = Driven()
    driven.open()
    driven.hear(Refusal(1013, "all 8 seats are taken", 4000))
    driven.handle(SocketClosed())
    assert driven.session.status.reason == "all 8 seats are taken"
    assert driven.session.status.code == 1013
    assert driven.session.deadline_ns is not None
    assert driven.session.deadline_ns >= driven.now_ns + 4000 * MS


def test_a_moved_match_is_dialled_at_its_new_address_at_once() -> None:
    driven = Driven().join()
    driven.hear(Moved("ws://elsewhere/v1/match/1", ""))
    driven.handle(SocketClosed(1012))
    assert driven.wait(0) == [DialNow("ws://elsewhere/v1/match/1")]


@pytest.mark.parametrize(("status", "phase"), [(401, "closed"), (403, "closed"), (404, "closed"), (503, "dialling")])
def test_an_http_refusal_decides_whether_to_dial_again(status: int, phase: str) -> None:
    driven = Driven()
    driven.advance_to(START_NS)
    driven.handle(DialFailed("no", status, 2000))
    assert (driven.session.status.phase, driven.session.status.code) == (phase, status)
    if phase == "dialling":
        assert driven.session.deadline_ns is not None
        assert driven.session.deadline_ns >= driven.now_ns + 2000 * MS


def test_a_dial_that_nobody_answers_within_10_s_has_failed() -> None:
    driven = Driven()
    driven.advance_to(START_NS)
    assert driven.session.deadline_ns == START_NS + 10_000 * MS
    assert driven.wait(9_999) == []
    effects = driven.wait(1)
    assert effects[0] == CloseSocket(1001)  # the shell gives up its dial, so that no old socket can open later
    assert effects[-1] == DialNow(URL)
    status = driven.session.status
    assert (status.phase, status.attempt, status.reason) == ("dialling", 1, f"{URL} did not answer within 10 s")
    driven.handle(SocketOpened())
    driven.hear(welcome(), keyframe())
    assert driven.session.status.phase == "live"


def test_an_address_that_is_none_is_not_dialled_again() -> None:
    driven = Driven()
    driven.advance_to(START_NS)
    driven.handle(DialFailed("http:// isn't ws or wss", hopeless=True))
    assert driven.session.status.phase == "closed"


def test_leaving_closes_with_1000_and_nothing_follows() -> None:
    driven = Driven().join()
    driven.session.leave()
    assert CloseSocket(1000) in driven.drain()
    assert driven.session.status.phase == "closed"
    assert driven.hear(state(101)) == []
    driven.session.leave()
    assert driven.drain() == []
