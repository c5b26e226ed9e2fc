"""One Redis of any set-up, by URL: what the directory stands on.

Bytes in and out, as Redis itself answers (an HGETALL is a flat list). Nothing here blocks: a call is answered within
`timeout_s` or fails, and after a failure all calls of that server fail at once until a probe has found it well.
To test: `tests/game_server/shell/test_redis_link.py`; against Sentinels and a cluster `test_redis_set_ups.py`.
"""

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.redis_server import RedisServer, RedisServers, joined
from game_server.shell.redis_socket import Command, SocketLost
from game_server.shell.redis_topology import make_topology
from game_server.shell.redis_url import Address, parse_redis_url
from game_server.shell.replica_wait import ReplicaWait
from protocol.errors import NodeFault

PROBE_FIRST_S, PROBE_LAST_S = 0.25, 1.0
WATCH_S = 1.0
REDIRECTS_MAX = 4
REDIS_VERSION_MIN = 7
KEYLESS = frozenset(("PUBLISH", "PING", "ECHO", "INFO", "TIME", "SCRIPT", "CLIENT", "CONFIG", "ROLE", "DBSIZE",
                     "FLUSHALL", "FLUSHDB", "MEMORY", "COMMAND", "SCAN", "CLUSTER", "PUBSUB", "WAIT"))  # fmt: skip


class Script:
    """A Lua script by its text; Redis knows it by its hash."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a pipeline: a script with keys and arguments, or a plain command whose first key is `keys[0]`."""

    script: Script | None
    keys: tuple[str, ...]
    args: tuple[str | bytes | int, ...] = ()

    def command(self) -> Command:
        """Return the words that go to Redis."""
        if self.script is None:
            return self.args
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.args)


