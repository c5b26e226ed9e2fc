"""The heartbeat: pings in time, pongs however late, and an end for who is gone."""

from random import Random

import pytest

from game_server.session.heartbeat import (
    MISSED_MAX,
    PAYLOAD_BYTES,
    REMEMBERED,
    GiveUp,
    Heartbeat,
    PongCame,
    RoundTrip,
    SendPing,
    Unasked,
)  # fmt: skip

S = 1_000_000_000
EVERY = 4 * S


def born(now_ns: int = 0) -> Heartbeat:
    return Heartbeat(EVERY, now_ns, Random(1))


def ping(heart: Heartbeat, now_ns: int) -> bytes:
    """Let the ping that is due at `now_ns` be sent; return its payload."""
    assert heart.deadline_ns == now_ns
    heart.advance(now_ns)
    (effect,) = heart.effects()
    assert isinstance(effect, SendPing)
    return effect.payload


def pong(heart: Heartbeat, payload: bytes, now_ns: int) -> object:
    heart.handle(PongCame(payload), now_ns)
    (effect,) = heart.effects()
    return effect


def test_the_first_ping_is_due_at_once_and_the_next_ones_every_period() -> None:
    heart = born(7)
    first = ping(heart, 7)
    assert len(first) == PAYLOAD_BYTES
    assert pong(heart, first, 8) == RoundTrip(1)
    assert ping(heart, 7 + EVERY) != first


def test_before_a_ping_is_due_nothing_happens() -> None:
    heart = born()
    ping(heart, 0)
    heart.advance(EVERY - 1)
    assert heart.effects() == []


def test_two_pings_without_an_answer_are_the_end() -> None:
    heart = born()
    for n in range(MISSED_MAX):
        ping(heart, n * EVERY)
    heart.advance(MISSED_MAX * EVERY)
    assert heart.effects() == [GiveUp()]
    assert heart.deadline_ns is None
    heart.advance(99 * EVERY)
    assert heart.effects() == []


@pytest.mark.parametrize("late_ns", [S // 10, EVERY - 1, EVERY + S // 2, 2 * EVERY - 1])
def test_a_peer_whose_pongs_come_late_lives_on_and_its_round_trip_is_what_it_is(late_ns: int) -> None:
    heart = born()
    coming: list[tuple[int, bytes]] = []
    answered = 0
    for n in range(100):
        now_ns = n * EVERY
        while coming and coming[0][0] < now_ns:
            at_ns, payload = coming.pop(0)
            assert pong(heart, payload, at_ns) == RoundTrip(late_ns)
            answered += 1
        coming.append((now_ns + late_ns, ping(heart, now_ns)))
    assert answered >= 98


def test_a_pong_of_a_later_ping_answers_those_before_it() -> None:
    heart = born()
    first, second = ping(heart, 0), ping(heart, EVERY)
    assert pong(heart, second, EVERY + 5) == RoundTrip(5)
    assert pong(heart, first, EVERY + 6) == Unasked()
    for n in (2, 3):
        ping(heart, n * EVERY)


def test_an_earlier_ping_leaves_the_later_one_unanswered() -> None:
    heart = born()
    first, second = ping(heart, 0), ping(heart, EVERY)
    assert pong(heart, first, EVERY + 5) == RoundTrip(EVERY + 5)
    ping(heart, 2 * EVERY)
    assert pong(heart, second, 2 * EVERY + 1) == RoundTrip(EVERY + 1)


def test_what_answers_no_ping_or_answers_it_again_keeps_nobody_alive() -> None:
    heart = born()
    assert pong(heart, b"", 0) == Unasked()
    payload = ping(heart, 0)
    assert pong(heart, payload, 1) == RoundTrip(1)
    assert pong(heart, payload, 2) == Unasked()
    ping(heart, EVERY)
    ping(heart, 2 * EVERY)
    assert pong(heart, b"none", 2 * EVERY) == Unasked()
    assert pong(heart, b"", 2 * EVERY) == Unasked()
    heart.advance(3 * EVERY)
    assert heart.effects() == [GiveUp()]


def test_when_the_process_itself_stood_still_the_peer_gets_one_ping_more() -> None:
    heart = born()
    ping(heart, 0)
    second = ping(heart, EVERY)
    heart.advance(3 * EVERY)
    (effect,) = heart.effects()
    assert isinstance(effect, SendPing)
    assert pong(heart, second, 3 * EVERY + 1) == RoundTrip(2 * EVERY + 1)
    heart = born()
    for n in range(MISSED_MAX):
        ping(heart, n * EVERY)
    heart.advance(10 * EVERY)
    heart.effects()
    heart.advance(11 * EVERY)
    assert heart.effects() == [GiveUp()], "once"


def test_what_is_remembered_is_bounded_however_often_the_process_stands_still() -> None:
    heart = born()
    payloads = []
    for n in range(20):
        heart.advance(3 * n * EVERY)
        payloads += [each.payload for each in heart.effects() if isinstance(each, SendPing)]
    assert len(payloads) == 20
    assert [pong(heart, each, 60 * EVERY) for each in payloads[:-REMEMBERED]] == [Unasked()] * (20 - REMEMBERED)
    assert isinstance(pong(heart, payloads[-REMEMBERED], 60 * EVERY), RoundTrip)
