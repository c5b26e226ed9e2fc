"""One connection that many share: answers in order, and what is lost with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError

from game_server.shell.redis_socket import RedisSocket, SocketLost
from game_server.shell.redis_url import parse_redis_url
from tests.redis_servers import RedisProcess, eventually


def make(url: str, timeout_s: float = 1.0) -> RedisSocket:
    parsed = parse_redis_url(url)
    return RedisSocket(parsed.connection(parsed.addresses[0]), timeout_s)


@pytest.fixture
async def opened(redis_url: str) -> AsyncIterator[RedisSocket]:
    socket = make(redis_url)
    await socket.open()
    yield socket
    await socket.close()


async def test_answers_come_in_the_order_of_the_questions(opened: RedisSocket) -> None:
    answers = await asyncio.gather(*(opened.exchange([("ECHO", n), ("ECHO", -n)]) for n in range(100)))
    assert answers == [[b"%d" % n, b"%d" % -n] for n in range(100)]
    assert await opened.exchange([]) == []


async def test_an_error_is_an_answer_among_others(opened: RedisSocket) -> None:
    before, error, after = await opened.exchange([("ECHO", 1), ("NOSUCH",), ("ECHO", 2)])
    assert (before, after) == (b"1", b"2")
    assert isinstance(error, ResponseError)


async def test_a_big_answer_and_a_big_question_pass(opened: RedisSocket) -> None:
    big = b"x" * 1_000_000
    assert await opened.exchange([("SET", "big", big), ("GET", "big")]) == [b"OK", big]


async def test_all_who_wait_learn_that_the_connection_is_lost(opened: RedisSocket, redis_url: str) -> None:
    told: list[bool] = []
    opened.on_lost = lambda: told.append(True)
    waiting = [asyncio.create_task(opened.exchange([("BLPOP", "nothing", 5)])) for _ in range(3)]
    await asyncio.sleep(0)
    other = make(redis_url)
    await other.open()
    await other.exchange([("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")])
    for task in waiting:
        with pytest.raises(SocketLost):
            await task
    assert opened.lost and told == [True]
    with pytest.raises(SocketLost, match="closed"):
        await opened.exchange([("PING",)])
    await other.close()


async def test_a_connection_that_was_lost_while_idle_is_noticed(opened: RedisSocket, redis_url: str) -> None:
    other = make(redis_url)
    await other.open()
    await other.exchange([("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")])
    await eventually(lambda: opened.lost)
    await other.close()


async def test_an_answer_that_is_late_ends_the_connection(redis_url: str) -> None:
    socket = make(redis_url, timeout_s=0.1)
    await socket.open()
    with pytest.raises(SocketLost, match=r"no answer for 0.1 s"):
        await socket.exchange([("BLPOP", "nothing", 5)])
    assert socket.lost
    await socket.close()


async def test_a_server_that_does_not_answer_cannot_be_opened(redis_process: RedisProcess) -> None:
    redis_process.pause()
    socket = make(redis_process.url, timeout_s=0.1)
    with pytest.raises(SocketLost, match=r"no answer for 0.1 s"):
        await socket.open()
    redis_process.go_on()


async def test_who_gives_up_waiting_takes_nobody_s_answer_away(opened: RedisSocket) -> None:
    impatient = asyncio.create_task(opened.exchange([("ECHO", "impatient")]))
    patient = asyncio.create_task(opened.exchange([("ECHO", "patient")]))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == [b"patient"]
    assert not opened.lost
