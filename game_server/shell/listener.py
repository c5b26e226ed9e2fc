"""A listening port: sockets are accepted here, one by one, and then given to the event loop.

    kernel -> accept -> event loop's transport -> protocol

The event loops' own listeners hide what matters when file descriptors run out: uvloop closes whoever waits and says
nothing. Here whoever waits stays in the kernel, the log says why, and after a pause it is tried again.
To test: `tests/game_server/shell/test_listener.py`.
"""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable

from game_server.shell.log import get_log

ACCEPTS_PER_TURN_MAX = 64
# Without file descriptors left nothing can be accepted; the kernel keeps whoever waits.
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
EXHAUSTED_PAUSE_S = 1.0


class Listener:
    """One TCP port on every address that a host has."""

    def __init__(self, make_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._make_protocol = make_protocol
        self._log = get_log()
        self._beginning: set[asyncio.Task[object]] = set()
        self.sockets: list[socket.socket] = []

    async def listen(self, host: str, port: int, backlog: int) -> None:
        """Open the port. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, kind, protocol, _, address in dict.fromkeys(found):
                self.sockets.append(_bound(socket.socket(family, kind, protocol), address, backlog))
        except OSError:
            for sock in self.sockets:
                sock.close()
            raise
        for sock in self.sockets:
            loop.add_reader(sock.fileno(), self._accept, sock)

    def close(self) -> None:
        """Close the port; connections live on."""
        for sock in self.sockets:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()
        self.sockets = []

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN_MAX):
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._pause(listening)
                return
            sock.setblocking(False)
            self._begin(sock)

    def _begin(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(loop.connect_accepted_socket(self._make_protocol, sock))
        self._beginning.add(task)
        task.add_done_callback(lambda task: self._begun(task, sock))

    def _begun(self, task: "asyncio.Task[object]", sock: socket.socket) -> None:
        self._beginning.discard(task)
        if task.cancelled() or task.exception() is not None:
            # Its peer was gone, or our loop is going: no protocol has seen it.
            sock.close()

    def _pause(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._log.error("out_of_file_descriptors", pause_s=EXHAUSTED_PAUSE_S)
        loop.remove_reader(listening.fileno())
        loop.call_later(EXHAUSTED_PAUSE_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if listening in self.sockets:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)


def _bound(
    sock: socket.socket, address: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes], backlog: int
) -> socket.socket:
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family is socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock
