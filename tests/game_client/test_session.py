from __future__ import annotations

from random import Random
from typing import Any

import pytest

from game_client.clock_sync import SLACK_NONE
from game_client.facts import (
    BytesReceived,
    CloseSocket,
    DialFailed,
    DialNow,
    EventCame,
    FrameReceived,
    RoundTripMeasured,
    SendFrame,
    SocketClosed,
    SocketOpened,
    StateApplied,
)  # fmt: skip
from game_client.session import ClientSession, SessionState
from protocol import Chat, UsageFault
from protocol.codec import encode
from protocol.messages import (
    CLOCK_SHIFT,
    Ack,
    CommandAck,
    CommandFrame,
    EventAck,
    EventFrame,
    Hello,
    InputFrame,
    Paused,
    Resync,
    State,
)  # fmt: skip
from tests.game_client.frames import (
    MS,
    PERIOD_NS,
    START_NS,
    URL,
    VOCABULARY,
    Driven,
    Steer,
    keyframe,
    play,
    sent,
    state,
    true_hash,
    welcome,
)

# --- joining


def test_it_dials_says_hello_and_is_live_with_the_first_keyframe() -> None:
    driven = Driven()
    assert driven.session.deadline_ns == START_NS
    assert driven.advance_to(START_NS) == [DialNow(1, URL)]
    assert sent(driven.handle(SocketOpened(1))) == [Hello(0, 0, -1, -1, 0, 0)]
    driven.hear(welcome())
    assert driven.session.status.phase == "dialling"
    assert StateApplied(100, keyframe()) in driven.hear(keyframe())
    session = driven.session
    assert (session.status.phase, session.seat, session.tick, session.tick_rate_hz) == ("live", 3, 100, 20)
    ship = session.world.owned(3, "Ship")
    assert ship is not None
    assert ship.mood == "WILD"


def test_a_spectator_has_no_seat_and_sends_no_input() -> None:
    driven = Driven()
    driven.open()
    driven.hear(welcome(seat=-1), keyframe())
    assert driven.session.seat is None
    driven.session.send_input(dx=1)
    driven.wait(500)
    assert driven.sent(InputFrame) == []


def test_no_welcome_within_5_s_is_a_lost_socket() -> None:
    driven = Driven()
    driven.open()
    effects = driven.wait(5000)
    assert CloseSocket(1, 1001) in effects
    assert effects[-1] == DialNow(2, URL)


def test_a_schema_with_a_name_that_is_none_closes_with_1002() -> None:
    driven = Driven()
    driven.open()
    schema = VOCABULARY.schema.to_wire()
    schema[1][0][0] = "Sh\0ip"
    assert CloseSocket(1, 1002) in driven.hear(welcome(schema=schema))
    assert driven.session.status.phase == "closed"
    assert "is no name" in driven.session.status.reason


def test_effects_that_nobody_drains_are_an_error_that_says_so() -> None:
    driven = Driven().join()
    with pytest.raises(UsageFault, match="drained"):
        for sequence in range(1, 1200):
            driven.session.handle(FrameReceived(1, encode(EventFrame(sequence, 100, 0, [1]))), driven.now_ns)


# --- states


def test_a_chain_of_states_moves_the_world() -> None:
    driven = Driven().join()
    effects = driven.hear(state(101, x=5), state(102, x=9))
    assert [effect.tick for effect in effects if isinstance(effect, StateApplied)] == [101, 102]
    ship = driven.session.world.get(7)
    assert ship is not None
    assert (driven.session.tick, ship.x) == (102, 4.5)
    assert driven.session.stats.states == 3


def test_a_state_from_another_base_is_not_applied_and_asks_again_once() -> None:
    driven = Driven().join()
    driven.hear(state(102, x=50), state(103, x=51))
    assert driven.session.tick == 100
    assert driven.sent(Resync) == [Resync(100, 0)]
    driven.hear(state(104, back=4, x=6))
    assert driven.session.tick == 104
    driven.hear(state(106))
    assert driven.sent(Resync) == [Resync(100, 0), Resync(104, 0)]


def test_a_resync_that_was_not_answered_for_2_s_is_sent_again_for_a_keyframe() -> None:
    driven = Driven().join()
    driven.hear(state(102))
    for tick in range(103, 150):
        driven.wait(50)
        driven.hear(state(tick))
    assert driven.sent(Resync) == [Resync(100, 0), Resync(-1, 0)]


def test_a_right_hash_is_silent_and_a_wrong_one_is_a_desync_that_asks_for_a_keyframe_once() -> None:
    driven = Driven().join()
    driven.hear(state(101, x=5, hash=true_hash(5)))
    assert driven.session.stats.desyncs == 0
    driven.hear(state(102, x=6, hash=true_hash(7)), state(103, x=7, hash=1))
    assert driven.session.stats.desyncs == 1
    assert driven.sent(Resync) == [Resync(-1, 0)]
    driven.hear(keyframe(104), state(105, hash=true_hash(4)))
    assert (driven.session.tick, driven.session.stats.desyncs, driven.session.stats.resyncs) == (105, 1, 1)


