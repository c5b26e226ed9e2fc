"""A socket before it is used: whose it is, and options that keep stale bytes from hiding in it.

To test: `tests/game_server/shell/test_socket_options.py`; over real connections, `test_connection.py` beside it.
"""

import asyncio
import socket
import sys

SEND_BUFFER_BYTES = 64 * 1024
UNSENT_BYTES_LOW = 4096
USER_TIMEOUT_MS = 10_000
# The names came to Python in 3.14; the numbers are Linux's. Elsewhere the options are skipped.
TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", 18 if sys.platform == "linux" else None)


def peer_ip_of(transport: asyncio.BaseTransport) -> str:
    """Return the address of a socket's other end; "" when it went before we looked, or has none."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) else ""


def prepare_socket(sock: socket.socket) -> None:
    """Keep a socket's buffers small, and let the kernel give up on a peer that acknowledges nothing."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if TCP_NOTSENT_LOWAT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES_LOW)
    if TCP_USER_TIMEOUT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
