"""TLS between a connection and its TCP transport: a protocol to what lies below, a transport to what stands above.

    Connection   write  -> SSLObject -> outgoing -> TCP transport
                 buffer <- SSLObject <- incoming <- TCP transport

Not the event loop's own TLS, for that stacks a second write buffer of 64 KiB below the one that can be limited, and a
slow client's connection would hold as many bytes of stale states. Here nothing is held above TCP's transport, whose
buffer is the only one, and whose limits are the connection's.
*Source*: RFC 8446 section 6.1 for closing; CPython's `asyncio.sslproto` for the order of things.
To test: `tests/game_server/shell/test_tls_transport.py`, `tests/game_server/shell/test_tls.py`.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from game_server.shell.authenticators import Refused
from game_server.shell.connection import Connection
from game_server.shell.socket_options import peer_ip_of

if TYPE_CHECKING:
    from game_server.shell.websocket_server import WebSocketServer

RECORD_BYTES_MAX = 16 * 1024


class TlsTransport(asyncio.Transport, asyncio.BufferedProtocol):
    """One connection's TLS. The socket is judged before the handshake, which costs a hundred times what that does."""

    __slots__ = (
        "_below", "_closing", "_connection", "_deadline", "_error", "_incoming", "_outgoing", "_peer_ip", "_server",
        "_stands", "_tls",
    )  # fmt: skip

    def __init__(self, server: "WebSocketServer", context: ssl.SSLContext) -> None:
        super().__init__()
        self._server = server
        self._connection = Connection(server)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._below: asyncio.Transport
        self._peer_ip = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._error: ssl.SSLError | None = None
        self._stands = self._closing = False

    # What lies below calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask whether this socket may stay; one over a limit is cut, and nothing of TLS is spoken."""
        self._below = cast(asyncio.Transport, transport)
        self._connection.replace_transport(self)
        self._peer_ip = peer_ip_of(transport)
        refused = self._server.arrive(self._connection, self._peer_ip)
        if self._closing:
            return
        if refused is not None:
            self._server.refused(refused)
            self.abort()
            return
        seconds = self._server.settings.handshake_seconds
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._fail)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to."""
        return self._server.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read; after the end it is read only so that TCP ends without a reset."""
        if self._closing:
            return
        self._incoming.write(self._server.read_buffer[:nbytes])
        if self._stands or self._shake_hands():
            self._decrypt()

    def eof_received(self) -> bool:
        """The peer sends no more, whether it said so in TLS or not: a close frame would have told."""
        if self._stands and not self._closing:
            self._connection.eof_received()
        return False

    def pause_writing(self) -> None:
        """The peer takes less than it is given."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """All that was written has left."""
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the connection, which tells everybody."""
        self._cancel_deadline()
        if not self._stands and not self._closing:
            self._refuse()
        self._closing = True
        self._connection.connection_lost(exc or self._error)

    # The connection above calls these

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and write."""
        if self.is_closing():
            return
        left = memoryview(data)
        try:
            while left:
                left = left[self._tls.write(left[:RECORD_BYTES_MAX]) :]
        except ssl.SSLError as error:
            self._break(error)
        else:
            self._send_out()

    def close(self) -> None:
        """Write what waits and say that it is all; end when the peer ends too, which the connection's timer bounds."""
        if self.is_closing():
            return
        self._closing = True
        with suppress(ssl.SSLError):
            # It wants to read the peer's answer, for which nobody waits. Section 6.1: "It is not required for the
            # initiator of the close to wait for the responding close_notify alert".
            self._tls.unwrap()
        self._send_out()
        # Closing TCP now, with bytes of the peer unread, could swallow what it has not read yet.
        self._below.resume_reading()
        self._below.write_eof()

    def abort(self) -> None:
        """Cut the socket."""
        self._closing = True
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._closing or self._below.is_closing()

    def pause_reading(self) -> None:
        """Let the kernel hold the peer back."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._below.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits of the only buffer that there is."""
        self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Return how many encrypted bytes wait."""
        return self._below.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """Whether the connection may end its own side only: `close` does so by itself."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what TCP's transport knows."""
        return self._below.get_extra_info(name, default)

    # TLS

    def _shake_hands(self) -> bool:
        """Go on with the handshake; tell whether TLS stands."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_out()
            return False
        except ssl.SSLError:
            self._send_out()  # the alert that tells the peer why
            self._fail()
            return False
        self._send_out()
        self._cancel_deadline()
        self._stands = True
        self._connection.begin(self._peer_ip, None)
        return True

    def _decrypt(self) -> None:
        """Give the connection all that is whole."""
        try:
            while not self.is_closing():
                # Where its ciphertext was read to as well, from where it has been copied by now.
                nbytes = self._tls.read(len(self._server.read_buffer), self._server.read_buffer)
                if not nbytes:
                    self._end()
                    return
                self._connection.buffer_updated(cast(int, nbytes))
        except ssl.SSLWantReadError:
            self._send_out()  # an answer to a KeyUpdate, say
        except ssl.SSLZeroReturnError:
            self._end()
        except ssl.SSLError as error:
            self._break(error)

    def _send_out(self) -> None:
        if self._outgoing.pending and not self._below.is_closing():
            self._below.write(self._outgoing.read())

    def _end(self) -> None:
        """The peer says that it sends no more: so do we, and what is written by now still leaves."""
        self._connection.eof_received()
        self.close()
        if not self._below.is_closing():
            self._below.close()

    def _break(self, error: ssl.SSLError) -> None:
        self._error = error
        self._send_out()
        self.abort()

    def _fail(self) -> None:
        """TLS does not come about. The peer's affair, whatever it was."""
        self._refuse()
        self._closing = True
        self._cancel_deadline()
        if self._below.get_write_buffer_size():
            self._below.abort()  # its alert is not worth waiting for
        else:
            self._below.close()

    def _refuse(self) -> None:
        self._server.refused(Refused(400, "TLS could not be agreed on", reason="tls"))

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
