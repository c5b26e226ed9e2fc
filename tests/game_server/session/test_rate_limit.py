"""Rate limits: an honest client meets none, whatever its network does; a flood meets one at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game_server.session.rate_limit import NS_PER_S, RateLimits, TokenBucket, allowances
from protocol.codec import CLIENT_FRAME_BYTES_MAX
from protocol.errors import PeerFault, UsageFault
from protocol.messages import Ack, CommandFrame, EventAck, Hello, InputFrame, Message, Resync

HELLO = Hello(0, 0, -1, -1, 0, 0)
INPUT = InputFrame(0, 5, 1, 0, [1])
COMMAND = CommandFrame(1, 0, ["hi"])
RATES = (1, 10, 20, 60, 240)


def send(limits: RateLimits, message: Message, now_ns: int, frame_bytes: int = 30) -> None:
    limits.frame(frame_bytes, now_ns)
    limits.message(message, now_ns)


@given(
    st.integers(1, 500),
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 5)), max_size=200),
)
def test_no_span_of_time_yields_more_than_burst_and_rate(rate: int, burst: int, takes: list[tuple[int, int]]) -> None:
    bucket, now_ns, taken = TokenBucket(rate, burst), 0, []
    for pause_ns, n in takes:
        now_ns += pause_ns
        if bucket.take(n, now_ns):
            taken.append((now_ns, n))
    for start in range(len(taken)):
        total = 0
        for at_ns, n in taken[start:]:
            total += n
            gained = (at_ns - taken[start][0]) // (NS_PER_S // rate)
            assert total <= burst + gained + 1


@given(st.integers(1, 500), st.integers(1, 50))
def test_a_bucket_gives_its_burst_and_then_its_rate(rate: int, burst: int) -> None:
    bucket = TokenBucket(rate, burst)
    assert bucket.take(burst, 0) and not bucket.take(1, 0)
    each_ns = NS_PER_S // rate
    assert bucket.wait_ns(1, 0) == each_ns
    assert not bucket.take(1, each_ns - 1)
    assert bucket.take(1, each_ns) and not bucket.take(1, each_ns)


def test_a_refused_take_takes_nothing() -> None:
    bucket = TokenBucket(10, 5)
    assert not bucket.take(6, 0)
    assert bucket.is_full(0) and bucket.take(5, 0)


def test_a_bucket_fills_to_its_burst_and_no_further() -> None:
    bucket = TokenBucket(10, 5)
    bucket.take(5, 0)
    assert not bucket.is_full(NS_PER_S // 2 - 1) and bucket.is_full(NS_PER_S // 2)
    assert bucket.take(5, 100 * NS_PER_S) and not bucket.take(1, 100 * NS_PER_S)


def test_the_clock_may_begin_anywhere() -> None:
    assert TokenBucket(1, 1).take(1, -(10**18)) and TokenBucket(1, 1).wait_ns(1, -(10**18)) == 0


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (NS_PER_S + 1, 1)])
def test_a_bucket_that_cannot_be_is_the_callers_bug(rate: int, burst: int) -> None:
    with pytest.raises(UsageFault):
        TokenBucket(rate, burst)


@pytest.mark.parametrize("rate", RATES)
def test_a_player_who_was_held_back_for_five_seconds_passes(rate: int) -> None:
    limits, now_ns = RateLimits(rate), 0
    send(limits, HELLO, now_ns)
    for _ in range(2):
        for _ in range(10 * rate):
            now_ns += NS_PER_S // rate
            send(limits, INPUT, now_ns, 100)
        now_ns += 5 * NS_PER_S
        for _ in range(5 * rate):
            send(limits, INPUT, now_ns, 100)
        for _ in range(rate):
            now_ns += NS_PER_S // rate
            send(limits, INPUT, now_ns, 100)


@pytest.mark.parametrize("rate", RATES)
def test_a_spectator_who_was_held_back_for_five_seconds_passes(rate: int) -> None:
    limits, now_ns = RateLimits(rate), 0
    send(limits, HELLO, now_ns)
    for _ in range(5 * rate):
        send(limits, Ack(1), now_ns)
    for _ in range(5 * rate):
        now_ns += NS_PER_S // rate
        send(limits, Ack(1), now_ns)


@pytest.mark.parametrize("rate", RATES)
def test_a_resume_sends_256_large_commands_and_256_event_acks_and_the_inputs_of_a_stall(rate: int) -> None:
    limits = RateLimits(rate)
    send(limits, HELLO, 0)
    for _ in range(256):
        send(limits, COMMAND, 0, CLIENT_FRAME_BYTES_MAX)
        send(limits, EventAck(1), 0)
    for _ in range(5 * rate):
        send(limits, INPUT, 0, 256)
    send(limits, Resync(-1, 0), 0)


@pytest.mark.parametrize("rate", RATES)
def test_a_game_that_emits_events_without_end_costs_its_players_nothing(rate: int) -> None:
    limits = RateLimits(rate)
    # The client library acknowledges all events of 50 ms with one frame.
    for n in range(60 * 20):
        send(limits, EventAck(1), n * NS_PER_S // 20)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("message", [INPUT, Ack(1), COMMAND, Resync(-1, 0), EventAck(1)])
def test_fifty_thousand_a_second_are_caught_within_a_tenth_of_a_second(rate: int, message: Message) -> None:
    limits = RateLimits(rate)
    with pytest.raises(PeerFault) as caught:
        for n in range(5000):
            send(limits, message, n * NS_PER_S // 50_000)
    assert (caught.value.close_code, caught.value.cause) == (1008, "rate")
    assert "a second are allowed" in caught.value.reason


def test_the_sentence_names_the_message_and_its_limit() -> None:
    limits = RateLimits(20)
    with pytest.raises(PeerFault, match="too many INPUT frames: 40 a second are allowed, 120 at once"):
        for _ in range(121):
            send(limits, INPUT, 0)
    limits = RateLimits(20)
    with pytest.raises(PeerFault, match="too many COMMAND frames: 40 a second are allowed, 320 at once"):
        for _ in range(321):
            send(limits, COMMAND, 0)


def test_what_never_decodes_is_limited_by_frames_and_by_bytes() -> None:
    limits = RateLimits(20)
    with pytest.raises(PeerFault, match="too many frames"):
        for _ in range(2000):
            limits.frame(1, 0)
    limits = RateLimits(240)
    with pytest.raises(PeerFault, match="too many bytes"):
        for _ in range(600):
            limits.frame(CLIENT_FRAME_BYTES_MAX, 0)


def test_ten_control_frames_a_second_pass_and_a_ping_flood_does_not() -> None:
    limits, now_ns = RateLimits(20), 0
    for _ in range(20):
        limits.control_frame(now_ns)
    for _ in range(100):
        now_ns += NS_PER_S // 10
        limits.control_frame(now_ns)
    with pytest.raises(PeerFault, match="too many control frames"):
        limits.control_frame(now_ns)


def test_fragments_count_as_frames_and_bring_no_bytes() -> None:
    limits = RateLimits(20)
    for _ in range(allowances(20, 1.0).frames.burst - 1):
        limits.fragment(0)
    limits.frame(CLIENT_FRAME_BYTES_MAX, 0)
    with pytest.raises(PeerFault, match="too many frames"):
        limits.fragment(0)
    limits.forgive(1)
    limits.fragment(0)
    RateLimits(20, 0).fragment(0)


def test_a_factor_scales_and_zero_switches_off() -> None:
    for factor, passing in ((1.0, 120), (2.0, 240), (0.5, 60), (0.0001, 1)):
        limits = RateLimits(20, factor)
        for _ in range(passing):
            limits.message(INPUT, 0)
        with pytest.raises(PeerFault):
            limits.message(INPUT, 0)
    off = RateLimits(20, 0)
    for _ in range(10_000):
        send(off, INPUT, 0, CLIENT_FRAME_BYTES_MAX)
        off.control_frame(0)
    RateLimits(240, 1e9)
    with pytest.raises(UsageFault):
        RateLimits(20, -1)


def test_connections_share_no_bucket() -> None:
    one, other = RateLimits(20), RateLimits(20)
    for _ in range(120):
        one.message(INPUT, 0)
    other.message(INPUT, 0)


def flood(limits: RateLimits, now_ns: int) -> None:
    for _ in range(2000):
        send(limits, INPUT, now_ns, CLIENT_FRAME_BYTES_MAX)
        limits.control_frame(now_ns)


def test_what_comes_while_forgiven_is_not_counted_and_the_limits_hold_again_after_it() -> None:
    limits = RateLimits(20)
    limits.forgive(NS_PER_S)
    flood(limits, NS_PER_S - 1)
    for _ in range(120):
        send(limits, INPUT, NS_PER_S)
    with pytest.raises(PeerFault, match="too many INPUT frames"):
        send(limits, INPUT, NS_PER_S)


def test_forgiving_fills_no_bucket() -> None:
    limits = RateLimits(20)
    for _ in range(120):
        send(limits, INPUT, 0)
    limits.forgive(1)
    flood(limits, 0)
    with pytest.raises(PeerFault, match="too many INPUT frames"):
        send(limits, INPUT, 1)


def test_of_two_forgivings_the_later_holds_on_a_clock_that_begins_anywhere() -> None:
    limits, begin_ns = RateLimits(20), -(10**18)
    limits.forgive(begin_ns + 2)
    limits.forgive(begin_ns + 1)
    flood(limits, begin_ns + 1)
    with pytest.raises(PeerFault):
        flood(limits, begin_ns + 2)


def test_limits_that_are_off_can_be_forgiven_too() -> None:
    limits = RateLimits(20, 0)
    limits.forgive(1)
    flood(limits, 2)
