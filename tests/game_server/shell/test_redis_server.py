"""One server of a set-up: one connection for all, made when it is needed."""

from __future__ import annotations

import asyncio

import pytest

from game_server.shell.redis_server import RedisServer, RedisServers
from game_server.shell.redis_socket import SocketLost
from game_server.shell.redis_url import parse_redis_url
from tests.redis_servers import RedisProcess


def make(url: str) -> RedisServer:
    parsed = parse_redis_url(url)
    return RedisServer(parsed.addresses[0], parsed.connection, 0.5)


async def test_many_who_come_at_once_wait_for_one_connection(redis_url: str) -> None:
    server = make(redis_url)
    answers = await asyncio.gather(*(server.ask([("CLIENT", "ID")]) for _ in range(20)))
    assert len({answer[0] for answer in answers}) == 1
    assert server.version.split(".")[0].isdigit() and len(server.run_id) == 40
    await server.close()
    with pytest.raises(SocketLost, match="the link is closed"):
        await server.ask([("PING",)])


async def test_a_lost_connection_is_made_anew_by_the_next_call(redis_process: RedisProcess) -> None:
    server = make(redis_process.url)
    await server.open()
    first = server.run_id
    redis_process.kill()
    with pytest.raises(SocketLost):
        await server.ask([("PING",)])
    redis_process.start()
    assert await server.ask([("PING",)]) == [b"PONG"]
    assert server.run_id != first
    await server.close()


async def test_who_waits_for_a_connection_that_is_given_up_is_told_so(redis_process: RedisProcess) -> None:
    redis_process.pause()
    server = make(redis_process.url)
    waiting = asyncio.create_task(server.ask([("PING",)]))
    await asyncio.sleep(0.05)
    await server.close()
    with pytest.raises(SocketLost):
        await waiting
    redis_process.go_on()


async def test_a_server_that_was_down_is_tried_again(redis_process: RedisProcess) -> None:
    server = make(redis_process.url)
    server.down = True
    redis_process.kill()
    await server.try_again()
    assert server.down
    redis_process.start()
    await server.try_again()
    assert not server.down
    await server.close()


async def test_servers_that_are_no_longer_wanted_are_closed_and_still_counted(redis_url: str) -> None:
    parsed = parse_redis_url(redis_url)
    servers = RedisServers(parsed.connection, 0.5)
    server = servers.at(parsed.addresses[0])
    assert servers.at(parsed.addresses[0]) is server
    await server.ask([("PING",)])
    await servers.keep(())
    assert servers.round_trips == 1 and not list(servers)
    with pytest.raises(SocketLost):
        await server.ask([("PING",)])
