"""The window of events of one seat."""

from hypothesis import given
from hypothesis import strategies as st

from game_server.sim.event_queue import EVENTS_BYTES_MAX, EVENTS_BYTES_SMALL, EVENTS_KEPT_LEAST, SLICE_BYTES, EventQueue
from protocol.codec import decode, event_tail
from protocol.messages import EventFrame
from protocol.rows import Direction

EVERYTHING = 10**9


def sequences(frames: list[bytes]) -> list[int]:
    messages = [decode(each, Direction.TO_CLIENT) for each in frames]
    return [each.sequence for each in messages if isinstance(each, EventFrame)]


def queue_of(count: int, text: str = "") -> EventQueue:
    queue = EventQueue()
    for tick in range(count):
        queue.add(event_tail(tick, 0, [text]))
    return queue


def test_events_leave_once_and_stay_until_they_are_acknowledged() -> None:
    queue = queue_of(3)
    assert sequences(queue.take_unsent()) == [1, 2, 3] and queue.take_unsent() == []
    assert queue.outstanding and queue.acknowledge(2) and not queue.acknowledge(2)
    assert queue.resume(2) == 2
    assert sequences(queue.take_unsent()) == [3]
    assert queue.acknowledge(3) and not queue.outstanding and queue.kept_bytes == 0


def test_an_acknowledgement_of_what_was_never_sent_is_not_believed() -> None:
    queue = queue_of(2)
    assert not queue.acknowledge(1)
    queue.take_unsent()
    assert not queue.acknowledge(3) and queue.acknowledge(2)


def test_a_backlog_leaves_in_slices_and_a_large_event_by_itself() -> None:
    queue = queue_of(3, "x" * (SLICE_BYTES // 2))
    assert [sequences(queue.take_unsent()) for _ in range(4)] == [[1], [2], [3], []]
    large = queue_of(2, "x" * (2 * SLICE_BYTES))
    assert [sequences(large.take_unsent()) for _ in range(3)] == [[1], [2], []]


def test_many_small_events_are_kept_and_many_bytes_are_not() -> None:
    small = queue_of(4 * EVENTS_KEPT_LEAST)
    assert not small.trim() and len(small) == 4 * EVENTS_KEPT_LEAST
    middling = queue_of(EVENTS_KEPT_LEAST + 100, "x" * 400)
    middling.take_unsent(EVERYTHING)
    assert not middling.trim() and len(middling) == EVENTS_KEPT_LEAST
    assert middling.kept_bytes > EVENTS_BYTES_SMALL
    large = queue_of(100, "x" * 10_000)
    large.take_unsent(EVERYTHING)
    assert not large.trim() and large.kept_bytes <= EVENTS_BYTES_MAX


def test_forgetting_what_was_never_sent_is_told() -> None:
    queue = queue_of(100, "x" * 10_000)
    assert queue.trim() and not queue.trim()
    assert sequences(queue.take_unsent(EVERYTHING))[0] == queue.forgotten + 1


def test_a_resume_goes_on_where_the_client_stands_or_where_it_can() -> None:
    queue = queue_of(100, "x" * 10_000)
    queue.take_unsent(EVERYTHING)
    queue.acknowledge(10)
    queue.trim()
    assert queue.forgotten > 50
    assert [queue.resume(last) for last in (0, 10)] == [queue.forgotten, queue.forgotten]
    queue.take_unsent(EVERYTHING)
    assert queue.resume(90) == 90
    queue.take_unsent(EVERYTHING)
    assert queue.resume(5000) == 100


@given(st.lists(st.sampled_from(["add", "send", "acknowledge", "lose"]), max_size=400))
def test_a_client_gets_every_event_once_and_in_order_however_often_it_is_cut(steps: list[str]) -> None:
    queue, held, added = EventQueue(), 0, 0
    on_the_way: list[int] = []
    for step in steps:
        match step:
            case "add":
                added += 1
                queue.add(event_tail(added, 0, []))
            case "send":
                on_the_way += sequences(queue.take_unsent())
            case "acknowledge":
                for sequence in on_the_way:
                    assert sequence == held + 1
                    held = sequence
                on_the_way = []
                queue.acknowledge(held)
            case "lose":
                on_the_way = []
                assert queue.resume(held) == held
        assert not queue.trim()
    on_the_way += sequences(queue.take_unsent())
    assert on_the_way == list(range(held + 1, added + 1))
