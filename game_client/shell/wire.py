"""One WebSocket of a client: binary frames in and out, counted, without a task or a queue per frame.

`websockets` does the handshake, the framing and the closing. Frames are handed on inside `data_received`, since a queue
and the wake-up of a task would cost more than all else that a bot does with a state.
To test: `tests/game_client/shell/test_wire.py`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLCertVerificationError, SSLContext
from time import monotonic_ns
from typing import Any, Literal, TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidProxy, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as WebSocketState

from game_client.facts import NO_CLOSE_FRAME
from game_client.stats import ClientStats
from protocol.codec import SERVER_FRAME_BYTES_MAX
from protocol.handshake import ATTEMPT_HEADER, CREDENTIAL_LENGTH_MAX, SPECTATOR_QUERY
from protocol.messages import SUBPROTOCOL

DIAL_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 0.5
WRITE_BUFFER_BYTES_MAX = 256 * 1024
"""A server that does not read for so long is lost; the socket is aborted."""
MASK_BYTES = 4
Proxy: TypeAlias = str | Literal[True] | None
"""A proxy's URL, True for the one that the environment names, None for none."""
NO_STATUS_CODE = 1005


@dataclass(frozen=True, slots=True)
class Refused:
    """A dial that failed: with an HTTP `status`, or (status 0) before there was one. See `facts.DialFailed`."""

    reason: str
    status: int = 0
    retry_after_ms: int = 0
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class Road:
    """How a client's dials get there: `proxy`, TLS for wss:// (None: what the system trusts), own address."""

    proxy: Proxy = None
    ssl: SSLContext | None = None
    local_addr: str | None = None
    spectate: bool = False

    def url(self, url: str) -> str:
        """Return `url` with the role in its query."""
        if not self.spectate:
            return url
        return url + ("&" if "?" in url else "?") + SPECTATOR_QUERY


def header_bytes(payload_bytes: int) -> int:
    """Return how long the header of an unmasked frame is. *Source*: RFC 6455 section 5.2."""
    return 2 if payload_bytes < 126 else 4 if payload_bytes < 65_536 else 10


class Wire(ClientConnection):
    """One socket. Tells frames and its end (code, reason) to whoever is attached, nobody once it was detached.

    `heard_ns` is when the last bytes came, of whatever kind.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stats = ClientStats()
        self._parts: list[bytes] = []
        # What comes between the handshake and `attach`, one turn of the loop, waits here.
        self._early: list[bytes] = []
        self._early_end: tuple[int, str] | None = None
        self._on_frame: Callable[[bytes], None] = self._early.append
        self._on_end: Callable[[int, str], None] = self._keep_end
        self.heard_ns = 0

    def attach(self, on_frame: Callable[[bytes], None], on_end: Callable[[int, str], None]) -> None:
        """Tell frames and the end from now on, those first that have come already."""
        self._on_frame, self._on_end = on_frame, on_end
        for data in self._early:
            self._on_frame(data)
        if self._early_end is not None:
            self._on_end(*self._early_end)

    def detach(self) -> None:
        """Tell nothing more: this socket is not the current one."""
        self._on_frame = lambda data: None
        self._on_end = lambda code, reason: None

    def _keep_end(self, code: int, reason: str) -> None:
        self._early_end = (code, reason)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network."""
        self.heard_ns = monotonic_ns()
        super().data_received(data)

    def cut(self) -> None:
        """End without a word to the server."""
        self.transport.abort()

    def process_event(self, event: Any) -> None:
        """Hand on what websockets read."""
        if isinstance(event, Response):
            super().process_event(event)
            return
        assert isinstance(event, Frame), "after the handshake websockets tells frames"
        self.stats.bytes_down += len(event.data) + header_bytes(len(event.data))
        match event.opcode:
            case Opcode.BINARY if event.fin:
                self._on_frame(bytes(event.data))
            case Opcode.BINARY | Opcode.CONT:
                self._parts.append(bytes(event.data))
                if event.fin:
                    whole, self._parts = b"".join(self._parts), []
                    self._on_frame(whole)
            case Opcode.TEXT:
                self.protocol.fail(1003, "only binary frames are spoken here")
                self.send_data()
            case _:
                super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the end, with the code of the server's close frame if there was one."""
        super().connection_lost(exc)
        received = self.protocol.close_rcvd
        code = received.code if received is not None else NO_CLOSE_FRAME
        reason = received.reason if received is not None else str(exc or "the connection was lost")
        self._on_end(NO_CLOSE_FRAME if code == NO_STATUS_CODE else code, reason)

    def write_frame(self, data: bytes) -> None:
        """Send one binary frame, without waiting."""
        if self.protocol.state is not WebSocketState.OPEN:
            return
        self.protocol.send_binary(data)
        self.send_data()
        self.stats.bytes_up += len(data) + header_bytes(len(data)) + MASK_BYTES
        if self.transport.get_write_buffer_size() > WRITE_BUFFER_BYTES_MAX:
            self.transport.abort()

    def note_ping(self) -> None:
        """Count a ping's bytes: four of payload, as websockets makes them."""
        self.stats.bytes_up += 4 + header_bytes(4) + MASK_BYTES


