"""One TCP connection that upgrades, says HELLO and hears frames, at the least cost: no library, no decoding.

    request -> 101 -> HELLO -> WELCOME -> frames: of each only the opcode, the tag and where it lies

A zero mask is legal and spares the masking. What a kind of client does with a frame is its `_hear`.
*Source*: RFC 6455 sections 4.1, 5.2 and 5.5. To test: `tests/bench/test_raw_socket.py`.
"""

import asyncio
import os
import socket
import struct
from base64 import b64encode
from collections.abc import Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from protocol.codec import decode, encode
from protocol.handshake import ATTEMPT_HEADER
from protocol.lobby_messages import LobbyHello
from protocol.messages import ROW_OF_CLASS, SUBPROTOCOL, Hello, Refusal, Welcome
from protocol.rows import Direction

T = TypeVar("T")
FRESH = Hello(schema_hash=0, epoch=0, last_tick=-1, hash_tick=-1, hash=0, last_event=0)
"""The HELLO of one who holds nothing."""
NO_CLOSE_FRAME = 1006
BINARY, CLOSE, PING = 2, 8, 9
ARRAY_16 = 0xDC
WELCOME_TAG, REFUSAL_TAG = ROW_OF_CLASS[Welcome].tag, ROW_OF_CLASS[Refusal].tag
HEAD_BYTES_MAX = 16 * 1024
# Linux's number: the port is chosen by `connect`, so that four addresses really have four times as many.
IP_BIND_ADDRESS_NO_PORT = 24


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def masked_frame(payload: bytes, opcode: int = BINARY) -> bytes:
    """Return a small frame from a client, its mask zero."""
    assert len(payload) < 126, "a small frame"
    return bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload


