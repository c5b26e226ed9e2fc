"""One player in the lobby at the least cost: requests with ids of their own, answers, the live list as it was told.

To test: `tests/bench/test_raw_lobby.py`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from bench.raw_clients import Idler
from bench.raw_socket import BINARY, RawSocket, Request, masked_frame
from protocol.codec import decode_lobby, encode
from protocol.lobby_messages import (
    CreateMatch,
    Done,
    JoinMatch,
    ListMatches,
    LobbyHello,
    LobbyMessage,
    LobbyWelcome,
    Matches,
    MatchesChanged,
    Players,
    QuickPlay,
    Refused,
    SeatFound,
    WatchMatches,
)
from protocol.rows import Direction

Answer = SeatFound | Matches | Players | Done | Refused
Asked = QuickPlay | CreateMatch | JoinMatch | ListMatches
ASK_WITHIN_S = 20.0


class RawLobby(RawSocket):
    """Enters, asks, watches. `listed` holds the seats of each watched match; `on_news` hears of each change to it."""

    def __init__(self, url: str, name: str, address: str = "") -> None:
        super().__init__(Request(url, name), hello=LobbyHello(0), address=address)
        self.entered: LobbyWelcome | None = None
        self.listed: dict[str, int] = {}
        self.on_news: Callable[[], None] = lambda: None
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._requests = 0

    @property
    def live(self) -> bool:
        """Whether it was welcomed and has not ended."""
        return self.entered is not None and not self._ended.is_set()

    async def join(self, within_s: float = 10.0) -> bool:
        """Enter the lobby, and wait for LOBBY_WELCOME; tell whether it came."""
        await super().join(within_s)
        return self.entered is not None

    async def ask(self, message: Asked, within_s: float = ASK_WITHIN_S) -> Answer:
        """Send a request, under an id that this fills in, and return its answer. Raises `OSError`, `TimeoutError`."""
        if not self.live:
            raise ConnectionResetError("this socket of the lobby has ended")
        self._requests += 1
        request = f"r{self._requests}"
        answer = self._waiting[request] = asyncio.get_running_loop().create_future()
        self.transport.write(masked_frame(encode(replace(message, request=request))))
        try:
            return await asyncio.wait_for(answer, within_s)
        finally:
            del self._waiting[request]

    def watch(self) -> None:
        """Be told of all matches as they come, change and go."""
        self.transport.write(masked_frame(encode(WatchMatches(1, []))))

    def connection_lost(self, exc: Exception | None) -> None:
        """No answer comes any more."""
        super().connection_lost(exc)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the socket of the lobby ended"))

    def _frame(self, opcode: int, data: bytes, start: int, stop: int) -> None:
        if opcode != BINARY:
            super()._frame(opcode, data, start, stop)
            return
        self._take(decode_lobby(data[start:stop], Direction.TO_CLIENT))

    def _take(self, message: LobbyMessage) -> None:
        match message:
            case LobbyWelcome():
                self.entered = message
                self._settled.set()
            case MatchesChanged(changed, gone):
                self.listed.update((row[0], row[1]) for row in changed)
                for match in gone:
                    self.listed.pop(match, None)
                self.on_news()
            case SeatFound() | Matches() | Players() | Done() | Refused():
                answer = self._waiting.get(message.request)
                if answer is not None and not answer.done():
                    answer.set_result(message)
            case _:
                pass  # How a search goes on, a party, presence: nothing that is measured here.


def player_of(seat: SeatFound, address: str = "") -> Idler:
    """Return the client that plays where a lobby said."""
    return Idler(Request(seat.url, seat.ticket), address=address)
