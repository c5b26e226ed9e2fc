"""Parties in Redis: a record that any node may change, whose members' nodes look at it every 2 s or when told to.

    tw1:{party:<game>:<code>}:party   sealed: members, search, call (`cluster.party`)
    tw1:{party:<game>:<code>}:alive   zset: player -> until_ms, the last word of the member's node
    tw1:{player:<id>}:party:<game>    sealed: the code; the party itself says whether it is still so

A member of whom no node has spoken for two minutes is out: long enough to restart a program, or to come back from a
match. Whichever node sees it first takes the member out; decisions are `cluster.party`'s, a script only refuses a
change that is based on an older record.
To test: `tests/game_server/shell/test_redis_party.py`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.party import Member, Party, PartyCall, new_code, party_fields, party_of, read_code
from game_server.shell.lasting import lasting
from game_server.shell.redis_link import Call, RedisLink, Script
from game_server.shell.redis_subscriber import Subscriber
from game_server.shell.sealed_value import Change, SealedValues, Seals
from protocol.lobby_messages import RefusedCode

MEMBER_LIVES_MS = 120_000
POLL_S = 2.0
DEBOUNCE_S = 0.02
CODES_TRIED = 8

_READ = Script(Path(__file__).with_name("scripts").joinpath("party_read.lua").read_text(encoding="utf-8"))

OnParty = Callable[[Party | None, PartyCall | None], None]
"""Told of a member's party when it changed (None: in none any more), and of a call to follow, each once."""

OnSearchOver = Callable[[str], Awaitable[object]]
"""Told the search that a change of the party has ended, to cancel it: `MatchQueue.cancel`."""


@dataclass(slots=True)
class _Watch:
    """One who is told of a player's party."""

    code: str
    on_party: OnParty
    version: int = 0
    call: int = 0


