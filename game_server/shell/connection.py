"""One socket, from its first byte to its last.

    bytes in -> `Handshake`, until it grants the upgrade
             -> frames: small final ones by hand, all others through a `CarefulReader` -> a `Conversation`: Line, lobby
    that, pings -> frames out, one write for each flush

This module moves bytes and keeps time; what is legal others decide. A connection handles at most as many frames per
turn of the loop as its server allows, so that a flood costs its sender and not the ticks. It has one timer, which is
the handshake's, then the pings', then the close's, and nothing of the handshake outlives it.
*Source*: RFC 6455; the reading loop follows websockets' Sans-I/O guide.
To test: `tests/game_server/shell/test_connection.py`.
"""

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never, cast

from websockets.frames import Frame, Opcode

from game_server.session.heartbeat import GiveUp, Heartbeat, PongCame, RoundTrip, SendPing, Unasked
from game_server.shell.authenticators import Refused
from game_server.shell.careful_reader import CarefulReader, Violation
from game_server.shell.frames import (
    FINAL,
    FINAL_BINARY,
    FINAL_PING,
    frame_bytes,
    frame_header,
    ping_frame,
    pong_frame,
    small_payload,
)  # fmt: skip
from game_server.shell.line import Conversation, clock_ns
from game_server.shell.requests import refusal
from game_server.shell.socket_options import peer_ip_of, prepare_socket
from game_server.shell.tally import Ending, ending_by_close, ending_by_network
from game_server.shell.upgrade import Granted, Handshake
from protocol.codec import encode
from protocol.messages import Moved

if TYPE_CHECKING:
    from game_server.shell.websocket_server import WebSocketServer

SECOND_NS = 1_000_000_000
# A timer may be early by its clock's step; this much later a deadline has passed.
LATER_S = 0.002
# The operating system's: a pong must not be guessed.
DRAWN = random.SystemRandom()
RETRY_AFTER_MS = {1012: 1000, 1013: 5000}