def test_a_delta_about_an_unknown_entity_is_a_desync() -> None:
    driven = Driven().join()
    driven.hear(State(101, 1, 0, SLACK_NONE, [99], [], []))
    assert (driven.session.tick, driven.session.stats.desyncs) == (100, 1)
    assert driven.sent(Resync) == [Resync(-1, 0)]


def test_a_keyframe_replaces_everything() -> None:
    driven = Driven().join()
    driven.hear(State(101, 1, 0, SLACK_NONE, [8], [], []))
    assert len(driven.session.world) == 1
    driven.hear(keyframe(90))
    assert (driven.session.tick, len(driven.session.world)) == (90, 2)


def test_a_malformed_frame_closes_with_its_code_and_is_an_error() -> None:
    driven = Driven().join()
    assert CloseSocket(1, 1002) in driven.handle(FrameReceived(1, b"\x91\x63"))
    assert driven.session.state is SessionState.CLOSED
    assert "tag 99" in driven.session.status.reason
    assert driven.session.stats.errors == 1


@pytest.mark.parametrize("frame", [keyframe(), state(101), EventFrame(1, 100, 0, [1]), Paused(1)])
def test_nothing_comes_before_welcome(frame: Any) -> None:
    driven = Driven()
    driven.open()
    assert sent(driven.hear(frame)) == []
    assert driven.session.status.phase == "closed"
    assert "came before WELCOME" in driven.session.status.reason
    assert "does not speak as a match, /v1/match/<id>, does" in driven.session.status.reason


def test_a_second_welcome_is_a_protocol_error() -> None:
    driven = Driven().join()
    assert CloseSocket(1, 1002) in driven.hear(welcome())


def test_a_paused_match_is_shown_and_resumed_by_its_next_state() -> None:
    driven = Driven().join()
    driven.hear(Paused(100))
    assert driven.session.paused
    driven.hear(state(101))
    assert not driven.session.paused


def test_gaps_between_states_are_measured() -> None:
    driven = Driven().join()
    play(driven, 101, 103)
    assert list(driven.session.stats.state_gap_ms) == [50, 50, 50]


# --- acknowledgements


def test_a_state_is_acknowledged_after_100_ms_without_input() -> None:
    driven = Driven().join()
    driven.hear(state(101))
    driven.wait(99)
    assert driven.sent(Ack) == []
    driven.hear(state(102))
    driven.wait(1)
    assert driven.sent(Ack) == [Ack(102)]
    driven.wait(400)
    assert driven.sent(Ack) == [Ack(102)]


def test_inputs_acknowledge_states_so_that_no_ack_is_needed() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1)
    play(driven, 101, 120)
    assert driven.sent(Ack) == []
    last = driven.sent(InputFrame)[-1]
    assert last.tick - last.ack_back in (119, 120)


# --- inputs


def test_inputs_leave_once_per_tick_and_are_held() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1)
    play(driven, 101, 140)
    frames = driven.sent(InputFrame)
    labels = [frame.tick for frame in frames]
    assert labels == list(range(labels[0], labels[0] + len(labels)))
    assert 39 <= len(labels) <= 42
    assert all(frame.values == [1, False, 0] for frame in frames)


def test_without_an_input_given_none_is_sent() -> None:
    driven = Driven().join()
    play(driven, 101, 120)
    assert driven.sent(InputFrame) == []


def test_the_newest_of_several_inputs_wins_and_its_presses_add_up() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1, fire=1)
    driven.session.send_input(Steer(dx=-1, slow=True, fire=2))
    driven.session.send_input(dx=-1)
    driven.wait(60)
    assert driven.sent(InputFrame)[0].values == [-1, False, 3]


def test_an_input_is_labelled_for_a_tick_ahead_and_says_what_is_seen() -> None:
    driven = Driven().join()
    driven.session.playhead_tick = 98.5
    driven.session.send_input(dx=1)
    driven.wait(1)
    (frame,) = driven.sent(InputFrame)
    assert (frame.tick, frame.tick - frame.ack_back, frame.view_back) == (102, 100, 28)


def test_slack_steers_the_labels_earlier_when_inputs_come_late() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1)
    before_ns = driven.session.clock.send_ns(200)
    play(driven, 101, 120, slack=-8)
    assert before_ns - driven.session.clock.send_ns(200) >= PERIOD_NS


def test_the_servers_clock_generation_is_echoed() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1)
    driven.hear(state(101, flags=5 << CLOCK_SHIFT))
    driven.wait(100)
    assert driven.sent(InputFrame)[-1].clock == 5


