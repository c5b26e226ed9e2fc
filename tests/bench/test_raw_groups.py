"""Many raw clients at once, in small."""

import asyncio
from collections.abc import Iterator
from time import monotonic
from types import SimpleNamespace

import pytest

from bench.raw_clients import Idler
from bench.raw_groups import Returned, Window, _note, address, cut_all, join_all, leave_all, percentile
from bench.raw_socket import Request, run_loop
from bench.serving import serve
from demo_client.children import Children, ServerChild


@pytest.fixture(scope="module")
def server() -> Iterator[ServerChild]:
    with Children() as children:
        yield serve(children, "bench.games:Busy")


def maker(server: ServerChild):
    return lambda n: Idler(Request(server.url(), f"idler-{n}", 1), address=address(n))


def test_clients_are_spread_over_addresses_and_join_no_faster_than_they_may(server: ServerChild) -> None:
    async def join() -> tuple[float, set[str]]:
        began = monotonic()
        idlers = await join_all(maker(server), 5, per_s=10.0)
        took = monotonic() - began
        peers = {each.transport.get_extra_info("sockname")[0] for each in idlers}
        assert all(each.live for each in idlers)
        await leave_all(idlers)
        assert not any(each.live for each in idlers)
        return took, peers

    took, peers = run_loop(join())
    assert took >= 0.4
    assert peers == {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}


def test_all_that_are_cut_come_back_to_their_seats(server: ServerChild) -> None:
    async def storm() -> tuple[Returned, int]:
        idlers = await join_all(maker(server), 10)
        while not all(each.states > 3 for each in idlers):
            await asyncio.sleep(0.05)
        result, back = await cut_all(idlers, within_s=10.0)
        live = sum(each.live for each in back)
        await leave_all(back)
        return result, live

    result, live = run_loop(storm())
    assert (result.count, len(result.welcomed_s), live) == (10, 10, 10)
    assert (result.seats_lost, result.never, result.refused.total()) == (0, 0, 0)
    assert result.delta_share == 1.0
    assert 0 < max(result.stated_s) < 10


def test_a_seat_that_is_not_given_back_is_counted_as_lost(server: ServerChild) -> None:
    async def storm() -> Returned:
        idlers = await join_all(maker(server), 2)
        assert all(each.welcome is not None for each in idlers)
        welcome = idlers[0].welcome
        assert welcome is not None
        # A token that nobody signed.
        object.__setattr__(welcome, "resume_token", welcome.resume_token[:-4] + "AAAA")
        result, back = await cut_all(idlers, within_s=5.0)
        await leave_all(back)
        return result

    result = run_loop(storm())
    assert result.seats_lost == 1
    assert result.refused == {"status 403": 1}
    assert len(result.welcomed_s) == 1


async def idler(states: int, state_s: float) -> Idler:
    made = Idler(Request("ws://127.0.0.1:1/"))
    made.states, made.state_s = states, state_s
    return made


async def test_rates_are_reckoned_from_state_to_state_one_interval_from_the_end_at_most() -> None:
    one, silent = await idler(5, 10.0), await idler(0, 0.0)
    window, both = Window([one], 20.0, began_s=10.02), Window([one, silent], 20.0, began_s=10.02)
    one.states, one.state_s = 25, 11.0
    assert window.close(11.04).state_hz == 20.0
    assert both.close(11.04).state_hz == 10.0


async def test_one_who_falls_silent_has_no_good_rate_and_a_long_gap() -> None:
    one = await idler(5, 10.0)
    window = Window([one], 20.0, began_s=10.0)
    one.states, one.state_s = 25, 11.0
    heard = window.close(20.05)
    assert heard.state_hz == pytest.approx(2.0)
    assert heard.gap_s == pytest.approx(9.05)


async def test_the_longest_gap_is_that_of_the_window_of_any_client() -> None:
    one, two = await idler(5, 10.0), await idler(5, 10.0)
    one.gap_max_s = 7.0
    window = Window([one, two], 20.0, began_s=10.0)
    one.state_s = two.state_s = 11.0
    two.gap_max_s = 0.4
    assert window.close(11.01).gap_s == 0.4


async def test_one_who_is_welcomed_and_never_told_a_state_is_not_back() -> None:
    old, new = await idler(5, 10.0), await idler(0, 0.0)
    old.welcome = new.welcome = SimpleNamespace(seat=1, epoch=1)  # type: ignore[assignment]
    result = Returned(1)
    await _note(new, old, 0.0, 0.01, result)
    assert (len(result.welcomed_s), len(result.stated_s), result.never) == (1, 0, 1)


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentile(range(1, 101), 99) == 99
    assert percentile([], 99) == 0.0
