"""Channels that are listened to, and the watchdog that notices when nothing comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from game_server.shell import redis_subscriber
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_subscriber import Subscriber
from tests.redis_servers import RedisProcess, eventually


class Listener:
    """A subscriber, and what it heard."""

    def __init__(self, link: RedisLink, *channels: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connected = 0
        self.subscriber = Subscriber(link, set(channels), lambda channel, data: self.heard.append((channel, data)))
        self.subscriber.on_connected = self._count

    def _count(self) -> None:
        self.connected += 1


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    yield link
    await link.close()


@pytest.fixture
async def listener(link: RedisLink) -> AsyncIterator[Listener]:
    listener = Listener(link, "a")
    listener.subscriber.start()
    await eventually(lambda: listener.subscriber.listening)
    yield listener
    await listener.subscriber.stop()


async def test_what_is_published_arrives_from_the_own_channels_only(link: RedisLink, listener: Listener) -> None:
    await link.call("PUBLISH", "b", b"not asked for")
    await link.call("PUBLISH", "a", b"\x00\xff")
    await eventually(lambda: bool(listener.heard))
    assert listener.heard == [("a", b"\x00\xff")]


async def test_channels_come_and_go_while_it_listens(link: RedisLink, listener: Listener) -> None:
    listener.subscriber.add("b")
    await eventually_subscribed(link, b"b", 1)
    await link.call("PUBLISH", "b", b"1")
    listener.subscriber.remove("a")
    await eventually_subscribed(link, b"a", 0)
    await link.call("PUBLISH", "a", b"2")
    await link.call("PUBLISH", "b", b"3")
    await eventually(lambda: len(listener.heard) == 2)
    assert listener.heard == [("b", b"1"), ("b", b"3")]


async def test_a_killed_connection_is_made_anew_at_once_with_its_channels(link: RedisLink, listener: Listener) -> None:
    for n in range(1, 4):
        await link.call("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda n=n: listener.connected == n + 1, seconds=0.5)
    await link.call("PUBLISH", "a", b"again")
    await eventually(lambda: listener.heard == [("a", b"again")])
    assert (listener.subscriber.reconnects, listener.subscriber.watchdog_trips) == (3, 0)


async def test_silence_is_taken_for_death(link: RedisLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_subscriber, "SILENCE_S", 0.1)
    monkeypatch.setattr(redis_subscriber, "ECHO_S", 0.02)
    listener = Listener(link, "a")
    listener.subscriber.start()
    await eventually(lambda: listener.subscriber.listening)
    # What is published is lost, as it is behind a partition, while the connection stands.
    own, listener.subscriber._echo_channel = listener.subscriber._echo_channel, "elsewhere"
    await eventually(lambda: listener.subscriber.watchdog_trips >= 1)
    listener.subscriber._echo_channel = own
    await eventually(lambda: listener.connected == 2)
    await listener.subscriber.stop()


async def test_an_error_in_the_callback_is_the_loop_s_and_ends_nothing(link: RedisLink) -> None:
    heard: list[bytes] = []
    reported: list[object] = []

    def take(_: str, data: bytes) -> None:
        heard.append(data)
        raise ValueError(data)

    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    subscriber = Subscriber(link, {"a"}, take)
    subscriber.start()
    await eventually(lambda: subscriber.listening)
    await link.call("PUBLISH", "a", b"1")
    await link.call("PUBLISH", "a", b"2")
    await eventually(lambda: heard == [b"1", b"2"])
    assert len(reported) == 2 and subscriber.listening
    await subscriber.stop()


async def test_it_listens_again_when_redis_is_back(redis_process: RedisProcess) -> None:
    link = RedisLink(redis_process.url)
    listener = Listener(link, "a")
    listener.subscriber.start()
    await eventually(lambda: listener.subscriber.listening)
    redis_process.kill()
    await eventually(lambda: not listener.subscriber.listening)
    redis_process.start()
    await eventually(lambda: listener.subscriber.listening)
    await link.call("PUBLISH", "a", b"back")
    await eventually(lambda: bool(listener.heard))
    await listener.subscriber.stop()
    await link.close()


async def eventually_subscribed(link: RedisLink, channel: bytes, count: int) -> None:
    while await link.call("PUBSUB", "NUMSUB", channel) != [channel, count]:
        pass
