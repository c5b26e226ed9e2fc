"""Players by hand, who know each of their sockets: by the lobby into a match, and by the lobby again if it ends."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urljoin

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from protocol.codec import decode_lobby, encode
from protocol.handshake import LOBBY_PATH
from protocol.lobby_messages import (
    CreateMatch,
    ListMatches,
    LobbyHello,
    LobbyMessage,
    LobbyWelcome,
    Matches,
    QuickPlay,
    Refused,
    SeatFound,
)
from protocol.messages import SUBPROTOCOL, Ack, State
from protocol.rows import Direction
from tests.game_server.shell.game_for_tests import Player, dial

NODE = re.compile(r"/n/([0-9a-f]{12})/v1/match/.+")
ANSWER_S = 20.0


class Lobby:
    """A lobby's socket; requests are asked one after the other, and again when the lobby says so."""

    def __init__(self, address: str) -> None:
        self.url = f"ws://{address}{LOBBY_PATH}"
        self._count = 0

    async def __aenter__(self) -> "Lobby":
        self.socket: ClientConnection = await connect(
            self.url, subprotocols=[SUBPROTOCOL], compression=None, proxy=None
        )
        await self.socket.send(encode(LobbyHello(0)))
        welcome = await self.next()
        assert isinstance(welcome, LobbyWelcome), welcome
        self.welcome = welcome
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.socket.close()

    async def next(self) -> LobbyMessage:
        """The next message."""
        frame = await self.socket.recv()
        assert isinstance(frame, bytes)
        return decode_lobby(frame, Direction.TO_CLIENT)

    async def quick_play(self) -> SeatFound:
        """A seat in any match."""
        found = await self._ask(QuickPlay(self._request(), [], [], 0))
        assert isinstance(found, SeatFound), found
        return found

    async def create(self) -> SeatFound:
        """A seat in a match of one's own."""
        found = await self._ask(CreateMatch(self._request(), [], 0))
        assert isinstance(found, SeatFound), found
        return found

    async def matches(self) -> dict[str, int]:
        """Every listed match and how many seats are taken."""
        found = await self._ask(ListMatches(self._request(), [], "", 200))
        assert isinstance(found, Matches) and not found.next, found
        return {listing[0]: listing[1] for listing in found.listings}

    def _request(self) -> str:
        self._count += 1
        return f"{self.welcome.player[-12:]}-{self._count}"

    async def _ask(self, request: Any) -> LobbyMessage:
        async with asyncio.timeout(ANSWER_S):
            while True:
                await self.socket.send(encode(request))
                answer = await self.next()
                while getattr(answer, "request", None) != request.request or not isinstance(
                    answer, SeatFound | Matches | Refused
                ):
                    answer = await self.next()
                if not isinstance(answer, Refused) or not answer.retry_after_ms:
                    return answer
                await asyncio.sleep(answer.retry_after_ms / 1000)


@dataclass
class Seated:
    """A player with a seat, who reads and acknowledges until the socket ends."""

    player: Player
    node: str
    match: str
    states: int = 0
    gap_s: float = 0.0
    close_code: int | None = None
    last_at: float = field(default_factory=monotonic)

    async def play(self) -> None:
        """Take every state there is; note how long the longest pause between two was."""
        try:
            while True:
                message = await self.player.next()
                if isinstance(message, State):
                    self.states += 1
                    now = monotonic()
                    self.gap_s, self.last_at = max(self.gap_s, now - self.last_at), now
                    await self.player.send(Ack(message.tick))
        except ConnectionClosed:
            self.close_code = self.player.socket.close_code

    def forget_gaps(self) -> None:
        """Begin to measure anew."""
        self.gap_s, self.last_at = 0.0, monotonic()

    @property
    def plays(self) -> bool:
        """Whether the socket is open and states come."""
        return self.close_code is None and monotonic() - self.last_at < 1.0


async def sit_down(address: str) -> Seated:
    """Quick play and the match's WELCOME, all through the gateway; a seat that is lost meanwhile is asked for anew."""
    async with asyncio.timeout(ANSWER_S):
        while True:
            try:
                async with Lobby(address) as lobby:
                    return await enter(lobby, await lobby.quick_play())
            except (InvalidStatus, ConnectionClosed):
                await asyncio.sleep(0.25)  # a node that stops, a match that ended between SEAT and the dial


async def enter(lobby: Lobby, seat: SeatFound) -> Seated:
    """Take the seat that the lobby found."""
    path = NODE.fullmatch(seat.url)
    assert path is not None, f"the lobby's url {seat.url} is not a node's path"
    player = await dial(urljoin(lobby.url, seat.url), seat.ticket, proxy=None)
    await player.join()
    return Seated(player, path[1], seat.match)


def on(seated: Iterable[Seated], node: str) -> list[Seated]:
    """Those whose seat is on this node."""
    return [each for each in seated if each.node == node]
