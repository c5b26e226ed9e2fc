from itertools import pairwise
from random import Random

from game_client.reconnect import Reconnect
from protocol.close_codes import Return

MS = 1_000_000


def dials_ms(reconnect: Reconnect, returns: Return, count: int) -> list[float]:
    """When each dial happens if every one fails at once, from the loss on."""
    now_ns, dials = 0, []
    for _ in range(count):
        now_ns = reconnect.next_dial_ns(returns, now_ns)
        dials.append(now_ns / MS)
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


def test_a_servers_retry_after_is_waited_for() -> None:
    assert Reconnect(Random(1)).next_dial_ns(Return.AT_ONCE, 0, retry_after_ms=7000) == 7000 * MS


def test_five_good_seconds_forget_the_attempts_and_less_does_not() -> None:
    reconnect = Reconnect(Random(1))
    dials_ms(reconnect, Return.AT_ONCE, 5)
    reconnect.connected_for(4_900 * MS)
    assert reconnect.attempt == 5
    reconnect.connected_for(5_000 * MS)
    assert reconnect.attempt == 0
    assert reconnect.next_dial_ns(Return.AT_ONCE, 99) == 99
