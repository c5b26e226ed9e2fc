"""A socket of the lobby: what a connection talks to on `/v1/lobby` instead of a match's `Line`.

    socket -> LobbySocket.frame() -> LobbySession -> CarryOut -> a task at the desk -> Answered -> it -> socket
                                                  -> Watch -> the hub, presence

It stays open whatever Redis does: what needs the directory is refused as unavailable meanwhile.
To test: `tests/game_server/shell/test_lobby_socket.py`.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, assert_never

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.lobby import LobbySession, LobbyState
from game_server.cluster.lobby_facts import (
    Abandon,
    Answer,
    Answered,
    CarryOut,
    CloseLobby,
    ControlCame,
    Fact,
    FragmentCame,
    FrameCame,
    Greet,
    News,
    Replaced,
    Request,
    SendMessage,
    SocketEnded,
    TextCame,
    Watch,
)  # fmt: skip
from game_server.cluster.party import CALL_LASTS_MS, Party, PartyCall
from game_server.cluster.records import Presence
from game_server.shell.line import Peer, clock_ns
from game_server.shell.lobby_desk import presence_row
from game_server.shell.lobby_search import Search, Visitor
from game_server.shell.presence_watch import PresenceWatch
from protocol.codec import encode
from protocol.lobby_messages import (
    LobbyMessage,
    PartyState,
    PresenceChanged,
    Refused,
    RefusedCode,
    SeatFound,
    WatchMatches,
    WatchPlayers,
)  # fmt: skip

if TYPE_CHECKING:
    from game_server.shell.lobby import Lobby

CODE_OF_CLOSE = {1008: RefusedCode.RATE, 1012: RefusedCode.STOPPING, 4001: RefusedCode.REPLACED}
PASSES = (RefusedCode.UNAVAILABLE, RefusedCode.NOT_READY)
FOLLOW_AGAIN_S = 1.0
NO_REQUEST = ""
REPLACED = 4001
AWAY = "the directory cannot be reached: matches play on, try again"
FAILED = "an error in the server ended this request"


class LobbySocket:
    """One connection to the lobby: its session, its tasks, what it watches."""

    __slots__ = (
        "_following", "_gone", "_lobby", "_presence_due", "_presence_watch", "_searches", "_seat", "_tasks",
        "_watched", "guest", "is_blocked", "name", "peer", "player", "session", "visitor",
    )  # fmt: skip

    def __init__(self, lobby: "Lobby", peer: Peer, visitor: Visitor, guest: str, session: LobbySession) -> None:
        self._lobby, self.peer, self.visitor, self.guest, self.session = lobby, peer, visitor, guest, session
        self.player, self.name = visitor.player, visitor.name
        self.is_blocked = self._gone = False
        self._searches: dict[str, Search] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._following: asyncio.Task[None] | None = None
        self._seat = ""
        self._watched = 0
        self._presence_watch: PresenceWatch | None = None
        self._presence_due: dict[str, Presence] = {}

    # The connection's side

    @property
    def deadline_ns(self) -> int | None:
        """By when LOBBY_HELLO must have come; None once it has."""
        return self.session.deadline_ns

    @property
    def is_live(self) -> bool:
        """Whether it can be told of round trips."""
        return self.session.state is LobbyState.READY

    def frame(self, data: bytes) -> None:
        """A binary frame came."""
        self.handle(FrameCame(data))

    def fragment(self) -> None:
        """A fragment came that does not end its message."""
        self.handle(FragmentCame())

    def text(self, data: bytes) -> None:
        """A text frame came."""
        self.handle(TextCame())

    def control(self) -> None:
        """A ping came, or a pong that nobody asked for."""
        self.handle(ControlCame())

    def round_trip(self, rtt_ns: int) -> None:
        """A ping of ours came back; nobody in the lobby asks."""

    def blocked(self, is_blocked: bool) -> None:
        """The socket's write buffer filled, or emptied: then it is told what it missed, merged."""
        self.is_blocked = is_blocked
        if self._watched:
            self._lobby.hub.block(self._watched, is_blocked)
        if not is_blocked:
            self._tell_presence()

    def lost(self, code: int) -> None:
        """The socket has ended, or is about to. Harmless when repeated."""
        if self._gone:
            return
        self._gone = True
        self.handle(SocketEnded())
        self._lobby.hub.leave(self._watched)
        if self._presence_watch is not None:
            self._presence_watch.close()
        for task in list(self._tasks):
            task.cancel()
        self._lobby.forget(self)

    def advance(self) -> None:
        """Let the session look at the clock."""
        self.session.advance(clock_ns())
        self._carry()

    def farewell(self, code: int, sentence: str, retry_after_ms: int) -> bytes:
        """Return the REFUSED that says why the socket is closed."""
        told = CODE_OF_CLOSE.get(code, RefusedCode.BAD_REQUEST)
        return encode(Refused(NO_REQUEST, told.value, sentence, retry_after_ms))

    # The lobby's side

    def handle(self, fact: Fact) -> None:
        """Give the session one fact and carry out what follows from it."""
        self.session.handle(fact, clock_ns())
        self._carry()

    def tell(self, message: LobbyMessage) -> None:
        """Send what ends no request."""
        self.handle(News(message))

    def replace(self) -> None:
        """The player came on a newer device."""
        self.handle(Replaced())

    def on_party(self, party: Party | None, call: PartyCall | None) -> None:
        """The player's party changed; a call takes its members along, each to a seat of their own."""
        self.tell(party_message(party))
        if call is not None and party is not None and self.player != party.leader:
            if self._following is not None:
                self._following.cancel()  # the party has gone on
            self._following = self.begin(self._follow(call))

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for this socket, at most until it ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _carry(self) -> None:
        for effect in self.session.effects():
            match effect:
                case SendMessage(message):
                    self._send(message)
                case Greet(schema_hash):
                    self.begin(self._lobby.greet(self, schema_hash))
                case CarryOut(request):
                    search = self._searches[request.request] = Search(request.request, self.tell)
                    self.begin(self._carry_out(request, search))
                case Abandon(request_id):
                    if request_id in self._searches:
                        self._searches[request_id].give_up()
                    else:
                        self.begin(self._lobby.desk.abandon(self.visitor, request_id))
                case Watch(what):
                    self._watch(what)
                case CloseLobby(code, sentence, cause):
                    self._close(code, sentence, cause)
                case _:
                    assert_never(effect)

    def _send(self, message: LobbyMessage) -> None:
        self.peer.send(encode(message))
        self.peer.flush()

    def _close(self, code: int, sentence: str, cause: str) -> None:
        if code != REPLACED:
            self._lobby.violated(cause)
        self.peer.close(code, sentence)
        self.lost(code)

    # Tasks

    async def _carry_out(self, request: Request, search: Search) -> None:
        """Answer a request, whatever becomes of it."""
        try:
            answer = await self._lobby.answer(self, request, search)
        except Exception as error:
            answer = self._refusal_of(search.request, error)
        finally:
            self._searches.pop(search.request, None)
        self._sit_down(answer)
        self.handle(Answered(answer))

    async def _follow(self, call: PartyCall) -> None:
        """Tell where the party goes. Nobody asked, so nobody asks again: what passes is waited for."""
        until_ns = clock_ns() + CALL_LASTS_MS * 1_000_000
        while True:
            message = await self._called(call)
            passes = isinstance(message, Refused) and message.code in PASSES
            if not passes or clock_ns() > until_ns:
                break
            await asyncio.sleep(FOLLOW_AGAIN_S)
        self._sit_down(message)
        self.tell(message)

    async def _called(self, call: PartyCall) -> SeatFound | Refused:
        try:
            return await self._lobby.desk.follow_call(self.visitor, call.match)
        except Exception as error:
            return self._refusal_of(NO_REQUEST, error)

    def _sit_down(self, answer: Answer) -> None:
        """A seat in another match gives the one before back, or a single player could keep one in each."""
        if isinstance(answer, SeatFound) and not answer.spectate:
            before, self._seat = self._seat, answer.match
            if before not in ("", answer.match):
                self.begin(self._lobby.desk.give_back(self.visitor, before))

    def _refusal_of(self, request: str, error: Exception) -> Refused:
        """Return what a player is told of an error; one of ours is logged."""
        match error:
            case LobbyRefused():
                return Refused(request, error.code.value, error.sentence[:500], error.retry_after_ms)
            case DirectoryUnavailable():
                return Refused(request, RefusedCode.UNAVAILABLE.value, AWAY, 1000 * error.retry_after_s)
            case _:
                self._lobby.log.error("lobby_request_failed", player=self.player, exc_info=error)
                return Refused(request, RefusedCode.UNAVAILABLE.value, FAILED, 1000)

    # What is watched

    def _watch(self, what: WatchMatches | WatchPlayers) -> None:
        try:
            match what:
                case WatchMatches(on, filters):
                    self._watch_matches(bool(on), filters)
                case WatchPlayers(players):
                    self._watch_players(players)
                case _:
                    assert_never(what)
        except LobbyRefused as refused:
            self.tell(self._refusal_of(NO_REQUEST, refused))

    def _watch_matches(self, on: bool, pairs: list[str]) -> None:
        filters = self._lobby.desk.filters_of(pairs)
        self._lobby.hub.leave(self._watched)
        self._watched = 0
        if on:
            self._watched = self._lobby.hub.watch(filters, self.tell, is_blocked=self.is_blocked)

    def _watch_players(self, players: Iterable[str]) -> None:
        presences = self._lobby.presences
        if presences is None:
            raise LobbyRefused(RefusedCode.BAD_REQUEST, "players are not watched on this server")
        if self._presence_watch is None:
            self._presence_watch = presences.watch(players, self._presence_changed)
        else:
            self._presence_watch.replace(players)

    def _presence_changed(self, changes: list[Presence]) -> None:
        self._presence_due.update((each.player, each) for each in changes)
        self._tell_presence()

    def _tell_presence(self) -> None:
        """Tell where watched players are now; a socket that takes no more is told later, once for each player."""
        if self._presence_due and not self.is_blocked and not self._gone:
            rows = [presence_row(each) for each in self._presence_due.values()]
            self._presence_due.clear()
            for start in range(0, len(rows), 100):
                self.tell(PresenceChanged(rows[start : start + 100]))


def party_message(party: Party | None) -> PartyState:
    """Return a party as PARTY has it."""
    if party is None:
        return PartyState("", [])
    return PartyState(party.code, [[member.player, member.name] for member in party.members])
