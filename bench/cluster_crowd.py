"""Players and lobby watchers on several nodes, who only stay: what a fault may not take from them.

To test: `tests/bench/test_cluster_crowd.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from bench.node_group import NodeGroup, standing
from bench.raw_clients import Idler
from bench.raw_groups import address, join_all, leave_all
from bench.raw_lobby import RawLobby, player_of
from bench.serving import health
from game_server.cluster.records import Listing
from game_server.shell.redis_directory import Directory
from protocol.lobby_messages import JoinMatch, Refused, SeatFound

PAGE = 200
POLL_S = 0.02


@dataclass(slots=True)
class Crowd:
    """Who is there. `matches` are the standing ones, `players_each` are seated in each by a ticket of a lobby."""

    nodes: NodeGroup
    matches: list[str]
    players: list[Idler] = field(default_factory=list)
    watchers: list[RawLobby] = field(default_factory=list)

    @property
    def sockets(self) -> int:
        """How many there are."""
        return len(self.players) + len(self.watchers)

    @property
    def dropped(self) -> int:
        """How many of their sockets have ended."""
        return sum(not each.live for each in (*self.players, *self.watchers))

    async def leave(self) -> None:
        """Go."""
        await leave_all([*self.players, *self.watchers])


async def gather(nodes: NodeGroup, *, matches_each: int, players_each: int, watchers: int) -> Crowd:
    """Let watchers into all lobbies, and players into all standing matches. Raises `ConnectionError`."""
    matches = [standing(node + 1, n + 1) for n in range(matches_each) for node in range(len(nodes.servers))]
    crowd = Crowd(nodes, matches)
    crowd.watchers = await join_all(lambda n: RawLobby(nodes.lobby(n), f"w{n}", address(n)), watchers)
    for each in crowd.watchers:
        each.watch()
    wanted = [match for match in matches for _ in range(players_each)]
    seekers = await join_all(lambda n: RawLobby(nodes.lobby(n), f"p{n}", address(n)), len(wanted))
    seats = await asyncio.gather(
        *(take_seat(lobby, match) for lobby, match in zip(seekers, wanted, strict=True))
    )  # fmt: skip
    crowd.players = [player_of(each, address(n)) for n, each in enumerate(seats) if isinstance(each, SeatFound)]
    await asyncio.gather(*(each.join() for each in crowd.players))
    await leave_all(seekers)
    if len(crowd.players) < len(wanted) or crowd.dropped:
        raise ConnectionError(f"{len(wanted)} players and {watchers} watchers should be there")
    return crowd


async def take_seat(lobby: RawLobby, match: str) -> SeatFound | Refused:
    """Ask for a seat in a match, and again while it is about to be ready. Raises `OSError`, `TimeoutError`."""
    while True:
        answer = await lobby.ask(JoinMatch("", match, 0))
        assert isinstance(answer, SeatFound | Refused), "there is no other answer"
        if not isinstance(answer, Refused) or answer.code != "not_ready":
            return answer
        await asyncio.sleep(max(0.05, answer.retry_after_ms / 1000))


async def frozen_nodes(nodes: NodeGroup) -> int:
    """Return how many nodes have frozen their matches."""
    told = await asyncio.gather(*(asyncio.to_thread(health, each) for each in nodes.servers))
    return sum(each["frozen"] for each in told)


async def all_listed(directory: Directory) -> dict[str, Listing]:
    """Return all public matches. Raises `DirectoryUnavailable`."""
    found: dict[str, Listing] = {}
    after = ""
    while True:
        page = await directory.listed((), after, PAGE)
        found.update((each.match, each) for each in page.listings)
        after = page.next
        if not after:
            return found


async def wait_for(what: Callable[[], Awaitable[bool]], within_s: float) -> float:
    """Return after how many seconds something came to pass; `within_s` if it did not. A failure to tell is a no."""
    began = monotonic()
    while monotonic() - began < within_s:
        try:
            if await what():
                return monotonic() - began
        except Exception:
            pass  # What is asked may be just what is away.
        await asyncio.sleep(POLL_S)
    return within_s


async def seated_in(nodes: NodeGroup, matches: Sequence[str]) -> dict[str, int]:
    """Return how many players each match has, as its node says."""
    told = await asyncio.gather(*(asyncio.to_thread(health, each) for each in nodes.servers))
    found = {match["match"]: int(match["seats"]) for each in told for match in each["matches"]}
    return {match: found.get(match, 0) for match in matches}
