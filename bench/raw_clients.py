"""Cheap clients for measuring the server: one that idles, one that never reads, a slow one, a flood, a slow handshake.

To test: `tests/bench/test_raw_clients.py`.
"""

import asyncio
import socket
from time import monotonic
from typing import Any

from bench.raw_socket import RawSocket, Request, masked_frame
from protocol.codec import decode, encode
from protocol.errors import PeerFault
from protocol.messages import ROW_OF_CLASS, Ack, EventAck, EventFrame, InputFrame, Keyframe, Resync, State, Welcome
from protocol.rows import Direction
from protocol.schema import Schema
from protocol.state_codec import KEYFRAME_TAG, STATE_TAG, WireState

EVENT_TAG = ROW_OF_CLASS[EventFrame].tag
NUMBER_BYTES = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9}
"""How long a msgpack number is that begins so; any other is one byte. *Source*: msgpack spec, "int format family"."""
# An acknowledgement is `[tag, number]`, the number's bytes copied from the frame that is acknowledged.
_ACK_HEADS, _EVENT_ACK_HEADS = (
    {size: masked_frame(bytes(2 + size))[:6] + bytes((0x92, ROW_OF_CLASS[cls].tag)) for size in (1, 2, 3, 5, 9)}
    for cls in (Ack, EventAck)
)
TCP_ESTABLISHED, TCP_CLOSE_WAIT = 1, 8
UNSENT_BYTES_MAX = 256 * 1024
FRAMES_PER_WRITE = 512
LABELS_AHEAD = 8
POLL_S = 0.02


def number_at(data: bytes, at: int) -> int:
    """Return the msgpack number that begins at `at`."""
    size = NUMBER_BYTES.get(data[at], 1)
    return data[at] if size == 1 else int.from_bytes(data[at + 1 : at + size], "big")


class Idler(RawSocket):
    """Stays: acknowledges each state and event at once, and knows where it could resume."""

    def __init__(self, request: Request, **how: Any) -> None:
        super().__init__(request, **how)
        self.states = self.keyframes = 0
        self.first_state_s = self.state_s = 0.0
        # The longest time between two states, since whoever measures set it to 0.
        self.gap_max_s = 0.0
        self._tick = b""
        self._event = b""
        # Set by the first state, and by the end: thousands wait at once, and must not poll.
        self._stated = asyncio.Event()

    @property
    def last_tick(self) -> int:
        """The tick of the last state, -1 before the first."""
        return number_at(self._tick, 0) if self._tick else -1

    @property
    def last_event(self) -> int:
        """The sequence of the last event, 0 before the first."""
        return number_at(self._event, 0) if self._event else 0

    async def wait_state(self, within_s: float) -> bool:
        """Wait for the first state, at most so long; tell whether it came."""
        try:
            await asyncio.wait_for(self._stated.wait(), within_s)
        except TimeoutError:
            return False
        return self.states > 0

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        super().connection_lost(exc)
        self._stated.set()

    def _hear(self, tag: int, data: bytes, start: int, at: int, stop: int) -> None:
        size = NUMBER_BYTES.get(data[at], 1)
        if tag in (STATE_TAG, KEYFRAME_TAG):
            self._tick = data[at : at + size]
            self.transport.write(_ACK_HEADS[size] + self._tick)
            now_s = monotonic()
            if not self.states:
                self.first_state_s = now_s
                self._stated.set()
            elif now_s - self.state_s > self.gap_max_s:
                self.gap_max_s = now_s - self.state_s
            self.state_s = now_s
            self.states += 1
            self.keyframes += tag == KEYFRAME_TAG
        elif tag == EVENT_TAG:
            self._event = data[at : at + size]
            self.transport.write(_EVENT_ACK_HEADS[size] + self._event)


class NeverReader(RawSocket):
    """Joins, then never reads, while its socket stays open.

    `cut_s` is when this end could see that it was cut: an end of the stream that waits behind unread bytes, or behind
    a full window, cannot be seen without reading.
    """

    cut_s = 0.0

    def _hear_welcome(self, welcome: Welcome) -> None:
        super()._hear_welcome(welcome)
        self.transport.pause_reading()

    def look(self) -> None:
        """Ask the kernel whether the connection still stands."""
        if self.cut_s or self.welcome is None:
            return
        if self._ended.is_set() or self._tcp_state() != TCP_ESTABLISHED:
            self.cut_s = monotonic()

    def _tcp_state(self) -> int:
        sock = self.transport.get_extra_info("socket")
        return int(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0])

    async def read_rest(self, within_s: float) -> str:
        """Read what is left after all, and return how it ended: `reset`, `closed 1008`, `end of stream`, `open`."""
        if not self._ended.is_set():
            self.transport.resume_reading()
            if not await self.wait_end(within_s):
                return "open"
        if self.close_code != 1006:
            return f"closed {self.close_code}"
        return "reset" if self.lost is not None else "end of stream"


