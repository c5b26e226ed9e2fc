from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from game_client import JoinRefused, Lobby, LobbyRefused, Seat
from protocol import UsageFault
from protocol.lobby_messages import (
    Cancel,
    CreateMatch,
    JoinByCode,
    JoinMatch,
    LobbyWelcome,
    MatchesChanged,
    QuickPlay,
    Refused,
    Searching,
    SeatFound,
    WatchMatches,
    Where,
)  # fmt: skip
from tests.game_client.shell.fake_lobby import FakeLobby
from tests.game_client.shell.tiny_server import TinyServer


@asynccontextmanager
async def a_lobby_with_a_match() -> AsyncIterator[tuple[FakeLobby, TinyServer]]:
    async with TinyServer() as server, FakeLobby({"m-1": server.url}) as fake:
        yield fake, server


# --- seats


async def test_a_player_who_quick_plays_gets_a_seat_and_plays_in_it() -> None:
    async with a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Adé") as lobby:
        assert lobby.welcome is not None
        assert (lobby.welcome.name, lobby.status.phase) == ("Adé", "live")
        seat = await lobby.quick_play({"mode": "duel"}, {"region": "eu"}, widen_after_s=1.5)
        assert (seat.match, seat.url, seat.spectate) == ("m-1", server.url, False)
        asked = fake.heard_of(QuickPlay)[0]
        assert (asked.required, asked.preferred, asked.widen_after_ms) == (["mode", "duel"], ["region", "eu"], 1500)
        async with lobby.play(seat) as client:
            assert (client.seat, client.status.phase) == (0, "live")
        assert server.credentials == [seat.ticket]


async def test_every_way_to_a_seat_asks_for_what_it_says() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        seats = [
            await lobby.create({"mode": "duel"}, private=True),
            await lobby.join("m-1", spectate=True),
            await lobby.join_code("WXYZ"),
            await lobby.rejoin(),
            await lobby.enqueue({"mode": "duel"}),
        ]
        assert [each.code for each in seats] == ["WXYZ", "", "WXYZ", "", ""]
        assert [each.spectate for each in seats] == [False, True, False, False, False]
        assert fake.heard_of(CreateMatch)[0].attributes == ["mode", "duel"]
        # A path is one on the host that the lobby was reached by.
        assert seats[0].url == fake.url.replace("/v1/lobby", "/n/a/v1/match/m-1")


async def test_a_spectators_seat_is_one_to_watch_from() -> None:
    async with a_lobby_with_a_match() as (fake, _), Lobby(fake.url, name="Ada") as lobby:
        async with lobby.play(await lobby.join("m-1", spectate=True)) as client:
            assert client.seat is None


async def test_a_refusal_is_an_error_with_code_sentence_and_when_to_come_again() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        fake.refusals = [("full", "all 8 seats are taken", 700)]
        with pytest.raises(LobbyRefused, match=r"all 8 seats are taken \(full\)") as caught:
            await lobby.join("m-1")
        assert (caught.value.code, caught.value.retry_after_ms) == ("full", 700)


async def test_a_patient_request_is_sent_again_under_the_same_id_when_the_lobby_says_so() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada", patience_s=20, rng=Random(1)) as lobby:
        fake.refusals = [("unavailable", "directory unavailable", 30)] * 2
        assert (await lobby.quick_play()).match == "m-1"
        assert len({each.request for each in fake.heard_of(QuickPlay)}) == 1
        assert len(fake.heard_of(QuickPlay)) == 3


async def test_what_a_request_waits_for_is_told() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        fake.holding = True
        told: list[Searching] = []
        asking = asyncio.create_task(lobby.quick_play(on_search=told.append))
        while not told:
            await asyncio.sleep(0.005)
        assert (told[0].found, told[0].wanted, told[0].sentence) == (1, 4, "1 of 4 found")
        await fake.release()
        assert (await asking).match == "m-1"


