"""A bot's way to a seat: it enters the lobby, quick plays, and leaves the lobby again, each time that it needs one.

To test: `tests/game_client/shell/test_quick_seat.py`.
"""

import asyncio
from collections.abc import Mapping
from random import Random
from ssl import SSLContext
from urllib.parse import urlsplit

from game_client.facts import Status
from game_client.lobby_records import LobbyRefused, Seat
from game_client.shell.driver import JoinRefused
from game_client.shell.lobby import Lobby
from protocol.handshake import LOBBY_PATH
from protocol.lobby_messages import RefusedCode

PATIENCE_S = 30.0
"""How long a bot asks a lobby that is busy, or not there yet."""


def is_lobby(url: str) -> bool:
    """Return whether a url is that of a lobby, and not of one match."""
    return urlsplit(url).path.rstrip("/").endswith(LOBBY_PATH)


class QuickSeat:
    """One bot at a lobby; the guest that it was the first time is who it is the next time."""

    def __init__(
        self,
        url: str,
        name: str,
        rng: Random,
        *,
        filters: Mapping[str, str] | None = None,
        ssl: SSLContext | None = None,
        local_addr: str | None = None,
    ) -> None:
        self._url, self._name, self._rng, self._filters = url, name, rng, filters
        self._ssl, self._local_addr = ssl, local_addr
        self._guest = ""

    async def find(self) -> Seat:
        """Return a seat. *Raises* `LobbyRefused`, or `JoinRefused` when the lobby itself cannot be entered."""
        lobby = Lobby(
            self._url, name=self._name, token=self._guest or None, patience_s=PATIENCE_S, patient=True,
            rng=self._rng, ssl=self._ssl, local_addr=self._local_addr,
        )  # fmt: skip
        last = Status()

        def hear(status: Status) -> None:
            nonlocal last
            last = last if status.phase == "closed" else status

        lobby.on_status = hear
        try:
            async with asyncio.timeout(PATIENCE_S), lobby:
                self._guest = lobby.guest
                return await lobby.quick_play(self._filters)
        except TimeoutError:
            if last.phase != "live":
                raise JoinRefused(last.code, last.reason) from None
            raise LobbyRefused(RefusedCode.TIMEOUT, f"no seat was found within {PATIENCE_S:g} s") from None

    async def again(self, seat: Seat) -> Seat:
        """Return another seat, wherever there is one: a bot has no friends to come back to."""
        return await self.find()