def test_input_to_ack_is_the_time_until_a_state_covers_the_label() -> None:
    driven = Driven().join()
    driven.session.send_input(dx=1)
    driven.wait(0)
    assert [frame.tick for frame in driven.sent(InputFrame)] == [102]
    driven.advance_to(driven.now_ns + 30 * MS)
    driven.hear(state(101))
    assert list(driven.session.stats.input_to_ack_ms) == []
    driven.advance_to(driven.now_ns + 30 * MS)
    driven.hear(state(102))
    assert list(driven.session.stats.input_to_ack_ms) == [60]


def test_a_substituted_input_is_counted() -> None:
    driven = Driven().join()
    driven.hear(state(101, flags=2))
    assert driven.session.stats.substituted == 1


def test_a_game_without_input_refuses_one() -> None:
    driven = Driven()
    driven.open()
    schema = VOCABULARY.schema.to_wire()
    schema[2] = None
    driven.session.send_input(dx=1)  # too early to know
    driven.hear(welcome(schema=schema), keyframe())
    with pytest.raises(UsageFault, match="takes no per-tick input"):
        driven.session.send_input(dx=1)


# --- events and commands


def test_events_come_once_in_order_and_are_acknowledged() -> None:
    driven = Driven().join()
    one, two = EventFrame(1, 100, 0, [5]), EventFrame(2, 100, 0, [6])
    effects = driven.hear(one, one, two, one)
    assert [effect.event.points for effect in effects if isinstance(effect, EventCame)] == [5, 6]
    assert driven.sent(EventAck) == []
    driven.wait(50)
    assert driven.sent(EventAck) == [EventAck(2)]
    assert [(tick, event.kind, event.points) for tick, event in driven.session.take_events()] == [
        (100, "Scored", 5),
        (100, "Scored", 6),
    ]
    assert driven.session.take_events() == []


def test_an_event_after_a_gap_is_not_taken_but_asked_for() -> None:
    driven = Driven().join()
    driven.hear(EventFrame(1, 100, 0, [5]), EventFrame(3, 100, 0, [7]))
    assert len(driven.session.take_events()) == 1
    assert driven.sent(Resync) == [Resync(-1, 1)]


def test_events_that_nobody_takes_are_bounded_and_counted() -> None:
    driven = Driven().join()
    for sequence in range(1, 1030):
        driven.hear(EventFrame(sequence, 100, 0, [sequence]))
    events = driven.session.take_events()
    assert (len(events), events[-1][1].points, driven.session.stats.events_lost) == (1024, 1029, 5)


def test_commands_are_numbered_and_kept_until_acknowledged() -> None:
    driven = Driven().join()
    driven.session.send_command(Chat(text="one"))
    driven.session.send_command("Chat", text="two")
    driven.drain()
    assert driven.sent(CommandFrame) == [CommandFrame(1, 0, ["one"]), CommandFrame(2, 0, ["two"])]
    driven.hear(CommandAck(2, 1))
    assert driven.session.commands_unacknowledged == 1
    driven.hear(CommandAck(2, 2))
    assert driven.session.commands_unacknowledged == 0


def test_the_257th_unacknowledged_command_is_refused() -> None:
    driven = Driven().join()
    for _ in range(256):
        driven.session.send_command("Chat", text="hi")
    with pytest.raises(UsageFault, match="256 commands"):
        driven.session.send_command("Chat", text="hi")


def test_a_command_before_the_match_has_answered_is_refused() -> None:
    driven = Driven()
    driven.open()
    with pytest.raises(UsageFault, match="when the status is live"):
        driven.session.send_command("Chat", text="hi")


# --- the machine


def test_facts_that_come_in_the_wrong_state_mean_nothing() -> None:
    driven = Driven()
    for fact in (SocketClosed(1), DialFailed(1, "x"), FrameReceived(1, b""), BytesReceived(1), RoundTripMeasured(1, 5)):
        assert driven.handle(fact) == []
    assert driven.handle(SocketOpened(1)) == [CloseSocket(1, 1001)]
    assert driven.session.state is SessionState.WAITING


def test_the_same_facts_and_seed_give_the_same_effects(seed: int) -> None:
    def story() -> list[bytes]:
        driven = Driven(seed).join()
        driven.session.send_input(dx=1)
        play(driven, 101, 130, slack=3)
        driven.lose(1011)
        driven.wait(5000)
        return [effect.data for effect in driven.effects if isinstance(effect, SendFrame)]

    assert story() == story()


def test_a_session_without_any_fact_waits_to_dial() -> None:
    session = ClientSession(URL, Random(1), 5)
    assert (session.state, session.deadline_ns, session.tick, session.seat) == (SessionState.WAITING, 5, -1, None)
