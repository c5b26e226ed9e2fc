"""A raw socket of the lobby: what comes is what was asked for, and the live list is kept."""

import asyncio

import pytest

from bench.raw_lobby import RawLobby, player_of
from protocol.lobby_messages import ListMatches, Matches, MatchesChanged, SeatFound


def test_the_live_list_is_what_was_told_of_it() -> None:
    lobby, heard = RawLobby("ws://127.0.0.1:1/v1/lobby", "ada"), []
    lobby.on_news = lambda: heard.append(dict(lobby.listed))
    lobby._take(MatchesChanged([["m1", 1, 8, 0, []], ["m2", 2, 8, 0, []]], [], 2))
    lobby._take(MatchesChanged([["m2", 3, 8, 0, []]], ["m1", "m9"], 1))
    assert heard == [{"m1": 1, "m2": 2}, {"m2": 3}]


def test_a_socket_that_nobody_let_in_cannot_ask() -> None:
    async def ask() -> bool:
        lobby = RawLobby("ws://127.0.0.1:1/v1/lobby", "ada")
        assert not await lobby.join(1.0)
        with pytest.raises(ConnectionResetError):
            await lobby.ask(ListMatches("", [], "", 1))
        return lobby.live

    assert asyncio.run(ask()) is False


def test_an_answer_that_nobody_waits_for_is_left_alone() -> None:
    lobby = RawLobby("ws://127.0.0.1:1/v1/lobby", "ada")
    lobby._take(Matches("r7", [], "", 0))
    assert lobby.entered is None


def test_a_player_goes_where_the_lobby_said() -> None:
    player = player_of(SeatFound("r1", "ws://127.0.0.1:7/v1/match/m1", "m1", "a-ticket", 30_000, 0, ""))
    assert (player.request.where, player.request.credential) == (("127.0.0.1", 7), "a-ticket")
