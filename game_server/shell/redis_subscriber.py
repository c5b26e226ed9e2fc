"""Channels of Redis, listened to: a wake-up for who polls anyway, so that a lost message costs seconds and no more.

A watchdog sends messages to a channel of its own through the link. When two seconds bring nothing, the connection is
thought dead, whatever TCP says, and made anew.
To test: `tests/game_server/shell/test_redis_subscriber.py`.
"""

import asyncio
import math
import secrets
from collections.abc import Callable, Iterable

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.redis_link import RedisLink

ECHO_S = 0.9
SILENCE_S = 2.0
PAUSE_FIRST_S, PAUSE_LAST_S = 0.1, 1.0


class Subscriber:
    """Calls `on_message(channel, data)` between `start` and `stop` for what is published on its channels.

    `on_connected` is called whenever it listens (again): what was published before may be lost, so read it.
    `reconnects` counts the connections after the first, `watchdog_trips` those that were given up for silence.
    """

    def __init__(self, link: RedisLink, channels: Iterable[str], on_message: Callable[[str, bytes], None]) -> None:
        self._link, self._on_message = link, on_message
        self._wanted = set(channels)
        self._echo_channel = f"tickwire:echo:{secrets.token_hex(8)}"
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.on_connected: Callable[[], None] | None = None
        self.listening = False
        self.reconnects = self.watchdog_trips = 0

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.create_task(self._run(), name="redis subscriber")

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def add(self, channel: str) -> None:
        """Listen to one more."""
        self._wanted.add(channel)
        self._changed.set()

    def remove(self, channel: str) -> None:
        """Listen to it no more."""
        self._wanted.discard(channel)
        self._changed.set()

    async def _run(self) -> None:
        pause_s = 0.0
        while True:
            try:
                connection = await self._link.dedicated()
            except DirectoryUnavailable:
                pause_s = min(max(pause_s * 2, PAUSE_FIRST_S), PAUSE_LAST_S)
            else:
                pause_s = await self._use(connection)
                self.reconnects += 1
            await asyncio.sleep(pause_s)

    async def _use(self, connection: AbstractConnection) -> float:
        """Listen on a connection until it ends; return how long to wait before the next."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._subscribe(connection))
                group.create_task(self._echo())
                group.create_task(self._read(connection))
        except* (RedisError, OSError, TimeoutError):
            pass
        finally:
            heard, self.listening = self.listening, False
            await connection.disconnect(nowait=True)
        return 0.0 if heard else PAUSE_FIRST_S

    async def _subscribe(self, connection: AbstractConnection) -> None:
        """Tell Redis what is wanted whenever that changes."""
        subscribed: set[str] = set()
        while True:
            self._changed.clear()
            wanted = self._wanted | {self._echo_channel}
            for verb, channels in (("SUBSCRIBE", wanted - subscribed), ("UNSUBSCRIBE", subscribed - wanted)):
                if channels:
                    await connection.send_command(verb, *channels, check_health=False)
            subscribed = wanted
            await self._changed.wait()

    async def _echo(self) -> None:
        while True:
            try:
                await self._link.call("PUBLISH", self._echo_channel, b"")
            except DirectoryUnavailable:
                pass  # then the silence will tell
            await asyncio.sleep(ECHO_S)

    async def _read(self, connection: AbstractConnection) -> None:
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(SILENCE_S) as silence:
                while True:
                    message = await connection.read_response(disable_decoding=True, timeout=math.inf)
                    silence.reschedule(clock() + SILENCE_S)
                    self._take(message)
        except TimeoutError:
            self.watchdog_trips += 1
            raise

    def _take(self, message: list[bytes]) -> None:
        kind, channel, data = message[0], message[1].decode(), message[2]
        if kind == b"message" and channel != self._echo_channel:
            # By way of the loop: an error in there is the loop's to report, and ends nothing here.
            asyncio.get_running_loop().call_soon(self._on_message, channel, data)
        elif kind == b"message" and not self.listening:
            # The first echo: Redis has read the subscription, and messages arrive.
            self.listening = True
            if self.on_connected is not None:
                asyncio.get_running_loop().call_soon(self.on_connected)