NO_ROAD = Road()


async def dial(url: str, credential: str = "", attempt: int = 0, road: Road = NO_ROAD) -> Wire | Refused:
    """Open a socket to `url`. Never raises: what fails is told.

    `credential` goes into the Authorization header as it is; without one the server chooses a name, if it may.
    """
    if not _fits_a_header(credential):
        sentence = f"a credential is at most {CREDENTIAL_LENGTH_MAX} characters of printable ASCII without spaces"
        return Refused(f"{url} cannot be dialled from here: {sentence}", hopeless=True)
    headers = {ATTEMPT_HEADER: str(attempt)} if attempt else {}
    if credential:
        # A `Bearer` of nothing would be an empty name, which servers refuse.
        headers["Authorization"] = f"Bearer {credential}"
    more: dict[str, Any] = {}
    if road.ssl is not None and url.startswith("wss:"):
        more["ssl"] = road.ssl
    if road.local_addr is not None:
        more["local_addr"] = (road.local_addr, 0)
    try:
        wire = await connect(
            road.url(url),
            compression=None,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            additional_headers=headers,
            # websockets takes a proxy from the environment unasked, even for this very machine.
            proxy=road.proxy,
            max_size=SERVER_FRAME_BYTES_MAX,
            ping_interval=None,
            open_timeout=DIAL_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            create_connection=Wire,
            **more,
        )
    except InvalidStatus as error:
        return _refused(error.response)
    except (InvalidURI, InvalidProxy) as error:
        return Refused(str(error), hopeless=True)
    except SSLCertVerificationError as error:
        sentence = f"the certificate of {url} is not to be trusted: {error.verify_message}"
        return Refused(f"{sentence}; one of your own is given as `ssl`", hopeless=True)
    except (OSError, WebSocketException) as error:
        return Refused(f"{url} cannot be reached: {_cause(error, url)}")
    except Exception as error:
        # Neither the network nor the server: a port or a name that cannot be written, a library that is not installed.
        # The same dial would fail in the same way, so that dialling again would only hide it.
        return Refused(f"{url} cannot be dialled from here: {error!r}", hopeless=True)
    assert isinstance(wire, Wire), "create_connection says so"
    return wire


def _cause(error: Exception, url: str) -> str:
    cause = str(error) or type(error).__name__
    # What a port of TLS says to a plain request is no HTTP.
    return cause + "; does it want wss://?" if isinstance(error, InvalidMessage) and url.startswith("ws:") else cause


def _fits_a_header(credential: str) -> bool:
    return len(credential) <= CREDENTIAL_LENGTH_MAX and all("!" <= each <= "~" for each in credential)


def _refused(response: Response) -> Refused:
    try:
        retry_after_ms = int(response.headers.get("Retry-After", "0")) * 1000
    except ValueError:
        retry_after_ms = 0  # An HTTP date, which needs a wall clock; the backoff will do.
    sentence = _sentence((response.body or b"").decode("utf-8", "replace").strip())
    return Refused(sentence[:500] or response.reason_phrase, response.status_code, max(0, retry_after_ms))


def _sentence(body: str) -> str:
    """Return the sentence in a body `{"error": sentence}`; any other body as it is."""
    try:
        told = json.loads(body)
    except ValueError:
        return body
    return str(told["error"]) if isinstance(told, dict) and "error" in told else body
