"""Cluster: more joiners than seats, all at once, through the lobbies of all nodes.

To test: `tests/bench/test_cluster_joins.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from bench.games import Hall
from bench.node_group import NodeGroup, node_group
from bench.raw_clients import Idler
from bench.raw_groups import address, join_all, leave_all
from bench.raw_lobby import RawLobby, player_of
from bench.raw_socket import run_loop
from bench.report import Report, at_most, exactly
from bench.serving import health, tell_settings
from game_client.shell.bots_command import allow_files
from protocol.lobby_messages import QuickPlay, Refused, RefusedCode, SeatFound
from tests.redis_servers import RedisProcess

HALL = "bench.games:Hall"
MATCHES = (4, 3, 3)
"""So many matches each node takes."""
TRIES = 4
AGAIN_MOST_S = 2.5
JOIN_WITHIN_S = 30.0
QUICK_PLAY = QuickPlay("", [], [], 0)
NO_SEAT = (RefusedCode.NO_CAPACITY, RefusedCode.FULL)
"""Whoever hears one of these has come too late, whenever else it may be worth asking again."""
CODES = frozenset(code.value for code in RefusedCode)


@dataclass(slots=True)
class Rush:
    """How joiners fared: who sits, which last refusal the others got. *Units*: seconds."""

    seated: list[Idler] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    took_s: float = 0.0
    seated_s: float = 0.0
    seats_of_nodes: list[int] = field(default_factory=list)


def rush(report: Report, joiners: int = 1500, matches: Sequence[int] = MATCHES) -> None:
    """Let all joiners ask at once for a seat where there are fewer."""
    seats = sum(matches) * Hall.seats_max
    tell_settings(report, "joiners at once", joiners=joiners, seats=seats, game="Hall, 100 seats, 4 Hz",
                  matches_max_of_the_nodes=" ".join(map(str, matches)), tries=TRIES,
                  way="lobby socket, quick play, ticket, match socket")  # fmt: skip
    allow_files(2 * joiners + 200)
    with (
        RedisProcess() as redis,
        node_group(
            HALL, redis.url, len(matches), each=[{"matches_max": most} for most in matches], connections_max=2 * joiners
        ) as nodes,
    ):
        result = run_loop(_rush(nodes, joiners))
    report.note(f"joiners: took {result.took_s:.1f} s, refused {dict(result.refused)}, failed {dict(result.failed)}")
    unnamed = sum(count for code, count in result.refused.items() if code not in CODES)
    over = max(taken - most * Hall.seats_max for taken, most in zip(result.seats_of_nodes, matches, strict=True))
    report.add("joiners_seated", len(result.seated), "players", exactly(min(seats, joiners)), n=joiners)
    report.add("joiners_refused", result.refused.total(), "players", exactly(max(0, joiners - seats)), n=joiners)
    report.add("joiners_refused_without_a_code", unnamed, "players", exactly(0), n=joiners)
    report.add("joiners_failed", result.failed.total(), "players", exactly(0), n=joiners)
    report.add("joiners_node_over_its_seats", max(0, over), "seats", at_most(0), n=len(matches))
    report.add("joiners_all_seated_s", result.seated_s, "s", n=len(result.seated))
    report.add("joiners_all_answered_s", result.took_s, "s", n=joiners)


async def _rush(nodes: NodeGroup, joiners: int) -> Rush:
    result = Rush()
    lobbies = await join_all(lambda n: RawLobby(nodes.lobby(n), f"j{n}", address(n)), joiners, within_s=JOIN_WITHIN_S)
    began = monotonic()
    await asyncio.gather(*(_seek(lobby, result) for lobby in lobbies))
    result.took_s = monotonic() - began
    result.seated_s = max((each.welcomed_s for each in result.seated), default=began) - began
    for server in nodes.servers:
        told = await asyncio.to_thread(health, server)
        result.seats_of_nodes.append(sum(match["seats"] for match in told["matches"]))
    await leave_all([*lobbies, *result.seated])
    return result


async def _seek(lobby: RawLobby, result: Rush) -> None:
    """Ask as a client does: again, where the refusal says that this may help."""
    try:
        for left in reversed(range(TRIES)):
            answer = await lobby.ask(QUICK_PLAY, 2 * JOIN_WITHIN_S)
            if not isinstance(answer, Refused) or answer.code in NO_SEAT or not answer.retry_after_ms or not left:
                break
            await asyncio.sleep(min(AGAIN_MOST_S, answer.retry_after_ms / 1000))
    except (OSError, TimeoutError) as error:
        result.failed[f"{type(error).__name__}, {lobby.failure}"] += 1
        return
    if isinstance(answer, Refused):
        result.refused[answer.code] += 1
        return
    assert isinstance(answer, SeatFound), "quick play has no other answer"
    client = player_of(answer, lobby.address)
    if await client.join(JOIN_WITHIN_S):
        result.seated.append(client)
    else:
        result.failed[client.failure] += 1