class SlowReader(Idler):
    """Reads so many bytes per second, applies what comes, and checks that it is coherent.

    `faults` is 0 as long as every state began where the last one ended and every hash agreed; `merged` counts states
    that covered more than one tick.
    """

    def __init__(self, request: Request, bytes_per_s: int = 8_000, **how: Any) -> None:
        super().__init__(request, **{"receive_bytes": 4096, **how})
        self.bytes_per_s = bytes_per_s
        self.faults = self.hashes = self.merged = self.base_back_max = 0
        self.fault = ""
        self.held: WireState | None = None

    def data_received(self, data: bytes) -> None:
        """Hear it, then read nothing for as long as a line of that speed would have taken."""
        super().data_received(data)
        if not self._ended.is_set() and not self.transport.is_closing():
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(len(data) / self.bytes_per_s, self._read_on)

    def _read_on(self) -> None:
        if not self._ended.is_set() and not self.transport.is_closing():
            self.transport.resume_reading()

    def _hear_welcome(self, welcome: Welcome) -> None:
        super()._hear_welcome(welcome)
        self.held = WireState(Schema.from_wire(welcome.schema))

    def _hear(self, tag: int, data: bytes, start: int, at: int, stop: int) -> None:
        if tag in (STATE_TAG, KEYFRAME_TAG):
            try:
                self._apply(decode(data[start:stop], Direction.TO_CLIENT))
            except PeerFault as fault:
                self.faults += 1
                self.fault = self.fault or str(fault)
                self.transport.write(masked_frame(encode(Resync(-1, self.last_event))))
                return
        super()._hear(tag, data, start, at, stop)

    def _apply(self, message: object) -> None:
        assert self.held is not None, "WELCOME comes first"
        if isinstance(message, Keyframe):
            self.held.apply_keyframe(message)
        elif isinstance(message, State):
            self.held.apply_state(message)
            self.merged += message.base_back > 1
            self.base_back_max = max(self.base_back_max, message.base_back)
        if isinstance(message, Keyframe | State) and message.hash is not None:
            self.hashes += 1
            if message.hash != self.held.hash():
                raise PeerFault(f"the hash of tick {message.tick} disagrees")


class Flooder(RawSocket):
    """Sends inputs as fast as it may, or as the wire takes them, until it is cut.

    `flood_s` is when it began, `sent` how many frames it wrote. `values` are one input's fields.
    """

    def __init__(self, request: Request, messages_per_s: float = 0.0, values: tuple[Any, ...] = (), **how: Any) -> None:
        super().__init__(request, **how)
        self.messages_per_s, self.values = messages_per_s, values
        self.flood_s = 0.0
        self.sent = 0

    async def flood(self, seconds: float) -> None:
        """Pour for at most so long."""
        assert self.welcome is not None, "join() comes first"
        self.flood_s = began = monotonic()
        while not self._ended.is_set() and monotonic() - began < seconds:
            passed = monotonic() - began
            due = FRAMES_PER_WRITE
            if self.messages_per_s:
                due = min(FRAMES_PER_WRITE, int(passed * self.messages_per_s) - self.sent)
            if due > 0 and self.transport.get_write_buffer_size() < UNSENT_BYTES_MAX:
                tick = self.welcome.tick + int((monotonic() - self.welcomed_s) * self.welcome.tick_rate_hz)
                self.transport.write(self._burst(tick, due))
                self.sent += due
            await asyncio.sleep(0 if due > 0 else 0.001)

    @property
    def lived_s(self) -> float:
        """How long it could flood, until its end or until now."""
        return (self.ended_s or monotonic()) - self.flood_s

    def _burst(self, tick: int, count: int) -> bytes:
        frames = [
            masked_frame(encode(InputFrame(0, tick + ahead, 1, 0, list(self.values)))) for ahead in range(LABELS_AHEAD)
        ]
        whole, rest = divmod(count, LABELS_AHEAD)
        return b"".join(frames) * whole + b"".join(frames[:rest])


class SlowHandshake(RawSocket):
    """Sends one byte of its upgrade request per `period_s`."""

    def __init__(self, request: Request, period_s: float = 1.0, **how: Any) -> None:
        super().__init__(request, **how)
        self.period_s = period_s
        self._left = b""

    def connection_made(self, transport: Any) -> None:
        """Begin with the first byte."""
        self._connect(transport)
        self._left = self.request.head()
        self._next()

    def _next(self) -> None:
        if self._left and not self._ended.is_set():
            self.transport.write(self._left[:1])
            self._left = self._left[1:]
            asyncio.get_running_loop().call_later(self.period_s, self._next)

    @property
    def lived_s(self) -> float:
        """How long the server held it, until its end or until now."""
        return (self.ended_s or monotonic()) - self.dialled_s