class Parties:
    """The parties of one game, of at most `size_max` members. Everything awaited may raise `DirectoryUnavailable`.

    Between `start` and `stop` it polls for who watches; a `subscriber` whose messages go to `heard` makes that quicker.
    """

    def __init__(
        self,
        link: RedisLink,
        game: str,
        seals: Seals,
        *,
        size_max: int,
        rng: random.Random | None = None,
        on_search_over: OnSearchOver | None = None,
        subscriber: Subscriber | None = None,
    ) -> None:
        self._link, self._game, self._size_max = link, game, size_max
        self._rng = rng or random.SystemRandom()
        self._on_search_over, self._subscriber = on_search_over, subscriber
        self._parties = SealedValues(link, seals, f"party in {game}")
        self._codes = SealedValues(link, seals, f"party code in {game}")
        self._watches: dict[str, _Watch] = {}
        self._wake = asyncio.Event()
        self._due: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def unsealed(self) -> int:
        """How many values were found that nobody with the secret wrote."""
        return self._parties.unsealed + self._codes.unsealed

    async def create(self, player: str, name: str) -> Party:
        """Found a party, or return the one that the player is in: a repeat founds no second one."""
        party = await self.state(player)
        for _ in range(CODES_TRIED):
            if party is not None:
                return party
            party = await self._found(new_code(self._rng), Member(player, name))
        raise LobbyRefused(RefusedCode.UNAVAILABLE, "no free code for a party was found", 1_000)

    async def join(self, code: str, player: str, name: str) -> Party:
        """Join the party with a code, and leave the one before. Raises `LobbyRefused` no_party, party_full."""
        code = read_code(code)
        before = await self.state(player)
        party = await self._change(code, lambda party, _: party.with_member(Member(player, name), self._size_max))
        # Cut short here, the player is in a party that nobody speaks for: that ends by itself, or by another try.
        await self._point(player, code)
        await self._link.pipeline([self._read_call(code, [player])])
        if before is not None and before.code != code:
            await self._without(before.code, {player})
        return party

    async def leave(self, player: str) -> Party | None:
        """Leave; return what remains of the party, None if nothing does or the player was in none."""
        party = await self.state(player)
        if party is None:
            return None
        left = await self._without(party.code, {player})
        await self._point(player, "")
        return left

    async def state(self, player: str) -> Party | None:
        """Return the party that a player is in."""
        fields = await self._codes.read(self._player_key(player), player)
        party = await self.party(fields[0]) if fields else None
        return party if party is not None and player in party.players else None

    async def party(self, code: str) -> Party | None:
        """Return a party by its code."""
        return _party_of(code, await self._parties.read(self._key(code, "party"), code))

    async def search(self, player: str, ticket: str) -> Party:
        """Note what a leader's party searches with (a ticket of the queue, or any name of a search), "" for nothing.

        Returns the party, whose players go together. Raises `LobbyRefused` no_party, not_leader.
        """
        party = await self.state(player)
        if party is None:
            raise LobbyRefused(RefusedCode.NO_PARTY, "you are in no party")
        return await self._change(party.code, lambda party, _: party.searching(player, ticket), ends_search=False)

    async def call(self, code: str, request: str, match: str) -> Party:
        """Call a party to a match: every member's node is told, and takes a seat for the member."""
        return await self._change(code, lambda party, now_ms: party.called(request, match, now_ms), ends_search=False)

    def watch(self, player: str, party: Party, on_party: OnParty) -> None:
        """Be told of a player's party as it changes, at first at the next poll; one watch for each player."""
        self.unwatch(player)
        self._watches[player] = _Watch(party.code, on_party)
        if self._subscriber is not None:
            self._subscriber.add(self.channel(party.code))
        self._due.add(party.code)
        self._wake.set()

    def unwatch(self, player: str) -> None:
        """Be told no more. The player stays in the party."""
        watch = self._watches.pop(player, None)
        shared = watch is not None and any(each.code == watch.code for each in self._watches.values())
        if watch is not None and not shared and self._subscriber is not None:
            self._subscriber.remove(self.channel(watch.code))

    def attach(self, subscriber: Subscriber) -> None:
        """Listen through this one, whose owner hands what it hears to `heard`."""
        self._subscriber = subscriber

    def channel(self, code: str) -> str:
        """Return the channel that is spoken on when a party changed."""
        return f"tickwire:party:{self._game}:{code}"

    def heard(self, channel: str, data: bytes) -> bool:
        """Take a message of the subscriber; tell whether it was for parties."""
        ours = channel.startswith(self.channel(""))
        if ours:
            self._due.add(channel.removeprefix(self.channel("")))
            self._wake.set()
        return ours

    def start(self) -> None:
        """Begin to poll, in the running loop."""
        self._task = lasting(self._run, "parties")

    async def stop(self) -> None:
        """Poll no more. Members stay in their parties for as long as they would after a cut."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def poll(self, only: Collection[str] | None = None) -> None:
        """Speak for the players watched here, tell their watchers what is new, take out who is gone.

        All of them, or those in the parties with the codes `only`.
        """
        players: dict[str, list[str]] = {}
        for player, watch in self._watches.items():
            if only is None or watch.code in only:
                players.setdefault(watch.code, []).append(player)
        codes = list(players)
        keys = [self._player_key(player) for some in players.values() for player in some]
        calls = [self._read_call(code, players[code]) for code in codes]
        calls += [Call(None, (key,), ("PEXPIRE", key, 2 * MEMBER_LIVES_MS)) for key in keys]
        answers = (await self._link.pipeline(calls))[: len(codes)]
        for code, answer in zip(codes, answers, strict=True):
            now_ms, party, until_ms = self._opened(code, answer)
            for player in players[code]:
                self._tell(player, code, party, now_ms)
            if party is not None:
                await self._take_out_the_gone(party, until_ms, now_ms)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        all_at = clock() + POLL_S
        while True:
            only: set[str] | None = None
            try:
                async with asyncio.timeout_at(all_at):
                    await self._wake.wait()
                # Only what was heard of: who comes and goes ten times a second makes nobody read all parties.
                only, self._due = self._due, set()
            except TimeoutError:
                all_at = clock() + POLL_S
            self._wake.clear()
            try:
                if self._watches:
                    await self.poll(only)
            except DirectoryUnavailable:
                pass  # the next one tells
            await asyncio.sleep(DEBOUNCE_S)

    def _tell(self, player: str, code: str, party: Party | None, now_ms: int) -> None:
        watch = self._watches.get(player)
        if watch is None or watch.code != code:
            return  # a watcher before has ended this one
        if party is None or player not in party.players:
            self.unwatch(player)
            watch.on_party(None, None)
        elif party.version != watch.version:
            call = party.call if party.call.number > watch.call and party.call.is_fresh(now_ms) else None
            watch.version, watch.call = party.version, party.call.number
            watch.on_party(party, call)

    async def _take_out_the_gone(self, party: Party, until_ms: dict[str, int], now_ms: int) -> None:
        key = self._key(party.code, "alive")
        for player in party.players:
            if player not in until_ms:  # nobody has spoken yet: from now on the time runs
                await self._link.call("ZADD", key, "NX", now_ms + MEMBER_LIVES_MS, player)
        gone = {player for player, until in until_ms.items() if until < now_ms}
        if gone:
            await self._without(party.code, gone)

    async def _found(self, code: str, member: Member) -> Party | None:
        """Found a party under a code; None if there is one."""
        mine = Party(code, (member,))
        change = Change(party_fields(mine), 2 * MEMBER_LIVES_MS)
        key = self._key(code, "party")
        fields = await self._parties.change(key, code, lambda fields, _: None if fields else change)
        if fields != change.fields:
            return None
        await self._point(member.player, code)
        await self._link.pipeline([self._read_call(code, [member.player])])
        return mine

    async def _without(self, code: str, players: Collection[str]) -> Party | None:
        """Take players out; return what remains of the party, if anything does."""
        try:
            party = await self._change(code, lambda party, _: party.without(players))
        except LobbyRefused:
            return None  # the others have gone meanwhile
        await self._link.call("ZREM", self._key(code, "alive"), *players)
        return party if party.members else None

    async def _change(self, code: str, decide: Callable[[Party, int], Party], *, ends_search: bool = True) -> Party:
        """Let a decision change a party, tell its members, cancel what it searched with."""
        ended, changed = "", False

        def decided(fields: list[Any] | None, now_ms: int) -> Change | None:
            nonlocal ended, changed
            if not fields:
                raise _no_such(code)
            before = party_of(code, fields)
            after = decide(before, now_ms)
            ended, changed = before.search if after.search != before.search else "", after is not before
            if not changed:
                return None
            return Change(party_fields(after) if after.members else None, 2 * MEMBER_LIVES_MS)

        fields = await self._parties.change(self._key(code, "party"), code, decided)
        if changed:
            await self._link.call("PUBLISH", self.channel(code), b"")
        if ended and ends_search and self._on_search_over is not None:
            try:
                await self._on_search_over(ended)
            except DirectoryUnavailable:
                pass  # the leader's node sees in the party that it is over
        return party_of(code, fields) if fields else Party(code, ())

    async def _point(self, player: str, code: str) -> None:
        """Write down in which party a player is; "" for none."""
        change = Change([code] if code else None, 2 * MEMBER_LIVES_MS)
        await self._codes.change(self._player_key(player), player, lambda _, __: change)

    def _read_call(self, code: str, players: Iterable[str]) -> Call:
        return Call(_READ, (self._key(code, "party"), self._key(code, "alive")), (MEMBER_LIVES_MS, *players))

    def _opened(self, code: str, answer: list[Any]) -> tuple[int, Party | None, dict[str, int]]:
        """The directory's time, the party, and until when its members are alive."""
        now_ms, stored, *alive = answer
        fields = self._parties.opened(code, stored)
        until_ms = {player.decode(): int(float(till)) for player, till in zip(alive[::2], alive[1::2], strict=True)}
        return int(now_ms), _party_of(code, fields), until_ms

    def _key(self, code: str, what: str) -> str:
        return f"tw1:{{party:{self._game}:{code}}}:{what}"

    def _player_key(self, player: str) -> str:
        return f"tw1:{{player:{player}}}:party:{self._game}"


def _party_of(code: str, fields: list[Any] | None) -> Party | None:
    """Return a stored party; None for none, and for one that another version of this program wrote."""
    try:
        return party_of(code, fields) if fields else None
    except (TypeError, ValueError):
        return None


def _no_such(code: str) -> LobbyRefused:
    return LobbyRefused(RefusedCode.NO_PARTY, f"no party has the code {code}")
