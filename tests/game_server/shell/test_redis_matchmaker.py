"""One node at a time forms matches of the whole queue, and when it dies another one does, against a real Redis."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.matchmaker import QueueRules
from game_server.cluster.queue_ticket import Assigned, Waiting
from game_server.cluster.records import MatchSpec
from game_server.shell import redis_matchmaker
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_matchmaker import Matchmaker
from game_server.shell.redis_party import Parties
from game_server.shell.redis_queue import MatchQueue, Status
from game_server.shell.redis_ratings import Ratings
from protocol.lobby_messages import RefusedCode
from tests.game_server.shell.queue_for_tests import TestSeals, queued
from tests.redis_servers import ClusterSetUp, eventually

LEADER_KEY, TICKETS_KEY = "tw1:{lobby:Yard}:queue:leader", "tw1:{lobby:Yard}:queue:tickets"


@dataclass
class Nodes:
    """Where matches are created: by id, so that a repeat is the same match."""

    created: Counter[str] = field(default_factory=Counter)
    specs: list[tuple[MatchSpec, int]] = field(default_factory=list)
    refusal: LobbyRefused | DirectoryUnavailable | None = None
    gate: asyncio.Event | None = None

    async def create(self, spec: MatchSpec, schema_hash: int) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        self.created[spec.match] += 1
        self.specs.append((spec, schema_hash))


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    await link.connect()
    yield link
    await link.close()


@pytest.fixture
def nodes() -> Nodes:
    return Nodes()


def make_queue(link: RedisLink, nodes: Nodes, node: str = "n0", most: int = 2) -> MatchQueue:
    seals, rules = TestSeals(), QueueRules(2, most)
    return MatchQueue(link, "Yard", seals, rules, make_matchmaker(link, nodes, node, most))


def make_matchmaker(link: RedisLink, nodes: Nodes, node: str, most: int = 2) -> Matchmaker:
    return Matchmaker(link, "Yard", TestSeals(), QueueRules(2, most), nodes.create, leader=node)


async def lead(matchmaker: Matchmaker | None) -> bool:
    assert matchmaker is not None
    leads = await matchmaker.lead_once()
    await matchmaker.settled()
    return leads


def matches(statuses: dict[str, Status]) -> Counter[str]:
    return Counter(status.match for status in statuses.values() if isinstance(status, Assigned))


async def test_the_match_is_private_has_the_filters_and_the_version(link: RedisLink, nodes: Nodes) -> None:
    queue = make_queue(link, nodes)
    await queue.enqueue("a", queued("ann"), (("mode", "duel"),))
    await queue.enqueue("b", queued("bob"), schema_hash=7)
    await queue.enqueue("c", queued("cid"), (("mode", "duel"),), schema_hash=7)
    await lead(queue.matchmaker)
    ((spec, schema_hash),) = nodes.specs
    assert (spec.private, spec.attributes, schema_hash) == (True, (("mode", "duel"),), 7)
    assert matches(await queue.status(["a", "b", "c"])) == {spec.match: 2}


async def test_one_leads_at_a_time_and_another_takes_over_when_its_lease_ends(
    link: RedisLink, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_matchmaker(link, nodes, "n0"), make_matchmaker(link, nodes, "n1")
    assert await lead(first) and not await lead(second) and await lead(first)
    monkeypatch.setattr(redis_matchmaker, "LEASE_MS", 40)
    assert await lead(first)
    await asyncio.sleep(0.06)
    assert await lead(second) and not await lead(first)


async def test_who_resigns_is_followed_at_once(link: RedisLink, nodes: Nodes) -> None:
    first, second = make_matchmaker(link, nodes, "n0"), make_matchmaker(link, nodes, "n1")
    await lead(first)
    await second.resign()  # which is not its to give
    assert not await lead(second)
    await first.resign()
    assert not first.leads and await lead(second)


async def test_a_leader_that_lost_its_lease_takes_nobody_out(link: RedisLink, nodes: Nodes) -> None:
    """It stood still after it had created the match; another leader forms the same group, for the same match."""
    nodes.gate = asyncio.Event()
    queue, other = make_queue(link, nodes), make_matchmaker(link, nodes, "n1")
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    assert queue.matchmaker is not None
    await queue.matchmaker.lead_once()
    await link.call("SET", LEADER_KEY, "n1")
    nodes.gate.set()
    await queue.matchmaker.settled()
    assert queue.matchmaker.groups_lost == 1 and not matches(await queue.status(["a", "b"]))
    await lead(other)
    ((match, count),) = nodes.created.items()
    assert count == 2 and matches(await queue.status(["a", "b"])) == {match: 2}


async def test_a_leader_killed_between_creation_and_answer_leaves_the_same_match_to_the_next(
    link: RedisLink, nodes: Nodes
) -> None:
    queue, other = make_queue(link, nodes), make_matchmaker(link, nodes, "n1")
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    assert queue.matchmaker is not None
    await queue.matchmaker.lead_once()
    for task in queue.matchmaker._making.values():
        task.cancel()
    await queue.matchmaker.settled()
    await link.call("DEL", LEADER_KEY)  # as its time does
    await lead(other)
    assert len(matches(await queue.status(["a", "b"]))) == 1 == len(nodes.created)


async def test_a_group_of_which_one_is_gone_is_not_taken_and_the_others_go_on(link: RedisLink, nodes: Nodes) -> None:
    nodes.gate = asyncio.Event()
    queue = make_queue(link, nodes)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    assert queue.matchmaker is not None
    await queue.matchmaker.lead_once()
    await queue.cancel("b")
    nodes.gate.set()
    await queue.matchmaker.settled()
    assert isinstance((await queue.status(["a"]))["a"], Waiting)
    await queue.enqueue("c", queued("cid"))
    await lead(queue.matchmaker)
    assert matches(await queue.status(["a", "c"])).total() == 2
    assert queue.matchmaker.groups_lost == 1 and queue.matchmaker.matches_made == 1


async def test_tickets_of_a_match_in_the_making_are_in_no_second_one(link: RedisLink, nodes: Nodes) -> None:
    nodes.gate = asyncio.Event()
    queue = make_queue(link, nodes)
    for name in ("a", "b", "c"):
        await queue.enqueue(name, queued(name))
    assert queue.matchmaker is not None
    for _ in range(3):
        await queue.matchmaker.lead_once()
    await queue.enqueue("d", queued("d"))
    await queue.matchmaker.lead_once()
    nodes.gate.set()
    await queue.matchmaker.settled()
    assert sorted(nodes.created.values()) == [1, 1]


async def test_a_ticket_that_its_node_put_in_again_is_read_again(
    link: RedisLink, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended between two looks of the leader, and came back with another time."""
    queue = make_queue(link, nodes)
    monkeypatch.setattr("game_server.shell.redis_queue.TICKET_LIVES_MS", 30)
    await queue.enqueue("a", queued("ann"))
    await lead(queue.matchmaker)
    monkeypatch.undo()
    await asyncio.sleep(0.05)
    await queue.status(["a"])
    await queue.enqueue("b", queued("bob"))
    for _ in range(2):
        await lead(queue.matchmaker)
    assert matches(await queue.status(["a", "b"])).total() == 2


