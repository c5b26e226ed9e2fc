from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from game_client import Client, JoinRefused, join
from game_client.facts import StateApplied
from game_client.shell import driver as driver_module
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
        told: list[str] = []
        client.on_status = lambda status: told.append(status.phase)
        server.cut()
        async for _ in client.states():
            if client.stats.reconnects == 1:
                break
        assert client.status.phase == "live"
        assert (told[0], told[-1]) == ("reconnecting", "live")
        assert client.world.owned(client.seat, "Ball") is not None


async def until(client: Client, done: Any) -> None:
    """Follow the states until something is true."""
    async for _ in client.states():
        if done():
            return


async def test_a_cut_is_resumed_by_one_delta_and_queued_commands_arrive_once() -> None:
    async with TinyServer() as server, join(server.url, name="Ada", rng=Random(1)) as client:
        client.cut(0.3)
        await asyncio.sleep(0)
        client.send_command("Chat", text="while away")
        assert client.status.phase == "reconnecting"
        heard: list[Any] = []

        def said() -> bool:
            heard.extend(event.kind for _, event in client.take_events())
            return "Said" in heard

        await until(client, said)
        stats = client.stats
        assert (stats.resumed, stats.resumed_by_keyframe, stats.rejoined, stats.keyframes) == (1, 0, 0, 1)
        assert heard.count("Said") == 1
        assert len(stats.resume_ms) == 1
        assert server.credentials[0] == "Ada" and server.credentials[-1].startswith("tickwire-resume-1.")


async def test_a_server_that_falls_silent_is_dialled_beside_and_resumed() -> None:
    async with TinyServer() as server, join(server.url, name="Ada", rng=Random(1)) as client:
        server.deaf = True
        while client.status.phase != "reconnecting":
            # The test's server answers pings by itself; only a client that does not ask finds it silent.
            for measuring in client._measuring.values():
                measuring.cancel()
            await asyncio.sleep(0.01)
        assert "fell silent" in client.status.reason
        server.deaf = False
        await until(client, lambda: client.status.phase == "live")
        assert client.stats.rejoined == 0


async def test_a_match_that_knows_the_seat_no_more_is_joined_anew_with_the_callers_own_token() -> None:
    asked: list[str] = []

    async def ticket() -> str:
        asked.append(f"ticket-{len(asked) + 1}")
        return asked[-1]

    async with TinyServer() as server, join(server.url, token=ticket, rng=Random(1)) as client:
        server.deny_resume = 409
        server.cut()
        await until(client, lambda: client.stats.rejoined == 1)
        assert [each for each in server.credentials if each.startswith("ticket")] == ["ticket-1", "ticket-2"]


@pytest.mark.parametrize("token", ["from-text", lambda: "from-text"])
async def test_a_token_is_text_or_what_returns_it(token: Any) -> None:
    async with TinyServer() as server, join(server.url, name="unused", token=token):
        assert server.credentials == ["from-text"]


class LobbyClosed(Exception):
    """What a caller's token function may raise."""


def fail() -> str:
    raise LobbyClosed("for ever")


@pytest.mark.parametrize(
    ("token", "told"),
    [(fail, "LobbyClosed"), (lambda: None, "NoneType"), (lambda: b"ticket", "bytes"), (b"ticket", "not callable")],
)
async def test_a_token_that_cannot_be_had_ends_even_a_patient_client_at_once(token: Any, told: str) -> None:
    async with TinyServer() as server:
        with pytest.raises(JoinRefused, match=told):
            await Client(server.url, token=token, patient=True).start()
        assert server.credentials == []


async def test_a_lobby_that_cannot_be_reached_is_asked_again() -> None:
    asked = []

    def ticket() -> str:
        asked.append(1)
        if len(asked) < 3:
            raise ConnectionRefusedError("nobody there")
        return "ticket"

    async with TinyServer() as server:
        client = Client(server.url, token=ticket, patient=True, rng=Random(1))
        await client.start()
        assert (len(asked), server.credentials) == (3, ["ticket"])
        await client.stop()


async def test_a_dial_that_fails_in_an_unforeseen_way_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*arguments: Any) -> None:
        raise ZeroDivisionError("in a library")

    monkeypatch.setattr(driver_module, "dial", broken)
    with pytest.raises(JoinRefused, match="in a library"):
        await Client("ws://there/", patient=True).start()


async def test_a_join_that_is_given_up_leaves_no_task_behind_and_takes_no_seat() -> None:
    async with TinyServer() as server:
        server.deaf = True  # it opens the socket, and says nothing
        client = join(server.url, name="Ghost")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                async with client:
                    pass
        assert server.sockets or server.credentials
        assert (client._tasks, client._wires, client._dials) == (set(), {}, {})
        assert client.status.phase == "closed"


async def test_a_used_ticket_given_as_text_is_not_dialled_with_again() -> None:
    async with TinyServer(deny=409) as server:
        client = Client(server.url, token="used", patient=True)
        with pytest.raises(JoinRefused, match=r"not today \(409\)"):
            await client.start()
        assert len(server.credentials) == 1


async def test_a_spectator_only_watches() -> None:
    async with TinyServer() as server, join(server.url, name="Ada") as player:
        async with join(server.url, spectate=True) as watcher:
            await until(watcher, lambda: watcher.world.all("Ball"))
            assert (player.seat, watcher.seat) == (0, None)
            with pytest.raises(UsageFault, match="spectator"):
                watcher.send_command("Chat", text="hi")


async def test_dials_leave_from_the_given_address() -> None:
    async with TinyServer() as server, join(server.url, name="Ada", local_addr="127.0.0.2"):
        assert next(iter(server.sockets.values())).remote_address[0] == "127.0.0.2"


async def test_leaving_while_nobody_answers_is_quick_and_leaves_no_task_behind() -> None:
    async with TinyServer() as server:
        client = Client(server.url, name="Ada")
        await client.start()
        client.cut(5)
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1):
            await client.stop()
        assert (client._tasks, client._wires, client._dials, client._measuring) == (set(), {}, {}, {})


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
