"""One WebSocket of a client: binary frames in and out, counted, without a task or a queue per frame.

`websockets` does the handshake, the framing and the closing. Frames are handed on inside `data_received`, since a queue
and the wake-up of a task would cost more than all else that a bot does with a state.
To test: `tests/game_client/shell/test_wire.py`.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidProxy, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as WebSocketState

from game_client.facts import NO_CLOSE_FRAME, DialFailed, SocketClosed
from game_client.stats import ClientStats
from protocol.codec import SERVER_FRAME_BYTES_MAX
from protocol.messages import SUBPROTOCOL

DIAL_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 0.5
WRITE_BUFFER_BYTES_MAX = 256 * 1024
"""A server that does not read for so long is lost; the socket is aborted."""
MASK_BYTES = 4
Proxy: TypeAlias = str | Literal[True] | None
"""A proxy's URL, True for the one that the environment names, None for none."""
NO_STATUS_CODE = 1005


def header_bytes(payload_bytes: int) -> int:
    """Return how long the header of an unmasked frame is. *Source*: RFC 6455 section 5.2."""
    return 2 if payload_bytes < 126 else 4 if payload_bytes < 65_536 else 10


class Wire(ClientConnection):
    """One socket. Tells frames and its end to whoever is attached, nobody once it was detached."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stats = ClientStats()
        self._parts: list[bytes] = []
        # What comes between the handshake and `attach`, one turn of the loop, waits here.
        self._early: list[bytes] = []
        self._early_end: SocketClosed | None = None
        self._on_frame: Callable[[bytes], None] = self._early.append
        self._on_end: Callable[[SocketClosed], None] = self._keep_end

    def attach(self, on_frame: Callable[[bytes], None], on_end: Callable[[SocketClosed], None]) -> None:
        """Tell frames and the end from now on, those first that have come already."""
        self._on_frame, self._on_end = on_frame, on_end
        for data in self._early:
            self._on_frame(data)
        if self._early_end is not None:
            self._on_end(self._early_end)

    def detach(self) -> None:
        """Tell nothing more: this socket is not the current one."""
        self._on_frame = lambda data: None
        self._on_end = lambda end: None

    def _keep_end(self, end: SocketClosed) -> None:
        self._early_end = end

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
        self._on_end(SocketClosed(NO_CLOSE_FRAME if code == NO_STATUS_CODE else code, reason))

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


async def dial(url: str, name: str, proxy: Proxy = None) -> Wire | DialFailed:
    """Open a socket to `url` under `name`; without one the server chooses. Never raises: what fails is told."""
    try:
        wire = await connect(
            url,
            compression=None,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
            # A `Bearer` of nothing would be an empty name, which servers refuse.
            additional_headers={"Authorization": f"Bearer {quote(name, safe='')}"} if name else None,
            # websockets takes a proxy from the environment unasked, even for this very machine.
            proxy=proxy,
            max_size=SERVER_FRAME_BYTES_MAX,
            ping_interval=None,
            open_timeout=DIAL_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            create_connection=Wire,
        )
    except InvalidStatus as error:
        return _refused(error.response)
    except (InvalidURI, InvalidProxy) as error:
        return DialFailed(str(error), hopeless=True)
    except (OSError, WebSocketException) as error:
        return DialFailed(f"{url} cannot be reached: {str(error) or type(error).__name__}")
    except Exception as error:
        # Neither the network nor the server: a port or a name that cannot be written, a library that is not installed.
        # The same dial would fail in the same way, so that dialling again would only hide it.
        return DialFailed(f"{url} cannot be dialled from here: {error!r}", hopeless=True)
    assert isinstance(wire, Wire), "create_connection says so"
    return wire


def _refused(response: Response) -> DialFailed:
    sentence = (response.body or b"").decode("utf-8", "replace").strip()[:500]
    try:
        retry_after_ms = int(response.headers.get("Retry-After", "0")) * 1000
    except ValueError:
        retry_after_ms = 0  # An HTTP date, which needs a wall clock; the backoff will do.
    return DialFailed(sentence or response.reason_phrase, response.status_code, retry_after_ms)
