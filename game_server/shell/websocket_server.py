"""The listener: one TCP port that speaks HTTP until an upgrade, then WebSocket frames.

    bytes in -> HTTP head -> /healthz, a refusal, or 101
             -> frames: small binary ones by hand, all others through websockets' `ServerProtocol` -> Line

`ServerProtocol` decides what is legal; this module moves bytes and keeps time. A connection handles at most
`FRAMES_PER_TURN_MAX` frames per turn of the loop, so that a flood costs its sender and not the ticks.
*Source*: RFC 6455; the reading loop follows websockets' Sans-I/O guide.
To test: `tests/game_server/shell/test_websocket_server.py`, and `tests/integration/test_serve.py`.
"""

import asyncio
import secrets
import socket
import sys
from typing import Any, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from game_server.shell.frames import frame_bytes, frame_header, ping_frame, small_binary_payload
from game_server.shell.log import get_log
from game_server.shell.match_runner import Line, MatchRunner, Traffic, clock_ns
from game_server.shell.requests import Refused, player_name, route
from game_server.shell.settings import Settings
from protocol.codec import CLIENT_FRAME_BYTES_MAX, encode
from protocol.messages import SUBPROTOCOL, Refusal

FRAMES_PER_TURN_MAX = 64
FRAMES_PER_TURN_LEAST = 4
# All flooding connections together, so that a hundred of them do not make a turn a hundred times as long.
FRAMES_PER_TURN_OF_NODE = 512
HEAD_BYTES_MAX = 16 * 1024
READ_BYTES_MAX = 64 * 1024
HELD_BYTES_MAX = 256 * 1024
# Sockets beyond `connections_max` that may still send a request: a full node must be able to answer /healthz.
SPARE_CONNECTIONS = 16
FULL_RETRY_AFTER_S = 5
FULL_SENTENCE = "this node holds as many connections as it may"
SEND_BUFFER_BYTES = 64 * 1024
UNSENT_BYTES_LOW = 4096
PINGS_MISSED_MAX = 3
PING_BYTES = 4
CLOSE_REASON_BYTES_MAX = 123
RETRY_AFTER_MS = {1012: 1000, 1013: 5000}
# The name came to Python in 3.14; the number is Linux's. Elsewhere the option is skipped.
TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)


