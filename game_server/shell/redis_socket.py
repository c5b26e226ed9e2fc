"""One connection to one Redis server, shared by all who ask: what is asked goes out at once, answers come in order.

No command that blocks is ever sent, so that callers need no connection each: a thousand calls of one turn of the event
loop are a few writes on one socket. Answers are as Redis gives them: bytes, integers, lists, None.
To test: `tests/game_server/shell/test_redis_socket.py`.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

Command = Sequence[str | bytes | int]
"""A command's words, its name first."""


class SocketLost(Exception):
    """The connection broke, could not be made, or was too slow; it is closed, and its pending answers are lost."""


class _Batch:
    """Commands that were sent together, and the answers that have come so far."""

    __slots__ = ("done", "replies", "wanted")

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.replies: list[Any] = []
        self.done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()


class RedisSocket:
    """A connection that `open` makes. `scripts` are the hashes of those that its server is known to have."""

    def __init__(self, connection: AbstractConnection, timeout_s: float) -> None:
        self._connection, self._timeout_s = connection, timeout_s
        self._sent: deque[_Batch] = deque()
        self._reader: asyncio.Task[None] | None = None
        self.scripts: set[str] = set()
        self.lost = False
        self.on_lost: Callable[[], None] | None = None

    async def open(self) -> None:
        """Connect, authenticate, choose the database. Raises `SocketLost` whose cause is what redis-py said."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connection.connect()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise SocketLost(str(error) or f"no answer for {self._timeout_s:g} s") from error
        except asyncio.CancelledError:
            await self.close()
            raise
        self._reader = asyncio.create_task(self._read(), name="redis answers")

    async def exchange(self, commands: Iterable[Command]) -> list[Any]:
        """Send commands in one go, return their answers; an error answer is a `ResponseError` in the list.

        Raises `SocketLost` when they do not all come in time; the whole connection ends with that, since its answers
        would be out of step.
        """
        commands = list(commands)
        if self.lost or not self._connection.is_connected:  # redis-py would connect anew by itself
            raise SocketLost("the connection is closed")
        batch = _Batch(len(commands))
        if not commands:
            return []
        self._sent.append(batch)
        try:
            async with asyncio.timeout(self._timeout_s):
                packed = self._connection.pack_commands(commands)
                await self._connection.send_packed_command(packed, check_health=False)
                return await batch.done
        except TimeoutError:
            self._lose(f"no answer for {self._timeout_s:g} s")
            raise SocketLost(f"no answer for {self._timeout_s:g} s") from None
        except (RedisError, OSError) as error:
            self._lose(str(error))
            raise SocketLost(str(error)) from error

    async def close(self) -> None:
        """Close; calls that wait for answers fail with `SocketLost`."""
        self._lose("the connection was closed")
        if self._reader is not None:
            await asyncio.wait([self._reader])
        await self._connection.disconnect(nowait=True)

    async def _read(self) -> None:
        while True:
            try:
                reply = await self._connection.read_response(disable_decoding=True, timeout=math.inf)
            except ResponseError as error:
                reply = error
            except (RedisError, OSError) as error:
                self._lose(str(error))
                return
            if not self._sent:
                self._lose("an answer that nobody asked for")
                return
            batch = self._sent[0]
            batch.replies.append(reply)
            if len(batch.replies) == batch.wanted:
                self._sent.popleft()
                if not batch.done.done():
                    batch.done.set_result(batch.replies)

    def _lose(self, why: str) -> None:
        if self.lost:
            return
        self.lost = True
        for batch in self._sent:
            if not batch.done.done():
                batch.done.set_exception(SocketLost(why))
                batch.done.exception()  # whoever was cancelled meanwhile does not look
        self._sent.clear()
        if self._reader is not None:
            self._reader.cancel()  # which closes the connection
        if self.on_lost is not None:
            self.on_lost()
