"""Cluster: Redis is killed, comes back empty; players and watchers stay, and no seat is sold twice.

    kill ... seekers are refused, tickets still let in ... restart -> listings back -> thawed -> twice as many buyers

To test: `tests/bench/test_cluster_outage.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from bench.cluster_crowd import Crowd, all_listed, frozen_nodes, gather, seated_in, take_seat, wait_for
from bench.games import Booth
from bench.node_group import NodeGroup, node_group
from bench.raw_groups import address, join_all, leave_all
from bench.raw_lobby import RawLobby, player_of
from bench.raw_socket import run_loop
from bench.report import Report, at_least, at_most, exactly
from bench.serving import tell_settings
from game_server.shell.redis_directory import Directory
from protocol.lobby_messages import JoinMatch, QuickPlay, Refused, SeatFound
from tests.redis_servers import RedisProcess

BOOTH = "bench.games:Booth"
MATCHES_EACH, PLAYERS_EACH, WATCHERS = 2, 10, 30
BACK_MOST_S = 2.0
FREEZE_S = 9.5
"""A lease is over 9 s after the last renewal was sent; those are 2 s apart."""
RECOVER_WITHIN_S = 15.0


@dataclass(slots=True)
class Outage:
    """What happened. *Units*: seconds since Redis was back."""

    sockets: int = 0
    dropped: int = 0
    frozen_nodes: int = 0
    frozen_again: int = 0
    asked: int = 0
    refused: int = 0
    joined: int = 0
    tickets: int = 0
    listed_s: float = 0.0
    thawed_s: float = 0.0
    lobby_s: float = 0.0
    epochs_lower: int = 0
    matches: int = 0
    sold_twice: int = 0
    sold: int = 0
    old_tickets: Counter[str] = field(default_factory=Counter)


def outage(report: Report, seconds: float = 10.0) -> None:
    """Kill Redis for so long."""
    name = f"redis_down_{seconds:.0f}_s"
    tell_settings(report, name, nodes=3, on_redis_loss="freeze", game="Booth, 16 seats, 4 Hz",
                  matches=3 * MATCHES_EACH, players_in_each=PLAYERS_EACH, lobby_watchers=WATCHERS,
                  kill="SIGKILL, restarted empty")  # fmt: skip
    with RedisProcess() as redis, node_group(BOOTH, redis.url, matches=MATCHES_EACH, on_redis_loss="freeze") as nodes:
        got = run_loop(_measure_outage(redis, nodes, seconds))
    report.note(f"{name}: tickets of before, after it: {dict(got.old_tickets)}; {got.sold} seats sold after it")
    report.add(f"{name}_sockets_dropped", got.dropped, "sockets", exactly(0), n=got.sockets)
    if seconds >= FREEZE_S:
        report.add(f"{name}_nodes_frozen", got.frozen_nodes, "nodes", exactly(3), n=3)
    report.add(f"{name}_nodes_frozen_in_the_end", got.frozen_again, "nodes", exactly(0), n=3)
    report.add(f"{name}_requests_refused_as_unavailable", got.refused, "requests", exactly(got.asked), n=got.asked)
    report.add(f"{name}_joined_by_ticket_meanwhile", got.joined, "players", exactly(got.tickets), n=got.tickets)
    report.add(f"{name}_listings_back_s", got.listed_s, "s", at_most(BACK_MOST_S), n=got.matches)
    report.add(f"{name}_thawed_s", got.thawed_s, "s", n=3)
    report.add(f"{name}_lobbies_back_s", got.lobby_s, "s", n=3)
    report.add(f"{name}_epochs_lower", got.epochs_lower, "matches", exactly(0), n=got.matches)
    report.add(f"{name}_seats_sold_twice", got.sold_twice, "seats", exactly(0), n=got.sold)
    report.add(f"{name}_seats_sold_after", got.sold, "seats", at_least(1), n=got.matches)


async def _measure_outage(redis: RedisProcess, nodes: NodeGroup, seconds: float) -> Outage:
    crowd = await gather(nodes, matches_each=MATCHES_EACH, players_each=PLAYERS_EACH, watchers=WATCHERS)
    got = Outage(sockets=crowd.sockets, matches=len(crowd.matches))
    async with nodes.directory() as directory:
        seats_before, epochs_before = await _settled(directory, crowd), await _epochs(directory, crowd.matches)
    early, late = await _tickets(crowd), await _tickets(crowd)
    await asyncio.to_thread(redis.kill)
    killed = monotonic()
    await asyncio.gather(_refusals(crowd, seconds, got), _join_meanwhile(crowd, early, got))
    await asyncio.sleep(max(0.0, killed + seconds - monotonic()))
    got.frozen_nodes = await frozen_nodes(nodes)
    await asyncio.to_thread(redis.start)
    await _recover(crowd, seats_before, epochs_before, got)
    await _sell(crowd, late, got)
    got.frozen_again = await frozen_nodes(nodes)
    got.dropped = crowd.dropped
    await crowd.leave()
    return got


async def _settled(directory: Directory, crowd: Crowd) -> frozenset[str]:
    """Return which matches are listed, once all are."""
    await wait_for(lambda: _lists(directory, frozenset(crowd.matches)), RECOVER_WITHIN_S)
    return frozenset(await all_listed(directory))


async def _lists(directory: Directory, matches: frozenset[str]) -> bool:
    return matches <= (await all_listed(directory)).keys()


async def _epochs(directory: Directory, matches: Sequence[str]) -> dict[str, int]:
    owners = [await directory.owner(match) for match in matches]
    return {owner.match: owner.epoch for owner in owners if owner is not None}


async def _tickets(crowd: Crowd) -> list[SeatFound]:
    """Return a seat in each match, with its ticket not yet used."""
    lobbies = await join_all(lambda n: RawLobby(crowd.nodes.lobby(n), f"t{n}", address(n)), len(crowd.matches))
    answers = await asyncio.gather(
        *(take_seat(lobby, match) for lobby, match in zip(lobbies, crowd.matches, strict=True))
    )  # fmt: skip
    await leave_all(lobbies)
    return [each for each in answers if isinstance(each, SeatFound)]


async def _refusals(crowd: Crowd, seconds: float, got: Outage) -> None:
    """Ask for matches and seats while Redis is away."""
    messages = (JoinMatch("", crowd.matches[0], 0), QuickPlay("", [], [], 0))
    for share in (0.15, 0.5, 0.85):
        began = monotonic()
        answers = await asyncio.gather(
            *(each.ask(messages[n % 2]) for n, each in enumerate(crowd.watchers)), return_exceptions=True
        )
        got.asked += len(answers)
        got.refused += sum(
            isinstance(each, Refused) and each.code == "unavailable" and each.retry_after_ms > 0 for each in answers
        )
        await asyncio.sleep(max(0.0, began + share * seconds / 3 - monotonic()))


async def _join_meanwhile(crowd: Crowd, seats: Sequence[SeatFound], got: Outage) -> None:
    await asyncio.sleep(3.0)
    clients = [player_of(each) for each in seats]
    got.tickets = len(clients)
    got.joined = sum(await asyncio.gather(*(each.join() for each in clients)))
    crowd.players += [each for each in clients if each.live]


async def _recover(crowd: Crowd, listed: frozenset[str], epochs: dict[str, int], got: Outage) -> None:
    began = monotonic()
    async with crowd.nodes.directory() as directory:

        async def lobbies_answer() -> bool:
            answers = await asyncio.gather(*(take_seat(each, "none") for each in crowd.watchers[:3]))
            return all(isinstance(each, Refused) and each.code == "no_match" for each in answers)

        async def thawed() -> bool:
            return await frozen_nodes(crowd.nodes) == 0

        got.listed_s, got.thawed_s, got.lobby_s = await asyncio.gather(
            wait_for(lambda: _lists(directory, listed), RECOVER_WITHIN_S),
            wait_for(thawed, RECOVER_WITHIN_S),
            wait_for(lobbies_answer, RECOVER_WITHIN_S),
        )
        after = await _epochs(directory, crowd.matches)
    # Who is not known again is as bad as who fell back.
    got.epochs_lower = sum(after.get(match, 0) < epoch for match, epoch in epochs.items())
    await asyncio.sleep(max(0.0, began + BACK_MOST_S - monotonic()))


async def _sell(crowd: Crowd, late: Sequence[SeatFound], got: Outage) -> None:
    """Let more players ask for seats than there are, those with tickets of before come too; count what went wrong."""
    buyers = await join_all(
        lambda n: RawLobby(crowd.nodes.lobby(n), f"b{n}", address(n)), len(crowd.matches) * Booth.seats_max
    )
    answers = await asyncio.gather(
        *(take_seat(each, crowd.matches[n % len(crowd.matches)]) for n, each in enumerate(buyers))
    )
    old, new = [player_of(each) for each in late], [player_of(each) for each in answers if isinstance(each, SeatFound)]
    await asyncio.gather(*(each.join() for each in (*old, *new)))
    got.old_tickets = Counter("let in" if each.live else each.failure for each in old)
    got.sold = len(new)
    over = sum(max(0, taken - Booth.seats_max) for taken in (await seated_in(crowd.nodes, crowd.matches)).values())
    got.sold_twice = over + sum(not each.live for each in new)
    await leave_all([*buyers, *old, *new])
