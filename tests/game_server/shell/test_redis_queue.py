"""Players get into the queue, are told how far they are, and get out of it, against a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.matchmaker import QueueRules
from game_server.cluster.queue_ticket import Assigned, Waiting
from game_server.cluster.records import MatchSpec
from game_server.shell import redis_queue
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_matchmaker import Matchmaker
from game_server.shell.redis_queue import MatchQueue
from game_server.shell.redis_subscriber import Subscriber
from tests.game_server.shell.queue_for_tests import TestSeals, queued
from tests.redis_servers import RedisProcess, eventually

RULES = QueueRules(2, 2)


async def create(spec: MatchSpec, schema_hash: int) -> None:
    """A match that needs nobody's place."""


def make_queue(link: RedisLink, node: str = "n0", rules: QueueRules = RULES) -> MatchQueue:
    seals = TestSeals()
    return MatchQueue(link, "Yard", seals, rules, Matchmaker(link, "Yard", seals, rules, create, leader=node))


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    await link.connect()
    yield link
    await link.close()


async def lead(queue: MatchQueue) -> None:
    assert queue.matchmaker is not None
    await queue.matchmaker.lead_once()
    await queue.matchmaker.settled()


async def test_a_ticket_waits_and_says_for_what(link: RedisLink) -> None:
    queue = make_queue(link, rules=QueueRules(2, 3))
    await queue.enqueue("a", queued("ann", "bob"))
    (waiting,) = (await queue.status(["a"])).values()
    assert isinstance(waiting, Waiting)
    assert waiting.sentence == "2 of 3 found, +-100 now, widening in 5 s"
    assert 4_000 < waiting.widens_in_ms <= 5_000


async def test_two_of_like_rating_are_assigned_one_match(link: RedisLink) -> None:
    queue = make_queue(link)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    await lead(queue)
    statuses = await queue.status(["a", "b"])
    assert isinstance(statuses["a"], Assigned) and statuses["a"] == statuses["b"]


async def test_a_repeat_is_the_same_ticket_before_and_after_it_was_answered(link: RedisLink) -> None:
    queue, elsewhere = make_queue(link), make_queue(link, "n1")
    await queue.enqueue("a", queued("ann"))
    await elsewhere.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    await lead(queue)
    answered = (await queue.status(["a"]))["a"]
    await elsewhere.enqueue("a", queued("ann"))
    assert (await elsewhere.status(["a"]))["a"] == answered
    await lead(queue)
    assert queue.matchmaker is not None and queue.matchmaker.waiting == 0


async def test_a_player_waits_once(link: RedisLink) -> None:
    queue = make_queue(link, rules=QueueRules(2, 3))
    await queue.enqueue("a", queued("ann"))
    with pytest.raises(LobbyRefused, match="a member of the party is in the queue already.*busy"):
        await queue.enqueue("b", queued("bob", "ann"))
    await queue.cancel("a")
    await queue.enqueue("b", queued("bob", "ann"))


async def test_a_party_that_fits_into_no_match_is_refused(link: RedisLink) -> None:
    with pytest.raises(LobbyRefused, match="a party of 3 does not fit into matches of 2"):
        await make_queue(link).enqueue("a", queued("ann", "bob", "cid"))


async def test_a_cancelled_ticket_is_out_and_stays_out_even_when_its_node_polls(link: RedisLink) -> None:
    queue, elsewhere = make_queue(link), make_queue(link, "n1")
    await queue.enqueue("a", queued("ann"))
    assert await elsewhere.cancel("a") is None
    for _ in range(2):
        assert (await queue.status(["a"])) == {"a": None}
    await queue.enqueue("b", queued("bob"))
    await lead(queue)
    assert isinstance((await queue.status(["b"]))["b"], Waiting)


async def test_a_cancel_that_overtakes_its_ticket_holds(link: RedisLink) -> None:
    queue = make_queue(link)
    await queue.cancel("a")
    await queue.enqueue("a", queued("ann"))
    assert (await queue.status(["a"])) == {"a": None}


async def test_a_cancel_that_comes_too_late_is_told_the_match(link: RedisLink) -> None:
    queue = make_queue(link)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    await lead(queue)
    assert await queue.cancel("a") == (await queue.status(["b"]))["b"]


