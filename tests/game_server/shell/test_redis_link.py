"""The link to Redis: calls, scripts, pipelines, and what happens when Redis goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.redis_link import Call, RedisLink, Script
from protocol.errors import NodeFault, UsageFault
from tests.redis_servers import RedisProcess, eventually, free_port

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
BAD = Script("return redis.call('NOSUCH')")


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    yield link
    await link.close()


async def test_a_call_gives_bytes_integers_lists_and_none(link: RedisLink) -> None:
    await link.connect()
    assert await link.call("SET", "a", b"\x00\xff") == b"OK"
    assert await link.call("GET", "a") == b"\x00\xff"
    assert await link.call("GET", "b") is None
    assert await link.call("DEL", "a") == 1
    await link.call("HSET", "h", "x", 1)
    assert await link.call("HGETALL", "h") == [b"x", b"1"]


async def test_a_script_is_loaded_once_and_again_when_redis_forgot_it(link: RedisLink) -> None:
    assert await link.run(ADD, ["n"], [2]) == 2
    assert await link.run(ADD, ["n"], [3]) == 5
    assert link.round_trips == 2
    await link.call("SCRIPT", "FLUSH")
    assert await link.run(ADD, ["n"], [1]) == 6


async def test_a_pipeline_is_one_round_trip_for_each_chunk_and_keeps_the_order(link: RedisLink) -> None:
    calls = [Call(ADD, (f"n{n}",), (n,)) for n in range(10)]
    assert await link.pipeline(calls, chunk=4) == list(range(10))
    assert link.round_trips == 3
    assert await link.pipeline([]) == []


async def test_a_failed_call_of_a_pipeline_is_raised_after_the_others_ran(link: RedisLink) -> None:
    with pytest.raises(DirectoryUnavailable) as caught:
        await link.pipeline([Call(BAD, ("a",)), Call(None, ("b",), ("SET", "b", 1))])
    assert "Unknown" in caught.value.why and "command" in caught.value.why
    assert await link.call("GET", "b") == b"1"
    assert link.available, "a refused call is no reason to think that Redis is gone"


async def test_two_hundred_callers_share_one_connection(link: RedisLink) -> None:
    answers = await asyncio.gather(*(link.run(ADD, ["n"], [1]) for _ in range(200)))
    assert sorted(answers) == list(range(1, 201))
    clients = await link.call("CLIENT", "LIST", "TYPE", "normal")
    assert clients.count(b"cmd=") == 1


async def test_a_cancelled_call_does_not_shift_the_answers_of_the_others(link: RedisLink) -> None:
    await link.connect()
    cancelled = asyncio.create_task(link.call("ECHO", "cancelled"))
    kept = asyncio.create_task(link.call("ECHO", "kept"))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await kept == b"kept"
    assert await link.call("ECHO", "later") == b"later"


async def test_a_refused_connection_is_a_node_fault_that_names_the_address() -> None:
    port = free_port()
    with pytest.raises(NodeFault, match=f"127.0.0.1:{port} cannot be used"):
        await RedisLink(f"redis://127.0.0.1:{port}").connect()


def test_a_wrong_url_is_a_usage_fault() -> None:
    with pytest.raises(UsageFault, match="redis://"):
        RedisLink("http://127.0.0.1")


async def test_after_a_failure_calls_fail_at_once_until_redis_is_back(redis_process: RedisProcess) -> None:
    link = RedisLink(redis_process.url)
    changes: list[bool] = []
    link.on_change = changes.append
    await link.connect()
    first = await link.run_id()
    redis_process.kill()
    with pytest.raises(DirectoryUnavailable):
        await link.call("PING")
    assert not link.available
    started = time.monotonic()
    for _ in range(1000):
        with pytest.raises(DirectoryUnavailable):
            await link.call("PING")
    assert time.monotonic() - started < 0.5
    redis_process.start()
    await eventually(lambda: link.available)
    assert await link.run(ADD, ["n"], [1]) == 1
    assert await link.run_id() != first
    assert changes == [False, True]
    await link.close()


async def test_a_redis_that_stands_still_fails_within_the_timeout(redis_process: RedisProcess) -> None:
    link = RedisLink(redis_process.url, timeout_s=0.2)
    await link.connect()
    redis_process.pause()
    started = time.monotonic()
    with pytest.raises(DirectoryUnavailable, match="unavailable"):
        await link.call("PING")
    assert time.monotonic() - started < 0.5
    for _ in range(100):
        with pytest.raises(DirectoryUnavailable, match="unavailable"):
            await link.call("PING")
    assert time.monotonic() - started < 0.6, "only the first one waits"
    redis_process.go_on()
    await eventually(lambda: link.available)
    assert await link.call("PING") == b"PONG"
    await link.close()


async def test_a_server_whose_run_cannot_be_named_counts_as_down_and_is_probed(redis_process: RedisProcess) -> None:
    link = RedisLink(redis_process.url)
    before = await link.run_id()
    redis_process.kill()
    # Whoever asks for nothing else must hear of it too.
    with pytest.raises(DirectoryUnavailable):
        while True:
            await link.run_id()
            await asyncio.sleep(0.01)
    assert not link.available
    redis_process.start()
    await eventually(lambda: link.available)
    assert await link.run_id() != before
    await link.close()
