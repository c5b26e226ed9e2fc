from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from game_client import Bridge
from game_client.shell import bridge as bridge_module
from protocol import UsageFault
from tests.game_client.shell.tiny_server import Ball, Balls, TinyServer


async def frames(bridge: Bridge, until: Callable[[], Any], on_state: Any = None) -> int:
    """Run a frame loop until something is true; return how many states were pumped."""
    applied = 0
    for _ in range(8000):
        applied += bridge.pump(on_state)
        if until():
            return applied
        await asyncio.sleep(0.005)
    raise AssertionError(f"did not come true; {bridge.status}, {bridge.stats.states} states")


async def close(bridge: Bridge) -> None:
    """Close from another thread, since the server of these tests lives in this one."""
    await asyncio.to_thread(bridge.close)


async def test_a_frame_loop_sees_the_world_steers_and_hears_events() -> None:
    async with TinyServer() as server:
        bridge = Bridge(server.url, name="Ada")
        arrivals: list[tuple[int, int]] = []
        try:
            bridge.send_input(dx=1)  # before anyone is there: ignored
            await frames(bridge, lambda: bridge.tick >= 0)
            assert (bridge.seat, bridge.tick_rate_hz, bridge.status.phase) == (0, 30, "live")
            bridge.send_command("Chat", text="hello")

            def moved() -> bool:
                bridge.send_input(dx=1, jump=1 if not arrivals else 0)
                ball = bridge.world.owned(bridge.seat, "Ball")
                return ball is not None and ball.x > 0.2 and ball.jumps >= 1

            await frames(bridge, moved, lambda tick, at_ns, world: arrivals.append((tick, at_ns)))
            assert [event.kind for _, event in bridge.take_events()] == ["Arrived", "Said"]
            assert bridge.take_events() == []
            assert arrivals == sorted(arrivals)
            assert len({tick for tick, _ in arrivals}) == len(arrivals)
        finally:
            await close(bridge)
        assert bridge.status.phase == "closed"


async def test_the_world_stands_still_between_pumps() -> None:
    async with TinyServer() as server:
        bridge = Bridge(server.url, name="Ada")
        try:
            await frames(bridge, lambda: bridge.tick >= 0)
            bridge.send_input(dx=1)
            tick, before = bridge.tick, repr(bridge.world.all("Ball"))
            while bridge._client.tick < tick + 5:  # the socket's thread goes on
                await asyncio.sleep(0.01)
            assert (bridge.tick, repr(bridge.world.all("Ball"))) == (tick, before)
            assert bridge.pump() > 0
            assert bridge.tick > tick
        finally:
            await close(bridge)


async def test_a_loop_that_stood_still_for_long_gets_one_whole_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_module, "FRAMES_WAITING_MAX", 4)
    async with TinyServer() as server:
        bridge = Bridge(server.url, name="Ada")
        try:
            await frames(bridge, lambda: bridge.tick >= 0)
            bridge.send_input(dx=1)
            tick = bridge.tick
            while bridge._client.tick < tick + 12:
                await asyncio.sleep(0.01)
            assert bridge.pump() <= 4

            def caught_up() -> bool:
                # The server is in this thread, hence its tick (the next one) stands still while the two are compared.
                front, back = bridge.world.get(0), server.match.world.all(Ball)[0]
                return bridge.tick == server.match.tick - 1 and front is not None and back.x > 0.3

            await frames(bridge, caught_up)
            front, back = bridge.world.get(0), server.match.world.all(Ball)[0]
            assert front is not None
            assert front.x == pytest.approx(back.x, abs=0.006)
        finally:
            await close(bridge)


async def test_a_lost_server_is_shown_and_come_back_to() -> None:
    async with TinyServer() as server:
        bridge = Bridge(server.url, name="Ada")
        try:
            await frames(bridge, lambda: bridge.tick >= 0)
            server.deny = 503
            server.cut()
            await frames(bridge, lambda: bridge.status.phase == "reconnecting" and bridge.status.attempt >= 2)
            assert "reconnecting, attempt" in str(bridge.status)
            assert bridge.world.all("Ball")  # still drawn
            bridge.take_events()
            bridge.send_command("Chat", text="anyone?")
            server.deny = 0
            await frames(bridge, lambda: bridge.status.phase == "live")
            heard: list[Any] = []

            def answered() -> bool:
                heard.extend(event.kind for _, event in bridge.take_events())
                return "Said" in heard

            await frames(bridge, answered)
            assert bridge.world.owned(bridge.seat, "Ball")
        finally:
            await close(bridge)


