"""Admission: who may connect, and what one address can cost the others."""

from itertools import count
from random import Random
from typing import Any

import pytest

from game_server.session.addresses import Networks
from game_server.session.admission import NODE_BURST_S, Admission, Verdict

NS_PER_S = 1_000_000_000
ADA, BO, PROXY = "192.0.2.1", "192.0.2.2", "10.0.0.1"


def admission(**limits: Any) -> Admission[int]:
    chosen: dict[str, Any] = {
        "connections_max": 100,
        "connections_per_ip_max": 8,
        "handshakes_per_second_max": 1000,
        "handshakes_per_ip_per_second_max": 4,
        "unauthenticated_max": 50,
    }
    return Admission(**{**chosen, **limits})


def come(door: Admission[int], address: str, times: int, now_ns: int = 0, first: int = 0) -> list[Verdict[int]]:
    return [door.accept(first + n, address, now_ns) for n in range(times)]


def test_a_first_socket_is_let_in() -> None:
    door = admission()
    verdict = door.accept(1, ADA, 0)
    assert verdict.admitted and verdict.evict is None
    assert (door.open, door.unauthenticated) == (1, 1)


def test_an_address_holds_so_many_sockets_and_gets_one_back_when_one_ends() -> None:
    door = admission()
    assert all(each.admitted for each in come(door, ADA, 8))
    refused = door.accept(8, ADA, 10 * NS_PER_S)
    assert (refused.reason, refused.status) == ("address_full", 429) and refused.retry_after_s >= 1
    assert door.accept(9, BO, 10 * NS_PER_S).admitted
    door.closed(0, 10 * NS_PER_S)
    assert door.accept(10, ADA, 10 * NS_PER_S).admitted


def test_an_address_comes_so_often_and_waits_as_long_as_it_is_told() -> None:
    door = admission()
    for connection in range(8):
        assert door.accept(connection, ADA, 0).admitted
        door.closed(connection, 0)
    refused = door.accept(8, ADA, 0)
    assert (refused.reason, refused.status) == ("address_rate", 429) and "4 a second" in refused.sentence
    assert door.accept(9, ADA, refused.retry_after_s * NS_PER_S).admitted
    assert door.accept(10, BO, 0).admitted


def test_addresses_of_one_ipv6_network_share_their_limit() -> None:
    door = admission()
    assert all(door.accept(n, f"2001:db8::{n:x}", 0).admitted for n in range(8))
    assert not door.accept(8, "2001:db8::ffff", 0).admitted
    assert door.accept(9, "2001:db8:0:1::1", 0).admitted


def test_the_node_takes_in_so_many_a_second() -> None:
    door = admission(handshakes_per_second_max=10, unauthenticated_max=1000)
    verdicts = [door.accept(n, f"192.0.2.{n}", 0) for n in range(10 * NODE_BURST_S + 1)]
    assert [each.admitted for each in verdicts] == [True] * (10 * NODE_BURST_S) + [False]
    assert (verdicts[-1].reason, verdicts[-1].status) == ("rate", 503)
    assert door.accept(99, ADA, NS_PER_S).admitted


def test_an_address_over_its_limit_takes_nothing_from_the_others() -> None:
    door = admission(handshakes_per_second_max=10)
    come(door, ADA, 10_000)
    assert all(door.accept(20_000 + n, f"192.0.2.{n}", 0).admitted for n in range(10, 22))


def test_the_node_holds_so_many_sockets() -> None:
    door = admission(connections_max=3)
    assert all(door.accept(n, f"192.0.2.{n}", 0).admitted for n in range(3))
    refused = door.accept(3, ADA, 0)
    assert (refused.reason, refused.status, door.open) == ("full", 503, 3)


def test_the_oldest_unauthenticated_gives_way() -> None:
    door = admission(unauthenticated_max=3, connections_per_ip_max=100)
    come(door, ADA, 3)
    door.authenticated(0)
    verdicts = come(door, ADA, 3, first=3)
    assert [each.evict for each in verdicts] == [None, 1, 2]
    assert all(each.admitted for each in verdicts) and door.unauthenticated == 3
    assert door.open == 6, "who is evicted is open until it has been cut"
    door.closed(1, 0)
    assert door.open == 5


def test_slow_handshakes_cannot_keep_an_honest_client_out() -> None:
    door = admission(unauthenticated_max=512, connections_max=10_000, handshakes_per_second_max=1000,
                     unlimited_networks=Networks("192.0.2.1"))  # fmt: skip
    cut: set[int] = set()
    number = count()
    for ms in range(4000):
        slow = door.accept(next(number), ADA, ms * 1_000_000)
        if slow.evict is not None:
            cut.add(slow.evict)
            door.closed(slow.evict, ms * 1_000_000)
        if ms % 8 == 0:
            honest = next(number)
            verdict = door.accept(honest, f"198.51.{ms % 200}.{ms // 200}", ms * 1_000_000)
            if verdict.admitted:
                if verdict.evict is not None:
                    door.closed(verdict.evict, ms * 1_000_000)
                assert honest not in cut
                door.authenticated(honest)
    assert door.unauthenticated == 512