class RedisLink:
    """One Redis of any set-up, by URL. Every failure of a call is `DirectoryUnavailable`; a wrong URL a `UsageFault`.

    `available` tells whether all of its masters answered last; `on_change` is called when that changes.
    """

    def __init__(self, url: str, *, timeout_s: float = 1.0) -> None:
        self._url, self._timeout_s = parse_redis_url(url), timeout_s
        self._servers = RedisServers(self._url.connection, timeout_s)
        self._topology = make_topology(self._url, timeout_s)
        self._waits = ReplicaWait(self._url, self._topology, timeout_s)
        self._lost_topology = False
        self._finding: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closed = False
        self.available = True
        self.on_change: Callable[[bool], None] | None = None

    @property
    def shown(self) -> str:
        """Its address, or addresses, without a password."""
        return self._url.shown

    @property
    def round_trips(self) -> int:
        """How often a server was asked."""
        return self._servers.round_trips

    async def connect(self) -> None:
        """Make the first contact. Raises `NodeFault` with a sentence that says what is wrong, and is closed then."""
        try:
            await self._resolve()
            servers = [self._servers.at(master) for master in self._topology.masters]
            await asyncio.gather(*(server.open() for server in servers))
        except SocketLost as error:
            await self.close()
            raise NodeFault(f"Redis at {self.shown} cannot be used: {error}") from None
        for server in servers:
            major = server.version.partition(".")[0]
            if not major.isdigit() or int(major) < REDIS_VERSION_MIN:
                await self.close()
                version = server.version or "unknown"
                raise NodeFault(f"Redis at {self.shown} is version {version}; {REDIS_VERSION_MIN} or later is needed")

    async def close(self) -> None:
        """Close for good; whatever is asked from now on fails."""
        self._closed = True
        tasks = [task for task in (self._probe, self._finding, self._watch) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._servers.keep(())
        await self._waits.close()
        await self._topology.close()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> Any:
        """Run a script, load it first where it is not known, and return its answer."""
        (answer,) = await self.pipeline([Call(script, tuple(keys), tuple(args))])
        return answer

    async def call(self, *command: str | bytes | int) -> Any:
        """Run a plain command and return its answer. In a cluster its second word is taken for its key."""
        keyless = len(command) < 2 or str(command[0]).upper() in KEYLESS
        key = "" if keyless else command[1]
        key = key.decode("latin-1") if isinstance(key, bytes) else str(key)
        (answer,) = await self.pipeline([Call(None, (key,), command)])
        return answer

    async def pipeline(self, calls: Sequence[Call], *, chunk: int = 500) -> list[Any]:
        """Run many calls in one round trip for each `chunk` and server, return their answers in order.

        They are no transaction. All are run, also when one fails: then its failure is raised.
        """
        answers: list[Any] = []
        for start in range(0, len(calls), chunk):
            try:
                async with asyncio.timeout(2 * self._timeout_s):  # in a cluster one server may name another
                    answers += await self._exchange(calls[start : start + chunk])
            except TimeoutError:
                raise DirectoryUnavailable(f"no answer for {2 * self._timeout_s:g} s") from None
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise DirectoryUnavailable(f"{answer.status_code or ''} {answer}".strip())
        return answers

    async def wait_replicas(self, *keys: str) -> bool:
        """Wait until a majority of the replicas has what was written before; True at once where there are none.

        In a cluster that is of the masters that have `keys`, or of all. Raises `DirectoryUnavailable`.
        """
        try:
            return await self._waits.wait(server.address for server in await self._having(keys))
        except SocketLost as error:
            raise DirectoryUnavailable(str(error)) from error

    async def run_id(self, *keys: str) -> str:
        """Return what tells one run of the server from another, since its memory does not outlive it.

        In a cluster that of the servers that have `keys`, or of all. Costs no round trip while connected.
        """
        try:
            servers = await self._having(keys)
        except SocketLost as error:
            raise DirectoryUnavailable(str(error)) from error
        for server in servers:
            try:
                await server.open()
            except SocketLost as error:
                self._failed(server)
                raise DirectoryUnavailable(str(error)) from error
        return "+".join(server.run_id for server in servers)

    async def dedicated(self) -> AbstractConnection:
        """Return an open connection of its own to a master, for one who subscribes. Raises `DirectoryUnavailable`."""
        try:
            await self._resolve()
            server = self._check(self._servers.at(self._topology.master_of("")))
            connection = self._url.connection(server.address)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await connection.connect()  # type: ignore[no-untyped-call]
            except BaseException:
                await connection.disconnect(nowait=True)
                raise
        except (SocketLost, RedisError, OSError, TimeoutError) as error:
            raise DirectoryUnavailable(str(error) or "no answer") from error
        return connection

    async def _having(self, keys: Sequence[str]) -> list[RedisServer]:
        """The masters that have these keys, or all."""
        await self._resolve()
        masters = {self._topology.master_of(key) for key in keys} or set(self._topology.masters)
        return [self._check(self._servers.at(master)) for master in sorted(masters)]

    async def _exchange(self, calls: Sequence[Call]) -> list[Any]:
        """The answers of one chunk, wherever its keys are."""
        answers: list[Any] = [None] * len(calls)
        todo = list(range(len(calls)))
        for _ in range(REDIRECTS_MAX):
            try:
                await self._resolve()
                places = [self._topology.master_of(calls[n].keys[0] if calls[n].keys else "") for n in todo]
            except SocketLost as error:
                raise DirectoryUnavailable(str(error)) from error
            groups: dict[Address, list[int]] = {}
            for n, place in zip(todo, places, strict=True):
                groups.setdefault(place, []).append(n)
            for numbers, group in zip(groups.values(), await self._ask_all(groups, calls), strict=True):
                for n, answer in zip(numbers, group, strict=True):
                    answers[n] = answer
            todo = await self._redirected(calls, answers, todo)
            if not todo:
                break
        return answers

    async def _ask_all(self, groups: dict[Address, list[int]], calls: Sequence[Call]) -> list[list[Any]]:
        asked = [self._ask(self._servers.at(at), [calls[n] for n in numbers]) for at, numbers in groups.items()]
        if len(asked) == 1:
            return [await asked[0]]
        results = await asyncio.gather(*asked, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if not isinstance(result, BaseException)]

    async def _ask(self, server: RedisServer, calls: Sequence[Call]) -> list[Any]:
        """The answers of one server."""
        scripts = {call.script.sha: call.script.source for call in calls if call.script is not None}
        try:
            self._check(server)
            answers = await server.ask([call.command() for call in calls], scripts)
            again = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if again:  # somebody emptied its memory of scripts
                server.forget_scripts()
                repeated = await server.ask([calls[n].command() for n in again], scripts)
                for n, answer in zip(again, repeated, strict=True):
                    answers[n] = answer
        except SocketLost as error:
            self._failed(server)
            raise DirectoryUnavailable(str(error)) from error
        if any(isinstance(answer, (ReadOnlyError, ClusterDownError)) for answer in answers):
            self._failed(server)
        return answers

    async def _redirected(self, calls: Sequence[Call], answers: list[Any], asked: Sequence[int]) -> list[int]:
        """Which calls another server of the cluster must be asked; those that one names for once are asked there."""
        todo = []
        for n in asked:
            answer = answers[n]
            if isinstance(answer, AskError) and not isinstance(answer, MovedError):
                call = Call(None, (), ("ASKING",))
                server = self._servers.at(answer.node_addr)
                answers[n] = (await self._ask(server, [call, calls[n]]))[1]
            elif isinstance(answer, (MovedError, TryAgainError)):
                todo.append(n)
        if todo:
            with contextlib.suppress(SocketLost):
                await self._topology.refresh()
        return todo

    def _check(self, server: RedisServer) -> RedisServer:
        if server.down or self._closed:
            raise SocketLost("the link is closed" if self._closed else "Redis does not answer; it is probed")
        return server

    async def _resolve(self) -> None:
        """Know who the masters are; one task asks for all who wait."""
        if self._closed:
            raise SocketLost("the link is closed")
        if self._lost_topology:
            raise SocketLost("nobody says where Redis is; it is probed")
        if self._topology.watched and self._watch is None:
            self._watch = asyncio.create_task(self._keep_watch(), name="redis watch")
        if self._topology.masters:
            return
        if self._finding is None or self._finding.done():
            self._finding = asyncio.create_task(self._topology.refresh(), name="redis topology")
        try:
            await joined(self._finding)
        except SocketLost:
            self._failed(None)
            raise

    def _failed(self, server: RedisServer | None) -> None:
        if self._closed:
            return
        if server is None:
            self._lost_topology = True
        else:
            server.down = True
        self._turn(False)
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._find_again(), name="redis probe")

    async def _find_again(self) -> None:
        pause_s = 0.0
        while not await self._looks_well():
            pause_s = min(max(pause_s * 2, PROBE_FIRST_S), PROBE_LAST_S)
            await asyncio.sleep(random.uniform(0.75, 1.0) * pause_s)  # a thousand nodes do not come at once
        self._turn(True)

    async def _looks_well(self) -> bool:
        """Ask anew who the masters are, and try those that were down."""
        try:
            await self._topology.refresh()
        except SocketLost:
            # A master that is well is one even while no Sentinel answers; a cluster's word on itself counts.
            if not self._topology.watched or not self._topology.masters:
                return False
        self._lost_topology = False
        await self._servers.keep(self._topology.masters)
        down = [server for server in self._servers if server.down]
        await asyncio.gather(*(server.try_again() for server in down))
        return not any(server.down for server in self._servers)

    async def _keep_watch(self) -> None:
        """Notice a new master while the old one still answers."""
        while True:
            await asyncio.sleep(WATCH_S)
            known = self._topology.masters
            with contextlib.suppress(SocketLost):
                await self._topology.refresh()
            if self._topology.masters != known:
                await self._servers.keep(self._topology.masters)

    def _turn(self, available: bool) -> None:
        if available == self.available:
            return
        self.available = available
        if self.on_change is not None:
            self.on_change(available)
