from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from game_client import Client, JoinRefused, join
from game_client.facts import StateApplied
from protocol import UsageFault
from protocol.codec import encode
from protocol.messages import Refusal
from tests.game_client.shell.test_wire import listen
from tests.game_client.shell.tiny_server import Balls, Push, TinyServer


async def test_a_joined_client_sees_the_world_steers_and_hears_events() -> None:
    async with TinyServer() as server, join(server.url, name="Adé") as client:
        assert client.status.phase == "live"
        assert (client.seat, client.tick_rate_hz) == (0, 30)
        client.send_command("Chat", text="hello")
        client.send_input(dx=1, jump=2)
        seen = []
        async for tick in client.states():
            seen.append(tick)
            ball = client.world.owned(client.seat, "Ball")
            measured = client.stats.rtt_ms > 0 and len(client.stats.input_to_ack_ms) > 3
            if ball is not None and ball.x > 0.1 and len(seen) > 12 and measured:
                break
        assert (ball.name, ball.jumps) == ("Adé", 2)
        assert seen == sorted(set(seen))
        assert [event.kind for _, event in client.take_events()] == ["Arrived", "Said"]
        assert client.stats.bytes_up > 0
        assert client.stats.bytes_down > 0
        assert (client.stats.errors, client.stats.desyncs, client.stats.resyncs) == (0, 0, 0)
    assert client.status.phase == "closed"


async def test_inputs_arrive_in_time_for_their_ticks() -> None:
    async with TinyServer() as server, join(server.url, name="Ada") as client:
        client.send_input(Push(dx=1))
        async for _ in client.states():
            if server.match.counts.inputs > 40:
                break
    counts = server.match.counts
    # A busy machine holds some up, and their clock then sends others early; without a clock none is in time.
    assert counts.inputs_late + counts.inputs_early + counts.inputs_double < counts.inputs / 2


async def test_leaving_frees_the_seat() -> None:
    async with TinyServer() as server:
        async with join(server.url, name="Ada"):
            assert len(server.match.occupants) == 1
        while server.match.occupants:  # else the test's own time runs out
            await asyncio.sleep(0.01)


async def test_a_cut_socket_is_mended_by_itself() -> None:
    async with TinyServer() as server, join(server.url, name="Ada", rng=Random(1)) as client:
        server.cut()
        async for _ in client.states():
            if client.stats.reconnects == 1:
                break
        assert client.status.phase == "live"
        assert client.world.owned(client.seat, "Ball") is not None


async def test_a_match_that_is_over_ends_the_iterator() -> None:
    game = Balls()
    async with TinyServer(game) as server, join(server.url, name="Ada") as client:
        ticks = 0
        async for _ in client.states():
            ticks += 1
            client.send_input(dx=1)
            game.end()
        assert ticks > 0
        assert (client.status.phase, client.status.code) == ("closed", 1000)


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_an_http_refusal_is_a_clear_exception(status: int) -> None:
    async with TinyServer(deny=status) as server:
        with pytest.raises(JoinRefused, match=rf"not today \({status}\)") as caught:
            async with join(server.url, name="Ada"):
                pass
    assert (caught.value.code, caught.value.sentence) == (status, "not today")


async def test_a_full_match_is_a_clear_exception() -> None:
    class OneBall(Balls):
        seats_max = 1

    async with TinyServer(OneBall()) as server, join(server.url, name="Ada"):
        with pytest.raises(JoinRefused, match=r"all 1 seats are taken \(1013\)"):
            async with join(server.url, name="Ben"):
                pass


async def test_a_server_that_refuses_before_hello_is_heard() -> None:
    async def talk(socket: Any) -> None:
        await socket.send(encode(Refusal(1008, "not you", 0)))
        await socket.close(1008)

    server, url = await listen(talk)
    async with server:
        with pytest.raises(JoinRefused, match=r"not you \(1008\)"):
            async with join(url, name="Ada"):
                pass


async def test_an_address_where_nobody_listens_is_a_clear_exception() -> None:
    with pytest.raises(JoinRefused, match="cannot be reached"):
        async with join("ws://127.0.0.1:1/v1/match/1", name="Ada"):
            pass


async def test_a_patient_client_goes_on_dialling() -> None:
    client = Client("ws://127.0.0.1:1/v1/match/1", patient=True, rng=Random(1))
    starting = asyncio.create_task(client.start())
    while client.status.attempt < 3:
        await asyncio.sleep(0.01)
    assert client.status.phase == "dialling"
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await client.stop()
    assert client.status.phase == "closed"


async def test_what_a_callback_raises_surfaces_where_the_caller_waits() -> None:
    async with TinyServer() as server:
        client = Client(server.url, name="Ada")
        async with client:

            def fail(applied: StateApplied) -> None:
                raise ZeroDivisionError("in a callback")

            client.on_state = fail
            with pytest.raises(ZeroDivisionError, match="in a callback"):
                async for _ in client.states():
                    pass
            assert client.stats.errors > 0


async def test_a_wrong_field_is_refused_at_the_call() -> None:
    async with TinyServer() as server, join(server.url, name="Ada") as client:
        with pytest.raises(UsageFault, match="Push has no field 'dy'"):
            client.send_input(dy=1)
        with pytest.raises(UsageFault, match="no command 'Buy'"):
            client.send_command("Buy")