async def test_tickets_of_a_node_that_died_vanish(link: RedisLink, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, other = make_queue(link), make_queue(link, "n1")
    monkeypatch.setattr(redis_queue, "TICKET_LIVES_MS", 60)
    await queue.enqueue("a", queued("ann"))
    monkeypatch.undo()
    await asyncio.sleep(0.08)
    assert (await other.status(["a"])) == {"a": None}
    await other.enqueue("b", queued("bob"))
    await lead(other)
    assert isinstance((await other.status(["b"]))["b"], Waiting)
    assert other.matchmaker is not None and other.matchmaker.waiting == 1
    # And the player may come back under another request.
    await other.enqueue("a2", queued("ann"))


async def test_a_ticket_lives_for_as_long_as_its_own_node_asks_for_it(
    link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, other = make_queue(link), make_queue(link, "n1")
    monkeypatch.setattr(redis_queue, "TICKET_LIVES_MS", 200)
    await queue.enqueue("a", queued("ann"))
    began_ms = await link.call("HGET", "tw1:{lobby:Yard}:queue:tickets", "a")
    for _ in range(5):
        await asyncio.sleep(0.06)
        assert isinstance((await queue.status(["a"]))["a"], Waiting)
    assert await link.call("HGET", "tw1:{lobby:Yard}:queue:tickets", "a") == began_ms
    for _ in range(5):
        await asyncio.sleep(0.06)
        last = await other.status(["a"])
    assert last == {"a": None}


async def test_a_redis_that_restarted_empty_gets_the_tickets_back_with_the_time_waited(
    redis_process: RedisProcess,
) -> None:
    link = RedisLink(redis_process.url)
    await link.connect()
    queue = make_queue(link)
    await queue.enqueue("a", queued("ann"))
    await queue.status(["a"])
    with redis_process.client() as client:
        before = client.hget("tw1:{lobby:Yard}:queue:tickets", "a")
        client.flushall()
        assert (await queue.status(["a"])) == {}
        assert client.hget("tw1:{lobby:Yard}:queue:tickets", "a") == before
    assert isinstance((await queue.status(["a"]))["a"], Waiting)
    await link.close()


async def test_who_follows_is_told_of_each_change_to_the_end(link: RedisLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_queue, "POLL_S", 0.05)
    monkeypatch.setattr(redis_queue, "LEAD_S", 0.05)
    queue = make_queue(link, rules=QueueRules(2, 2))
    queue.start()
    await queue.enqueue("a", queued("ann"))
    seen = []
    async with asyncio.timeout(5):
        async for status in queue.follow("a"):
            if not seen:
                await queue.enqueue("b", queued("bob"))
            seen.append(status)
    assert isinstance(seen[0], Waiting) and isinstance(seen[-1], Assigned)
    await queue.stop()


async def test_who_follows_is_told_of_a_cancel(link: RedisLink) -> None:
    queue = make_queue(link)
    await queue.enqueue("a", queued("ann"))
    following = asyncio.ensure_future(anext(queue.follow("a")))
    await asyncio.sleep(0)
    await queue.cancel("a")
    assert await following is None


async def test_a_message_wakes_only_the_node_whose_ticket_it_names(link: RedisLink) -> None:
    heard: list[bool] = []
    queue = make_queue(link)
    await queue.enqueue("a", queued("ann"))
    await queue.enqueue("b", queued("bob"))
    messages: list[tuple[str, bytes]] = []
    subscriber = Subscriber(link, {queue.channel}, lambda channel, data: messages.append((channel, data)))
    subscriber.start()
    await eventually(lambda: subscriber.listening)
    await lead(queue)
    await eventually(lambda: bool(messages))
    assert sorted(messages[0][1].split(b"\n")) == [b"a", b"b"]
    for each, name in ((queue, queue.channel), (make_queue(link, "n1"), queue.channel), (queue, "other")):
        each._wake.clear()
        heard.append(each.heard(name, messages[0][1]))
        heard.append(each._wake.is_set())
    assert heard == [True, True, True, False, False, False]
    await subscriber.stop()


async def test_nothing_is_left_in_redis_once_all_have_their_answers(link: RedisLink, redis_url: str) -> None:
    queue = make_queue(link)
    for n in range(10):
        await queue.enqueue(f"r{n}", queued(f"p{n}"))
    await lead(queue)
    await queue.status([f"r{n}" for n in range(10)])
    with redis.Redis.from_url(redis_url) as client:
        keys = {key.decode().rpartition(":")[2]: client.pttl(key) for key in client.keys("tw1:*")}
        assert set(keys) == {"answers", "forget", "version", "leader"}
        assert all(0 < lives_ms <= 120_000 for lives_ms in keys.values())


async def test_a_ticket_that_is_given_up_while_others_are_put_in_again_harms_nobody(
    link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = make_queue(link)
    for n in range(3):
        await queue.enqueue(f"t{n}", queued(f"p{n}"))
    await link.call("FLUSHALL")
    put = queue._put

    async def put_while_others_leave(own: redis_queue._Own) -> bool:
        for n in range(3):
            if f"t{n}" != own.ticket.request:
                queue.let_go(f"t{n}")
        return await put(own)

    monkeypatch.setattr(queue, "_put", put_while_others_leave)
    await queue.status(["t0", "t1", "t2"])
    waiting = [ticket for ticket, status in (await queue.status(["t0", "t1", "t2"])).items() if status]
    assert len(waiting) == 1 == len(queue._own)