async def test_a_request_whose_task_is_cancelled_is_given_up_in_the_lobby_too() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        fake.holding = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await lobby.quick_play()
        await fake.until_heard(Cancel)
        assert fake.heard_of(Cancel)[0].request == fake.heard_of(QuickPlay)[0].request


async def test_cancel_ends_what_waits_with_a_refusal() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        fake.holding = True
        asking = asyncio.create_task(lobby.enqueue())
        while not fake.holding or len(fake.heard) < 2:
            await asyncio.sleep(0.005)
        lobby.cancel()
        with pytest.raises(LobbyRefused, match=r"given up \(cancelled\)"):
            await asking


async def test_a_seat_that_the_partys_leader_asked_for_comes_unasked() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        assert (await lobby.party_create()).code == "ABCD"
        assert (await lobby.party_join("ABCD")).members == (("p-1", "Ada"),)
        await fake.say(SeatFound("the-leaders", "/n/b/v1/match/m-2", "m-2", "t", 1000, 0, ""))
        seat = await lobby.next_seat()
        assert (seat.match, seat.ticket) == ("m-2", "t")
        await lobby.party_leave()
        while lobby.party.code:
            await lobby.changed()


async def test_whoever_waits_for_the_leaders_seat_is_told_when_the_lobby_ends() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        waiting = asyncio.create_task(lobby.next_seat())
        await asyncio.sleep(0)
        await lobby.stop()
        with pytest.raises(LobbyRefused, match="the lobby is closed: left"):
            await asyncio.wait_for(waiting, 2)


async def test_what_no_lobby_takes_is_refused_at_the_call_and_ends_nothing() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        with pytest.raises(UsageFault, match="no lobby takes this: JOIN_BY_CODE"):
            await lobby.join_code("x" * 17)
        with pytest.raises(UsageFault, match="no lobby takes this"):
            lobby.watch_players(["x" * 64] * 100)
        assert (await lobby.quick_play()).match == "m-1"
        assert fake.heard_of(JoinByCode) == []


async def test_a_request_outside_the_lobby_is_a_mistake() -> None:
    lobby = Lobby("ws://127.0.0.1:1/v1/lobby")
    with pytest.raises(UsageFault, match="async with lobby"):
        await lobby.quick_play()


# --- tickets


async def test_a_used_ticket_asks_the_lobby_again() -> None:
    async with a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Ada") as lobby:
        seat = await lobby.quick_play()
        server.used.add(seat.ticket)
        async with lobby.play(seat) as client:
            assert client.status.phase == "live"
        assert [each.match for each in fake.heard_of(JoinMatch)] == ["m-1"]
        assert len(set(server.credentials)) == 2


async def test_a_private_match_is_asked_for_by_its_code() -> None:
    async with a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Ada") as lobby:
        seat = await lobby.create(private=True)
        server.used.add(seat.ticket)
        async with lobby.play(seat):
            assert [each.code for each in fake.heard_of(JoinByCode)] == ["WXYZ"]


async def test_a_private_match_without_a_code_is_come_back_to_while_the_seat_is_kept() -> None:
    async with a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Ada") as lobby:
        ranked = await lobby.enqueue()
        server.used.add(ranked.ticket)
        fake.refusals = [("no_match", "there is no such match", 0)]
        async with lobby.play(ranked) as client:
            assert client.status.phase == "live"
        elsewhere = replace(ranked, match="m-2")
        fake.refusals = [("no_match", "there is no such match", 0)]
        with pytest.raises(LobbyRefused, match="there is no such match"):
            await lobby.seat_again(elsewhere)
        fake.refusals = [("no_match", "it is over", 0), ("nothing_to_rejoin", "no seat is kept", 0)]
        with pytest.raises(LobbyRefused, match="it is over"):
            await lobby.seat_again(ranked)


async def test_a_seat_that_is_not_kept_any_more_is_asked_for_again_where_the_match_is_now() -> None:
    async with TinyServer() as old, a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Ada") as lobby:
        seat = replace(await lobby.quick_play(), url=old.url)
        client = lobby.play(seat, rng=Random(1))
        async with client:
            old.deny_resume = 409
            old.cut()
            async for _ in client.states():
                if client.stats.rejoined:
                    break
            assert client.session.url == server.url