async def test_what_a_redis_that_restarted_empty_forgot_is_said_again(link: RedisLink, nodes: Nodes) -> None:
    queue = make_queue(link, nodes, most=3)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    await lead(queue.matchmaker)
    await queue.status(["a", "b"])
    await link.call("FLUSHALL")
    await queue.status(["a", "b"])
    await lead(queue.matchmaker)
    found = [status.found for status in (await queue.status(["a", "b"])).values() if isinstance(status, Waiting)]
    assert found == [2, 2]


async def test_no_room_is_said_to_who_waits_and_tried_again_later(
    link: RedisLink, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_matchmaker, "REFUSED_PAUSE_S", 0.05)
    nodes.refusal = LobbyRefused(RefusedCode.NO_CAPACITY, "no node has a place for one more match")
    queue = make_queue(link, nodes)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    await lead(queue.matchmaker)
    await lead(queue.matchmaker)
    status = (await queue.status(["a"]))["a"]
    assert isinstance(status, Waiting)
    assert status.sentence == "2 of 2 found, no node has a place for one more match"
    nodes.refusal = None
    await asyncio.sleep(0.06)
    await lead(queue.matchmaker)
    assert matches(await queue.status(["a", "b"])).total() == 2


async def test_a_directory_that_fails_meanwhile_costs_nobody_the_place_in_the_queue(
    link: RedisLink, nodes: Nodes
) -> None:
    nodes.refusal = DirectoryUnavailable("away")
    queue = make_queue(link, nodes)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    await lead(queue.matchmaker)
    nodes.refusal = None
    await lead(queue.matchmaker)
    assert matches(await queue.status(["a", "b"])).total() == 2


async def test_what_is_not_sealed_is_counted_and_never_played(link: RedisLink, nodes: Nodes) -> None:
    queue = make_queue(link, nodes)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    await link.call("HSET", TICKETS_KEY, "b", b"0:forged")
    await lead(queue.matchmaker)
    await lead(queue.matchmaker)
    assert queue.matchmaker is not None and queue.matchmaker.unsealed == 1
    assert not nodes.created


async def test_the_queue_is_read_again_only_when_it_changed(link: RedisLink, nodes: Nodes) -> None:
    queue = make_queue(link, nodes, most=8)
    await queue.enqueue("a", queued("ann"))
    await lead(queue.matchmaker)
    before = link.round_trips
    await lead(queue.matchmaker)
    assert link.round_trips == before + 1


