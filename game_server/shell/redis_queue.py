"""The skill queue as a node's lobby sees it: players get in, are told how far they are, get out.

A ticket lives 6 s from its node's last word on it, and each poll (once a second, one call for all of a node's tickets)
is such a word: tickets of a node that died vanish. A poll puts in again what a Redis that restarted empty forgot, with
the time waited. Any node that holds tickets offers to be the matchmaker; `redis_matchmaker` is what it does then.
A message on `channel` that names one of this node's tickets makes the poll come at once.
To test: `tests/game_server/shell/test_redis_queue.py`.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.matchmaker import QueueRules
from game_server.cluster.queue_ticket import Assigned, QueuedPlayer, QueueTicket, Waiting, explained
from game_server.cluster.records import Attributes
from game_server.shell.lasting import lasting
from game_server.shell.queue_records import (
    Answer,
    Cancelled,
    Found,
    opened_answer,
    queue_channel,
    queue_keys,
    script,
    sealed_answer,
    sealed_ticket,
)
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_matchmaker import Matchmaker
from game_server.shell.sealed_value import Seals
from protocol.errors import TickwireError
from protocol.lobby_messages import RefusedCode

TICKET_LIVES_MS = 6_000
POLL_S, LEAD_S = 1.0, 0.5
CHUNK = 200

_ENQUEUE, _STATUS, _CANCEL = (script(f"queue_{name}") for name in ("enqueue", "status", "cancel"))

Status = Waiting | Assigned | None
"""How far a ticket is; None when it is not in the queue: cancelled, or never there."""


@dataclass(slots=True)
class _Own:
    """A ticket that this node keeps alive."""

    ticket: QueueTicket
    since_ms: int = 0


@dataclass(slots=True)
class _Follower:
    """Somebody who wants to be told of a ticket."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    status: Status = None


