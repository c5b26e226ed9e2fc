from itertools import pairwise
from random import Random

from game_client.reconnect import Reconnect
from protocol.close_codes import Return

MS = 1_000_000


def dials_ms(reconnect: Reconnect, returns: Return, count: int) -> list[float]:
    """When each dial happens if every one fails at once, from the loss on."""
    now_ns = reconnect.lost(returns, 0)
    dials = []
    for _ in range(count):
        reconnect.count_dial()
        dials.append(now_ns / MS)
        now_ns = reconnect.failed(returns, now_ns)
    return dials


def test_a_lost_socket_is_dialled_at_once_then_every_250_ms_for_3_s_then_rarely(seed: int) -> None:
    dials = dials_ms(Reconnect(Random(seed)), Return.AT_ONCE, 40)
    assert dials[0] == 0
    soon = [b - a for a, b in pairwise(dials) if a < 3000]
    assert all(200 <= gap <= 300 for gap in soon)
    assert 10 <= len(soon) <= 16
    later = [b - a for a, b in pairwise(dials) if a >= 3000]
    assert all(50 <= gap <= 30_000 for gap in later)
    assert max(later) > 5_000


def test_dials_beside_each_other_keep_the_same_time(seed: int) -> None:
    reconnect = Reconnect(Random(seed))
    now_ns, dials = reconnect.lost(Return.AT_ONCE, 0), []
    for _ in range(40):
        dials.append(now_ns / MS)
        now_ns = reconnect.beside(now_ns, 0)
    soon = [b - a for a, b in pairwise(dials) if a < 3000]
    assert all(200 <= gap <= 300 for gap in soon)
    later = [b - a for a, b in pairwise(dials) if a >= 3000]
    assert all(50 <= gap <= 30_000 for gap in later)
    assert max(later) > 5_000


def test_a_dial_beside_another_waits_for_a_round_trip(seed: int) -> None:
    reconnect = Reconnect(Random(seed))
    reconnect.lost(Return.AT_ONCE, 0)
    assert 800 * MS <= reconnect.beside(0, 1000 * MS) <= 1200 * MS


def test_a_server_error_is_returned_to_with_backoff_only(seed: int) -> None:
    firsts = [dials_ms(Reconnect(Random(seed + k)), Return.BACKOFF, 1)[0] for k in range(200)]
    assert 50 <= min(firsts) < 100
    assert 400 < max(firsts) <= 500


def test_backoff_grows_with_full_jitter_up_to_30_s(seed: int) -> None:
    tenth = []
    for k in range(200):
        dials = dials_ms(Reconnect(Random(seed + k)), Return.BACKOFF, 11)
        tenth.append(dials[-1] - dials[-2])
    assert 20_000 < max(tenth) <= 30_000
    assert min(tenth) < 3_000


def test_an_attempt_doubles_the_backoff_once_whether_it_is_refused_or_not(seed: int) -> None:
    waits = []
    for k in range(200):
        reconnect = Reconnect(Random(seed + k))
        now_ns = reconnect.lost(Return.BACKOFF, 0)
        for _ in range(3):
            reconnect.beside(now_ns, 0)
            now_ns = reconnect.failed(Return.BACKOFF, now_ns, beside=True)
        waits.append(reconnect.failed(Return.BACKOFF, 0, beside=True) / MS)
    assert 3_000 < max(waits) <= 4_000  # 500 ms * 2 ** 3


def test_a_servers_retry_after_is_waited_for_and_those_sent_away_together_come_back_apart(seed: int) -> None:
    for returns in (Return.AT_ONCE, Return.BACKOFF):
        backs = [Reconnect(Random(seed + k)).lost(returns, 0, retry_after_ms=7000) for k in range(200)]
        assert min(backs) > 7000 * MS
        assert max(backs) - min(backs) > 300 * MS


def test_being_told_to_come_later_ends_the_dials_that_are_soon(seed: int) -> None:
    for returns, retry_after_ms in ((Return.BACKOFF, 0), (Return.AT_ONCE, 1)):
        reconnect = Reconnect(Random(seed))
        reconnect.lost(Return.AT_ONCE, 0)
        waits = [reconnect.failed(returns, 0, retry_after_ms), *(reconnect.beside(0, 0) for _ in range(12))]
        assert max(waits) > 1000 * MS


def test_five_good_seconds_forget_the_attempts_and_less_does_not() -> None:
    reconnect = Reconnect(Random(1))
    dials_ms(reconnect, Return.AT_ONCE, 5)
    assert reconnect.attempt == 5
    reconnect.connected_for(4_900 * MS)
    assert reconnect.attempt == 5
    reconnect.connected_for(5_000 * MS)
    assert reconnect.attempt == 0
    assert reconnect.lost(Return.AT_ONCE, 99) == 99


def test_a_connection_that_was_live_for_less_begins_the_three_seconds_anew(seed: int) -> None:
    reconnect = Reconnect(Random(seed))
    dials_ms(reconnect, Return.AT_ONCE, 30)
    reconnect.connected_for(1_000 * MS)
    now_ns = 100_000 * MS
    assert 200 * MS <= reconnect.lost(Return.AT_ONCE, now_ns) - now_ns <= 300 * MS


def test_a_server_that_accepts_and_drops_is_not_dialled_every_250_ms_for_ever(seed: int) -> None:
    reconnect, now_ns, dials = Reconnect(Random(seed)), 0, 0
    while now_ns < 600_000 * MS:
        now_ns = reconnect.lost(Return.AT_ONCE, now_ns) + 100 * MS
        reconnect.connected_for(100 * MS)
        dials += 1
    assert dials < 90  # 13 in the first 3 s, then about one in 15 s


def test_a_clients_very_first_dial_is_no_attempt() -> None:
    reconnect = Reconnect(Random(1))
    reconnect.count_dial()
    assert reconnect.attempt == 0