class Connection(asyncio.BufferedProtocol):
    """One TCP connection: a `Peer` for its line, a `Socket` for its handshake."""

    __slots__ = (
        "_begun_ns", "_closing", "_ending", "_handshake", "_heartbeat", "_line", "_loop", "_match", "_parts", "_reader",
        "_reading_later", "_rtt_untold", "_server", "_timer", "_transport", "_unread", "bytes_in", "bytes_out",
        "rtt_ns",
    )  # fmt: skip

    def __init__(self, server: "WebSocketServer") -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._begun_ns = clock_ns()
        self._handshake: Handshake | None = None
        self._line: Conversation | None = None
        self._match = ""
        self._reader: CarefulReader | None = None
        self._unread = bytearray()
        self._parts: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._reading_later = self._closing = False
        self._ending: Ending | None = None
        self._heartbeat: Heartbeat | None = None
        self._rtt_untold = False
        self.bytes_in = self.bytes_out = 0
        self.rtt_ns: int | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask whether this socket may stay, and prepare it."""
        self._transport = cast(asyncio.Transport, transport)
        peer_ip = peer_ip_of(transport)
        self.begin(peer_ip, self._server.arrive(self, peer_ip))

    def begin(self, peer_ip: str, refused: Refused | None) -> None:
        """Read the request of a socket that has arrived; if it is `refused`, only to answer so."""
        if self._transport.is_closing():
            return
        prepare_socket(self._transport.get_extra_info("socket"))
        # Nothing may hide in its buffers. One byte, not none: with 0 asyncio's TLS is blocked by an empty buffer.
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._handshake = Handshake(self._server, self, peer_ip, refused)
        spent_s = (clock_ns() - self._begun_ns) / SECOND_NS
        self._after(self._server.settings.handshake_seconds - spent_s, self._expire)

    def replace_transport(self, transport: asyncio.Transport) -> None:
        """Speak through `transport` from now on, as TLS does over a plain one."""
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to."""
        return self._server.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self.bytes_in += nbytes
        self._server.runner.traffic.bytes_in += nbytes
        if self._deaf:
            return
        self._unread += self._server.read_buffer[:nbytes]
        if not self._reading_later:
            self._read()

    def eof_received(self) -> bool:
        """The peer sends no more."""
        # What is written by now may still leave, within reason.
        self._await_end()
        return False  # close our side too

    def pause_writing(self) -> None:
        """The peer takes less than it is given."""
        if self._line is not None:
            self._line.blocked(True)

    def resume_writing(self) -> None:
        """All that was written has left."""
        if self._line is not None:
            self._line.blocked(False)
            self._server.runner.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody, forget everything."""
        self._read_on(False)
        self._closing = True
        self._cancel_timer()
        self._forget_handshake()
        self._server.gone(self)
        self._unread.clear()
        self._parts.clear()
        line, self._line = self._line, None
        ending = self._ending or ending_by_network(exc)
        if self._match or line is not None:
            self._server.ended(ending, self, self._match, clock_ns() - self._begun_ns)
        if line is not None:
            line.lost(ending.code)
            self._server.runner.flush()
        self._forget_reader()

    # The runner's side

    def send(self, frame: bytes) -> None:
        """Queue a frame; it leaves with the next `flush`."""
        if not self._closing:
            self._parts += (frame_header(len(frame)), frame)
            self._server.runner.traffic.messages_out += 1

    def flush(self) -> None:
        """Write what is queued with one call."""
        if self._parts:
            # uvloop writes at once when nothing waits, so this is one system call.
            data = b"".join(self._parts)
            self._parts.clear()
            self._write(data)

    def close(self, code: int, sentence: str) -> None:
        """Say why in a Refusal, send the close frame, and give the peer `close_seconds` to answer it."""
        if self._closing or self._line is None:
            return
        self._end(ending_by_close(code, sentence))
        self._explain(code, sentence, RETRY_AFTER_MS.get(code, 0))
        self._say_close(code, sentence)

    def _say_close(self, code: int, sentence: str) -> None:
        reader = self._careful()
        reader.close(code, sentence)
        self._parts += reader.protocol.data_to_send()
        self.flush()
        self._await_end()

    def abort(self, code: int, cause: str, sentence: str = "") -> None:
        """Cut the connection: a close would wait behind a full buffer."""
        self._end(Ending(code, cause, "server", sentence))
        self._transport.abort()

    # The handshake's side

    def answer(self, response: bytes) -> None:
        """Write a whole HTTP answer, and close."""
        self._forget_handshake()
        self._unread.clear()
        self._write(response)
        self._await_end()
        self._transport.close()

    def upgrade(self, granted: Granted) -> None:
        """Write the 101 and speak WebSocket from now on."""
        if self._closing or self._transport.is_closing():
            return
        self._forget_handshake()
        self._server.proven(self)
        self._match = granted.match
        self._write(granted.response)
        self._line = self._server.open_line(granted.match, self, granted.entrant)
        every_ns = int(self._server.settings.ping_seconds * SECOND_NS)
        first_ns = clock_ns() + (0 if self._server.transport.pings_at_once else every_ns)
        self._heartbeat = Heartbeat(every_ns, first_ns, DRAWN)
        self._beat()
        if self._unread:
            self._loop.call_soon(self._read_hasty)

    def move(self, response: bytes, match: str, url: str) -> None:
        """Write the 101, say where the match is, and close."""
        if self._closing or self._transport.is_closing():
            return
        self._forget_handshake()
        self._server.proven(self)
        self._match = match
        self._write(response)
        self._end(Ending(1012, "moved", "server", url))
        self.send(encode(Moved(url, "")))
        self._say_close(1012, "this match is on another node")

    def _forget_handshake(self) -> None:
        handshake, self._handshake = self._handshake, None
        if handshake is not None:
            handshake.end()

    def _expire(self) -> None:
        if self._handshake is not None:
            self._handshake.expire()

    # Reading

    @property
    def _deaf(self) -> bool:
        """Whether nothing that still comes means anything."""
        return self._closing and (self._reader is None or self._reader.protocol.eof_sent)

    def _read_hasty(self) -> None:
        # What came before the upgrade was granted. Unless more has come since, which reads all of it.
        if self._unread and not self._reading_later:
            self._read()

    def _read(self) -> None:
        if self._transport.is_closing():
            return
        try:
            if self._handshake is not None:
                self._handshake.read(self._unread)
                more = False
            else:
                more = self._read_frames()
                self._tell_round_trip()
        except Exception:
            # Ours, not the peer's: what a peer can do wrong has been refused with a code by now.
            self._fail()
            more = False
        self._server.runner.flush()
        self._read_on(more and not self._transport.is_closing())

    def _fail(self) -> None:
        self._server.log.error("connection_failed", match=self._match, exc_info=True)
        self._unread.clear()
        if self._line is None:
            refused = Refused(500, "an error in the server ended this request", reason="error")
            self._server.refused(refused)
            self.answer(refusal(refused))
            return
        self.close(1011, "an error in the server ended this connection")
        self._line.lost(1011)

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
        unread, bytes_max = self._unread, self._server.transport.message_bytes_max
        while left and not self._deaf:
            total = frame_bytes(unread, at, bytes_max)
            if not total:
                break
            self._frame(at, total)
            at += total
            left -= 1
        if self._deaf:
            unread.clear()
        else:
            del unread[:at]
        return not left

    def _frame(self, at: int, total: int) -> None:
        if self._reader is None and self._line is not None:
            payload = small_payload(self._unread, at, total)
            if payload is not None:
                kind = self._unread[at]
                if kind == FINAL_BINARY:
                    self._server.runner.traffic.messages_in += 1
                    self._line.frame(payload)
                elif kind == FINAL_PING:
                    # Section 5.5.2: "an endpoint MUST send a Pong frame in response".
                    self._write(pong_frame(payload))
                    self._line.control()
                else:
                    self._handle_pong(payload)
                return
        self._frame_with_care(self._unread[at : at + total])

    def _frame_with_care(self, data: bytearray) -> None:
        if not data[0] & FINAL and self._line is not None:
            self._line.fragment()
        reader = self._careful()
        for frame in reader.receive(data):
            self._handle_frame(frame)
        violation = reader.violation
        if violation is not None:
            self._refuse_violation(reader, violation)
        elif reader.protocol.close_rcvd is not None:
            self._end_in_order(reader)
        else:
            self._write(b"".join(reader.protocol.data_to_send()))
            if reader.idle:
                self._forget_reader()

    def _forget_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.end()

    def _careful(self) -> CarefulReader:
        if self._reader is None:
            self._reader = CarefulReader(self._server.transport)
        return self._reader

    def _handle_frame(self, frame: Frame) -> None:
        if self._line is None or self._closing:
            return
        match frame.opcode:
            case Opcode.BINARY:
                self._server.runner.traffic.messages_in += 1
                self._line.frame(bytes(frame.data))
            case Opcode.TEXT:
                self._server.runner.traffic.messages_in += 1
                self._line.text(bytes(frame.data))
            case Opcode.PING:
                self._line.control()
            case Opcode.PONG:
                self._handle_pong(bytes(frame.data))
            case _:
                pass  # a close, which is handled with what else it brought

    # Closing

    def _end(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending

    def _explain(self, code: int, sentence: str, retry_after_ms: int = 0) -> None:
        if self._server.transport.tells_why and self._line is not None:
            self.send(self._line.farewell(code, sentence[:500], retry_after_ms))

    def _refuse_violation(self, reader: CarefulReader, violation: Violation) -> None:
        """`Protocol` has failed the connection: say why before its close frame."""
        if not self._closing:
            self._server.tally.violation(violation.cause)
            self._end(Ending(violation.code, violation.cause, "server", violation.sentence))
            self._explain(violation.code, violation.sentence)
        self._parts += reader.protocol.data_to_send()
        self.flush()
        self._half_close()
        self._await_end()
        if self._line is not None:
            self._line.lost(violation.code)

    def _half_close(self) -> None:
        # The peer answers our close frame and waits for the end of TCP; closing now, with bytes of its unread, would
        # reset the connection and could swallow what it has not read yet. TLS knows no half-closed connection.
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _end_in_order(self, reader: CarefulReader) -> None:
        """Both close frames have been exchanged, or ours leaves now: the server closes TCP first (section 7.1.1)."""
        assert reader.protocol.close_rcvd is not None, "the peer's close frame is there"
        code = int(reader.protocol.close_rcvd.code)
        self._end(Ending(code, "left", "client"))
        self._parts += reader.protocol.data_to_send()
        self.flush()
        # A close frame waits behind what the peer does not read.
        self._await_end()
        self._transport.close()
        if self._line is not None:
            self._line.lost(code)

    def _await_end(self) -> None:
        self._closing = True
        self._after(self._server.settings.close_seconds, self._transport.abort)

    # Time

    def _after(self, seconds: float, callback: Callable[[], object]) -> None:
        self._cancel_timer()
        self._timer = self._loop.call_later(max(0.0, seconds) + LATER_S, callback)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self) -> None:
        """Do what is due of an upgraded connection: its session's deadline, a ping."""
        if self._line is None or self._heartbeat is None or self._closing:
            return
        now_ns = clock_ns()
        try:
            deadline_ns = self._line.deadline_ns
            if deadline_ns is not None and now_ns >= deadline_ns:
                self._line.advance()
                self._server.runner.flush()
            else:
                self._heartbeat.advance(now_ns)
                self._carry_heartbeat()
        except Exception:
            self._fail()
        if not self._closing and not self._transport.is_closing():
            self._beat_again(now_ns)

    def _beat_again(self, now_ns: int) -> None:
        assert self._line is not None and self._heartbeat is not None, "only an upgraded connection has a heart"
        deadlines = [self._line.deadline_ns, self._heartbeat.deadline_ns]
        due_ns = min(each for each in deadlines if each is not None)
        self._after((due_ns - now_ns) / SECOND_NS, self._beat)

    def _handle_pong(self, payload: bytes) -> None:
        assert self._heartbeat is not None, "frames are read once there is a line"
        self._heartbeat.handle(PongCame(payload), clock_ns())
        self._carry_heartbeat()

    def _carry_heartbeat(self) -> None:
        assert self._line is not None and self._heartbeat is not None, "only an upgraded connection has a heart"
        for effect in self._heartbeat.effects():
            match effect:
                case SendPing(payload):
                    self._write(ping_frame(payload))
                case RoundTrip(rtt_ns):
                    self.rtt_ns = rtt_ns
                    self._rtt_untold = True
                    self._tell_round_trip()
                case Unasked():
                    self._line.control()
                case GiveUp():
                    self.abort(1006, "silent")
                case _:
                    assert_never(effect)

    def _tell_round_trip(self) -> None:
        """Tell the match, once it knows this connection: the first pong may well come before HELLO does."""
        if self._rtt_untold and self._line is not None and self._line.is_live:
            assert self.rtt_ns is not None, "what is untold is known"
            self._rtt_untold = False
            self._line.round_trip(self.rtt_ns)

    # Writing

    def _write(self, data: bytes) -> None:
        if not data or self._transport.is_closing():
            return
        # Here and not in `flush`: pongs and close frames pile up just as states do, and a peer can ask for pongs.
        if self._transport.get_write_buffer_size() > self._server.transport.held_bytes_max:
            self.abort(1006, "slow")
            return
        self.bytes_out += len(data)
        self._server.runner.traffic.bytes_out += len(data)
        self._transport.write(data)
