"""A whole match in one process: the real match, sessions and client sessions, no sockets, a clock that jumps.

    local = LocalMatch(Tag, seed=1)
    ada = local.join("Ada")
    local.play("Bo", RandomBot)
    local.step(20)
    assert ada.world.owned(ada.seat, "Runner").x > 0
    local.cut(ada)                                     # her socket dies; her session dials and resumes
    local.step(2)
    assert ada.stats.resumed == 1

Frames travel at once and in order; to delay them or to let sockets race, drive `Match` and `ClientSession` yourself.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from game_client import facts as client_facts
from game_client.bot import Behaviour, BehaviourMaker, play_turn
from game_client.session import ClientSession
from game_server.game import Game
from game_server.session.facts import CloseSocket, FrameReceived, Passed, SeatGiven, SocketClosed
from game_server.session.session import Session
from game_server.sim.facts import Claim, Close, Cut, Ended, FromConnection, Gone, Greet, Join, Seated, Send, Told
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.errors import TickwireError
from protocol.handshake import RESUME_PREFIX
from protocol.messages import Hello


class LocalClient(ClientSession):
    """A player or spectator of a `LocalMatch`: the real client session, its sockets lists."""

    def __init__(
        self,
        local: "LocalMatch",
        number: int,
        name: str,
        behaviour: Behaviour | None,
        player: str = "",
        spectator: bool = False,
    ) -> None:
        super().__init__("local", Random(number), local.now_ns)
        self.number = number
        self.connection = 0
        """Its newest connection, as the match knows it."""
        self.door = Session(local.match.vocabulary, local.now_ns)
        """The server's session of that connection."""
        self.name = name
        self.behaviour = behaviour
        self.player = player
        self.spectator = spectator
        self.bytes_down = 0
        self.bytes_up = 0


@dataclass(frozen=True, slots=True)
class _Line:
    """One socket between a client and the match, and the token that it was dialled with."""

    connection: int
    client: LocalClient
    socket: int
    token: str
    door: Session


class MatchFailed(TickwireError):
    """The match under test ended by an error in its game; the message is its traceback."""


def token_of(claim: Claim) -> str:
    """Return a resume token that says what `claim` says; nobody forges one here."""
    return f"{RESUME_PREFIX}{claim.place}.{claim.epoch}.{claim.n}.{claim.player}"


def claim_of(token: str) -> Claim | None:
    """Return what a token says, None for no token."""
    if not token:
        return None
    place, epoch, n, player = token.removeprefix(RESUME_PREFIX).split(".", 3)
    return Claim(int(place), player, int(epoch), int(n))


