"""The listener: one TCP port that speaks HTTP until an upgrade, then WebSocket frames.

    Listener -> Admission: may this address have one more socket? -> Connection (TLS: `TlsTransport` comes between)
    Connection -> Handshake (HTTP) -> Line or LobbySocket (frames)

What all connections share is here: who is let in, how many frames a turn may have, where bytes are read to, and what is
told of each that ends.  To test: `tests/game_server/shell/test_websocket_server.py`, `tests/integration/test_serve.py`.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Protocol, cast

from game_server.session.addresses import Networks
from game_server.session.admission import Admission, Verdict
from game_server.session.rate_limit import TokenBucket
from game_server.shell.authenticators import Refused
from game_server.shell.connection import SECOND_NS, Connection
from game_server.shell.doorkeeper import FORWARDED, Doorkeeper, make_doorkeeper, make_signer
from game_server.shell.line import Conversation, Entrant, Peer, clock_ns
from game_server.shell.listener import Listener
from game_server.shell.log import get_log
from game_server.shell.match_runner import MatchRunner
from game_server.shell.ops_http import ClusterState
from game_server.shell.settings import Settings
from game_server.shell.tally import Ending, NoTally, Tally
from game_server.shell.tls_transport import TlsTransport
from game_server.shell.upgrade import Socket
from protocol.codec import CLIENT_FRAME_BYTES_MAX
from protocol.messages import SUBPROTOCOL

FRAMES_PER_TURN_MAX = 64
FRAMES_PER_TURN_LEAST = 4
# All flooding connections together, so that a hundred of them do not make a turn a hundred times as long.
FRAMES_PER_TURN_OF_NODE = 512
READ_BYTES_MAX = 64 * 1024
BACKLOG = 4096
# How often a node that lets nobody in tells its health all the same.
HEALTH_PER_SECOND_MAX = 10


@dataclass(frozen=True, slots=True)
class Transport:
    """What a listener grants the sockets that it upgrades. Other values than these are for tests of RFC 6455 itself.

    `subprotocol` "" asks for none; `tells_why` sends an ERROR message before a close frame; `held_bytes_max` is how
    much may wait for a peer that does not read; `pings_at_once` sends the first ping with the 101.
    """

    subprotocol: str = SUBPROTOCOL
    message_bytes_max: int = CLIENT_FRAME_BYTES_MAX
    fragments_max: int = 8
    held_bytes_max: int = 256 * 1024
    tells_why: bool = True
    pings_at_once: bool = True


class OtherNodes(ClusterState, Protocol):
    """The other nodes, as the listener needs them."""

    def is_private(self, match: str) -> bool:
        """Tell whether a match that is here takes only whom the lobby sends, and who comes back."""

    async def where(self, match: str) -> str:
        """Return the url of a match that is not here. Raises `Refused`, `DirectoryUnavailable`."""


class Lobby(Protocol):
    """The lobby, as the listener needs it."""

    def open_line(self, peer: Peer, entrant: Entrant) -> Conversation:
        """Let somebody in."""


class WebSocketServer:
    """Accepts connections for the matches of one runner, and for a lobby if there is one."""

    def __init__(
        self,
        runner: MatchRunner,
        settings: Settings,
        doorkeeper: Doorkeeper | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        tally: Tally | None = None,
        transport: Transport | None = None,
        cluster: OtherNodes | None = None,
        lobby: Lobby | None = None,
    ) -> None:
        self.runner, self.settings, self.cluster, self.lobby = runner, settings, cluster, lobby
        self.doorkeeper = doorkeeper or make_doorkeeper(settings, make_signer(settings))
        self.tally = tally or NoTally()
        self.transport = transport or Transport()
        self.connections: set[Connection] = set()
        self.log = get_log()
        # Every connection reads into the same buffer: its bytes are copied out before the next read can begin.
        self.read_buffer = memoryview(bytearray(READ_BYTES_MAX))
        self.flooding = 0
        self._tls = tls
        self._listener: Listener | None = None
        self._admission: Admission[object] = Admission(
            connections_max=settings.connections_max,
            connections_per_ip_max=settings.connections_per_ip_max,
            handshakes_per_second_max=settings.handshakes_per_second_max,
            handshakes_per_ip_per_second_max=settings.handshakes_per_ip_per_second_max,
            unauthenticated_max=settings.unauthenticated_max,
            unlimited_networks=Networks(settings.unlimited_networks),
        )
        self._refused: set[Connection] = set()
        self._health_checks = TokenBucket(HEALTH_PER_SECOND_MAX, HEALTH_PER_SECOND_MAX)

    @property
    def frames_per_turn(self) -> int:
        """How many frames a connection may have handled before the loop turns."""
        share = FRAMES_PER_TURN_OF_NODE // (self.flooding + 1)
        return max(FRAMES_PER_TURN_LEAST, min(FRAMES_PER_TURN_MAX, share))

    async def listen(self) -> None:
        """Open the port. Raises `OSError` when that cannot be done."""
        host, port = self.settings.host, self.settings.port
        listener = Listener(self._make_protocol)
        await listener.listen(host, port, BACKLOG)
        self._listener = listener

    def _make_protocol(self) -> asyncio.BaseProtocol:
        return Connection(self) if self._tls is None else TlsTransport(self, self._tls)

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
            connection.abort(1012, "restart")
        return len(cut)

    def stop_listening(self) -> None:
        """Close the port; connections live on."""
        if self._listener is not None:
            self._listener.close()

    # Who is let in

    def arrive(self, connection: Connection, peer_ip: str) -> Refused | None:
        """Judge a new socket; return why it may not stay, if it may not."""
        self.connections.add(connection)
        verdict = self._admission.accept(connection, peer_ip, clock_ns(), proxied=peer_ip in self.doorkeeper.proxies)
        if verdict.evict is not None:
            self.tally.upgrade_refused(503, "evicted")
            cast(Connection, verdict.evict).abort(1013, "evicted")
        if verdict.admitted:
            return None
        if len(self._refused) >= self.settings.unauthenticated_max:
            # Too many wait for a polite answer already.
            self.tally.upgrade_refused(verdict.status, verdict.reason)
            connection.abort(1013, verdict.reason)
        self._refused.add(connection)
        return _refusal_of(verdict)

    def identify(self, socket: Socket, ip: str) -> None:
        """Judge whoever a proxy speaks for. Raises `Refused`."""
        verdict = self._admission.identify(socket, ip, clock_ns())
        if not verdict.admitted:
            raise _refusal_of(verdict)

    def proven(self, connection: Connection) -> None:
        """An upgrade was granted: this socket can no longer be evicted."""
        self._admission.authenticated(connection)

    def gone(self, connection: Connection) -> None:
        """A socket has ended. Harmless when repeated."""
        self._admission.closed(connection, clock_ns())
        self._refused.discard(connection)
        self.connections.discard(connection)

    def open_line(self, match: str, peer: Peer, entrant: Entrant) -> Conversation:
        """Let somebody into a match, or with "" into the lobby."""
        if match:
            return self.runner.open_line(match, peer, entrant)
        assert self.lobby is not None, "nobody is sent to a lobby that is not there"
        return self.lobby.open_line(peer, entrant)

    def may_tell_health(self) -> bool:
        """Tell whether a socket over the node's limits may hear of its health."""
        return self._health_checks.take(1, clock_ns())

    # What is told of it

    def refused(self, refused: Refused) -> None:
        """Count and log a request that was not granted."""
        self.tally.upgrade_refused(refused.status, refused.reason)
        # A proxy that names nobody is the operator's affair, and nobody gets in until it is mended.
        log = self.log.warning if refused.reason == FORWARDED else self.log.info
        log("upgrade_refused", status=refused.status, reason=refused.reason)

    def ended(self, ending: Ending, connection: Connection, match: str, duration_ns: int) -> None:
        """Count and log an upgraded connection that has ended."""
        duration_s = duration_ns / SECOND_NS
        self.tally.disconnected(ending.code, ending.cause, duration_s, connection.bytes_in, connection.bytes_out)
        self.log.info(
            "disconnected", code=ending.code, cause=ending.cause, by=ending.by, duration_s=round(duration_s, 3),
            bytes_in=connection.bytes_in, bytes_out=connection.bytes_out, match=match, sentence=ending.sentence,
        )  # fmt: skip


def _refusal_of(verdict: Verdict[object]) -> Refused:
    return Refused(verdict.status, verdict.sentence, retry_after_s=verdict.retry_after_s, reason=verdict.reason)
