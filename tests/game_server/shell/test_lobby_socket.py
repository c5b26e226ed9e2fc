"""A socket of the lobby: every request is answered, whatever becomes of it; a slow one is told merged news."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.lobby import LobbySession
from game_server.cluster.lobby_facts import Greeted
from game_server.cluster.party import Member, Party, PartyCall
from game_server.cluster.records import Presence
from game_server.shell import lobby_socket
from game_server.shell.line import clock_ns
from game_server.shell.lobby_search import Visitor
from game_server.shell.lobby_socket import LobbySocket, party_message
from game_server.shell.log import get_log
from protocol.codec import decode_lobby, encode
from protocol.lobby_messages import (
    Cancel,
    Done,
    JoinMatch,
    LobbyHello,
    LobbyMessage,
    LobbyWelcome,
    PartyState,
    PresenceChanged,
    Refused,
    RefusedCode,
    SeatFound,
    WatchPlayers,
    Where,
)  # fmt: skip
from protocol.rows import Direction

WELCOME = LobbyWelcome("p", "Ann", "", "Arena", "n1", 4, [], "", 1, 1500)


class FakePeer:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.sent: list[LobbyMessage] = []
        self.closed: int | None = None

    def send(self, frame: bytes) -> None:
        self.sent.append(decode_lobby(frame, Direction.TO_CLIENT))

    def flush(self) -> None:
        pass

    def close(self, code: int, sentence: str) -> None:
        self.closed = code

    def abort(self, code: int, cause: str, sentence: str = "") -> None:
        self.closed = code


class FakeDesk:
    """Follows calls with what `calls` has, or raises it; remembers what was abandoned or given back."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.abandoned: list[str] = []
        self.given_back: list[str] = []

    async def follow_call(self, visitor: Visitor, match: str) -> Any:
        found = self.calls.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def abandon(self, visitor: Visitor, request: str) -> None:
        self.abandoned.append(request)

    async def give_back(self, visitor: Visitor, match: str) -> None:
        self.given_back.append(match)


class FakeLobby:
    """Answers with what `answers` has, or raises it; remembers who left."""

    def __init__(self) -> None:
        self.hub = SimpleNamespace(leave=lambda number: None, block=lambda number, blocked: None)
        self.presences: Any = None
        self.desk = FakeDesk()
        self.log = get_log()
        self.answers: list[Any] = []
        self.forgotten: list[LobbySocket] = []
        self.causes: list[str] = []

    async def greet(self, socket: LobbySocket, schema_hash: int) -> None:
        socket.handle(Greeted(WELCOME))

    async def answer(self, socket: LobbySocket, message: Any, search: Any) -> Any:
        found = self.answers.pop(0)
        if found is None:
            await search.pause(60)
        if isinstance(found, Exception):
            raise found
        return found

    def forget(self, socket: LobbySocket) -> None:
        self.forgotten.append(socket)

    def violated(self, cause: str) -> None:
        self.causes.append(cause)


async def opened() -> tuple[LobbySocket, FakeLobby, FakePeer]:
    lobby, peer = FakeLobby(), FakePeer()
    socket = LobbySocket(lobby, peer, Visitor("p", "Ann", 0, "s"), "", LobbySession(clock_ns()))  # type: ignore[arg-type]
    socket.frame(encode(LobbyHello(0)))
    await asyncio.sleep(0)
    assert peer.sent == [WELCOME]
    peer.sent.clear()
    return socket, lobby, peer


async def answered(lobby: FakeLobby, socket: LobbySocket, peer: FakePeer, answer: Any) -> LobbyMessage:
    lobby.answers.append(answer)
    socket.frame(encode(JoinMatch("j", "m", 0)))
    await asyncio.sleep(0)
    return peer.sent.pop()


async def test_whatever_ends_a_request_is_its_answer() -> None:
    socket, lobby, peer = await opened()
    assert await answered(lobby, socket, peer, Done("j")) == Done("j")
    refused = LobbyRefused(RefusedCode.FULL, "all seats are taken", 2000)
    assert await answered(lobby, socket, peer, refused) == Refused("j", "full", "all seats are taken", 2000)
    away = await answered(lobby, socket, peer, DirectoryUnavailable("gone", 2))
    assert isinstance(away, Refused) and (away.code, away.retry_after_ms) == ("unavailable", 2000)
    with capture_logs() as logs:
        broken = await answered(lobby, socket, peer, RuntimeError("boom"))
    assert isinstance(broken, Refused) and broken.code == "unavailable" and "boom" not in broken.sentence
    assert [each["event"] for each in logs] == ["lobby_request_failed"]
    assert peer.closed is None