class MatchQueue:
    """The queue of one game. Tickets are named by `ticket_id(player, request)`; a repeat is the same ticket.

    With a `matchmaker`, this node leads when nobody else does. Between `start` and `stop` it polls for who follows.
    """

    def __init__(
        self, link: RedisLink, game: str, sealer: Seals, rules: QueueRules, matchmaker: Matchmaker | None = None
    ) -> None:
        self._link, self._sealer, self.rules, self.matchmaker = link, sealer, rules, matchmaker
        self._keys, self.channel = queue_keys(game), queue_channel(game)
        self._own: dict[str, _Own] = {}
        self._followers: dict[str, list[_Follower]] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.unsealed = 0

    async def enqueue(
        self, request: str, players: Sequence[QueuedPlayer], filters: Attributes = (), schema_hash: int = 0
    ) -> None:
        """Put a player, or a party, into the queue; this node then keeps them in it. A repeat changes nothing.

        Raises `LobbyRefused` busy when one of them waits under another request, and `DirectoryUnavailable`.
        """
        if len(players) > self.rules.most:
            sentence = f"a party of {len(players)} does not fit into matches of {self.rules.most}"
            raise LobbyRefused(RefusedCode.BAD_REQUEST, sentence)
        own = _Own(QueueTicket(request, tuple(players), 0, filters, schema_hash))
        if await self._put(own):
            self._own.setdefault(request, own)

    async def status(self, requests: Iterable[str]) -> dict[str, Status]:
        """Tell how far tickets are, and keep those alive that were put in here. Raises `DirectoryUnavailable`."""
        asked = sorted(set(requests), key=lambda request: request not in self._own)
        statuses: dict[str, Status] = {}
        lost = []
        for start in range(0, len(asked), CHUNK):
            chunk = asked[start : start + CHUNK]
            own = sum(1 for request in chunk if request in self._own)
            answer = await self._link.run(_STATUS, self._keys, [TICKET_LIVES_MS, own, *chunk])
            for n, request in enumerate(chunk):
                since, sealed = answer[2 + 2 * n : 4 + 2 * n]
                statuses[request] = self._status(request, int(answer[0]), since, sealed)
                if not since and not sealed and request in self._own:
                    lost.append(request)
        for request in lost:
            await self._put_again(request)
            statuses.pop(request)
        return statuses

    async def cancel(self, request: str) -> Assigned | None:
        """Take a ticket out of the queue; return its match if it was assigned before that.

        Whichever node put it in, it stays out. Raises `DirectoryUnavailable`.
        """
        self._own.pop(request, None)
        before = await self._link.run(_CANCEL, self._keys, [request, sealed_answer(self._sealer, Cancelled())])
        answer = self._answer(before)
        self._tell({request: answer if isinstance(answer, Assigned) else None})
        return answer if isinstance(answer, Assigned) else None

    def let_go(self, request: str) -> None:
        """Speak for a ticket no more: it ends in some seconds, unless somebody puts it in again."""
        self._own.pop(request, None)

    def forsake(self, request: str) -> None:
        """Let a ticket go that cannot be cancelled now; who follows it is told that it is over."""
        self.let_go(request)
        self._tell({request: None})

    async def follow(self, request: str) -> AsyncGenerator[Status, None]:
        """Yield how far a ticket is whenever that is new; the last one is `Assigned` or, if it was cancelled, None.

        Whoever gives up early cancels; ending the iteration alone leaves the ticket in the queue.
        """
        follower = _Follower()
        self._followers.setdefault(request, []).append(follower)
        self._wake.set()
        try:
            while True:
                await follower.news.wait()
                follower.news.clear()
                yield follower.status
                if not isinstance(follower.status, Waiting):
                    return
        finally:
            self._followers[request].remove(follower)
            if not self._followers[request]:
                del self._followers[request]

    def heard(self, channel: str, data: bytes) -> bool:
        """Take a message of a subscriber; tell whether it was for the queue."""
        if channel != self.channel:
            return False
        if any(request in self._followers or request in self._own for request in data.decode().split("\n")):
            self._wake.set()
        return True

    def start(self) -> None:
        """Begin to poll and, with a matchmaker, to lead when nobody does; in the running loop."""
        self._tasks = [lasting(self._poll, "queue poll")]
        if self.matchmaker is not None:
            self._tasks.append(lasting(partial(self._lead, self.matchmaker), "queue lead"))

    async def stop(self) -> None:
        """Poll and lead no more. Tickets that were put in here end by themselves."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
        if self.matchmaker is not None:
            try:
                await self.matchmaker.resign()
            except DirectoryUnavailable:
                pass  # then the lease runs out

    async def _put(self, own: _Own) -> bool:
        """Write a ticket; tell whether it is in the queue now."""
        ticket = own.ticket
        players = [each.player for each in ticket.players]
        sealed = sealed_ticket(self._sealer, ticket)
        args: list[str | bytes | int] = [ticket.request, sealed, TICKET_LIVES_MS, own.since_ms, *players]
        answer = await self._link.run(_ENQUEUE, self._keys, args)
        if answer[0] == b"busy":
            who = "you are" if answer[1].decode() == players[0] else "a member of the party is"
            raise LobbyRefused(RefusedCode.BUSY, f"{who} in the queue already: cancel that first")
        return bool(answer[0] == b"queued")

    async def _put_again(self, request: str) -> None:
        """Redis forgot a ticket, or this node was away for too long."""
        own = self._own.get(request)
        if own is None:
            return  # given up while others were put in
        try:
            await self._put(own)
        except LobbyRefused:
            self._own.pop(request, None)  # meanwhile its player waits elsewhere
            self._tell({request: None})

    def _status(self, request: str, now_ms: int, since: bytes, sealed: bytes) -> Status:
        own = self._own.get(request)
        answer = self._answer(sealed)
        if not since:
            if sealed:
                self._own.pop(request, None)
            return answer if isinstance(answer, Assigned) else None
        if own is not None:
            own.since_ms = int(since)
        if not isinstance(answer, Found):
            answer = Found(own.ticket.seats if own else 1, self.rules.most)
        waiting = explained(answer.found, answer.wanted, now_ms - int(since))
        if not answer.note:
            return waiting
        sentence = f"{answer.found} of {answer.wanted} found, {answer.note}"
        return Waiting(answer.found, answer.wanted, waiting.spread, waiting.widens_in_ms, sentence)

    def _answer(self, sealed: bytes) -> Answer | None:
        try:
            return opened_answer(self._sealer, sealed) if sealed else None
        except TickwireError:
            self.unsealed += 1
            return None

    def _tell(self, statuses: dict[str, Status]) -> None:
        for request, status in statuses.items():
            for follower in self._followers.get(request, ()):
                if status != follower.status or status is None:
                    follower.status = status
                    follower.news.set()

    async def _poll(self) -> None:
        while True:
            await _first(self._wake, POLL_S)
            if not self._own and not self._followers:
                continue
            try:
                self._tell(await self.status([*self._own, *self._followers]))
            except DirectoryUnavailable:
                pass  # the next one tells

    async def _lead(self, matchmaker: Matchmaker) -> None:
        """Lead while nobody else does and somebody waits here, or while this node leads and anybody waits."""
        idle = asyncio.Event()
        while True:
            await _first(idle, LEAD_S if matchmaker.leads else POLL_S)
            try:
                if self._own or matchmaker.waiting:
                    await matchmaker.lead_once()
                elif matchmaker.leads:
                    await matchmaker.resign()
            except DirectoryUnavailable:
                pass


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
