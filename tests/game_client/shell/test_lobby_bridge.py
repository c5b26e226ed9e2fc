from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from game_client import LobbyBridge
from game_client.shell import lobby_bridge as lobby_bridge_module
from protocol.lobby_messages import Cancel, JoinMatch, MatchesChanged, QuickPlay, Refused, SeatFound, WatchMatches
from tests.game_client.shell.fake_lobby import FakeLobby
from tests.game_client.shell.tiny_server import TinyServer


async def frames(until: Callable[[], Any]) -> None:
    """Run a frame loop until something is true."""
    for _ in range(4000):
        if until():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("did not come true")


@asynccontextmanager
async def entered(url: str, **options: Any) -> AsyncIterator[LobbyBridge]:
    """A bridge, closed from another thread: the lobby of these tests lives in this one."""
    bridge = LobbyBridge(url, name="Ada", **options)
    try:
        yield bridge
    finally:
        await asyncio.to_thread(bridge.close)


async def test_a_frame_loop_sees_the_lobby() -> None:
    async with FakeLobby() as fake, entered(fake.url, filters={"mode": "duel"}) as bridge:
        assert (bridge.welcome, bridge.matches, bridge.players, bridge.status.phase) == (None, None, (), "dialling")
        await frames(lambda: bridge.matches is not None and bridge.players)
        assert bridge.welcome is not None and bridge.welcome.name == "Ada"
        assert bridge.matches is not None
        assert [(each.match, each.seats_max, each.attributes) for each in bridge.matches] == [
            ("m-1", 8, {"mode": "duel"})
        ]
        assert [each.name for each in bridge.players] == ["P0", "P1", "P2"]
        assert fake.heard_of(WatchMatches)[0].filters == ["mode", "duel"]
        await fake.say(MatchesChanged([], ["m-1"], 0))
        await frames(lambda: bridge.matches == ())
    assert bridge.status.phase == "closed"


async def test_a_request_made_before_the_lobby_was_reached_gets_its_seat() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        bridge.quick_play({"mode": "duel"})
        assert (bridge.seat, bridge.search, bridge.error) == (None, None, None)
        await frames(lambda: bridge.seat)
        assert bridge.seat is not None and bridge.seat.match == "m-1"
        assert fake.heard_of(QuickPlay)[0].required == ["mode", "duel"]


async def test_every_request_asks_for_what_it_says() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        for ask in (
            bridge.quick_play,
            bridge.enqueue,
            bridge.create,
            bridge.rejoin,
            lambda: bridge.join("m-1", spectate=True),
            lambda: bridge.join_code("WXYZ"),
            lambda: bridge.create(private=True, attributes={"mode": "duel"}),
        ):
            ask()
            assert bridge.seat is None
            await frames(lambda: bridge.seat)
        assert bridge.seat is not None and bridge.seat.code == "WXYZ"
        kinds = [type(each).__name__ for each in fake.heard if hasattr(each, "request")]
        assert [each for each in kinds if each != "ListPlayers"] == [
            "QuickPlay", "Enqueue", "CreateMatch", "Rejoin", "JoinMatch", "JoinByCode", "CreateMatch",
        ]  # fmt: skip


async def test_what_is_waited_for_is_told_and_cancelling_forgets_it() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        fake.holding = True
        bridge.enqueue()
        await frames(lambda: bridge.search)
        assert bridge.search is not None and bridge.search.sentence == "1 of 4 found"
        bridge.cancel()
        assert bridge.search is None
        await fake.until_heard(Cancel)
        assert (bridge.seat, bridge.error) == (None, None)


async def test_a_new_request_gives_the_old_one_up_first() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        fake.holding = True
        bridge.quick_play()
        await frames(lambda: bridge.search)
        fake.holding = False
        bridge.join("m-1")
        await frames(lambda: bridge.seat)
        kinds = [type(each) for each in fake.heard if isinstance(each, QuickPlay | Cancel | JoinMatch)]
        assert kinds == [QuickPlay, Cancel, JoinMatch]


