"""A TCP proxy that does to its connections what networks do: cut them, swallow their bytes, hold them up.

    clients -> 127.0.0.1:port -> one Pipe per connection -> the server

Faults are asked for by name, on pipes or for the next connections that come; bytes are never changed. What it swallowed
it counts, since a WELCOME that was to be lost may never have come.
To test: `tests/bench/test_fault_proxy.py`.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from protocol.messages import ROW_OF_CLASS, Welcome

CHUNK_BYTES = 65_536
FINAL_BINARY, CONTROL = 0x82, (0x89, 0x8A)
SWALLOWED_BYTES_KEPT = 512
WELCOME_TAG = ROW_OF_CLASS[Welcome].tag


class Pipe:
    """One client's connection through the proxy."""

    def __init__(self, loses_welcome: bool) -> None:
        self.loses_welcome = loses_welcome
        self._swallowed = b""
        self._answered = False
        self._writers: list[asyncio.StreamWriter] = []
        self._passing = asyncio.Event()
        self._passing.set()

    @property
    def open(self) -> bool:
        """Whether both ends still stand."""
        return bool(self._writers) and not any(each.is_closing() for each in self._writers)

    @property
    def welcome_lost(self) -> bool:
        """Whether it swallowed a WELCOME."""
        return is_welcome(self._swallowed)

    @property
    def reaches_server(self) -> bool:
        """Whether what the client has sent could still reach the server, though the client's own end be gone."""
        return bool(self._writers) and not self._writers[1].is_closing()

    def cut(self) -> None:
        """Reset both ends: no FIN in order, no close frame."""
        for each in self._writers:
            each.transport.abort()

    def stall(self) -> None:
        """Pass nothing on from now; the connection stands, and neither end is told."""
        self._passing.clear()

    def flow(self) -> None:
        """Pass on again, first what was held up."""
        self._passing.set()

    async def carry(
        self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:  # fmt: skip
        """Carry bytes both ways until one end is closed."""
        self._writers = [client[1], server[1]]
        ways = [
            asyncio.create_task(self._pass(client[0], server[1], down=False)),
            asyncio.create_task(self._pass(server[0], client[1], down=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ways:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for writer in self._writers:
                await _end(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                await self._passing.wait()
                if down and self._swallows():
                    # A head may come without its payload.
                    self._swallowed = (self._swallowed + data)[:SWALLOWED_BYTES_KEPT]
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # The other end is gone, which is what this is all about.

    def _swallows(self) -> bool:
        # The answer to the upgrade comes alone, since HELLO waits for it; everything after it, WELCOME first, is lost.
        answered, self._answered = self._answered, True
        return self.loses_welcome and answered


def is_welcome(data: bytes) -> bool:
    """Tell whether the first message in `data`, as a server sends it, is a WELCOME. *Source*: RFC 6455 section 5.2."""
    at = 0
    while len(data) > at + 1 and data[at] in CONTROL:
        # The answer to a ping that went out with HELLO comes first; a control frame has at most 125 bytes.
        at += 2 + data[at + 1]
    start = at + ({126: 4, 127: 10}.get(data[at + 1], 2) if len(data) > at + 1 else 2)
    # `[tag, ...]`: the head of a short array is one byte.
    return len(data) > start + 1 and data[at] == FINAL_BINARY and data[start + 1] == WELCOME_TAG


class FaultProxy:
    """Listens on a free port of this machine for one server."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self.pipes: set[Pipe] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._welcomes_lost = 0
        self.welcomes_to_lose = 0
        """So many of the next connections pass on the answer to their upgrade and nothing after it."""

    @property
    def welcomes_lost(self) -> int:
        """How many WELCOMEs it swallowed."""
        return self._welcomes_lost + sum(pipe.welcome_lost for pipe in self.pipes)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "enter it first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for pipe in list(self.pipes):
            pipe.cut()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a stream server calls this in a task of its own"
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        try:
            server = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            await _end(writer)
            return
        loses_welcome = self.welcomes_to_lose > 0
        self.welcomes_to_lose -= loses_welcome
        pipe = Pipe(loses_welcome)
        self.pipes.add(pipe)
        try:
            await pipe.carry((reader, writer), server)
        finally:
            self.pipes.discard(pipe)
            self._welcomes_lost += pipe.welcome_lost


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
