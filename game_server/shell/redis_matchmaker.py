"""The matchmaker of a game as one node runs it while it holds the matchmaker's lease, for the whole queue.

The lease lasts 3 s and every look at the queue renews it; when its node dies another one takes over. Nothing depends
on there being one at a time: tickets leave the queue in a script, all of a group's, and only for who holds the lease.
A match is created first, under the id that its group determines, so a leader that dies between leaves an empty match,
which its node ends, and the next leader that forms the same group means the same match.
*Bounds*: a round runs in slices of a millisecond, so that no tick waits for it; at most 32 matches are being made.
To test: `tests/game_server/shell/test_redis_matchmaker.py`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.matchmaker import Group, Matchmaking, Outcome, QueueRules
from game_server.cluster.queue_ticket import Assigned, QueueTicket
from game_server.cluster.records import MatchSpec
from game_server.shell.queue_records import Found, opened_ticket, queue_channel, queue_keys, script, sealed_answer
from game_server.shell.redis_link import Call, RedisLink
from game_server.shell.sealed_value import Seals
from protocol.errors import TickwireError

LEASE_MS = 3_000
SLICE_S = 0.001
AT_ONCE_MAX = 32
REFUSED_PAUSE_S = 1.0
CHUNK = 200
FORGOTTEN = b"?"

_READ, _TAKE, _EXPLAIN, _RESIGN = (script(f"queue_{name}") for name in ("read", "take", "explain", "resign"))

CreateMatch = Callable[[MatchSpec, int], Awaitable[object]]
"""Creates a match for a version of the game (0: any) on some node, the same one when asked again; else LobbyRefused."""


class Matchmaker:
    """Forms matches from the queue whenever `lead_once` is called, while no other node does.

    `leader` names this process and no other. `waiting` are the tickets seen last; `matches_made`, `groups_lost` (a
    ticket was gone when its group was taken) and `unsealed` are counted.
    """

    def __init__(
        self, link: RedisLink, game: str, sealer: Seals, rules: QueueRules, create: CreateMatch, *, leader: str
    ) -> None:
        self._link, self._sealer, self._rules, self._create = link, sealer, rules, create
        self._keys, self._channel, self._leader = queue_keys(game), queue_channel(game), leader
        self._version = FORGOTTEN
        self._values: dict[str, bytes] = {}
        self._tickets: dict[str, QueueTicket] = {}
        self._explained: dict[str, Found] = {}
        self._making: dict[str, asyncio.Task[None]] = {}
        self._made_of: set[str] = set()
        self._refused, self._refused_until_s = "", 0.0
        self.leads = False
        self.matches_made = self.groups_lost = self.unsealed = 0

    @property
    def waiting(self) -> int:
        """How many tickets wait, as far as this node has seen."""
        return len(self._tickets) if self.leads else 0

    async def lead_once(self) -> bool:
        """Take or renew the lease, look at the queue, form matches; tell whether this node leads.

        Raises `DirectoryUnavailable`.
        """
        now_ms = await self._look()
        if now_ms is None:
            self._forget()
            return False
        outcome = await self._round(now_ms)
        if time.monotonic() >= self._refused_until_s:
            self._refused = ""
            for group in outcome.groups[: AT_ONCE_MAX - len(self._making)]:
                self._begin(group)
        await self._explain(outcome)
        return True

    async def settled(self) -> None:
        """Wait until no match is being made."""
        while self._making:
            await asyncio.wait(self._making.values())

    async def resign(self) -> None:
        """Give the lease up, so that another node leads at once. Raises `DirectoryUnavailable`."""
        for task in self._making.values():
            task.cancel()
        await self.settled()
        if self.leads:
            self._forget()
            await self._link.run(_RESIGN, self._keys, [self._leader])

    async def _look(self) -> int | None:
        """Read who waits; return the directory's time, or None if another node leads."""
        answer = await self._link.run(_READ, self._keys, [self._leader, LEASE_MS, self._version])
        if not answer:
            return None
        if len(answer) > 2:
            if answer[3]:
                self._forget()
            await self._read_tickets([each.decode() for each in answer[2]])
            self._version = answer[1]
        self.leads = True
        return int(answer[0])

    async def _read_tickets(self, requests: Sequence[str]) -> None:
        self._drop(self._values.keys() - set(requests))
        unknown = [request for request in requests if request not in self._values]
        chunks = [unknown[start : start + CHUNK] for start in range(0, len(unknown), CHUNK)]
        calls = [Call(None, self._keys[:1], ("HMGET", self._keys[0], *chunk)) for chunk in chunks]
        for chunk, values in zip(chunks, await self._link.pipeline(calls), strict=True):
            for request, value in zip(chunk, values, strict=True):
                if value is not None:
                    self._open(request, value)
            await asyncio.sleep(0)

    def _open(self, request: str, value: bytes) -> None:
        self._values[request] = value
        try:
            self._tickets[request] = opened_ticket(self._sealer, request, value)
        except TickwireError:
            self.unsealed += 1  # it is not looked at again, and ends with its node's word on it

    async def _round(self, now_ms: int) -> Outcome:
        """Group those who wait, a little at a time."""
        waiting = [ticket for request, ticket in self._tickets.items() if request not in self._made_of]
        making = Matchmaking(waiting, self._rules, now_ms)
        until_s = time.perf_counter() + SLICE_S
        while making.step():
            if time.perf_counter() > until_s:
                await asyncio.sleep(0)
                until_s = time.perf_counter() + SLICE_S
        return making.outcome()

    def _begin(self, group: Group) -> None:
        self._made_of.update(group.requests)
        task = asyncio.create_task(self._make(group), name=f"match {group.match} from the queue")
        self._making[group.match] = task
        task.add_done_callback(lambda _: self._end(group))

    def _end(self, group: Group) -> None:
        del self._making[group.match]
        self._made_of.difference_update(group.requests)

    async def _make(self, group: Group) -> None:
        """Create a group's match, then take the group out of the queue; whatever fails is tried again next time."""
        values = [(request, self._values[request]) for request in group.requests]
        try:
            await self._create(MatchSpec(group.match, group.filters, private=True), group.schema_hash)
            answer = sealed_answer(self._sealer, Assigned(group.match))
            args = [word for pair in values for word in pair]
            taken = await self._link.run(_TAKE, self._keys, [self._leader, self._channel, answer, *args])
        except LobbyRefused as refused:
            self._refused, self._refused_until_s = refused.sentence, time.monotonic() + REFUSED_PAUSE_S
        except DirectoryUnavailable:
            pass
        else:
            self.matches_made += bool(taken)
            self.groups_lost += not taken
            # One that is gone, or is there anew: what is known of them is read again.
            self._drop(group.requests)
            self._version = FORGOTTEN

    async def _explain(self, outcome: Outcome) -> None:
        """Write how far each ticket is, where that is new."""
        most, news = self._rules.most, dict[str, Found]()
        for request, count in outcome.found.items():
            news[request] = Found(count, most)
        for group in outcome.groups:
            for request in group.requests:
                news[request] = Found(group.seats, most, self._refused)
        changed = [(request, found) for request, found in news.items() if self._explained.get(request) != found]
        for start in range(0, len(changed), CHUNK):
            args: list[str | bytes] = [self._leader]
            for request, found in changed[start : start + CHUNK]:
                args += (request, sealed_answer(self._sealer, found))
            await self._link.run(_EXPLAIN, self._keys, args)
            self._explained.update(changed[start : start + CHUNK])

    def _drop(self, requests: Iterable[str]) -> None:
        for request in requests:
            for known in (self._values, self._tickets, self._explained):
                known.pop(request, None)

    def _forget(self) -> None:
        self.leads, self._version = False, FORGOTTEN
        self._drop(list(self._values))