async def test_a_match_that_is_gone_ends_the_client_with_the_lobbys_sentence() -> None:
    async with a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Ada") as lobby:
        seat = await lobby.quick_play()
        server.used.add(seat.ticket)
        fake.refusals = [("no_match", "the match is over", 0), ("nothing_to_rejoin", "no seat is kept", 0)]
        with pytest.raises(JoinRefused, match="the match is over"):
            await lobby.play(seat).start()


async def test_a_client_whose_player_searches_for_the_next_match_comes_back_all_the_same() -> None:
    async with a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Ada") as lobby:
        async with lobby.play(await lobby.quick_play(), rng=Random(1)) as client:
            fake.refusals = [("busy", "another request of yours looks for a seat already", 0)]
            server.deny_resume = 409
            server.cut()
            async for _ in client.states():
                if client.stats.rejoined:
                    break
            assert client.status.phase == "live"


async def test_a_client_that_was_sent_on_brings_the_same_ticket() -> None:
    async with TinyServer() as wrong, a_lobby_with_a_match() as (fake, server), Lobby(fake.url, name="Ada") as lobby:
        wrong.moved_to = server.url
        seat = replace(await lobby.quick_play(), url=wrong.url)
        async with lobby.play(seat) as client:
            assert client.status.phase == "live"
        assert (wrong.credentials, server.credentials) == ([seat.ticket], [seat.ticket])
        assert fake.heard_of(JoinMatch) == []


# --- lists


async def test_lists_are_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("game_client.shell.lobby.PAGE_MAX", 2)
    matches = {f"m-{n}": f"/n/a/v1/match/m-{n}" for n in range(5)}
    async with FakeLobby(matches) as fake, Lobby(fake.url, name="Ada") as lobby:
        listings = await lobby.list_matches()
        assert [each.match for each in listings] == list(matches)
        assert listings[0].attributes == {"mode": "duel"}
        assert len(await lobby.list_matches(most=3)) == 3
        players = await lobby.list_players()
        assert [(each.player, each.where, each.match) for each in players][2] == ("p-2", Where.MATCH, "m-1")


async def test_watched_matches_come_change_and_go() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        lobby.watch({"mode": "duel"})
        while not lobby.matches:
            await lobby.changed()
        assert fake.heard_of(WatchMatches)[0].filters == ["mode", "duel"]
        await fake.say(MatchesChanged([["m-2", 1, 8, 0, ["mode", "duel"]], ["m-1", 3, 8, 1, fake.attributes]], [], 2))
        while len(lobby.matches) < 2:
            await lobby.changed()
        assert lobby.matches["m-1"].seats == 3
        await fake.say(MatchesChanged([], ["m-1"], 1))
        while len(lobby.matches) == 2:
            await lobby.changed()
        assert list(lobby.matches) == ["m-2"]
        lobby.unwatch()
        await fake.until_heard(WatchMatches, 2)
        assert not lobby.matches


async def test_watched_players_are_told() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        lobby.watch_players(["p-1"])
        while not lobby.watched_players:
            await lobby.changed()
        assert lobby.watched_players["p-1"].where is Where.LOBBY


# --- the connection


async def test_a_cut_while_a_request_waits_sends_it_again_under_the_same_id() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada", rng=Random(1)) as lobby:
        lobby.watch()
        fake.holding = True
        asking = asyncio.create_task(lobby.quick_play())
        await fake.until_heard(QuickPlay)
        fake.cut()
        await fake.until_heard(QuickPlay, 2)
        await fake.release()
        assert isinstance(await asking, Seat)
        assert len({each.request for each in fake.heard_of(QuickPlay)}) == 1
        assert (len(fake.heard_of(WatchMatches)), lobby.stats.reconnects) == (2, 1)
        # The same player again.
        assert fake.credentials[1] == lobby.guest


