"""A socket's options, on a real connection."""

import socket
from unittest.mock import Mock

from game_server.shell.socket_options import (
    SEND_BUFFER_BYTES,
    TCP_NOTSENT_LOWAT,
    TCP_USER_TIMEOUT,
    UNSENT_BYTES_LOW,
    USER_TIMEOUT_MS,
    peer_ip_of,
)  # fmt: skip
from tests.game_server.shell.game_for_tests import dial, running


async def test_the_socket_is_prepared_so_that_nothing_hides_in_it() -> None:
    async with running() as node:
        player = await dial(node.url())
        (connection,) = node.server.connections
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        # Linux doubles what it is asked for, for its own bookkeeping.
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 2 * SEND_BUFFER_BYTES
        assert TCP_NOTSENT_LOWAT is not None and TCP_USER_TIMEOUT is not None
        assert sock.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT) == UNSENT_BYTES_LOW
        assert sock.getsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT) == USER_TIMEOUT_MS
        await player.socket.close()


def test_a_socket_whose_peer_went_has_no_address() -> None:
    for name, found in ((("192.0.2.7", 1234), "192.0.2.7"), (("::1", 1, 0, 0), "::1"), (None, ""), ("", "")):
        assert peer_ip_of(Mock(get_extra_info=lambda _, name=name: name)) == found
