"""What a session keeps when it resumes its seat, and what becomes of it when the seat is gone."""

from __future__ import annotations

import pytest

from game_client.facts import CloseSocket, DialNow, SocketOpened, StateApplied
from game_client.session import SessionState
from protocol.errors import UsageFault
from protocol.messages import (
    CommandAck,
    CommandFrame,
    EventAck,
    EventFrame,
    Hello,
    InputFrame,
    Paused,
    Refusal,
)  # fmt: skip
from tests.game_client.frames import URL, Driven, dials, keyframe, sent, state, true_hash, welcome

# --- what a resume keeps


def test_a_resume_claims_what_is_held_and_goes_on_by_a_delta() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1, fire=5)
    driven.hear(state(101, x=5, hash=true_hash(5)), state(102, x=6), EventFrame(1, 102, 0, [5]))
    driven.wait(100)
    world, schema = driven.session.world, driven.session.schema
    driven.lose()
    driven.open()
    assert driven.sent(Hello) == [Hello(0, 1, 102, 101, true_hash(5), 1)]
    driven.forget_effects()
    driven.wait(40)
    assert StateApplied(150, state(150, back=48)) in driven.hear(welcome(last_event=1), state(150, back=48))
    session = driven.session
    assert (session.status.phase, session.seat, session.tick) == ("live", 3, 150)
    assert session.world is world and session.schema is schema
    stats = session.stats
    assert (stats.reconnects, stats.resumed, stats.resumed_by_keyframe, stats.rejoined) == (1, 1, 0, 0)
    assert list(stats.resume_ms) == [40]
    driven.wait(100)
    assert driven.sent(InputFrame)[-1].values == [1, False, 5]  # presses go on to be counted


def test_a_resume_by_keyframe_is_counted_as_one() -> None:
    driven = Driven().join()
    driven.lose()
    driven.open()
    driven.hear(welcome(), keyframe(900))
    stats = driven.session.stats
    assert (stats.reconnects, stats.resumed, stats.resumed_by_keyframe, stats.rejoined) == (1, 0, 1, 0)


def test_a_paused_match_is_resumed_too_and_counted_with_its_first_state() -> None:
    driven = Driven().join()
    driven.lose()
    driven.open()
    driven.hear(welcome(), Paused(100))
    assert (driven.session.status.phase, driven.session.stats.resumed) == ("live", 0)
    driven.hear(state(101))
    assert driven.session.stats.resumed == 1


def test_a_state_that_is_known_to_be_wrong_is_not_claimed() -> None:
    driven = Driven().join()
    driven.hear(state(101, hash=1))
    driven.lose()
    driven.open()
    assert driven.sent(Hello) == [Hello(0, 1, -1, -1, 0, 0)]
    driven.hear(welcome(), keyframe(110))
    driven.lose()
    driven.wait(300)
    driven.handle(SocketOpened(driven.dialled))
    assert driven.sent(Hello)[-1] == Hello(0, 1, 110, -1, 0, 0)


def test_events_that_come_again_are_dropped_and_counted() -> None:
    driven = Driven().join()
    driven.hear(EventFrame(1, 100, 0, [5]), EventFrame(2, 100, 0, [6]))
    driven.lose()
    driven.open()
    driven.hear(welcome(last_event=2), EventFrame(2, 100, 0, [6]), EventFrame(3, 100, 0, [7]))
    assert [event.points for _, event in driven.session.take_events()] == [5, 6, 7]
    assert driven.session.stats.duplicates == 1
    driven.hear(keyframe())
    driven.wait(50)
    assert driven.sent(EventAck)[-1] == EventAck(3)


def test_commands_wait_while_away_and_only_those_that_did_not_arrive_go_out_again_in_order() -> None:
    driven = Driven().join()
    for text in ("one", "two", "three"):
        driven.session.send_command("Chat", text=text)
    driven.drain()
    driven.lose()
    driven.session.send_command("Chat", text="four")
    driven.forget_effects()
    driven.open()
    assert driven.sent(CommandFrame) == []  # nothing before WELCOME, which it would confirm
    driven.hear(welcome(last_command=2))
    assert [(frame.sequence, frame.values) for frame in driven.sent(CommandFrame)] == [(3, ["three"]), (4, ["four"])]
    assert driven.session.commands_unacknowledged == 4
    driven.hear(state(101), CommandAck(4, 4))
    assert (driven.session.commands_unacknowledged, driven.session.stats.commands_lost) == (0, 0)


def test_at_most_256_commands_wait_while_away() -> None:
    driven = Driven().join()
    driven.lose()
    for _ in range(256):
        driven.session.send_command("Chat", text="hi")
    with pytest.raises(UsageFault, match="256 commands"):
        driven.session.send_command("Chat", text="hi")


