"""The skill queue as one request of the lobby: in with everybody's rating, told how far it is, out with a match.

A socket that is cut lets its ticket go: it lives on for a few seconds, in which its player may come back and send the
request again, here or at another node.
To test: `tests/game_server/shell/test_lobby_queue.py`.
"""

import asyncio
from collections.abc import Sequence

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.queue_ticket import Assigned, QueuedPlayer, Waiting
from game_server.cluster.records import Attributes
from game_server.shell.lobby_search import Search
from game_server.shell.redis_queue import MatchQueue
from game_server.shell.redis_ratings import Ratings
from protocol.lobby_messages import RefusedCode


class LobbyQueue:
    """Waits in the queue for those who ask. Without `ratings` everybody counts as new."""

    def __init__(self, queue: MatchQueue, ratings: Ratings | None = None) -> None:
        self._queue, self._ratings = queue, ratings

    async def wait(
        self, ticket: str, players: Sequence[str], filters: Attributes, schema_hash: int, search: Search
    ) -> str:
        """Return the match that the queue made for these players.

        Raises `LobbyRefused` busy, bad_request, cancelled and, before they are in, `DirectoryUnavailable`.
        """
        search.check()
        await self._queue.enqueue(ticket, await self._rated(players), filters, schema_hash)
        giving_up = asyncio.create_task(self._cancel_when_given_up(ticket, search), name="queue cancel")
        try:
            async for status in self._queue.follow(ticket):
                match status:
                    case Assigned(match):
                        return match
                    case Waiting(found, wanted, _, widens_in_ms, sentence):
                        search.tell(found, wanted, sentence, widens_in_ms)
                    case None:
                        search.check()
                        raise LobbyRefused(RefusedCode.CANCELLED, "the search ended: the party has changed")
            raise AssertionError("what is followed ends with a match or with nothing")
        finally:
            giving_up.cancel()
            self._queue.let_go(ticket)

    async def abandon(self, ticket: str) -> None:
        """Take a ticket out that waits, whoever put it in. Raises `DirectoryUnavailable`."""
        # Asked first: a cancel is written down even for a ticket that never was.
        if isinstance((await self._queue.status([ticket])).get(ticket), Waiting):
            await self._queue.cancel(ticket)

    async def _rated(self, players: Sequence[str]) -> list[QueuedPlayer]:
        if self._ratings is None:
            return [QueuedPlayer(player) for player in players]
        ratings = await self._ratings.ratings(players)
        return [QueuedPlayer(player, ratings[player].mu, ratings[player].sigma) for player in players]

    async def _cancel_when_given_up(self, ticket: str, search: Search) -> None:
        await search.cancelled.wait()
        try:
            await self._queue.cancel(ticket)
        except DirectoryUnavailable:
            self._queue.forsake(ticket)
