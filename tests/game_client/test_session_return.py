"""Leaving a match and coming back to it: the part of the session that follows a socket's end."""

from __future__ import annotations

from itertools import pairwise

import pytest

from game_client.facts import (
    BytesReceived,
    CloseSocket,
    DialFailed,
    DialNow,
    FrameReceived,
    RoundTripMeasured,
    SocketOpened,
)  # fmt: skip
from game_client.session import SessionState
from protocol.codec import encode
from protocol.errors import UsageFault
from protocol.messages import (
    CommandFrame,
    Hello,
    Refusal,
)  # fmt: skip
from tests.game_client.frames import (
    MS,
    START_NS,
    TOKEN,
    URL,
    Driven,
    dials,
    keyframe,
    play,
    sent,
    state,
    welcome,
)

TWO = "tickwire-resume-1.two"


# --- when to dial


def test_a_lost_socket_is_dialled_at_once_and_then_every_quarter_of_a_second() -> None:
    driven = Driven().join()
    driven.wait(900)
    driven.lose()
    status = driven.session.status
    assert (status.phase, status.attempt) == ("reconnecting", 1)
    times = []
    for attempt in range(1, 9):
        assert driven.session.deadline_ns is not None
        assert dials(driven.advance_to(driven.session.deadline_ns)) == [DialNow(1 + attempt, URL, TOKEN)]
        assert driven.session.status.attempt == attempt
        times.append(driven.now_ns)
        driven.fail()
    gaps = [(b - a) / MS for a, b in pairwise(times)]
    assert times[0] == START_NS + 900 * MS
    assert all(200 <= gap <= 300 for gap in gaps)
    assert str(driven.session.status) == "reconnecting, attempt 8: refused"


def test_dials_that_nobody_answers_go_on_beside_each_other_and_the_oldest_of_four_gives_way() -> None:
    driven = Driven().join()
    driven.lose()
    effects = driven.wait(1300)
    assert len(dials(effects)) in (5, 6, 7)
    first_five = effects.index(dials(effects)[4])
    assert effects[first_five - 1] == CloseSocket(2, 1001)
    assert len(driven.session._redial.pending) == 4


def test_a_dial_far_away_is_given_the_time_of_its_round_trips() -> None:
    driven = Driven().join(rtt_ms=900)
    driven.handle(RoundTripMeasured(1, 600 * MS))
    driven.lose()
    assert len(dials(driven.wait(1300))) == 3


def test_a_connection_that_was_good_for_5_s_forgets_earlier_attempts() -> None:
    driven = Driven().join()
    play(driven, 101, 130)
    driven.lose()
    driven.open()
    driven.hear(welcome(), keyframe(131))
    play(driven, 132, 160)
    driven.lose()
    assert driven.session.status.attempt == 2
    driven.wait(300)
    driven.handle(SocketOpened(driven.dialled))
    driven.hear(welcome(), keyframe(161))
    play(driven, 162, 270)
    driven.lose()
    assert driven.session.status.attempt == 1
    assert driven.session.deadline_ns == driven.now_ns


@pytest.mark.parametrize("code", [1000, 1008, 4001, 4010])
def test_a_close_that_says_do_not_return_is_the_end(code: int) -> None:
    driven = Driven().join()
    driven.lose(code, "because")
    assert driven.session.deadline_ns is None
    status = driven.session.status
    assert (status.phase, status.code, status.reason) == ("closed", code, "because")
    assert driven.session.stats.errors == (code != 1000)


def test_a_server_error_is_returned_to_with_backoff() -> None:
    driven = Driven().join()
    driven.lose(1011)
    assert driven.session.deadline_ns is not None
    assert driven.session.deadline_ns > driven.now_ns
    driven.advance_to(driven.session.deadline_ns)
    assert driven.dialled == 2


def test_the_sentence_of_an_error_frame_is_the_reason_and_its_delay_is_kept() -> None:
    driven = Driven()
    driven.open()
    driven.hear(Refusal(1013, "all 8 seats are taken", 4000))
    driven.lose()
    assert driven.session.status.reason == "all 8 seats are taken"
    assert driven.session.status.code == 1013
    assert driven.session.deadline_ns is not None
    assert driven.session.deadline_ns >= driven.now_ns + 4000 * MS


def test_an_error_after_which_the_server_says_nothing_more_is_an_end() -> None:
    driven = Driven().join()
    driven.hear(Refusal(1008, "not you", 0))
    driven.wait(1000)
    assert (driven.session.status.phase, driven.session.status.code) == ("closed", 1008)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("status", [400, 404, 426])
def test_a_dial_that_can_never_succeed_is_the_end(status: int, live: bool) -> None:
    driven = Driven().join() if live else Driven()
    driven.lose()
    driven.advance_to(driven.now_ns)
    driven.fail("no", status)
    assert (driven.session.status.phase, driven.session.status.code) == ("closed", status)
    assert driven.session.deadline_ns is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_caller_whose_own_credential_is_refused_is_not_let_in_by_asking_again(status: int) -> None:
    driven = Driven()
    driven.advance_to(START_NS)
    driven.fail("no", status)
    assert (driven.session.status.phase, driven.session.status.code) == ("closed", status)


@pytest.mark.parametrize("status", [409, 429, 503])
@pytest.mark.parametrize("live", [False, True])
def test_a_dial_that_came_too_early_waits_at_least_as_long_as_it_was_told(status: int, live: bool) -> None:
    if status == 409 and live:
        return  # The next test.
    driven = Driven().join() if live else Driven()
    driven.lose()
    driven.advance_to(driven.now_ns)
    effects = driven.fail("too many", status, 2000)
    assert (driven.session.status.phase, driven.session.status.attempt) == ("reconnecting" if live else "dialling", 1)
    effects += driven.wait(1999)
    assert dials(effects) == []
    assert len(dials(driven.wait(600))) >= 1


@pytest.mark.parametrize("status", [401, 403, 409])
def test_a_resume_token_that_is_refused_is_forgotten_and_the_own_credential_dialled_at_once(status: int) -> None:
    driven = Driven().join()
    driven.lose()
    driven.wait(600)
    pending = driven.session._redial.pending
    assert len(pending) == 3
    effects = driven.handle(DialFailed(pending[0], "another secret", status))
    assert [effect for effect in effects if isinstance(effect, CloseSocket)] == [
        CloseSocket(each, 1001) for each in pending[1:]
    ]
    assert dials(driven.wait(0)) == [DialNow(5, URL, "")]
    assert str(driven.session.status).endswith("joining again")  # of secrets a player knows nothing
    assert driven.wait(5000) == []  # without a token no second dial takes a second seat


def test_a_dial_that_nobody_answers_within_10_s_has_failed() -> None:
    driven = Driven()
    driven.advance_to(START_NS)
    assert driven.session.deadline_ns == START_NS + 10_000 * MS
    assert driven.wait(9_999) == []
    effects = driven.wait(1)
    assert effects[0] == CloseSocket(1, 1001)  # the shell gives up its dial, so that no old socket can open later
    assert effects[-1] == DialNow(2, URL)
    status = driven.session.status
    assert (status.phase, status.attempt, status.reason) == ("dialling", 1, f"{URL} did not answer within 10 s")
    assert driven.handle(SocketOpened(1)) == [CloseSocket(1, 1001)]
    driven.handle(SocketOpened(2))
    driven.hear(welcome(), keyframe())
    assert driven.session.status.phase == "live"


def test_an_address_that_is_none_is_not_dialled_again() -> None:
    driven = Driven()
    driven.advance_to(START_NS)
    driven.fail("http:// isn't ws or wss", hopeless=True)
    assert driven.session.status.phase == "closed"


def test_leaving_closes_with_1000_gives_dials_up_and_nothing_follows() -> None:
    driven = Driven().join()
    driven.wait(1000)
    assert driven.session.state is SessionState.SILENT
    driven.session.leave()
    assert driven.drain()[:2] == [CloseSocket(1, 1000), CloseSocket(2, 1001)]
    assert driven.session.status.phase == "closed"
    assert driven.hear(state(101), socket=1) == []
    assert driven.handle(SocketOpened(2)) == [CloseSocket(2, 1001)]
    driven.session.leave()
    assert driven.drain() == []
    with pytest.raises(UsageFault, match="closed"):
        driven.session.send_command("Chat", text="hi")


# --- silence


def test_after_silence_it_dials_beside_the_socket_which_stays_current() -> None:
    driven = Driven().join()
    driven.handle(RoundTripMeasured(1, 20 * MS))
    driven.handle(RoundTripMeasured(1, 900 * MS))  # one that was held up
    assert dials(driven.wait(999)) == []
    assert dials(driven.wait(1)) == [DialNow(2, URL, TOKEN)]
    status = driven.session.status
    assert (status.phase, status.attempt, status.reason) == ("reconnecting", 1, "the server fell silent")
    assert not [each for each in driven.effects if isinstance(each, CloseSocket)]
    assert len(dials(driven.wait(260))) >= 1


def test_a_slow_match_far_away_is_not_taken_for_silent() -> None:
    driven = Driven().join(rtt_ms=700, tick_rate_hz=2)
    driven.handle(RoundTripMeasured(1, 500 * MS))
    assert dials(driven.wait(2499)) == []
    assert len(dials(driven.wait(1))) == 1


@pytest.mark.parametrize("kind", ["frame", "part of one", "pong"])
def test_a_socket_that_speaks_again_before_another_opened_ends_the_dials(kind: str) -> None:
    driven = Driven().join()
    driven.wait(1250)
    pending = driven.session._redial.pending
    assert len(pending) >= 1
    facts = {"frame": FrameReceived(1, encode(state(101))), "part of one": BytesReceived(1)}
    effects = driven.handle(facts.get(kind, RoundTripMeasured(1, 5 * MS)))
    assert [each for each in effects if isinstance(each, CloseSocket)] == [CloseSocket(each, 1001) for each in pending]
    assert (driven.session.status.phase, driven.session.state) == ("live", SessionState.LIVE)
    assert dials(driven.wait(999)) == []
    assert driven.session.stats.reconnects == 0


