"""The part of following a match that has no socket; its conversations are in test_session.py."""

from __future__ import annotations

import pytest

from game_client.facts import EventCame, StateApplied
from game_client.following import EVENT_ACK_AFTER_NS, Following
from game_client.resume import HeldSeat
from game_client.stats import ClientStats
from protocol.errors import PeerFault
from protocol.messages import Ack, EventAck, EventFrame, Resync
from tests.game_client.frames import MS, RATE_HZ, keyframe, state, welcome


@pytest.fixture
def following() -> Following:
    """One that has its first keyframe, at time 0."""
    held = HeldSeat()
    held.welcome(welcome(), resuming=False)
    made = Following(held, ClientStats())
    made.begin_seat(RATE_HZ)
    made.hear_keyframe(keyframe(), 0)
    made.outbox.clear()
    return made


def test_a_state_is_told_and_acknowledged_after_100_ms(following: Following) -> None:
    assert following.hear_state(state(101), 5)
    assert following.outbox == [StateApplied(101, state(101))]
    assert following.deadline_ns == 100 * MS
    following.advance(100 * MS)
    assert following.outbox[1:] == [Ack(101)]
    assert following.deadline_ns is None


def test_a_state_that_does_not_fit_is_asked_for_again_and_a_new_socket_asks_anew(following: Following) -> None:
    assert not following.hear_state(state(102), 5)
    assert not following.hear_state(state(103), 6)
    assert following.outbox == [Resync(100, 0)]
    following.begin_socket()
    assert not following.hear_state(state(104), 7)
    assert following.outbox == [Resync(100, 0), Resync(100, 0)]


def test_a_new_socket_forgets_the_inputs_and_acknowledgements_under_way(following: Following) -> None:
    following.hear_state(state(101), 5)
    following.begin_socket()
    assert following.deadline_ns is None


def test_an_event_is_told_once_and_kept_until_taken(following: Following) -> None:
    for _ in range(2):
        following.hear_event(EventFrame(1, 100, 0, [5]), 5)
    assert [type(each) for each in following.outbox] == [EventCame]
    assert len(following.events) == 1


def test_a_burst_of_events_is_acknowledged_at_once_and_so_is_one_that_came_again(following: Following) -> None:
    for sequence in range(1, 400):
        following.hear_event(EventFrame(sequence, 100, 0, [5]), 5)
    following.advance(5 + EVENT_ACK_AFTER_NS - 1)
    assert not [each for each in following.outbox if isinstance(each, EventAck)]
    assert following.deadline_ns == 5 + EVENT_ACK_AFTER_NS
    following.advance(5 + EVENT_ACK_AFTER_NS)
    following.hear_event(EventFrame(1, 100, 0, [5]), 10**9)
    following.advance(2 * 10**9)
    assert [each for each in following.outbox if isinstance(each, EventAck)] == [EventAck(399), EventAck(399)]


def test_an_event_that_the_schema_does_not_know_is_the_servers_fault(following: Following) -> None:
    with pytest.raises(PeerFault, match="event kind 9"):
        following.hear_event(EventFrame(1, 100, 9, []), 5)
