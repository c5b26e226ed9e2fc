"""Each kind of raw client against a real server."""

import asyncio
from collections.abc import Iterator
from time import process_time

import pytest

from bench.raw_clients import Flooder, Idler, NeverReader, SlowHandshake, SlowReader, number_at
from bench.raw_groups import join_all, leave_all
from bench.raw_socket import Request, run_loop
from bench.serving import serve
from demo_client.children import Children, ServerChild
from protocol.codec import pack
from protocol.messages import State

MUCH = "entities=400 moving=400"


@pytest.fixture(scope="module")
def busy() -> Iterator[ServerChild]:
    with Children() as children:
        yield serve(children, "bench.games:Busy", options=MUCH, handshake_seconds=1)


@pytest.mark.parametrize("number", [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1])
def test_numbers_are_read_where_they_lie(number: int) -> None:
    assert number_at(b"\xff" + pack(number) + b"\xff", 1) == number


def test_an_idler_follows_the_match_and_costs_little(busy: ServerChild) -> None:
    async def idle() -> tuple[list[Idler], float]:
        idlers = await join_all(lambda n: Idler(Request(busy.url(), f"idler-{n}")), 20)
        cpu_s, states = process_time(), sum(each.states for each in idlers)
        await asyncio.sleep(1.0)
        us = 1e6 * (process_time() - cpu_s) / (sum(each.states for each in idlers) - states)
        assert all(each.live for each in idlers)
        await leave_all(idlers)
        return idlers, us

    idlers, us = run_loop(idle())
    # Unacknowledged, states would come four times a second.
    assert all(each.states > 12 for each in idlers)
    assert all(each.keyframes == 1 for each in idlers)
    assert min(each.last_tick for each in idlers) > 10
    # An interval is 50 ms: no mean gap is longer than the longest one.
    assert all(0.045 < each.gap_max_s < 1.0 for each in idlers)
    # 13 us on an idle machine; a busy one must not fail this.
    assert us < 250


def test_one_that_never_reads_is_cut_and_knows_how(busy: ServerChild) -> None:
    async def never_read() -> tuple[bool, float, str]:
        deaf = NeverReader(Request(busy.url(), "deaf"), receive_bytes=4096)
        assert await deaf.join()
        deaf.look()
        stood = not deaf.cut_s
        while busy.health()["connections"]:
            await asyncio.sleep(0.05)
        return stood, deaf.bytes_in, await deaf.read_rest(5.0)

    stood, bytes_in, how = run_loop(never_read())
    assert stood
    # WELCOME and what came with it, and no state of 1,600 bytes every 50 ms.
    assert bytes_in < 20_000
    assert how in ("reset", "end of stream", "closed 4008")


def test_a_slow_reader_stays_and_what_it_holds_is_coherent(busy: ServerChild) -> None:
    async def read_slowly() -> tuple[SlowReader, bool]:
        slow = SlowReader(Request(busy.url(), "slow"), bytes_per_s=16_000)
        assert await slow.join()
        await asyncio.sleep(4.0)
        live = slow.live
        slow.cut()
        return slow, live

    slow, live = run_loop(read_slowly())
    assert live
    assert (slow.faults, slow.fault) == (0, "")
    assert slow.hashes > 0 and slow.merged > 0
    assert slow.bytes_in / 4.0 < 30_000


def test_a_slow_reader_notices_a_state_that_does_not_fit(busy: ServerChild) -> None:
    async def read() -> SlowReader:
        slow = SlowReader(Request(busy.url(), "misled"), bytes_per_s=1_000_000)
        assert await slow.join()
        while not slow.states:
            await asyncio.sleep(0.02)
        assert slow.held is not None
        slow.held.tick -= 1
        before = slow.keyframes
        while slow.keyframes == before:
            await asyncio.sleep(0.02)
        slow.cut()
        return slow

    slow = run_loop(asyncio.wait_for(read(), 20))
    assert slow.faults >= 1
    assert "held is" in slow.fault


def test_a_flood_is_cut_and_an_honest_pace_is_not(busy: ServerChild) -> None:
    async def flood() -> tuple[Flooder, Flooder]:
        wild = Flooder(Request(busy.url(), "wild"), 50_000, values=(1,))
        calm = Flooder(Request(busy.url(), "calm"), 20, values=(1,))
        assert await wild.join() and await calm.join()
        await asyncio.gather(wild.flood(2.0), calm.flood(1.0))
        assert calm.live
        calm.cut()
        return wild, calm

    wild, calm = run_loop(flood())
    assert not wild.live
    assert wild.lived_s < 2.0
    assert wild.close_code in (1008, 1006)
    assert 10 < calm.sent <= 20


def test_a_slow_handshake_lives_no_longer_than_it_may(busy: ServerChild) -> None:
    async def shake() -> SlowHandshake:
        slow = SlowHandshake(Request(busy.url()), period_s=0.1)
        await slow.dial()
        assert await slow.wait_end(10)
        return slow

    slow = run_loop(shake())
    assert 0.8 < slow.lived_s < 5
    assert slow.welcome is None


def test_a_state_is_coherent_only_if_its_hash_agrees() -> None:
    from protocol.errors import PeerFault
    from protocol.schema import Schema
    from protocol.state_codec import WireState

    slow = SlowReader(Request("ws://127.0.0.1:1/"))
    slow.held = WireState(Schema())
    slow.held.tick = 4
    slow._apply(State(5, 1, 0, 0, [], [], [], slow.held.hash()))
    with pytest.raises(PeerFault, match="hash of tick 6"):
        slow._apply(State(6, 1, 0, 0, [], [], [], slow.held.hash() ^ 1))
    assert slow.hashes == 2
