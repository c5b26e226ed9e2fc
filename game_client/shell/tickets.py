"""The tickets of a seat that a lobby gave: the first one as it came, then a fresh one whenever one is needed.

To test: `tests/game_client/shell/test_tickets.py`.
"""

from collections.abc import Awaitable, Callable

from game_client.lobby_records import Seat


class Tickets:
    """A client's `token` function. `seat` is the newest, `again` asks the lobby for another in the same match."""

    def __init__(self, seat: Seat, again: Callable[[Seat], Awaitable[Seat]]) -> None:
        self.seat = seat
        self._again = again
        self._used = False

    async def __call__(self) -> str:
        """Return a ticket that nobody has brought yet. *Raises* what `again` raises."""
        if self._used:
            self.seat = await self._again(self.seat)
        self._used = True
        return self.seat.ticket