async def test_a_cut_is_resumed_and_the_frames_thread_goes_on_with_the_same_state() -> None:
    async with TinyServer() as server:
        bridge = Bridge(server.url, name="Ada")
        ticks: list[int] = []
        try:
            await frames(bridge, lambda: bridge.tick >= 0)
            world, schema = bridge.world, bridge._state.schema
            bridge.cut(0.4)
            await frames(bridge, lambda: bridge.status.phase == "reconnecting" and bridge.status.attempt >= 2)
            await frames(bridge, lambda: bridge.stats.resumed == 1, lambda tick, at_ns, world: ticks.append(tick))
            bridge.send_input(dx=1)

            def moved() -> bool:
                ball = bridge.world.owned(bridge.seat, "Ball")
                return ball is not None and ball.x > 0.1

            await frames(bridge, moved, lambda tick, at_ns, world: ticks.append(tick))
            assert bridge.world is world and bridge._state.schema is schema
            assert ticks == sorted(ticks)
            assert (bridge.stats.rejoined, bridge.stats.keyframes) == (0, 1)
        finally:
            await close(bridge)


async def test_a_spectating_bridge_watches_and_cannot_command() -> None:
    async with TinyServer() as server:
        player = Bridge(server.url, name="Ada")
        bridge = Bridge(server.url, spectate=True)
        try:
            await frames(bridge, lambda: bridge.world.all("Ball"))
            assert bridge.seat is None
            with pytest.raises(UsageFault, match="spectator"):
                bridge.send_command("Chat", text="hi")
        finally:
            await close(bridge)
            await close(player)


async def test_the_257th_command_of_a_frame_is_refused_and_none_before_it_is_lost() -> None:
    async with TinyServer() as server:
        bridge = Bridge(server.url, name="Ada")
        try:
            await frames(bridge, lambda: bridge.tick >= 0)
            for number in range(256):
                bridge.send_command("Chat", text=str(number))
            with pytest.raises(UsageFault, match="256 commands"):
                bridge.send_command("Chat", text="one too many")
            await frames(bridge, lambda: server.match.occupants[0].last_command == 256)
            assert (bridge.stats.errors, bridge.stats.commands_lost) == (0, 0)
        finally:
            await close(bridge)


async def test_a_command_whose_match_ended_on_its_way_is_counted_as_lost() -> None:
    async with TinyServer() as server:
        bridge = Bridge(server.url, name="Ada")
        await frames(bridge, lambda: bridge.tick >= 0)
        await close(bridge)
        bridge._take_command(bridge._state.schema, 0, ["too late"])
        assert (bridge.stats.commands_lost, bridge.stats.errors) == (1, 0)


async def test_a_command_before_the_match_has_answered_is_refused() -> None:
    async with TinyServer(deny=503) as server:
        bridge = Bridge(server.url, name="Ada")
        with pytest.raises(UsageFault, match="when the status is live"):
            bridge.send_command("Chat", text="hi")
        await close(bridge)
        with pytest.raises(UsageFault, match="closed"):
            bridge.send_command("Chat", text="hi")


async def test_a_refusal_is_a_status_not_an_exception() -> None:
    async with TinyServer(deny=401) as server:
        bridge = Bridge(server.url, name="Ada")
        await frames(bridge, lambda: bridge.status.phase == "closed")
        assert (bridge.status.code, bridge.status.reason) == (401, "not today")
        bridge.send_input(dx=1)
        await close(bridge)


def test_making_one_never_blocks_and_closing_ends_the_thread_while_nobody_answers() -> None:
    began = time.monotonic()
    bridge = Bridge("ws://127.0.0.1:1/v1/match/1", name="Ada")
    assert bridge.pump() == 0
    assert bridge.world.all("Ball") == []
    bridge.close()
    assert time.monotonic() - began < 20  # not for ever
    assert not [each for each in threading.enumerate() if each.name == "tickwire-bridge"]
    bridge.close()
    bridge.send_input(dx=1)


async def test_a_finished_match_closes_the_bridge() -> None:
    game = Balls()
    async with TinyServer(game) as server:
        with Bridge(server.url, name="Ada") as bridge:
            await frames(bridge, lambda: bridge.tick >= 0)
            game.end()
            await frames(bridge, lambda: bridge.status.phase == "closed")
            assert bridge.status.code == 1000
