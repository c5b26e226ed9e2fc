"""A real server of real sockets for the client's tests: the core's match and sessions under websockets' own server.

Not the product's server, so that the two shells are not tested against each other's mistakes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus
from ssl import SSLContext
from time import monotonic_ns
from types import TracebackType
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import Field
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from game_server.game import Game
from game_server.session.facts import CloseSocket, FrameReceived, Passed, SeatGiven
from game_server.session.session import Session
from game_server.sim import facts
from game_server.sim.match import Match
from game_server.testing.local_match import claim_of, token_of
from protocol import Edge, Entity, Event, Input, replicated
from protocol.codec import encode
from protocol.handshake import ATTEMPT_HEADER, RESUME_PREFIX, SPECTATOR_QUERY, TICKET_PREFIX
from protocol.messages import Hello, Moved, Refusal


class Push(Input):
    """What a player holds."""

    dx: Annotated[int, Field(ge=-1, le=1)] = 0
    jump: Edge = 0


class Ball(Entity):
    """A player."""

    x: float = replicated(0.0, step=0.01)
    jumps: int = replicated(0, min=0)
    name: str = replicated("", max_length=16)


class Arrived(Event):
    """A player came."""

    name: str


class Balls(Game):
    """Balls that are pushed about."""

    tick_rate_hz, seats_max, input = 30, 8, Push
    entities, events = (Ball,), (Arrived,)

    def on_join(self, seat: Any) -> None:
        self.world.spawn(Ball(name=seat.name), owner=seat)
        self.emit(Arrived(name=seat.name))

    def on_input(self, seat: Any, push: Push) -> None:
        ball = self.world.owned(seat, Ball)
        ball.x += push.dx * self.dt_s
        ball.jumps += push.jump

    def on_leave(self, seat: Any) -> None:
        self.world.despawn(self.world.owned(seat, Ball))


class TinyServer:
    """`async with TinyServer() as server`: one match at `server.url`."""

    def __init__(
        self, game: Game | None = None, *, deny: int = 0, retry_after: str = "", ssl: SSLContext | None = None
    ) -> None:
        self.match = Match(game or Balls(), "1", start_ns=monotonic_ns())
        self.deny, self.retry_after, self.ssl = deny, retry_after, ssl
        self.deny_resume = 0
        self.moved_to = ""
        """Where the match is; "" is here."""
        self.used: set[str] = set()
        """Tickets that were brought: each is good once."""
        self.sockets: dict[int, ServerConnection] = {}
        self.credentials: list[str] = []
        """What was brought, in the order of the dials."""
        self.deaf = False
        """Nothing more of any socket is heard or answered, though they stay open."""
        self.received = 0
        self.sent = 0
        self._sessions: dict[int, Session] = {}
        self._server: Server | None = None
        self._ticking: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/v1/match/1"

    async def __aenter__(self) -> TinyServer:
        self._server = await serve(
            self._talk, "127.0.0.1", 0, compression=None, ping_interval=None, process_request=self._process_request,
            subprotocols=["tickwire.v1"], ssl=self.ssl,
        )  # fmt: skip
        self._ticking = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None and self._ticking is not None
        self._ticking.cancel()
        await asyncio.gather(self._ticking, return_exceptions=True)
        self._server.close()
        await self._server.wait_closed()

    def cut(self) -> None:
        """End all sockets without a close frame."""
        for socket in self.sockets.values():
            socket.transport.abort()

    def _process_request(self, connection: ServerConnection, request: Any) -> Any:
        self.credentials.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if self.deny_resume and self.credentials[-1].startswith(RESUME_PREFIX):
            return connection.respond(HTTPStatus(self.deny_resume), "ask the lobby again\n")
        if self.credentials[-1] in self.used:
            return connection.respond(HTTPStatus(409), "ask the lobby again\n")
        if self.credentials[-1].startswith(TICKET_PREFIX) and not self.moved_to:
            self.used.add(self.credentials[-1])
        if self.deny:
            response = connection.respond(HTTPStatus(self.deny), "not today\n")
            if self.retry_after:
                response.headers["Retry-After"] = self.retry_after
            return response
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        number = len(self._sessions) + 1
        session = self._sessions[number] = Session(self.match.vocabulary, monotonic_ns())
        self.sockets[number] = socket
        assert socket.request is not None
        credential = socket.request.headers.get("Authorization", "").removeprefix("Bearer ")
        attempt = int(socket.request.headers.get(ATTEMPT_HEADER, "0"))
        claim = claim_of(credential) if credential.startswith(RESUME_PREFIX) else None
        spectator = SPECTATOR_QUERY in socket.request.path
        name = unquote(credential.removeprefix(TICKET_PREFIX)) if claim is None else ""
        try:
            async for data in socket:
                assert isinstance(data, bytes)
                self.received += 1
                if self.deaf:
                    continue
                if self.moved_to:
                    await self._send(socket, encode(Moved(self.moved_to, "")))
                    await socket.close(1012)
                    break
                session.handle(FrameReceived(data), monotonic_ns())
                for effect in session.effects():
                    match effect:
                        case Passed(Hello() as hello):
                            join = facts.Join(number, name, hello, "", spectator, attempt, claim)
                            self.match.handle(join, monotonic_ns())
                        case Passed(message, value):
                            self.match.handle(facts.FromConnection(number, message, value), monotonic_ns())
                        case CloseSocket(code, sentence):
                            await socket.close(code, sentence)
                await self._drain()
        except ConnectionClosed:
            pass
        finally:
            del self.sockets[number]
            self.match.handle(facts.Gone(number, socket.close_code or 1006), monotonic_ns())

    async def _tick(self) -> None:
        while self.match.deadline_ns is not None:
            await asyncio.sleep(max(0, self.match.deadline_ns - monotonic_ns()) / 1e9)
            self.match.advance(monotonic_ns())
            await self._drain()

    async def _drain(self) -> None:
        for effect in self.match.effects():
            match effect:
                case facts.Seated(number, seat):
                    self._sessions[number].handle(SeatGiven(seat), monotonic_ns())
                case facts.Greet(number, welcome, claim) if number in self.sockets:
                    await self._send(self.sockets[number], encode(replace(welcome, resume_token=token_of(claim))))
                case facts.Send(number, frame) if number in self.sockets:
                    await self._send(self.sockets[number], frame)
                case facts.Close(number, code, sentence) if number in self.sockets:
                    await self._send(self.sockets[number], encode(Refusal(code, sentence, 0)))
                    await self.sockets[number].close(code)

    async def _send(self, socket: ServerConnection, frame: bytes) -> None:
        if self.deaf:
            return
        self.sent += 1
        try:
            await socket.send(frame)
        except ConnectionClosed:
            pass
