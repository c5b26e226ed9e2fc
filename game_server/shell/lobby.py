"""The lobby of a node: its sockets, its desk, its hub, and who of the players is where.

    /v1/lobby -> open_line() -> LobbySocket -> desk (requests), hub (live matches), presence, parties

A player may have several sockets here; a party's news go to all of them, a party is watched once. Between `start` and
`stop` it polls; everything that it is made of is started and stopped by it.
To test: `tests/game_server/shell/test_lobby.py`.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.keys import lobby_channel
from game_server.cluster.lobby import LobbySession
from game_server.cluster.lobby_facts import Answer, Greeted, Request
from game_server.cluster.party import Party, PartyCall
from game_server.cluster.records import Presence
from game_server.game import Game
from game_server.session.credentials import Guest
from game_server.session.signing import Signer
from game_server.shell.authenticators import unix_ms
from game_server.shell.lasting import lasting
from game_server.shell.line import Entrant, Peer, clock_ns
from game_server.shell.lobby_desk import LobbyDesk
from game_server.shell.lobby_hub import LobbyHub
from game_server.shell.lobby_queue import LobbyQueue
from game_server.shell.lobby_search import Search, Visitor
from game_server.shell.lobby_seating import Seating
from game_server.shell.lobby_socket import LobbySocket, party_message
from game_server.shell.log import get_log
from game_server.shell.redis_party import Parties
from game_server.shell.redis_presence import Presences
from game_server.shell.redis_queue import MatchQueue
from game_server.shell.redis_ratings import Ratings
from game_server.shell.redis_subscriber import Subscriber
from protocol.lobby_messages import LobbyWelcome, PartyCreate, PartyJoin, PartyLeave, Where

if TYPE_CHECKING:
    from game_server.shell.redis_directory import Directory

COUNT_S = 2.0
LOOK_AGAIN_S = 1.0
GREET_WITHIN_S = 2.0
"""A welcome does not wait longer for what it can do without."""


@dataclass(frozen=True, slots=True)
class LobbyParts:
    """What a lobby is made of besides the directory; what is None is refused in words."""

    queue: MatchQueue | None = None
    ratings: Ratings | None = None
    parties: Parties | None = None
    presences: Presences | None = None


class Lobby:
    """The sockets on `/v1/lobby` of one node, and all that answers them."""

    def __init__(
        self,
        directory: "Directory",
        signer: Signer,
        game: type[Game],
        node: str,
        boot: int,
        parts: LobbyParts,
        *,
        desk: LobbyDesk,
        hub: LobbyHub,
        hello_within_ns: int,
        limited: bool = True,
        on_violation: Callable[[str], None] = lambda cause: None,
    ) -> None:
        self._directory, self._signer, self._game = directory, signer, game
        self._node, self._boot, self._parts = node, boot, parts
        self.desk, self.hub, self.violated = desk, hub, on_violation
        self.presences = parts.presences
        self._hello_within_ns, self._limited = hello_within_ns, limited
        self.log = get_log()
        self.sockets: dict[str, LobbySocket] = {}
        self._of_player: dict[str, dict[str, LobbySocket]] = {}
        self._online = 0
        self._subscriber = Subscriber(directory.link, {lobby_channel(directory.game)}, self._heard)
        self._subscriber.on_connected = hub.wake
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._replaced_before: Callable[[str], None] | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        if self._parts.queue is not None:
            self._subscriber.add(self._parts.queue.channel)
            self._parts.queue.start()
        if self._parts.parties is not None:
            self._parts.parties.attach(self._subscriber)
            self._parts.parties.start()
        if self.presences is not None:
            self._replaced_before, self.presences.on_replaced = self.presences.on_replaced, self._replaced
        self._subscriber.start()
        self.hub.start()
        self._task = lasting(self._count, "lobby count")

    async def stop(self, code: int = 1012, sentence: str = "the server is stopping: come back in a moment") -> None:
        """Close every socket with `code`, then end what was started."""
        self.close_sockets(code, sentence)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self.hub.stop()
        await self._subscriber.stop()
        for part in (self._parts.queue, self._parts.parties):
            if part is not None:
                await part.stop()

    def close_sockets(self, code: int, sentence: str) -> None:
        """Close every socket, and let nobody stay who comes now."""
        self._stopping = True
        for socket in list(self.sockets.values()):
            socket.peer.close(code, sentence)
            socket.lost(code)

    @property
    def stopping(self) -> bool:
        """Whether nobody is let in any more."""
        return self._stopping

    def open_line(self, peer: Peer, entrant: Entrant) -> LobbySocket:
        """Return what a new connection talks to. Who proved nothing becomes a guest, with a credential to come back."""
        player, guest = entrant.player, ""
        if not player:
            player = f"guest-{secrets.token_hex(8)}"
            guest = Guest(player, entrant.name).sign(self._signer)
        visitor = Visitor(player, entrant.name, 0, secrets.token_hex(8))
        session = LobbySession(clock_ns(), self._hello_within_ns, limited=self._limited)
        socket = LobbySocket(self, peer, visitor, guest, session)
        self.sockets[visitor.session] = socket
        return socket

    def forget(self, socket: LobbySocket) -> None:
        """A socket has ended."""
        session = socket.visitor.session
        self.sockets.pop(session, None)
        own = self._of_player.get(socket.player, {})
        own.pop(session, None)
        if not own and self._of_player.pop(socket.player, None) is not None and self._parts.parties is not None:
            self._parts.parties.unwatch(socket.player)
        if self.presences is not None:
            self.presences.gone(socket.player, session)

    async def greet(self, socket: LobbySocket, schema_hash: int) -> None:
        """Welcome somebody who said LOBBY_HELLO: with what the directory knows, if it answers."""
        socket.visitor = visitor = replace(socket.visitor, schema_hash=schema_hash)
        self._of_player.setdefault(visitor.player, {})[visitor.session] = socket
        if self.presences is not None:
            place = Presence(
                visitor.player, visitor.name, Where.LOBBY, "", self._node, self._boot, visitor.session, unix_ms()
            )
            self.presences.here(place)
        rejoin, rating = "", 1500
        with suppress(DirectoryUnavailable, TimeoutError):
            async with asyncio.timeout(GREET_WITHIN_S):
                rejoin = await self.desk.seat_of(visitor.player)
                if self._parts.ratings is not None:
                    rating = (await self._parts.ratings.rating(visitor.player)).points
        game = self._game
        socket.handle(Greeted(LobbyWelcome(
            visitor.player, visitor.name, socket.guest, game.__name__[:32], self._node, game.seats_max,
            list(game.filters), rejoin, self.online, rating,
        )))  # fmt: skip
        await self._show_party(socket)

    @property
    def online(self) -> int:
        """How many players are online, as far as is known."""
        return max(self._online, len(self._of_player))

    async def answer(self, socket: LobbySocket, message: Request, search: Search) -> Answer:
        """Return the answer to a request. Raises `LobbyRefused`, `DirectoryUnavailable`."""
        answer = await self.desk.answer(socket.visitor, message, search)
        if isinstance(message, PartyCreate | PartyJoin | PartyLeave):
            await self._show_party(socket, told_if_none=True)
        return answer

    async def _show_party(self, socket: LobbySocket, *, told_if_none: bool = False) -> None:
        """Tell a player's sockets of the party, and watch it for them: later, if the directory is away."""
        try:
            await self._look_for_party(socket, told_if_none)
        except DirectoryUnavailable:
            # Nobody else would speak for the member, whom the party would lose, nor take the member along.
            socket.begin(self._show_party_later(socket, told_if_none))

    async def _show_party_later(self, socket: LobbySocket, told_if_none: bool) -> None:
        await asyncio.sleep(LOOK_AGAIN_S)
        await self._show_party(socket, told_if_none=told_if_none)

    async def _look_for_party(self, socket: LobbySocket, told_if_none: bool) -> None:
        parties = self._parts.parties
        if parties is None:
            return
        party = await parties.state(socket.player)
        if socket.player not in self._of_player:
            return
        if party is not None:
            parties.watch(socket.player, party, lambda party, call: self._on_party(socket.player, party, call))
            socket.tell(party_message(party))
        else:
            parties.unwatch(socket.player)
            if told_if_none:
                socket.tell(party_message(None))

    def _on_party(self, player: str, party: Party | None, call: PartyCall | None) -> None:
        for socket in list(self._of_player.get(player, {}).values()):
            socket.on_party(party, call)

    def _replaced(self, session: str) -> None:
        """A session gives way to a newer device of its player: one of the lobby's, or a match's."""
        socket = self.sockets.get(session)
        if socket is not None:
            socket.replace()
        elif self._replaced_before is not None:
            self._replaced_before(session)

    def _heard(self, channel: str, data: bytes) -> None:
        for part in (self._parts.queue, self._parts.parties):
            if part is not None and part.heard(channel, data):
                return
        self.hub.wake()

    async def _count(self) -> None:
        """Keep the number of those online at hand."""
        while True:
            if self.presences is not None and self.sockets:
                with suppress(DirectoryUnavailable):
                    self._online = await self.presences.count()
            await asyncio.sleep(COUNT_S)


def make_lobby(
    directory: "Directory",
    signer: Signer,
    game: type[Game],
    node: str,
    boot: int,
    parts: LobbyParts | None = None,
    *,
    hello_within_ns: int,
    limited: bool = True,
    on_violation: Callable[[str], None] = lambda cause: None,
) -> Lobby:
    """Return the lobby of a node; `start` it in the running loop. `parts` are started by it, but presence is not."""
    parts = parts or LobbyParts()
    queue = None if parts.queue is None else LobbyQueue(parts.queue, parts.ratings)
    desk = LobbyDesk(
        directory, Seating(directory, signer), signer, game.filters, game.seats_max,
        queue=queue, parties=parts.parties, presences=parts.presences,
    )  # fmt: skip
    return Lobby(
        directory, signer, game, node, boot, parts,
        desk=desk, hub=LobbyHub(directory), hello_within_ns=hello_within_ns, limited=limited, on_violation=on_violation,
    )  # fmt: skip
