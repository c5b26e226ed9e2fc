"""A small lobby of real sockets that speaks the table, for the client's tests; it seats players in the matches given.

Not the product's lobby, so that the two ends are not tested against each other's mistakes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from protocol.codec import decode_lobby, encode
from protocol.handshake import GUEST_PREFIX, TICKET_PREFIX
from protocol.lobby_messages import (
    Cancel,
    CreateMatch,
    Done,
    Enqueue,
    JoinByCode,
    JoinMatch,
    ListMatches,
    ListPlayers,
    LobbyHello,
    LobbyWelcome,
    Matches,
    MatchesChanged,
    PartyCreate,
    PartyJoin,
    PartyLeave,
    PartyState,
    Players,
    PresenceChanged,
    QuickPlay,
    Refused,
    Rejoin,
    Searching,
    SeatFound,
    WatchMatches,
    WatchPlayers,
    Where,
)  # fmt: skip
from protocol.rows import Direction

SEATS_MAX = 8


class FakeLobby:
    """`async with FakeLobby({"m-1": url}) as lobby`: a lobby at `lobby.url`; seats go to the fullest match with room.

    With `holding` requests for seats wait, and are told so, until `release()`. `refusals` are said before an answer.
    """

    def __init__(self, matches: dict[str, str] | None = None, *, seats_max: int = SEATS_MAX) -> None:
        self.matches = matches or {"m-1": "/n/a/v1/match/m-1"}
        self.seats_max = seats_max
        self.seats = dict.fromkeys(self.matches, 0)
        self.attributes: list[str] = ["mode", "duel"]
        self.deny: dict[str, int] = {}
        """By the beginning of a credential, how its dial is refused."""
        self.credentials: list[str] = []
        self.heard: list[Any] = []
        self.answers: dict[str, Any] = {}
        self.holding = False
        self.refusals: list[tuple[str, str, int]] = []
        self.sockets: list[ServerConnection] = []
        self.expires_in_ms = 30_000
        self._tickets = self._guests = 0
        self._held: dict[str, tuple[ServerConnection, Any]] = {}
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}/v1/lobby"

    async def __aenter__(self) -> FakeLobby:
        self._server = await serve(
            self._talk, "127.0.0.1", 0, compression=None, ping_interval=None, process_request=self._process_request,
            subprotocols=["tickwire.v1"],
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def heard_of(self, kind: type[Any]) -> list[Any]:
        """The messages of one class that came."""
        return [each for each in self.heard if isinstance(each, kind)]

    async def until_heard(self, kind: type[Any], count: int = 1) -> None:
        """Wait until so many of a class have come; else the test's own time runs out."""
        while len(self.heard_of(kind)) < count:
            await asyncio.sleep(0.005)

    def cut(self) -> None:
        """End all sockets without a close frame."""
        for socket in self.sockets:
            socket.transport.abort()

    async def say(self, message: Any) -> None:
        """Tell everybody something."""
        for socket in list(self.sockets):
            await self._send(socket, message)

    async def release(self) -> None:
        """Answer what was held."""
        self.holding = False
        held, self._held = self._held, {}
        for socket, message in held.values():
            await self._send(socket, self._answered(message))

    def _process_request(self, connection: ServerConnection, request: Any) -> Any:
        credential = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.credentials.append(credential)
        for beginning, status in self.deny.items():
            if credential.startswith(beginning):
                return connection.respond(HTTPStatus(status), "not today\n")
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        credential = socket.request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.sockets.append(socket)
        try:
            async for data in socket:
                assert isinstance(data, bytes)
                message = decode_lobby(data, Direction.TO_SERVER)
                self.heard.append(message)
                await self._hear(socket, credential, message)
        except ConnectionClosed:
            pass
        finally:
            self.sockets.remove(socket)

    async def _hear(self, socket: ServerConnection, credential: str, message: Any) -> None:
        match message:
            case LobbyHello():
                await self._send(socket, self._welcome(credential))
            case WatchMatches(1):
                await self._send(socket, MatchesChanged(self.rows(), [], len(self.matches)))
            case WatchMatches():
                pass
            case WatchPlayers(players):
                await self._send(socket, PresenceChanged([[each, each, Where.LOBBY.value, ""] for each in players]))
            case Cancel(request):
                if request in self._held:
                    del self._held[request]
                    await self._send(socket, Refused(request, "cancelled", "given up", 0))
            case PartyCreate(request) | PartyJoin(request) | PartyLeave(request):
                code = "" if isinstance(message, PartyLeave) else "ABCD"
                await self._send(socket, Done(request))
                await self._send(socket, PartyState(code, [["p-1", "Ada"]] if code else []))
            case _ if self.refusals:
                await self._send(socket, Refused(message.request, *self.refusals.pop(0)))
            case _ if self.holding and not isinstance(message, ListMatches | ListPlayers):
                self._held[message.request] = (socket, message)
                await self._send(socket, Searching(message.request, 1, 4, "1 of 4 found", 5000))
            case _:
                await self._send(socket, self._answered(message))

    def rows(self) -> list[Any]:
        """The matches as a lobby lists them."""
        return [[match, self.seats[match], self.seats_max, 0, self.attributes] for match in self.matches]

    def _welcome(self, credential: str) -> LobbyWelcome:
        if credential.startswith(GUEST_PREFIX):
            guest, name = credential, "Ada"
        else:
            self._guests += 1
            guest, name = f"{GUEST_PREFIX}{self._guests}", unquote(credential)
        player = "guest-" + guest.removeprefix(GUEST_PREFIX)
        return LobbyWelcome(player, name, guest, "Balls", "a", self.seats_max, ["mode"], "", 1, 1500)

    def _answered(self, message: Any) -> Any:
        """The one answer of a request id."""
        if message.request not in self.answers:
            self.answers[message.request] = self._answer(message)
        return self.answers[message.request]

    def _answer(self, message: Any) -> Any:
        match message:
            case QuickPlay() | CreateMatch() | Enqueue() | Rejoin():
                free = [match for match in self.matches if self.seats[match] < self.seats_max]
                if not free:
                    return Refused(message.request, "no_capacity", "no node has a place for one more match", 0)
                code = "WXYZ" if isinstance(message, CreateMatch) and message.private else ""
                return self._seat(message.request, max(free, key=lambda match: self.seats[match]), code=code)
            case JoinMatch(request, match, spectate) if match in self.matches:
                return self._seat(request, match, spectate)
            case JoinByCode(request, "WXYZ"):
                return self._seat(request, next(iter(self.matches)), code="WXYZ")
            case ListMatches(request, _, after, limit):
                return self._page(request, self.rows(), after, limit, Matches)
            case ListPlayers(request, after, limit):
                rows = [[f"p-{n}", f"P{n}", Where.MATCH.value, "m-1"] for n in range(3)]
                return self._page(request, rows, after, limit, Players)
        return Refused(message.request, "no_match", "there is no such match", 0)

    def _page(self, request: str, rows: list[Any], after: str, limit: int, make: Callable[..., Any]) -> Any:
        start = int(after or 0)
        following = str(start + limit) if start + limit < len(rows) else ""
        return make(request, rows[start : start + limit], following, len(rows))

    def _seat(self, request: str, match: str, spectate: int = 0, code: str = "") -> SeatFound:
        self._tickets += 1
        self.seats[match] += not spectate
        ticket = f"{TICKET_PREFIX}{self._tickets}"
        return SeatFound(request, self.matches[match], match, ticket, self.expires_in_ms, spectate, code)

    async def _send(self, socket: ServerConnection, message: Any) -> None:
        try:
            await socket.send(encode(message))
        except ConnectionClosed:
            pass