async def test_a_lobby_that_ends_refuses_what_waits_with_its_sentence() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        fake.holding = True
        asking = asyncio.create_task(lobby.quick_play())
        await fake.until_heard(QuickPlay)
        await fake.say(Refused("", "replaced", "you came on another device", 0))
        for socket in fake.sockets:
            await socket.close(4001)
        with pytest.raises(LobbyRefused, match="you came on another device") as caught:
            await asking
        assert caught.value.code == "replaced"
        with pytest.raises(LobbyRefused, match="you came on another device"):
            await lobby.quick_play()
        with pytest.raises(LobbyRefused, match="you came on another device"):
            await lobby.changed()


async def test_leaving_refuses_what_waits() -> None:
    async with FakeLobby() as fake:
        lobby = Lobby(fake.url, name="Ada")
        await lobby.start()
        fake.holding = True
        asking = asyncio.create_task(lobby.quick_play())
        await fake.until_heard(QuickPlay)
        await lobby.stop()
        with pytest.raises(LobbyRefused, match="cancelled"):
            await asking
        assert (lobby._tasks, lobby._wires, lobby._dials, lobby._answers) == (set(), {}, {}, {})


async def test_a_lobby_that_lets_nobody_in_is_a_clear_exception() -> None:
    async with FakeLobby() as fake:
        fake.deny = {"": 404}
        with pytest.raises(JoinRefused, match=r"not today \(404\)"):
            await Lobby(fake.url, name="Ada").start()


async def test_what_a_callback_raises_surfaces_where_the_caller_waits() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada") as lobby:
        fake.holding = True

        def fail(searching: Searching) -> None:
            raise ZeroDivisionError("in a callback")

        with pytest.raises(ZeroDivisionError, match="in a callback"):
            await lobby.quick_play(on_search=fail)
        with pytest.raises(ZeroDivisionError, match="in a callback"):
            await lobby.changed()


async def test_callbacks_hear_the_status_and_the_news() -> None:
    async with FakeLobby() as fake:
        lobby = Lobby(fake.url, name="Ada")
        heard: list[Any] = []
        lobby.on_status = lambda status: heard.append(status.phase)
        lobby.on_news = heard.append
        async with lobby:
            pass
        assert heard[0] == "live"
        assert isinstance(heard[1], LobbyWelcome)
        assert heard[-1] == "closed"


# --- guests


async def test_a_guest_is_known_again_after_a_restart_of_the_program(tmp_path: Path) -> None:
    async with FakeLobby() as fake:
        players = []
        for _ in range(2):
            async with Lobby(fake.url, name="Ada", guest_file=tmp_path / "guest") as lobby:
                assert lobby.welcome is not None
                players.append(lobby.welcome.player)
        assert players == ["guest-1", "guest-1"]
        assert fake.credentials[0] == "Ada"
        assert fake.credentials[1].startswith("tickwire-guest-1.")


async def test_a_guest_whom_the_lobby_does_not_know_any_more_is_a_new_one(tmp_path: Path) -> None:
    async with FakeLobby() as fake:
        (tmp_path / "guest").write_text("tickwire-guest-1.old\n")
        fake.deny = {"tickwire-guest-1.old": 401}
        async with Lobby(fake.url, name="Ada", guest_file=tmp_path / "guest") as lobby:
            assert lobby.guest == "tickwire-guest-1.1"
        assert (tmp_path / "guest").read_text() == "tickwire-guest-1.1\n"


async def test_a_guests_credential_may_be_given_as_the_token() -> None:
    async with FakeLobby() as fake, Lobby(fake.url, name="Ada", token="tickwire-guest-1.7") as lobby:
        assert lobby.welcome is not None and lobby.welcome.player == "guest-7"


async def test_a_token_function_is_asked_before_each_dial() -> None:
    asked: list[str] = []

    async def token() -> str:
        asked.append(f"jwt-{len(asked)}")
        return asked[-1]

    async with FakeLobby() as fake, Lobby(fake.url, token=token):
        assert fake.credentials == ["jwt-0"]
