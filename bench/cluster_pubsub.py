"""Cluster: Redis' messages are cut twice a second while matches come and go; a watcher's live list heals all the same.

The truth is the directory, read all the time by this process; a change is healed when a watcher was told of it, or of
a later one of the same match.
To test: `tests/bench/test_cluster_pubsub.py`.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from bench.cluster_crowd import all_listed
from bench.node_group import NodeGroup, node_group
from bench.raw_groups import join_all, leave_all, percentile
from bench.raw_lobby import RawLobby, player_of
from bench.raw_socket import run_loop
from bench.report import Report, at_least, at_most, exactly
from bench.serving import tell_settings
from protocol.lobby_messages import CreateMatch, SeatFound
from tests.redis_servers import RedisProcess

BOOTH = "bench.games:Booth"
HEALED_MOST_S = 2.0
KILL_EVERY_S = 0.5
LOOK_EVERY_S = 0.02
CREATE_EVERY_S = 0.4
STAYS_S = 1.0
EMPTY_S = 0.5
GONE = -1
"""How many seats a match has that is not listed any more."""


class Truth:
    """What each match's listing said, and since when; what a watcher knows of it heals it up to there."""

    def __init__(self) -> None:
        self._now: dict[str, int] = {}
        self._unhealed: dict[str, list[tuple[float, int]]] = {}
        self.healed_s: list[float] = []

    def look(self, listed: Mapping[str, int], now_s: float) -> None:
        """Note what has changed since the last look."""
        for match in self._now.keys() | listed.keys():
            seats = listed.get(match, GONE)
            if self._now.get(match, GONE) != seats:
                self._unhealed.setdefault(match, []).append((now_s, seats))
        self._now = dict(listed)

    def heal(self, known: Mapping[str, int], now_s: float) -> None:
        """Note what a watcher knows by now."""
        for match in list(self._unhealed):
            waiting = self._unhealed[match]
            told = known.get(match, GONE)
            last = max((n for n, (_, seats) in enumerate(waiting) if seats == told), default=-1)
            self.healed_s += [now_s - since_s for since_s, _ in waiting[: last + 1]]
            del waiting[: last + 1]
            if not waiting:
                del self._unhealed[match]

    @property
    def unhealed(self) -> int:
        """How many changes no watcher has been told of."""
        return sum(map(len, self._unhealed.values()))


@dataclass(slots=True)
class Run:
    """What was measured."""

    truth: Truth = field(default_factory=Truth)
    killed: int = 0
    created: int = 0
    created_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def pubsub_kills(report: Report, seconds: float = 20.0) -> None:
    """Kill every subscriber's connection, again and again."""
    tell_settings(report, "pubsub kills", nodes=3, seconds=seconds,
                  kill=f"CLIENT KILL TYPE pubsub every {KILL_EVERY_S} s",
                  match_created_every_s=CREATE_EVERY_S, its_player_stays_s=STAYS_S, empty_seconds=EMPTY_S,
                  lobby_watchers="one on each node")  # fmt: skip
    with RedisProcess() as redis, node_group(BOOTH, redis.url, matches_max=500, empty_seconds=EMPTY_S) as nodes:
        run = run_loop(_measure_kills(nodes, seconds))
    for each in run.failed[:3]:
        report.note(f"pubsub kills: {each}")
    healed_s = run.truth.healed_s
    n = len(healed_s)
    report.add("pubsub_kills_connections", run.killed, "connections", at_least(1), n=int(seconds / KILL_EVERY_S))
    report.add("pubsub_kills_creations_failed", len(run.failed), "matches", exactly(0), n=run.created)
    report.add("pubsub_kills_created_s_p99", percentile(run.created_s, 99), "s", n=len(run.created_s))
    report.add("pubsub_kills_changes_unhealed", run.truth.unhealed, "changes", exactly(0), n=n)
    report.add("pubsub_kills_healed_s", max(healed_s, default=HEALED_MOST_S + 1), "s", at_most(HEALED_MOST_S), n=n)
    report.add("pubsub_kills_healed_s_p99", percentile(healed_s, 99), "s", n=n)


async def _measure_kills(nodes: NodeGroup, seconds: float) -> Run:
    run = Run()
    watchers = await join_all(lambda n: RawLobby(nodes.lobby(n), f"w{n}"), len(nodes.servers))
    for each in watchers:
        each.watch()
    until = monotonic() + seconds
    ended = asyncio.Event()
    looking = asyncio.create_task(_look(nodes, watchers, run, ended))
    await asyncio.gather(_kill(nodes, until, run), _come_and_go(nodes, until, run))
    # What came last must be told as well.
    await asyncio.sleep(HEALED_MOST_S + 0.5)
    ended.set()
    await looking
    await leave_all(watchers)
    return run


async def _look(nodes: NodeGroup, watchers: Iterable[RawLobby], run: Run, ended: asyncio.Event) -> None:
    async with nodes.directory() as directory:
        while not ended.is_set():
            listed = {match: each.seats for match, each in (await all_listed(directory)).items()}
            run.truth.look(listed, monotonic())
            run.truth.heal(_known_to_all(watchers, listed), monotonic())
            await asyncio.sleep(LOOK_EVERY_S)


def _known_to_all(watchers: Iterable[RawLobby], listed: Mapping[str, int]) -> dict[str, int]:
    """Return what all watchers agree on; where they do not, something that no listing says."""
    views = [each.listed for each in watchers]
    matches = set(listed).union(*views)
    told = {match: {view.get(match, GONE) for view in views} for match in matches}
    return {match: seats.pop() if len(seats) == 1 else GONE - 1 for match, seats in told.items()}


async def _kill(nodes: NodeGroup, until: float, run: Run) -> None:
    async with nodes.directory() as directory:
        while monotonic() < until:
            run.killed += await directory.link.call("CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.sleep(KILL_EVERY_S)


async def _come_and_go(nodes: NodeGroup, until: float, run: Run) -> None:
    tasks: list[asyncio.Task[None]] = []
    while monotonic() < until:
        tasks.append(asyncio.create_task(_one_match(nodes, len(tasks), run)))
        await asyncio.sleep(CREATE_EVERY_S)
    run.created = len(tasks)
    await asyncio.gather(*tasks)


async def _one_match(nodes: NodeGroup, number: int, run: Run) -> None:
    """Have a match created, play in it for a moment, and leave it, so that it is removed."""
    lobby = RawLobby(nodes.lobby(number), f"c{number}")
    try:
        await lobby.join()
        began = monotonic()
        answer = await lobby.ask(CreateMatch("", [], 0))
        if not isinstance(answer, SeatFound):
            run.failed.append(f"a match was refused: {answer}")
            return
        run.created_s.append(monotonic() - began)
        player = player_of(answer)
        if not await player.join():
            run.failed.append(f"a seat was refused: {player.failure}")
            return
        await asyncio.sleep(STAYS_S)
        await leave_all([player])
    except (OSError, TimeoutError) as error:
        run.failed.append(repr(error))
    finally:
        await leave_all([lobby])
