"""The HTTP half of a socket: from its first byte to 101, an answer, or a refusal.

    bytes -> a whole head -> limits -> whose it is -> what it wants -> Origin -> who it is -> 101
          `-> a socket over a limit is read as far, not parsed, and answered 429 or 503

Nothing that costs is done before what is cheap has passed, and a ticket is used up last. One that must be waited for is
waited for in a task; frames that come meanwhile stay unread. A `Handshake` is forgotten when its socket is upgraded.
*Source*: RFC 6455 section 4.2; RFC 9112.  To test: `tests/game_server/shell/test_upgrade.py`.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.authenticators import Player, Refused
from game_server.shell.careful_reader import let_go
from game_server.shell.doorkeeper import FORWARDED
from game_server.shell.line import Entrant
from game_server.shell.requests import (
    HEAD_BYTES_MAX,
    Wish,
    asks_for_health,
    check_head,
    check_match,
    health_response,
    refusal,
    route,
)  # fmt: skip
from protocol.handshake import RESUME_PREFIX, TICKET_PREFIX

if TYPE_CHECKING:
    from game_server.shell.websocket_server import WebSocketServer

REASONS = {405: "method", 426: "no_upgrade", 505: "http_version"}


@dataclass(frozen=True, slots=True)
class Granted:
    """An upgrade: the bytes that grant it, and who comes into which match; "" is the lobby."""

    response: bytes
    match: str
    entrant: Entrant


class Socket(Protocol):
    """A socket as its handshake sees it."""

    def answer(self, response: bytes) -> None:
        """Write a whole HTTP answer, and close."""

    def upgrade(self, granted: Granted) -> None:
        """Write the 101 and speak WebSocket from now on."""

    def move(self, response: bytes, match: str, url: str) -> None:
        """Write the 101, say where the match is, and close."""


class Handshake:
    """What is known of a socket until it is upgraded."""

    __slots__ = ("_answer", "_refused", "_server", "_socket", "peer_ip")

    def __init__(self, server: "WebSocketServer", socket: Socket, peer_ip: str, refused: Refused | None) -> None:
        self._server, self._socket, self.peer_ip, self._refused = server, socket, peer_ip, refused
        self._answer: asyncio.Future[Player] | asyncio.Future[str] | None = None

    def read(self, unread: bytearray) -> None:
        """Look at all that has come and was not taken yet; take the head once it is whole."""
        try:
            end = 0 if self._answer is not None else unread.find(b"\r\n\r\n") + 4
            if end >= 4:
                head = bytes(unread[:end])
                del unread[:end]
                self._take(head)
            elif self._answer is None:
                check_head(unread)
            # A hasty client's frames are read when, and if, the upgrade is granted.
            if self._answer is not None and len(unread) > HEAD_BYTES_MAX:
                raise Refused(400, "frames come after the upgrade, not before", reason="hasty")
        except Refused as refused:
            self._refuse(refused)

    def expire(self) -> None:
        """The time for a handshake is over."""
        if self._answer is None:
            self._refuse(Refused(408, "the request did not come in time", reason="timeout"))
        else:
            sentence = "this server could not check in time who you are; try again"
            self._refuse(Refused(503, sentence, retry_after_s=1, reason="authenticator_slow"))

    def end(self) -> None:
        """The socket has ended, or been answered."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cancel()

    def _take(self, head: bytes) -> None:
        if self._refused is not None:
            if self._tells_health(self._refused, head):
                return
            raise self._refused
        check_head(head)
        protocol, request = self._parse(head)
        try:
            ip = self._server.doorkeeper.client_ip(self.peer_ip, request)
            self._server.identify(self._socket, ip)
            self._judge(protocol, request, ip)
        except Refused as refused:
            if not self._tells_health(refused, head):
                raise
        finally:
            let_go(protocol)

    def _tells_health(self, refused: Refused, head: bytes) -> bool:
        """Answer a balancer that asks for a full node's health, or one that names no client, for there is none.

        It is no player. Within reason; tell whether.
        """
        may = refused.status == 503 or refused.reason == FORWARDED
        if not may or not asks_for_health(head) or not self._server.may_tell_health():
            return False
        self._socket.answer(health_response(self._server.runner, self._server.cluster))
        return True

    def _judge(self, protocol: ServerProtocol, request: Request, ip: str) -> None:
        server = self._server
        wish = route(request, server.runner, server.cluster, has_lobby=server.lobby is not None)
        if isinstance(wish, bytes):
            self._socket.answer(wish)
            return
        server.doorkeeper.check_origin(request)
        response = _accept(protocol, request)
        if not wish.is_here:
            self._look_up(wish, response)
            return
        self._check_private(wish)
        found = server.doorkeeper.judge(request, wish, ip)
        if isinstance(found, Entrant):
            self._socket.upgrade(Granted(response, wish.match, found))
        else:
            self._answer = found
            found.add_done_callback(lambda answer: self._settle(answer, wish, response))

    def _check_private(self, wish: Wish) -> None:
        """Refuse who comes to a private match by the front door: its id is no secret, its code is."""
        cluster, credential = self._server.cluster, wish.credential or ""
        invited = credential.startswith((TICKET_PREFIX, RESUME_PREFIX))
        if not invited and wish.match and cluster is not None and cluster.is_private(wish.match):
            raise Refused(403, "this match is private: the lobby gives a ticket to whom it expects", reason="private")

    def _look_up(self, wish: Wish, response: bytes) -> None:
        """Find out where a match is that is not here."""
        assert self._server.cluster is not None, "a match elsewhere needs a cluster"
        self._server.doorkeeper.check_stray(wish)
        where = self._answer = asyncio.ensure_future(self._server.cluster.where(wish.match))
        where.add_done_callback(lambda found: self._send_away(found, wish, response))

    def _send_away(self, found: "asyncio.Future[str]", wish: Wish, response: bytes) -> None:
        if not self._still_asks(found):
            return
        try:
            self._socket.move(response, wish.match, found.result())
        except Refused as refused:
            self._refuse(refused)
        except DirectoryUnavailable as away:
            sentence = "this match is not here, and nobody can be asked now where it is: try again"
            self._refuse(Refused(503, sentence, retry_after_s=away.retry_after_s, reason="directory"))

    def _still_asks(self, answer: "asyncio.Future[Any]") -> bool:
        if self._answer is None:
            # The socket has ended, and the answer with it. What an authenticator raises when it is cancelled may repeat
            # the credential, and asyncio logs an exception that nobody has looked at.
            if not answer.cancelled():
                answer.exception()
            return False
        self._answer = None
        return True

    def _settle(self, answer: "asyncio.Future[Player]", wish: Wish, response: bytes) -> None:
        if not self._still_asks(answer):
            return
        try:
            entrant = self._server.doorkeeper.settle(answer, wish)
            if wish.match:
                check_match(wish.match, self._server.runner)
        except Refused as refused:
            self._refuse(refused)
        else:
            self._socket.upgrade(Granted(response, wish.match, entrant))

    def _parse(self, head: bytes) -> tuple[ServerProtocol, Request]:
        spoken = self._server.transport.subprotocol
        protocol = ServerProtocol(subprotocols=[Subprotocol(spoken)] if spoken else None)
        protocol.receive_data(head)
        requests = protocol.events_received()
        if not requests:
            sentence = f"this request is not understood: {protocol.handshake_exc}"
            let_go(protocol)
            raise Refused(400, sentence, reason="malformed")
        return protocol, cast(Request, requests[0])

    def _refuse(self, refused: Refused) -> None:
        self._server.refused(refused)
        self._socket.answer(refusal(refused))


def _accept(protocol: ServerProtocol, request: Request) -> bytes:
    """Return the bytes of the 101 that `request` deserves. Raises `Refused`."""
    response = protocol.accept(request)
    if response.status_code != 101:
        request._exception = None
        sentence = bytes(response.body).decode().partition("\n")[0]
        raise Refused(response.status_code, sentence, reason=REASONS.get(response.status_code, "handshake"))
    protocol.send_response(response)
    return b"".join(protocol.data_to_send())