async def test_a_thousand_players_and_two_leaders_make_every_match_once(
    redis_url: str, link: RedisLink, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both nodes lead by turns while each half of the players is in the other's queue; leases end all the time."""
    monkeypatch.setattr(redis_matchmaker, "LEASE_MS", 20)
    second_link = RedisLink(redis_url)
    queues = [make_queue(link, nodes, "n0", most=8), make_queue(second_link, nodes, "n1", most=8)]
    await asyncio.gather(*(queues[n % 2].enqueue(f"r{n}", queued(f"p{n}")) for n in range(1000)))
    led: Counter[int] = Counter()

    async def take_part(n: int) -> None:
        matchmaker = queues[n].matchmaker
        assert matchmaker is not None
        deadline = time.monotonic() + 20
        while len(nodes.created) < 125 or matchmaker._making:
            assert time.monotonic() < deadline
            led[n] += await matchmaker.lead_once()
            await asyncio.sleep(0.001 if n else 0.025)  # the first one's lease ends meanwhile, now and then

    await asyncio.gather(take_part(0), take_part(1))
    for queue in queues:
        await lead(queue.matchmaker)
    statuses = await queues[0].status([f"r{n}" for n in range(1000)])
    sizes = matches(statuses)
    assert len(sizes) == 125 and set(sizes.values()) == {8}
    assert await link.call("HLEN", TICKETS_KEY) == 0
    await second_link.close()


@pytest.mark.slow
async def test_queue_parties_and_ratings_get_along_in_a_cluster(redis_cluster: ClusterSetUp, nodes: Nodes) -> None:
    link = RedisLink(redis_cluster.url)
    await link.connect()
    queue, seals = make_queue(link, nodes), TestSeals()
    parties, ratings = Parties(link, "Yard", seals, size_max=4), Ratings(link, "Yard", seals)
    party = await parties.join((await parties.create("ann", "Ann")).code, "bob", "Bob")
    parties.watch("ann", party, lambda party, call: None)
    await parties.poll()
    await queue.enqueue("a", queued(*party.players))
    await lead(queue.matchmaker)
    (match,) = matches(await queue.status(["a"]))
    assert await ratings.apply(match, [["ann"], ["bob"]])
    assert (await ratings.rating("ann")).points > 1500
    await link.close()


async def test_the_loop_is_never_held_up_while_thousands_are_grouped(link: RedisLink, nodes: Nodes) -> None:
    queue = make_queue(link, nodes, most=7)
    await asyncio.gather(*(queue.enqueue(f"r{n}", queued(f"p{n}a", f"p{n}b")) for n in range(1500)))
    longest_s, ended = 0.0, False

    async def tick() -> None:
        nonlocal longest_s
        while not ended:
            began = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - began)

    gc.disable()  # a node collects between its ticks; the whole test process' heap is not what is measured
    try:
        ticking = asyncio.ensure_future(tick())
        await lead(queue.matchmaker)
        ended = True
        await ticking
    finally:
        gc.enable()
    assert queue.matchmaker is not None and queue.matchmaker.waiting == 1500
    assert longest_s < 0.025, "CPU time in one turn of the loop; about 3 ms"


async def test_a_node_takes_the_lead_when_the_leader_is_gone(
    redis_url: str, link: RedisLink, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole of it: two nodes that run by themselves, the leading one is cut off, and its ticket is in no match."""
    monkeypatch.setattr(redis_matchmaker, "LEASE_MS", 150)
    monkeypatch.setattr("game_server.shell.redis_queue.TICKET_LIVES_MS", 300)
    monkeypatch.setattr("game_server.shell.redis_queue.POLL_S", 0.03)
    monkeypatch.setattr("game_server.shell.redis_queue.LEAD_S", 0.03)
    doomed_link = RedisLink(redis_url)
    doomed, queue = make_queue(doomed_link, nodes, "n0", most=3), make_queue(link, nodes, "n1", most=3)
    await doomed.enqueue("a", queued("ann"))
    doomed.start()
    await eventually(lambda: doomed.matchmaker is not None and doomed.matchmaker.leads)
    await doomed_link.close()
    queue.start()
    await queue.enqueue("r0", queued("p0"))
    while await queue.status(["a"]) != {"a": None}:
        await asyncio.sleep(0.02)
    for n in (1, 2):
        await queue.enqueue(f"r{n}", queued(f"p{n}"))
    async with asyncio.timeout(5):
        statuses = [status async for status in queue.follow("r2")]
    assert isinstance(statuses[-1], Assigned)
    assert list(matches(await queue.status(["r0", "r1", "r2", "a"])).values()) == [3]
    assert queue.matchmaker is not None and queue.matchmaker.leads
    await queue.stop()
    assert await link.call("EXISTS", LEADER_KEY) == 0
    await doomed.stop()
