"""Who asks, and a request that takes its time: it can be given up, and it tells how far it is.

To test: `tests/game_server/shell/test_lobby_search.py`.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from game_server.cluster.errors import LobbyRefused
from protocol.lobby_messages import LobbyMessage, RefusedCode, Searching

SENTENCE_MAX = 200


@dataclass(frozen=True, slots=True)
class Visitor:
    """A player in the lobby. `schema_hash` 0 takes any version of the game; `session` tells devices apart."""

    player: str
    name: str
    schema_hash: int = 0
    session: str = ""


class Search:
    """A request that waits. Whoever works on it calls `check` or `pause` between its steps."""

    def __init__(self, request: str, tell: Callable[[LobbyMessage], None] = lambda message: None) -> None:
        self.request = request
        self.cancelled = asyncio.Event()
        self._tell = tell
        self._told: Searching | None = None

    def give_up(self) -> None:
        """Ask whoever works on it to stop at the next step."""
        self.cancelled.set()

    def check(self) -> None:
        """Raise `LobbyRefused` when it was given up."""
        if self.cancelled.is_set():
            raise LobbyRefused(RefusedCode.CANCELLED, "given up, as you wished")

    async def pause(self, seconds: float) -> None:
        """Wait; raise `LobbyRefused` as soon as it is given up."""
        try:
            async with asyncio.timeout(seconds):
                await self.cancelled.wait()
        except TimeoutError:
            return
        self.check()

    def tell(self, found: int, wanted: int, sentence: str, widens_in_ms: int = 0) -> None:
        """Say what it waits for, if that is new."""
        news = Searching(self.request, found, wanted, sentence[:SENTENCE_MAX], max(0, widens_in_ms))
        if news != self._told:
            self._told = news
            self._tell(news)
