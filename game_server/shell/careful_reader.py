"""What a connection reads with care: every frame that is not small, final and alone.

    one frame's bytes -> websockets' `Protocol`: is it legal? -> fragments put together -> messages, control frames

Nearly all traffic passes by without it (`frames.py`), so a connection makes one when it is needed and drops it when
nothing hangs on it any more: no fragment, no close.  *Source*: RFC 6455 sections 5.4, 5.5, 7 and 8.1.
To test: `tests/game_server/shell/test_careful_reader.py`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

if TYPE_CHECKING:
    from game_server.shell.websocket_server import Transport

CLOSE_REASON_BYTES_MAX = 123


@dataclass(frozen=True, slots=True)
class Violation:
    """What a peer did that it must not; `cause` is a word that metrics count by."""

    code: int
    sentence: str
    cause: str


VIOLATION_CAUSES: dict[int, str] = {
    CloseCode.PROTOCOL_ERROR: "frame",
    CloseCode.INVALID_DATA: "text",
    CloseCode.MESSAGE_TOO_BIG: "size",
    CloseCode.INTERNAL_ERROR: "error",
}


class CarefulReader:
    """Frames in; whole messages and control frames out."""

    __slots__ = ("_fragments", "_limits", "_message", "_opcode", "protocol")

    def __init__(self, limits: "Transport") -> None:
        self.protocol = Protocol(Side.SERVER, max_size=limits.message_bytes_max)
        self._limits = limits
        self._opcode = Opcode.BINARY
        self._message = bytearray()
        self._fragments = 0

    @property
    def idle(self) -> bool:
        """Whether nothing hangs on this reader: another one would read what follows as well."""
        return not self._fragments and self.protocol.state is OPEN

    @property
    def violation(self) -> Violation | None:
        """Why the connection has been failed, if it has."""
        protocol = self.protocol
        if not protocol.eof_sent or protocol.close_rcvd is not None or protocol.close_sent is None:
            return None
        code, reason = protocol.close_sent.code, protocol.close_sent.reason
        # Any code of ours, when the violation came after our own close.
        return Violation(int(code), reason or "protocol error", VIOLATION_CAUSES.get(code, "frame"))

    def receive(self, data: bytes | bytearray) -> list[Frame]:
        """Take the bytes of one frame; return what is whole now, a message being one unfragmented frame."""
        self.protocol.receive_data(data)
        whole = []
        for event in self.protocol.events_received():
            assert isinstance(event, Frame), "the handshake is over, so that only frames come"
            if event.opcode in DATA_OPCODES:
                message = self._assemble(event)
                if message is not None:
                    whole.append(message)
            else:
                whole.append(event)
        return whole

    def end(self) -> None:
        """Nothing is read any more."""
        let_go(self.protocol)

    def close(self, code: int, sentence: str) -> None:
        """Begin the closing handshake, if it has not begun."""
        if self.protocol.state is OPEN:
            self.protocol.send_close(code, close_reason(sentence))

    def _assemble(self, frame: Frame) -> Frame | None:
        """Add a frame to its message. `Protocol` has checked order and size; it leaves their number, and UTF-8."""
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        # An empty fragment counts as well: a message of nothing but them would never end.
        self._fragments += 1
        if self._fragments > self._limits.fragments_max:
            self._fail(CloseCode.MESSAGE_TOO_BIG, f"a message may come in {self._limits.fragments_max} fragments")
            return None
        if not frame.fin:
            self._message += frame.data
            return None
        data = bytes(self._message + frame.data) if self._message else bytes(frame.data)
        self._message = bytearray()
        self._fragments = 0
        # Section 8.1: "When an endpoint [...] finds that the byte stream is not, in fact, a valid UTF-8 stream, that
        # endpoint MUST _Fail the WebSocket Connection_."
        if self._opcode is Opcode.TEXT and not _is_utf8(data):
            self._fail(CloseCode.INVALID_DATA, "this text is not UTF-8")
            return None
        return Frame(self._opcode, data)

    def _fail(self, code: CloseCode, sentence: str) -> None:
        if not self.protocol.eof_sent:
            self.protocol.fail(code, sentence)


def let_go(protocol: Protocol) -> None:
    """Break the circles that hold a protocol which is done, so that it is freed now and not by a full collection.

    Its parser's frame holds it, and so do the frames in the traceback of whatever it ended by.
    """
    protocol.parser.close()
    error: BaseException | None = protocol.parser_exc or protocol.handshake_exc
    protocol.parser_exc = protocol.handshake_exc = None
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__


def close_reason(sentence: str) -> str:
    """Return as much of `sentence` as a close frame can hold, whole characters only."""
    # Section 5.5: "All control frames MUST have a payload length of 125 bytes or less"; the code takes two.
    return sentence.encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