def test_unlimited_networks_have_no_limit_of_their_own_but_share_the_nodes() -> None:
    door = admission(unlimited_networks=Networks("127.0.0.0/8"), connections_max=60, unauthenticated_max=1000)
    assert all(each.admitted for each in come(door, "127.0.0.3", 60))
    assert door.accept(60, "127.0.0.3", 0).reason == "full"
    assert door.addresses == 0


def test_a_client_behind_a_proxy_is_judged_when_it_is_known() -> None:
    door = admission()
    for n in range(20):
        assert door.accept(n, PROXY, 0, proxied=True).admitted
    assert [door.identify(n, ADA, 0).admitted for n in range(9)] == [True] * 8 + [False]
    assert door.identify(9, ADA, 0).status == 429
    assert door.identify(10, BO, 0).admitted
    assert door.identify(0, BO, 0).admitted, "who is known is not judged again"
    door.closed(0, 10 * NS_PER_S)
    assert door.identify(11, ADA, 10 * NS_PER_S).admitted


def test_one_address_behind_a_proxy_takes_nothing_from_the_others() -> None:
    door = admission(handshakes_per_second_max=10, unauthenticated_max=1000)
    for n in range(5000):
        if door.accept(n, PROXY, 0, proxied=True).admitted:
            door.identify(n, ADA, 0)
            door.closed(n, 0)
    for n in range(12):
        assert door.accept(10_000 + n, PROXY, 0, proxied=True).admitted
        assert door.identify(10_000 + n, f"198.51.100.{n}", 0).admitted


def test_clients_behind_a_proxy_share_the_nodes_rate_and_its_room() -> None:
    door = admission(handshakes_per_second_max=5, connections_max=20, unlimited_networks=Networks("127.0.0.0/8"))
    verdicts = []
    for n in range(20):
        assert door.accept(n, PROXY, 0, proxied=True).admitted
        verdicts.append(door.identify(n, "127.0.0.1" if n % 2 else f"198.51.100.{n}", 0))
    assert [each.admitted for each in verdicts] == [True] * 10 + [False] * 10
    assert (verdicts[-1].reason, verdicts[-1].status) == ("rate", 503)
    assert door.accept(20, PROXY, 0, proxied=True).reason == "full"


def test_who_was_never_let_in_changes_nothing_when_it_ends() -> None:
    door = admission()
    for _ in range(2):
        door.closed(7, 0)
        door.authenticated(7)
    assert door.identify(7, ADA, 0).admitted
    assert (door.open, door.unauthenticated, door.addresses) == (0, 0, 0)


def test_an_address_is_forgotten_once_its_bucket_is_full_again() -> None:
    door = admission()
    come(door, ADA, 4)
    for n in range(4):
        door.closed(n, 0)
    assert door.addresses == 1
    door.accept(10, BO, 2 * NS_PER_S)
    assert door.addresses == 1, "only the one that is here"


def test_the_memory_of_addresses_is_bounded_and_the_oldest_is_forgotten() -> None:
    door = admission(addresses_max=10, connections_max=5, handshakes_per_ip_per_second_max=1)
    come(door, ADA, 5)
    for n in range(10_000):
        door.accept(n, f"198.{n >> 8 & 255}.{n & 255}.1", 0)
        assert door.addresses <= 1 + 10
    assert door.addresses == 1 + 10


def test_at_the_cap_an_address_that_was_forgotten_starts_anew() -> None:
    door = admission(addresses_max=1)
    for n in range(8):
        door.accept(n, ADA, 0)
        door.closed(n, 0)
    assert door.accept(8, ADA, 0).reason == "address_rate"
    door.accept(9, BO, 0)
    door.closed(9, 0)
    assert door.accept(10, ADA, 0).admitted


@pytest.mark.parametrize("run", range(5))
def test_counts_agree_with_what_is_open_whatever_happens(run: int, seed: int) -> None:
    random = Random(seed + run)
    door = admission(addresses_max=5, unauthenticated_max=6, connections_max=40)
    held: dict[int, str] = {}
    authenticated: set[int] = set()
    now_ns = 0
    for number in range(3000):
        now_ns += random.randrange(NS_PER_S // 10)
        address = f"192.0.2.{random.randrange(12)}"
        match random.randrange(4):
            case 0 | 1:
                verdict = door.accept(number, address, now_ns)
                if verdict.admitted:
                    held[number] = address
                if verdict.evict is not None:
                    assert verdict.evict in held and verdict.evict not in authenticated
                    del held[verdict.evict]
                    door.closed(verdict.evict, now_ns)
            case 2 if held:
                chosen = random.choice(list(held))
                authenticated.add(chosen)
                door.authenticated(chosen)
            case _ if held:
                chosen = random.choice(list(held))
                del held[chosen]
                authenticated.discard(chosen)
                door.closed(chosen, now_ns)
            case _:
                pass
        assert door.open == len(held) <= 40
        assert door.unauthenticated == len(held.keys() - authenticated) <= 6
        assert all(list(held.values()).count(each) <= 8 for each in set(held.values()))
        assert door.addresses <= len(set(held.values())) + 5
