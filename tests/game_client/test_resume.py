from __future__ import annotations

from typing import Any

import pytest

from game_client.resume import HeldSeat
from protocol.errors import PeerFault, UsageFault
from protocol.messages import Hello
from tests.game_client.frames import TOKEN, VOCABULARY, keyframe, state, true_hash, welcome


def held(**changes: Any) -> HeldSeat:
    """A seat after its first WELCOME and keyframe."""
    seat = HeldSeat()
    assert not seat.welcome(welcome(**changes), resuming=False)
    seat.state.apply_keyframe(keyframe())
    assert seat.check_hash(keyframe())
    return seat


def say(seat: HeldSeat, count: int) -> list[int]:
    """Send commands; return their numbers."""
    return [seat.add_command(0, ["x"]).sequence for _ in range(count)]


def test_without_a_token_nothing_is_claimed_and_with_one_all_that_is_held() -> None:
    seat = held()
    seat.last_event = 4
    assert seat.hello(True) == Hello(0, 1, 100, -1, 0, 4)
    seat.forget_token()
    assert seat.hello(False) == Hello(0, 0, -1, -1, 0, 0)


def test_the_own_hash_of_the_last_hashed_tick_is_claimed_even_if_later_states_came() -> None:
    seat = held()
    frame = state(101, x=5, hash=true_hash(5))
    seat.state.apply_state(frame)
    assert seat.check_hash(frame)
    seat.state.apply_state(state(102, x=6))
    assert seat.check_hash(state(102, x=6))
    assert seat.hello(True) == Hello(0, 1, 102, 101, true_hash(5), 0)


def test_a_keyframe_makes_older_hashes_and_doubts_worthless() -> None:
    seat = held()
    frame = state(101, x=5, hash=1)
    seat.state.apply_state(frame)
    assert not seat.check_hash(frame)
    seat.doubt()
    assert seat.hello(True) == Hello(0, 1, -1, -1, 0, 0)
    seat.state.apply_keyframe(keyframe(103))
    assert seat.check_hash(keyframe(103))
    assert seat.hello(True) == Hello(0, 1, 103, -1, 0, 0)


def test_a_resume_of_the_same_seat_goes_on_with_state_and_schema() -> None:
    seat = held()
    state_before, schema = seat.state, seat.schema
    assert seat.welcome(welcome(resume_token="next"), resuming=True)
    assert seat.state is state_before and seat.schema is schema
    assert seat.token == "next"


@pytest.mark.parametrize(
    ("changes", "resuming"),
    [
        ({"seat": 4}, True),
        ({"schema": [*VOCABULARY.schema.to_wire()[:3], [], []]}, True),
        ({}, False),
        ({"last_command": 9}, False),
        ({"last_command": 1, "epoch": 2}, False),
    ],
)
def test_another_seat_begins_anew_and_drops_what_was_said(changes: dict[str, Any], resuming: bool) -> None:
    seat = held()
    say(seat, 2)
    seat.last_event = 7
    before = seat.state
    assert not seat.welcome(welcome(**changes), resuming)
    assert seat.state is not before and not seat.commands
    assert seat.last_event == 0
    assert say(seat, 1) == [changes.get("last_command", 0) + 1]


def test_a_fresh_dial_that_took_the_own_seat_over_goes_on() -> None:
    seat = held()
    say(seat, 3)
    seat.acknowledge(1)
    seat.last_event = 2
    assert seat.welcome(welcome(last_command=2, last_event=5), resuming=False)
    assert [each.sequence for each in seat.commands_after(2)] == [3]
    assert seat.last_event == 5


def test_a_later_epoch_of_the_same_seat_counts_events_anew() -> None:
    seat = held()
    say(seat, 1)
    seat.last_event = 7
    assert seat.welcome(welcome(epoch=2, last_event=1), resuming=True)
    assert (seat.epoch, seat.last_event, len(seat.commands)) == (2, 1, 1)


def test_an_event_that_was_taken_is_not_asked_for_again() -> None:
    seat = held()
    seat.last_event = 7
    assert seat.welcome(welcome(last_event=3), resuming=True)
    assert seat.last_event == 7


def test_commands_are_kept_until_they_are_durable() -> None:
    seat = held()
    assert say(seat, 3) == [1, 2, 3]
    seat.acknowledge(2)
    assert [each.sequence for each in seat.commands] == [3]
    assert seat.commands_after(3) == []


def test_who_may_not_command_is_told_why() -> None:
    with pytest.raises(UsageFault, match="before the match has answered"):
        HeldSeat().add_command(0, [])
    with pytest.raises(UsageFault, match="spectator"):
        held(seat=-1).add_command(0, [])
    seat = held()
    say(seat, 256)
    with pytest.raises(UsageFault, match="256"):
        say(seat, 1)


def test_a_schema_that_is_none_changes_nothing() -> None:
    seat = held()
    with pytest.raises(PeerFault):
        seat.welcome(welcome(schema=[1, 2], seat=9), resuming=True)
    assert (seat.seat, seat.token) == (3, TOKEN)
