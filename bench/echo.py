"""An echo on the very transport of the product, with its limits raised, for tests of RFC 6455: `python -m bench.echo`.

The product's endpoint refuses text, long messages and many fragments by design, and answers nothing that is no game's;
here text is answered by the same text and binary by the same binary. Everything else is the product's own code: the
listener, the handshake, `Connection`, its reading by hand and its careful reader.
To test: `tests/bench/test_echo.py`; all of it, `tests/conformance/`.
"""

import asyncio
import signal
import sys

import uvloop

from game_server import Game
from game_server.session.session import Session
from game_server.shell.connection import Connection
from game_server.shell.frames import frame_header
from game_server.shell.line import Entrant, Line, clock_ns
from game_server.shell.log import configure_log, get_log
from game_server.shell.match_runner import MatchRunner
from game_server.shell.settings import Settings, read_settings
from game_server.shell.websocket_server import Transport, WebSocketServer
from game_server.sim.match import Match

MESSAGE_BYTES_MAX = 64 * 1024 * 1024
FRAGMENTS_MAX = 1_000_000
TEXT = 1
OPCODE_MASK = 0x0F
# No client of these tests joins anything, and some of them say nothing for a while.
PATIENCE_S = 60.0
LIMITS = Transport(
    subprotocol="",
    message_bytes_max=MESSAGE_BYTES_MAX,
    fragments_max=FRAGMENTS_MAX,
    held_bytes_max=4 * MESSAGE_BYTES_MAX,
    tells_why=False,
    pings_at_once=False,
)


class Nothing(Game):
    """A match that nobody joins: requests need one to go to."""

    tick_rate_hz, seats_max = 20, 1


class EchoLine(Line):
    """Sends back what comes."""

    __slots__ = ()
    peer: Connection

    def frame(self, data: bytes) -> None:
        """Answer a binary message."""
        self.peer.send(data)
        self.peer.flush()

    def text(self, data: bytes) -> None:
        """Answer a text."""
        # The product sends no text, so that its connection can only queue binary frames.
        header = frame_header(len(data))
        self.peer._parts += (bytes((header[0] & ~OPCODE_MASK | TEXT,)) + header[1:], data)
        self.peer.flush()

    def fragment(self) -> None:
        """Count nothing: some of these tests send a message in thousands."""

    def control(self) -> None:
        """Count nothing: some of these tests send more pings than a player may."""


class EchoRunner(MatchRunner):
    """Gives every connection to an echo instead of a match."""

    def open_line(self, match_id: str, peer: Connection, entrant: Entrant) -> Line:  # type: ignore[override]
        """Return an echo."""
        line = EchoLine(self, self.hosted[match_id], peer, len(self.lines) + 1, entrant)
        line.session = Session(line.hosted.match.vocabulary, clock_ns(), int(PATIENCE_S * 1e9))
        return line


def echo_server(settings: Settings) -> WebSocketServer:
    """Return a server that echoes at /v1/match/1."""
    runner = EchoRunner([Match(Nothing(), "1", start_ns=clock_ns())])
    return WebSocketServer(runner, settings, transport=LIMITS)


async def _serve() -> None:
    stopped = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    server = echo_server(read_settings({}, port=0, ping_seconds=PATIENCE_S))
    await server.listen()
    get_log().info("serving", url=f"ws://127.0.0.1:{server.port}/v1/match/1")
    await stopped.wait()
    await server.drain(0)
    server.stop_listening()


def main() -> int:
    """Serve until SIGTERM."""
    configure_log("info", "json")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