def test_bytes_of_before_the_silence_that_are_told_again_do_not_end_it() -> None:
    driven = Driven().join()
    heard_ns = driven.now_ns
    driven.wait(1250)
    driven.session.handle(BytesReceived(1), heard_ns)
    assert driven.drain() == []
    assert driven.session.state is SessionState.SILENT


def test_the_first_socket_that_opens_is_current_and_the_silent_one_means_nothing_any_more() -> None:
    driven = Driven().join()
    driven.hear(state(101))
    driven.wait(1250)
    newer = driven.dialled
    effects = driven.handle(SocketOpened(newer))
    assert effects[0] == CloseSocket(1, 1001)
    assert sent(effects) == [Hello(0, 1, 101, -1, 0, 0)]
    assert driven.hear(state(102), socket=1) == []
    assert driven.lose(4001, socket=1) == []
    driven.hear(welcome(resume_token=TWO), state(110, back=9))
    assert (driven.session.status.phase, driven.session.tick) == ("live", 110)


def test_a_silent_socket_that_ends_leaves_the_dials_as_they_are() -> None:
    driven = Driven().join()
    driven.wait(1100)
    due_ns = driven.session.deadline_ns
    assert driven.lose(socket=1, reason="reset")[-1:] != []
    assert driven.session.deadline_ns == due_ns
    assert driven.session.state is SessionState.DIALLING
    assert driven.session.status.reason == "reset"


def test_without_a_resume_token_silence_of_twice_the_time_is_a_lost_socket() -> None:
    driven = Driven().join(resume_token="")
    assert driven.wait(1999)[-1:] != [DialNow(2, URL)]
    effects = driven.wait(1)
    assert CloseSocket(1, 1001) in effects
    assert dials(effects) == [DialNow(2, URL)]
    assert driven.session.status.reason == "the server fell silent"


# --- sockets that race


def test_a_newer_socket_that_opens_before_the_welcome_takes_over_and_an_older_one_is_closed() -> None:
    driven = Driven().join()
    driven.lose()
    driven.wait(600)
    assert driven.session._redial.pending == (2, 3, 4)
    effects = driven.handle(SocketOpened(3))
    assert effects[0] == CloseSocket(2, 1001)  # its number is too low now, whatever becomes of 3
    assert len(sent(effects, Hello)) == 1
    assert driven.handle(SocketOpened(2)) == [CloseSocket(2, 1001)]
    effects = driven.handle(SocketOpened(4))
    assert effects[0] == CloseSocket(3, 1001)
    assert len(sent(effects, Hello)) == 1
    assert driven.hear(welcome(resume_token=TWO), socket=3) == []
    driven.hear(welcome(resume_token=TWO), state(101), socket=4)
    assert driven.session.stats.resumed == 1


def test_after_the_welcome_no_older_token_is_used_any_more() -> None:
    driven = Driven().join()
    driven.lose()
    driven.wait(600)
    driven.handle(SocketOpened(3))
    assert driven.hear(welcome(resume_token=TWO), socket=3) == [CloseSocket(4, 1001)]
    assert driven.handle(SocketOpened(4)) == [CloseSocket(4, 1001)]
    driven.handle(FrameReceived(3, encode(state(101))))
    driven.lose(socket=3)
    driven.wait(300)
    assert dials(driven.effects)[-1] == DialNow(5, URL, TWO)


def test_a_failed_dial_beside_a_socket_that_is_joining_changes_nothing() -> None:
    driven = Driven().join()
    driven.lose()
    driven.wait(600)
    driven.handle(SocketOpened(3))
    before = driven.session.status
    assert driven.handle(DialFailed(4, "gone", 404)) == []
    assert driven.session.status == before


def test_a_lost_welcome_costs_nothing_the_old_token_is_used_again_with_a_higher_number() -> None:
    driven = Driven().join()
    driven.session.send_command("Chat", text="one")
    driven.lose()
    driven.open()
    driven.lose()  # HELLO was answered, the answer is lost
    driven.wait(300)
    assert dials(driven.effects)[-1] == DialNow(3, URL, TOKEN)
    driven.handle(SocketOpened(3))
    driven.hear(welcome(resume_token=TWO), state(101))
    assert driven.session.stats.resumed == 1
    assert driven.sent(CommandFrame)[-1] == CommandFrame(1, 0, ["one"])


def test_a_socket_that_opened_and_is_not_answered_is_dialled_beside_then_given_up() -> None:
    driven = Driven().join()
    driven.lose()
    driven.open()
    driven.forget_effects()
    assert len(dials(driven.wait(1400))) >= 1
    assert driven.session.state is SessionState.JOINING
    driven.wait(3600)
    assert CloseSocket(2, 1001) in driven.effects
    assert driven.session.state is SessionState.DIALLING