class LocalMatch:
    """One match, its clients, and the time between them."""

    def __init__(
        self, game: type[Game], *, seed: int = 0, first_tick: int = 0, grace_s: float = 30.0, **options: Any
    ) -> None:
        self.now_ns = 0
        self.match = Match(game(**options), "local", seed=seed, first_tick=first_tick, grace_s=grace_s)
        self.clients: dict[int, LocalClient] = {}
        self.frames: list[tuple[int, bytes]] = []
        """Every frame that the match sent, with its connection."""
        self.told: list[Told] = []
        self.ended: Ended | None = None
        self._lines: dict[int, _Line] = {}
        self._joined = 0
        self._connections = 0

    @property
    def game(self) -> Any:
        """The game under test, to look at what stays on the server."""
        return self.match.game

    def join(
        self,
        name: str,
        behaviour: BehaviourMaker | None = None,
        seed: int = 0,
        *,
        player: str = "",
        spectator: bool = False,
    ) -> LocalClient:
        """Bring a player in; it is seated by the next step. `player` is a proven identity."""
        self._joined += 1
        made = None if behaviour is None else behaviour(Random(seed * 1000 + self._joined))
        client = LocalClient(self, self._joined, name, made, player, spectator)
        self.clients[client.number] = client
        client.advance(self.now_ns)
        self._run(client)
        return client

    def play(self, name: str, behaviour: BehaviourMaker, seed: int = 0) -> LocalClient:
        """Bring a bot in."""
        return self.join(name, behaviour, seed)

    def leave(self, client: LocalClient) -> None:
        """Take a player out."""
        client.leave()
        self._run(client)

    def cut(self, client: LocalClient, *, match_notices: bool = True) -> None:
        """Let a client's socket die without a close frame; it dials again as it would, within the next steps.

        Unless the `match_notices`, it takes the old socket for alive until the new one replaces it.
        """
        for line in [each for each in self._lines.values() if each.client is client]:
            self._end_line(line)
            if match_notices:
                self.match.handle(Gone(line.connection), self.now_ns)
            client.handle(client_facts.SocketClosed(line.socket), self.now_ns)
            self._run(client)

    def step(self, ticks: int = 1) -> None:
        """Run `ticks` ticks, with everything that clients do meanwhile. Raises `MatchFailed`."""
        for _ in range(ticks):
            deadline_ns = self.match.deadline_ns
            if deadline_ns is None:
                return
            for client in list(self.clients.values()):
                self._run(client)
            self._clients_until(deadline_ns)
            self.now_ns = max(self.now_ns, deadline_ns)
            self.match.advance(self.now_ns)
            self._drain_match()

    def _clients_until(self, until_ns: int) -> None:
        while True:
            due = [(c.deadline_ns, c.number) for c in self.clients.values() if c.deadline_ns is not None]
            if not due or min(due)[0] > until_ns:
                return
            at_ns, number = min(due)
            self.now_ns = max(self.now_ns, at_ns)
            client = self.clients[number]
            before = (client.deadline_ns, client.connection)
            client.advance(self.now_ns)
            self._run(client)
            self._drain_match()
            after = (client.deadline_ns, client.connection)
            assert after != before, "a client whose deadline stays would spin for ever"

    def _run(self, client: LocalClient) -> None:
        while effects := client.effects():
            for effect in effects:
                match effect:
                    case client_facts.DialNow(socket, _, token):
                        self._open_line(client, socket, token)
                    case client_facts.SendFrame(socket, data):
                        self._hear(client, socket, data)
                    case client_facts.CloseSocket(socket, code):
                        line = self._line_of(client, socket)
                        if line is not None:
                            self._end_line(line)
                            self.match.handle(Gone(line.connection, code), self.now_ns)
                    case client_facts.StateApplied() if client.behaviour is not None:
                        play_turn(client.behaviour, client)
        if client.deadline_ns is None and client.status.phase == "closed":
            self.clients.pop(client.number, None)

    # --- sockets

    def _open_line(self, client: LocalClient, socket: int, token: str) -> None:
        self._connections += 1
        client.connection = self._connections
        client.door = Session(self.match.vocabulary, self.now_ns, spectator=client.spectator)
        self._lines[self._connections] = _Line(self._connections, client, socket, token, client.door)
        client.handle(client_facts.SocketOpened(socket), self.now_ns)

    def _line_of(self, client: LocalClient, socket: int) -> _Line | None:
        found = (each for each in self._lines.values() if each.client is client and each.socket == socket)
        return next(found, None)

    def _end_line(self, line: _Line) -> None:
        del self._lines[line.connection]
        line.door.handle(SocketClosed(), self.now_ns)

    def _hear(self, client: LocalClient, socket: int, data: bytes) -> None:
        line = self._line_of(client, socket)
        if line is None:
            return
        client.bytes_up += len(data)
        line.door.handle(FrameReceived(data), self.now_ns)
        for effect in line.door.effects():
            match effect:
                case Passed(Hello() as hello, _):
                    claim = claim_of(line.token)
                    player = client.player if claim is None else claim.player
                    self.match.handle(
                        Join(line.connection, client.name, hello, player, client.spectator, socket, claim), self.now_ns
                    )
                case Passed(message, value):
                    self.match.handle(FromConnection(line.connection, message, value), self.now_ns)
                case CloseSocket(code, sentence):
                    self._close(line, code, sentence)

    def _close(self, line: _Line, code: int, sentence: str, code_seen: int | None = None) -> None:
        self._end_line(line)
        self.match.handle(Gone(line.connection, code), self.now_ns)
        seen = code if code_seen is None else code_seen
        line.client.handle(client_facts.SocketClosed(line.socket, seen, sentence), self.now_ns)

    # --- the match

    def _drain_match(self) -> None:
        while effects := self.match.effects():
            for effect in effects:
                match effect:
                    case Send(connection, frame):
                        self._deliver(connection, frame)
                    case Greet(connection, welcome, claim):
                        self._deliver(connection, encode(replace(welcome, resume_token=token_of(claim))))
                    case Seated(connection, seat) if connection in self._lines:
                        self._lines[connection].door.handle(SeatGiven(seat), self.now_ns)
                    case Close(connection, code, sentence) if connection in self._lines:
                        self._close_and_run(self._lines[connection], code, sentence, code)
                    case Cut(connection, code, sentence) if connection in self._lines:
                        self._close_and_run(self._lines[connection], code, sentence, client_facts.NO_CLOSE_FRAME)
                    case Told():
                        self.told.append(effect)
                    case Ended(code, _):
                        self.ended = effect
                        if code == 4010:
                            raise MatchFailed(self.told[-1].fields.get("traceback", str(effect)))

    def _close_and_run(self, line: _Line, code: int, sentence: str, code_seen: int) -> None:
        self._close(line, code, sentence, code_seen)
        self._run(line.client)

    def _deliver(self, connection: int, frame: bytes) -> None:
        self.frames.append((connection, frame))
        line = self._lines.get(connection)
        if line is not None:
            line.client.bytes_down += len(frame)
            line.client.handle(client_facts.FrameReceived(line.socket, frame), self.now_ns)
            self._run(line.client)