@dataclass(frozen=True, slots=True)
class Request:
    """What an upgrade request says."""

    url: str
    credential: str = ""
    attempt: int = 0
    origin: str = ""

    @property
    def where(self) -> tuple[str, int]:
        """The host and the port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 80

    def head(self) -> bytes:
        """Return the request's bytes."""
        parts = urlsplit(self.url)
        lines = [
            f"GET {parts.path}{f'?{parts.query}' if parts.query else ''} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}",
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        ]
        if self.credential:
            lines.append(f"Authorization: Bearer {self.credential}")
        if self.attempt:
            lines.append(f"{ATTEMPT_HEADER}: {self.attempt}")
        if self.origin:
            lines.append(f"Origin: {self.origin}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class RawSocket(asyncio.Protocol):
    """One connection's life: when it was dialled, upgraded, welcomed and ended, and how.

    `status` is the answer to the upgrade (0: none), `close_code` the server's (1006: no close frame), `refusal` its
    ERROR. *Units*: `*_s` are readings of the monotonic clock, in seconds.
    """

    def __init__(
        self, request: Request, *, hello: Hello | LobbyHello = FRESH, address: str = "", receive_bytes: int = 0
    ) -> None:
        self.request, self.hello = request, hello
        self.address, self.receive_bytes = address, receive_bytes
        self.status, self.retry_after_s = 0, 0.0
        self.close_code: int | None = None
        self.welcome: Welcome | None = None
        self.refusal: Refusal | None = None
        self.lost: Exception | None = None
        self.dialled_s = self.welcomed_s = self.ended_s = 0.0
        self.bytes_in = 0
        self.connected = False
        self.transport: asyncio.Transport
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._unread = b""

    # --- what a measurement does with it

    async def dial(self) -> None:
        """Connect, and send the request. *Raises* `OSError`."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.receive_bytes:
                # Before it connects: the first window already tells the other end.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_bytes)
            if self.address:
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((self.address, 0))
            self.dialled_s = monotonic()
            await loop.sock_connect(sock, self.request.where)
            await loop.create_connection(lambda: self, sock=sock)
        except BaseException:
            sock.close()
            raise

    async def join(self, within_s: float = 10.0) -> bool:
        """Dial, and wait for WELCOME; tell whether it came."""
        try:
            async with asyncio.timeout(within_s):
                await self.dial()
                await self._settled.wait()
        except (OSError, TimeoutError) as error:
            self.lost = error
        return self.welcome is not None

    async def wait_end(self, within_s: float) -> bool:
        """Wait for the end of the connection, at most so long; tell whether it came."""
        try:
            await asyncio.wait_for(self._ended.wait(), within_s)
        except TimeoutError:
            return False
        return True

    @property
    def failure(self) -> str:
        """Why it was not welcomed, in few words: a status, a close code, or how the socket ended."""
        if self.status not in (0, 101):
            return f"status {self.status}"
        if self.close_code not in (None, NO_CLOSE_FRAME):
            return f"closed {self.close_code}"
        how = type(self.lost).__name__ if self.lost is not None else "end of stream"
        return f"{how} {'after' if self.status else 'before'} the upgrade"

    @property
    def live(self) -> bool:
        """Whether it was welcomed and has not ended."""
        return self.welcome is not None and not self._ended.is_set()

    def leave(self) -> None:
        """Close in order; the server closes TCP."""
        if self.live:
            self.transport.write(masked_frame(struct.pack(">H", 1000), CLOSE))

    def cut(self) -> None:
        """End it as a lost network does: without a word. The reset leaves no port waiting on this machine."""
        if self.connected and not self._ended.is_set():
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._connect(transport)
        self.transport.write(self.request.head())

    def _connect(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.connected = cast(asyncio.Transport, transport), True

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end."""
        self.lost, self.ended_s = self.lost or exc, monotonic()
        if self.close_code is None:
            self.close_code = NO_CLOSE_FRAME
        self._settled.set()
        self._ended.set()

    def data_received(self, data: bytes) -> None:
        """Find the frames."""
        self.bytes_in += len(data)
        if self._unread:
            data = self._unread + data
        at, end = 0, len(data)
        if self.status != 101:
            at = self._read_head(data)
            if at < 0:
                self._unread = data[:HEAD_BYTES_MAX]
                return
        while end - at >= 2:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            stop = start + size
            if start > end or stop > end:
                break
            self._frame(data[at] & 15, data, start, stop)
            at = stop
        self._unread = data[at:]

    def _read_head(self, data: bytes) -> int:
        """Return where the frames begin, -1 when the answer is no 101 or not whole yet."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return -1
        first, *lines = data[:end].decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        if self.status == 101:
            self.transport.write(masked_frame(encode(self.hello)))
            return end + 4
        for name, _, value in (line.partition(":") for line in lines):
            if name.lower() == "retry-after":
                self.retry_after_s = float(value)
        self._settled.set()
        self.transport.abort()
        return -1

    def _frame(self, opcode: int, data: bytes, start: int, stop: int) -> None:
        if opcode == BINARY:
            # `[tag, ...]`: a long array has a header of three bytes, a tag is always one.
            at = start + (3 if data[start] == ARRAY_16 else 1)
            tag = data[at]
            if tag == WELCOME_TAG:
                self._hear_welcome(cast(Welcome, decode(data[start:stop], Direction.TO_CLIENT)))
            elif tag == REFUSAL_TAG:
                self.refusal = cast(Refusal, decode(data[start:stop], Direction.TO_CLIENT))
            else:
                self._hear(tag, data, start, at + 1, stop)
        elif opcode == PING:
            self.transport.write(masked_frame(data[start:stop], opcode=10))
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(data[start : start + 2], "big") or NO_CLOSE_FRAME
            # Answered, and the server closes TCP first.
            self.transport.write(masked_frame(data[start : start + 2], CLOSE))

    def _hear_welcome(self, welcome: Welcome) -> None:
        self.welcome, self.welcomed_s = welcome, monotonic()
        self._settled.set()

    def _hear(self, tag: int, data: bytes, start: int, at: int, stop: int) -> None:
        """Any other message: its frame lies in `data[start:stop]`, its first field at `at`."""