class WebSocketServer:
    """Accepts connections for the matches of one runner."""

    def __init__(self, runner: MatchRunner, settings: Settings) -> None:
        self.runner, self.settings = runner, settings
        self.connections: set[Connection] = set()
        self.log = get_log()
        # Every connection reads into the same buffer: its bytes are copied out before the next read can begin.
        self.read_buffer = memoryview(bytearray(READ_BYTES_MAX))
        self.flooding = 0
        self._listener: asyncio.Server | None = None

    @property
    def frames_per_turn(self) -> int:
        """How many frames a connection may have handled before the loop turns."""
        share = FRAMES_PER_TURN_OF_NODE // (self.flooding + 1)
        return max(FRAMES_PER_TURN_LEAST, min(FRAMES_PER_TURN_MAX, share))

    async def listen(self) -> None:
        """Open the port. Raises `OSError` when that cannot be done."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: Connection(self), self.settings.host, self.settings.port, backlog=1024, reuse_address=True
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._listener is not None, "listen() comes first"
        return cast(int, self._listener.sockets[0].getsockname()[1])

    async def drain(self, seconds: float) -> int:
        """Wait until every connection has ended, at most `seconds`; return how many had to be cut off."""
        until_ns = clock_ns() + int(seconds * 1e9)
        while self.connections and clock_ns() < until_ns:
            await asyncio.sleep(0.01)
        cut = list(self.connections)
        for connection in cut:
            connection.abort()
        return len(cut)

    def stop_listening(self) -> None:
        """Close the port; connections live on."""
        if self._listener is not None:
            self._listener.close()


class Connection(asyncio.BufferedProtocol):
    """One TCP connection, from its first byte to its last."""

    def __init__(self, server: WebSocketServer) -> None:
        self._server = server
        self._runner = server.runner
        self._node_traffic = server.runner.traffic
        self.traffic = Traffic()
        self.rtt_ms: float | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._websocket = ServerProtocol(subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=CLIENT_FRAME_BYTES_MAX)
        self._line: Line | None = None
        self._unread = bytearray()
        self._parts: list[bytes] = []
        self._message = bytearray()
        self._reading_later = False
        self._closing = False
        self._ping_payload = b""
        self._unanswered = 0
        self._pinged_ns = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Prepare the socket: nothing may hide in its buffers."""
        self._transport = cast(asyncio.Transport, transport)
        if len(self._server.connections) >= self._server.settings.connections_max + SPARE_CONNECTIONS:
            # Unread and unasked: a socket that never sends a request must cost no more than this.
            self._answer(Refused(503, FULL_SENTENCE, retry_after_s=FULL_RETRY_AFTER_S).response())
            return
        self._server.connections.add(self)
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if TCP_NOTSENT_LOWAT is not None:
            sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES_LOW)
        self._transport.set_write_buffer_limits(high=0)
        self._after("handshake", self._server.settings.handshake_seconds, self.abort)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to."""
        return self._server.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self.traffic.bytes_in += nbytes
        self._node_traffic.bytes_in += nbytes
        if self._closing and self._websocket.eof_sent:
            return
        self._unread += self._server.read_buffer[:nbytes]
        if not self._reading_later:
            self._read()

    def eof_received(self) -> bool:
        """The peer sends no more."""
        return False  # close our side too

    def pause_writing(self) -> None:
        """The peer takes less than it is given."""
        if self._line is not None:
            self._line.blocked(True)

    def resume_writing(self) -> None:
        """All that was written has left."""
        if self._line is not None:
            self._line.blocked(False)
            self._runner.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self._closing = True
        self._read_on(False)
        for timer in self._timers.values():
            timer.cancel()
        self._server.connections.discard(self)
        self._unread.clear()
        if self._line is not None:
            self._line.lost()
            self._runner.flush()
            self._line = None

    def abort(self) -> None:
        """Cut the connection: a close would wait behind a full buffer."""
        self._transport.abort()

    # The runner's side

    def send(self, frame: bytes) -> None:
        """Queue a frame; it leaves with the next `flush`."""
        if not self._closing:
            self._parts += (frame_header(len(frame)), frame)
            self.traffic.messages_out += 1
            self._node_traffic.messages_out += 1

    def flush(self) -> None:
        """Write what is queued with one call."""
        if self._parts:
            # uvloop writes at once when nothing waits, so this is one system call.
            data = b"".join(self._parts)
            self._parts.clear()
            self._write(data)

    def close(self, code: int, sentence: str) -> None:
        """Say why in a Refusal, send the close frame, and give the peer `close_seconds` to answer it."""
        if self._closing or self._websocket.state is not OPEN:
            return
        refusal = encode(Refusal(code, sentence[:500], RETRY_AFTER_MS.get(code, 0)))
        self.send(refusal)
        self._websocket.send_close(code, _close_reason(sentence))
        self._parts += self._websocket.data_to_send()
        self.flush()
        self._await_end()

    # Reading

    def _read(self) -> None:
        if self._transport.is_closing():
            return
        try:
            if self._line is None and not self._closing and not self._read_head():
                return
            more = self._read_frames()
        except Exception:
            # Ours, not the peer's: what a peer can do wrong has been refused with a code by now.
            self._server.log.error("connection_failed", exc_info=True)
            self.close(1011, "an error in the server ended this connection")
            if self._line is not None:
                self._line.lost()
            self._unread.clear()
            more = False
        self._runner.flush()
        self._read_on(more and not self._transport.is_closing())

    def _read_on(self, more: bool) -> None:
        """Go on in the next turn of the loop while there is `more`; until then the kernel holds the peer back."""
        if more and not self._reading_later:
            self._reading_later = True
            self._server.flooding += 1
            self._transport.pause_reading()
        elif self._reading_later and not more:
            self._reading_later = False
            self._server.flooding -= 1
            if not self._transport.is_closing():
                self._transport.resume_reading()
        if more:
            self._loop.call_soon(self._read)

    def _read_frames(self) -> bool:
        """Handle a turn's worth of frames; tell whether there may be more."""
        at = 0
        left = self._server.frames_per_turn
        unread = self._unread
        while left and not self._websocket.eof_sent:
            total = frame_bytes(unread, at, CLIENT_FRAME_BYTES_MAX)
            if not total:
                break
            self._frame(at, total)
            at += total
            left -= 1
        del unread[:at]
        if self._websocket.eof_sent:
            unread.clear()
        return not left

    def _frame(self, at: int, total: int) -> None:
        websocket, line = self._websocket, self._line
        if websocket.state is OPEN and websocket.current_size is None and line is not None:
            payload = small_binary_payload(self._unread, at, total)
            if payload is not None:
                self._count_message()
                line.frame(payload)
                return
        websocket.receive_data(self._unread[at : at + total])
        for event in websocket.events_received():
            self._handle_frame(cast(Frame, event))
        if websocket.parser_exc is not None and not self._closing:
            self._refuse_violation()
        elif websocket.close_rcvd is not None:
            self._end_in_order()
        else:
            self._write_all(websocket.data_to_send())

    def _handle_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._handle_pong(bytes(frame.data))
        elif self._line is not None and not self._closing:
            if frame.opcode is Opcode.TEXT:
                self._count_message()
                self._line.text()
            elif frame.opcode is Opcode.BINARY or frame.opcode is Opcode.CONT:
                # ServerProtocol adds fragments up and refuses more than max_size of them.
                self._message += frame.data
                if frame.fin:
                    self._count_message()
                    data = bytes(self._message)
                    self._message.clear()
                    self._line.frame(data)

    def _count_message(self) -> None:
        self.traffic.messages_in += 1
        self._node_traffic.messages_in += 1

    # Closing

    def _refuse_violation(self) -> None:
        """ServerProtocol has failed the connection: say why before its close frame."""
        violation = self._websocket.close_sent
        code = violation.code if violation is not None else CloseCode.PROTOCOL_ERROR
        sentence = violation.reason if violation is not None else "protocol error"
        self._server.log.info("protocol_violation", code=int(code), sentence=sentence)
        self.send(encode(Refusal(int(code), sentence[:500], 0)))
        self._parts += self._websocket.data_to_send()
        self.flush()
        # The peer answers our close frame and waits for the end of TCP; closing now, with bytes of its unread, would
        # reset the connection and could swallow what it has not read yet.
        if not self._transport.is_closing():
            self._transport.write_eof()
        self._await_end()
        if self._line is not None:
            self._line.lost()

    def _end_in_order(self) -> None:
        """Both close frames have been exchanged, or ours leaves now: the server closes TCP first (section 7.1.1)."""
        self._parts += self._websocket.data_to_send()
        self.flush()
        self._closing = True
        self._transport.close()
        if self._line is not None:
            self._line.lost()

    def _await_end(self) -> None:
        self._closing = True
        self._cancel("ping")
        self._after("close", self._server.settings.close_seconds, self.abort)

    # HTTP

    def _read_head(self) -> bool:
        """Answer the request once its head is there; tell whether frames follow."""
        end = self._unread.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(self._unread) > HEAD_BYTES_MAX:
                self._answer(Refused(431, f"a request's head may have {HEAD_BYTES_MAX} bytes").response())
            return False
        # Only the head: what a hasty client sent after it must not be parsed before the upgrade is granted.
        self._websocket.receive_data(self._unread[:end])
        del self._unread[:end]
        requests = self._websocket.events_received()
        if not requests:
            self._answer(Refused(400, f"this request is not understood: {self._websocket.handshake_exc}").response())
            return False
        try:
            return self._upgrade(cast(Request, requests[0]))
        except Refused as refused:
            self._answer(refused.response())
            return False

    def _upgrade(self, request: Request) -> bool:
        answer = route(request, self._runner)
        if isinstance(answer, bytes):
            self._answer(answer)
            return False
        if len(self._runner.lines) >= self._server.settings.connections_max:
            raise Refused(503, FULL_SENTENCE, retry_after_s=FULL_RETRY_AFTER_S)
        response = self._websocket.accept(request)
        if response.status_code != 101:
            raise Refused(response.status_code, bytes(response.body).decode().strip())
        name = player_name(request)
        self._websocket.send_response(response)
        self._write_all(self._websocket.data_to_send())
        self._cancel("handshake")
        self._line = self._runner.open_line(answer, self, name)
        hello_by_ns = self._line.session.deadline_ns
        if hello_by_ns is not None:
            # A little later than the deadline, so that it has passed when the session looks.
            self._after("hello", (hello_by_ns - clock_ns()) / 1e9 + 0.01, self._advance_session)
        self._after("ping", self._server.settings.ping_seconds, self._ping)
        return True

    def _answer(self, response: bytes) -> None:
        self._closing = True
        self._unread.clear()
        self._write(response)
        self._transport.close()

    # Time

    def _after(self, name: str, seconds: float, callback: Any) -> None:
        self._cancel(name)
        self._timers[name] = self._loop.call_later(seconds, callback)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _advance_session(self) -> None:
        if self._line is not None:
            self._line.advance()
            self._runner.flush()

    def _ping(self) -> None:
        if self._unanswered >= PINGS_MISSED_MAX:
            self._server.log.info("silent_connection_cut", pings=self._unanswered)
            self.abort()
            return
        # Drawn, not counted: a pong proves that its sender read the ping.
        self._ping_payload = secrets.token_bytes(PING_BYTES)
        self._unanswered += 1
        self._pinged_ns = clock_ns()
        self._write(ping_frame(self._ping_payload))
        self._after("ping", self._server.settings.ping_seconds, self._ping)

    def _handle_pong(self, payload: bytes) -> None:
        if self._ping_payload and payload == self._ping_payload:
            self._ping_payload = b""
            self._unanswered = 0
            self.rtt_ms = (clock_ns() - self._pinged_ns) / 1e6

    # Writing

    def _write_all(self, parts: list[bytes]) -> None:
        if parts:
            self._write(b"".join(parts))

    def _write(self, data: bytes) -> None:
        if not data or self._transport.is_closing():
            return
        # Here and not in `flush`: pongs and close frames pile up just as states do, and a peer can ask for pongs.
        if self._transport.get_write_buffer_size() > HELD_BYTES_MAX:
            self._server.log.warning("slow_connection_cut", held_bytes_max=HELD_BYTES_MAX)
            self.abort()
            return
        self.traffic.bytes_out += len(data)
        self._node_traffic.bytes_out += len(data)
        self._transport.write(data)


def _close_reason(sentence: str) -> str:
    # Section 5.5: "All control frames MUST have a payload length of 125 bytes or less"; the code takes two.
    return sentence.encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore")