async def test_a_refusal_is_told_and_the_next_request_forgets_it() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        fake.refusals = [("full", "all 8 seats are taken", 700)]
        bridge.join("m-1")
        await frames(lambda: bridge.error)
        assert bridge.error is not None
        assert (bridge.error.code, bridge.error.sentence, bridge.error.retry_after_ms) == (
            "full", "all 8 seats are taken", 700,
        )  # fmt: skip
        bridge.join("m-1")
        assert bridge.error is None
        await frames(lambda: bridge.seat)


async def test_a_request_that_no_lobby_takes_is_an_error_to_read() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        bridge.join_code("x" * 17)
        await frames(lambda: bridge.error)
        assert bridge.error is not None and bridge.error.code == "bad_request"
        assert bridge.status.phase in ("dialling", "live")


async def test_parties_and_the_seats_that_their_leaders_find() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        bridge.party_create()
        await frames(lambda: bridge.party.code)
        await fake.say(SeatFound("the-leaders", "/n/b/v1/match/m-2", "m-2", "t", 1000, 0, ""))
        await frames(lambda: bridge.seat)
        assert bridge.seat is not None and bridge.seat.match == "m-2"
        bridge.party_leave()
        await frames(lambda: not bridge.party.code)
        bridge.party_join("ABCD")
        await frames(lambda: bridge.party.code)


async def test_a_seat_is_played_and_a_used_ticket_asks_the_lobby_again() -> None:
    async with TinyServer() as server, FakeLobby({"m-1": server.url}) as fake, entered(fake.url) as bridge:
        bridge.quick_play()
        await frames(lambda: bridge.seat)
        assert bridge.seat is not None
        server.used.add(bridge.seat.ticket)
        match = bridge.play(bridge.seat)
        try:
            await frames(lambda: match.pump() and match.tick >= 0)
            assert match.status.phase == "live"
        finally:
            await asyncio.to_thread(match.close)
        assert len(fake.heard_of(JoinMatch)) == 1


async def test_a_seat_that_is_lost_after_the_lobby_was_left_says_so() -> None:
    async with TinyServer() as server, FakeLobby({"m-1": server.url}) as fake:
        async with entered(fake.url) as bridge:
            bridge.quick_play()
            await frames(lambda: bridge.seat)
            assert bridge.seat is not None
            match = bridge.play(bridge.seat)
            await frames(lambda: match.status.phase == "live")
        try:
            server.deny_resume = 409
            server.cut()
            await frames(lambda: match.status.phase == "closed")
            assert "the lobby was left" in match.status.reason
        finally:
            await asyncio.to_thread(match.close)


async def test_who_is_online_is_asked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lobby_bridge_module, "PLAYERS_EVERY_S", 0.02)
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        fake.refusals = [("unavailable", "directory unavailable", 0)]
        await frames(lambda: len(bridge.players) == 3)
        assert bridge.error is None


async def test_a_guest_is_known_again_after_a_restart_of_the_program(tmp_path: Path) -> None:
    async with FakeLobby() as fake:
        for _ in range(2):
            async with entered(fake.url, guest_file=tmp_path / "guest") as bridge:
                await frames(lambda: bridge.welcome)
                assert bridge.welcome is not None and bridge.welcome.player == "guest-1"


async def test_a_lobby_that_ends_is_closed_and_says_why() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        await frames(lambda: bridge.welcome)
        await fake.say(Refused("", "replaced", "you came on another device", 0))
        for socket in fake.sockets:
            await socket.close(4001)
        await frames(lambda: bridge.status.phase == "closed")
        bridge.quick_play()
        await frames(lambda: bridge.error)
        assert bridge.error is not None and "another device" in bridge.error.sentence


async def test_a_request_after_the_end_is_answered_so_that_no_frame_loop_waits_for_ever() -> None:
    async with FakeLobby() as fake, entered(fake.url) as bridge:
        await frames(lambda: bridge.welcome)
    bridge.quick_play()
    assert bridge.error is not None and bridge.error.sentence == "the lobby is closed: left"


def test_closing_at_once_is_quick_and_leaves_no_thread_behind() -> None:
    began = time.monotonic()
    with LobbyBridge("ws://127.0.0.1:1/v1/lobby"):
        pass
    assert time.monotonic() - began < 2
    assert not [each for each in threading.enumerate() if each.name == "tickwire-lobby"]
