"""Frames made of counted bytes."""

from game_server.replication.delta import Delta, join, keyframe_frame, state_frame
from protocol.codec import decode
from protocol.messages import Keyframe, State
from protocol.rows import Direction
from protocol.state_codec import fragment


def delta(gone: list[int], entered: list[int], changed: list[int]) -> Delta:
    return Delta.of([fragment([each]) for each in gone], [fragment(entered)], [fragment(changed)])


def test_a_state_frame_is_the_message_that_the_codec_knows() -> None:
    frame = state_frame(200_000, 199_990, 9, -3, delta([1, 2], [3, 0, 0, -1, 7], list(range(40))))
    assert decode(frame, Direction.TO_CLIENT) == State(200_000, 10, 9, -3, [1, 2], [3, 0, 0, -1, 7], list(range(40)))


def test_a_hash_ends_the_frame() -> None:
    message = decode(state_frame(5, 4, 0, 127, delta([], [], []), 2**32 - 1), Direction.TO_CLIENT)
    assert message == State(5, 1, 0, 127, [], [], [], 2**32 - 1)


def test_a_keyframe_frame_is_the_message_that_the_codec_knows() -> None:
    message = decode(keyframe_frame(7, 2, 16, -32, delta([], [1, 2, 3], []), 9), Direction.TO_CLIENT)
    assert message == Keyframe(7, 2, 16, -32, [1, 2, 3], 9)


def test_deltas_of_disjoint_views_join() -> None:
    empty, one, two = delta([], [], []), delta([1], [], [5, 1, 2]), delta([2], [9, 9], [])
    assert join([empty, one, empty]) is one
    assert join([empty, empty]).empty
    joined = join([one, two])
    assert decode(state_frame(3, 2, 0, 0, joined), Direction.TO_CLIENT) == State(3, 1, 0, 0, [1, 2], [9, 9], [5, 1, 2])