async def test_a_cancelled_request_is_refused_so() -> None:
    socket, lobby, peer = await opened()
    lobby.answers.append(None)
    socket.frame(encode(JoinMatch("j", "m", 0)))
    await asyncio.sleep(0)
    socket.frame(encode(Cancel("j")))
    await asyncio.sleep(0.01)
    assert [each.code for each in peer.sent if isinstance(each, Refused)] == ["cancelled"]


async def test_the_end_of_a_socket_ends_its_tasks_once() -> None:
    socket, lobby, peer = await opened()
    lobby.answers.append(None)
    socket.frame(encode(JoinMatch("j", "m", 0)))
    await asyncio.sleep(0)
    socket.lost(1006)
    socket.lost(1006)
    await asyncio.sleep(0.01)
    assert lobby.forgotten == [socket] and not socket._tasks and not peer.sent


async def test_what_is_against_the_rules_closes_and_is_counted() -> None:
    socket, lobby, peer = await opened()
    socket.text(b"hello")
    assert (peer.closed, lobby.causes, lobby.forgotten) == (1003, ["text"], [socket])


async def test_a_close_is_explained_in_the_lobby_s_words() -> None:
    socket, _, _ = await opened()
    explained = decode_lobby(socket.farewell(4001, "elsewhere", 0), Direction.TO_CLIENT)
    assert explained == Refused("", "replaced", "elsewhere", 0)
    stopping = decode_lobby(socket.farewell(1012, "stopping", 1000), Direction.TO_CLIENT)
    assert stopping == Refused("", "stopping", "stopping", 1000)


async def test_where_players_are_is_told_once_each_when_a_slow_socket_reads_again() -> None:
    socket, _, peer = await opened()
    socket.blocked(True)
    for where in (Where.LOBBY, Where.MATCH):
        socket._presence_changed([Presence("ben", "Ben", where, "", "n1", 1, "s", 0)])
    assert not peer.sent
    socket.blocked(False)
    assert peer.sent == [PresenceChanged([["ben", "Ben", int(Where.MATCH), ""]])]


async def test_without_presence_watching_players_is_refused_in_words() -> None:
    socket, _, peer = await opened()
    socket.frame(encode(WatchPlayers(["ben"])))
    assert [each.code for each in peer.sent if isinstance(each, Refused)] == ["bad_request"]


def test_a_party_is_told_with_its_leader_first() -> None:
    party = Party("ACDEFG", (Member("a", "Ann"), Member("b", "Ben")))
    assert party_message(party) == PartyState("ACDEFG", [["a", "Ann"], ["b", "Ben"]])
    assert party_message(None) == PartyState("", [])


def seat(match: str, request: str = "j") -> SeatFound:
    return SeatFound(request, f"/v1/match/{match}", match, "ticket", 30_000, 0, "")


async def test_a_member_follows_the_party_as_soon_as_the_directory_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lobby_socket, "FOLLOW_AGAIN_S", 0.0)
    socket, lobby, peer = await opened()
    lobby.desk.calls = [DirectoryUnavailable("gone", 1), LobbyRefused(RefusedCode.NOT_READY, "soon"), seat("m", "")]
    party = Party("CODE", (Member("leader", "Lea"), Member("p", "Ann")))
    socket.on_party(party, PartyCall(1, "q", "m", 0))
    await asyncio.sleep(0.01)
    assert peer.sent == [party_message(party), seat("m", "")]


async def test_a_seat_gives_the_one_before_back() -> None:
    socket, lobby, peer = await opened()
    for match in ("m1", "m1", "m2", "m3"):
        await answered(lobby, socket, peer, seat(match))
    await asyncio.sleep(0)
    assert lobby.desk.given_back == ["m1", "m2"]


async def test_what_an_earlier_socket_asked_is_given_up_at_the_desk() -> None:
    socket, lobby, _ = await opened()
    socket.frame(encode(Cancel("before")))
    await asyncio.sleep(0)
    assert lobby.desk.abandoned == ["before"]