def test_presses_while_nobody_is_connected_are_forgotten() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1, fire=1)
    driven.lose()
    driven.session.send_input(dx=-1, fire=7)
    driven.open()
    driven.hear(welcome(), state(101))
    driven.wait(100)
    assert driven.sent(InputFrame)[-1].values == [-1, False, 1]


def test_presses_while_the_server_is_silent_are_forgotten() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1, fire=1)
    driven.wait(1100)
    assert driven.session.state is SessionState.SILENT
    driven.session.send_input(dx=-1, fire=7)
    driven.hear(state(101))
    driven.wait(100)
    assert driven.sent(InputFrame)[-1].values == [-1, False, 1]


def test_a_lower_epoch_is_refused_and_returned_to_with_backoff() -> None:
    driven = Driven().join(epoch=3)
    driven.lose()
    driven.open()
    effects = driven.hear(welcome(epoch=2))
    assert CloseSocket(2, 1001) in effects
    assert (driven.session.status.phase, driven.session.tick) == ("reconnecting", 100)
    assert "epoch 2, 3 was seen" in driven.session.status.reason
    assert driven.session.deadline_ns is not None and driven.session.deadline_ns > driven.now_ns


# --- when the seat is gone


def test_a_seat_that_is_gone_is_joined_anew_at_once_with_held_levels_and_without_old_presses() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1, fire=5)
    driven.session.send_command("Chat", text="lost")
    driven.wait(100)
    driven.hear(EventFrame(1, 100, 0, [5]))
    world = driven.session.world
    driven.lose()
    driven.open()
    driven.hear(Refusal(4005, "the seat was not kept", 0))
    driven.lose()
    assert dials(driven.wait(0)) == [DialNow(3, URL, "")]
    driven.forget_effects()
    assert sent(driven.handle(SocketOpened(3))) == [Hello(0, 0, -1, -1, 0, 0)]
    driven.hear(welcome(seat=4), keyframe(200))
    assert (driven.session.status.phase, driven.session.seat, driven.session.tick) == ("live", 4, 200)
    assert driven.session.world is world
    stats = driven.session.stats
    assert (stats.reconnects, stats.rejoined, stats.commands_lost, list(stats.resume_ms)) == (1, 1, 1, [])
    driven.wait(100)
    assert driven.sent(InputFrame)[-1].values == [1, False, 0]
    driven.hear(EventFrame(1, 200, 0, [6]))
    assert [event.points for _, event in driven.session.take_events()] == [5, 6]
    assert list(driven.session.stats.input_to_ack_ms) == []  # the old seat's inputs are not this one's


def test_a_seat_that_goes_while_live_is_joined_anew_too() -> None:
    driven = Driven().join()
    driven.lose(4005)
    assert dials(driven.wait(0)) == [DialNow(2, URL, "")]


def test_a_takeover_of_the_own_seat_goes_on_with_commands_and_events() -> None:
    driven = Driven().join()
    for text in ("one", "two"):
        driven.session.send_command("Chat", text=text)
    driven.hear(EventFrame(1, 100, 0, [5]), EventFrame(2, 100, 0, [6]))
    driven.lose()
    driven.advance_to(driven.now_ns)
    driven.fail("ask the lobby again", 409)
    driven.forget_effects()
    driven.open()
    driven.hear(welcome(last_command=1, last_event=1), keyframe(200), EventFrame(2, 100, 0, [6]))
    assert driven.sent(CommandFrame) == [CommandFrame(2, 0, ["two"])]
    assert len(driven.session.take_events()) == 2
    stats = driven.session.stats
    assert (stats.commands_lost, stats.duplicates, stats.resumed_by_keyframe, stats.rejoined) == (0, 1, 1, 0)


def test_a_seat_in_use_by_another_is_not_gone_on_with() -> None:
    driven = Driven().join()
    driven.session.send_command("Chat", text="one")
    driven.lose()
    driven.advance_to(driven.now_ns)
    driven.fail("ask the lobby again", 409)
    driven.forget_effects()
    driven.open()
    driven.hear(welcome(last_command=7, last_event=9), keyframe(200))
    assert driven.sent(CommandFrame) == []
    assert driven.session.stats.commands_lost == 1
    driven.session.send_command("Chat", text="two")
    driven.drain()
    assert driven.sent(CommandFrame) == [CommandFrame(8, 0, ["two"])]
    driven.hear(EventFrame(10, 200, 0, [1]))
    assert len(driven.session.take_events()) == 1
