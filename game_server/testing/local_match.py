"""A whole match in one process: the real match, sessions and client sessions, no sockets, a clock that jumps.

    local = LocalMatch(Tag, seed=1)
    ada = local.join("Ada")
    local.play("Bo", RandomBot)
    local.step(20)
    assert ada.world.owned(ada.seat, "Runner").x > 0

Frames travel at once and in order; to lose, cut or delay them, drive `Match` and `ClientSession` yourself.
"""

from random import Random
from typing import Any

from game_client import facts as client_facts
from game_client.bot import Behaviour, BehaviourMaker, play_turn
from game_client.session import ClientSession
from game_server.game import Game
from game_server.session.facts import CloseSocket, FrameReceived, Passed, SeatGiven, SocketClosed
from game_server.session.session import Session
from game_server.sim.facts import Close, Ended, FromConnection, Gone, Join, Seated, Send, Told
from game_server.sim.match import Match
from protocol.errors import TickwireError
from protocol.messages import Hello


class LocalClient(ClientSession):
    """A player of a `LocalMatch`: the real client session, its socket a list."""

    def __init__(self, local: "LocalMatch", connection: int, name: str, behaviour: Behaviour | None) -> None:
        super().__init__("local", Random(connection), local.now_ns)
        self.name = name
        self.behaviour = behaviour
        self.connection = connection
        self.bytes_down = 0
        self.bytes_up = 0
        self.door = Session(local.match.vocabulary, local.now_ns)


class MatchFailed(TickwireError):
    """The match under test ended by an error in its game; the message is its traceback."""


class LocalMatch:
    """One match, its clients, and the time between them."""

    def __init__(self, game: type[Game], *, seed: int = 0, first_tick: int = 0, **options: Any) -> None:
        self.now_ns = 0
        self.match = Match(game(**options), "local", seed=seed, first_tick=first_tick)
        self.clients: dict[int, LocalClient] = {}
        self.frames: list[tuple[int, bytes]] = []
        """Every frame that the match sent, with its connection."""
        self.told: list[Told] = []
        self.ended: Ended | None = None
        self._connections = 0

    @property
    def game(self) -> Any:
        """The game under test, to look at what stays on the server."""
        return self.match.game

    def join(self, name: str, behaviour: BehaviourMaker | None = None, seed: int = 0) -> LocalClient:
        """Bring a player in; it is seated by the next step."""
        self._connections += 1
        made = None if behaviour is None else behaviour(Random(seed * 1000 + self._connections))
        client = LocalClient(self, self._connections, name, made)
        self.clients[client.connection] = client
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
            due = [(c.deadline_ns, c.connection) for c in self.clients.values() if c.deadline_ns is not None]
            if not due or min(due)[0] > until_ns:
                return
            at_ns, connection = min(due)
            self.now_ns = max(self.now_ns, at_ns)
            client = self.clients[connection]
            before = client.deadline_ns
            client.advance(self.now_ns)
            self._run(client)
            assert client.deadline_ns != before, "a client whose deadline stays would spin for ever"

    def _run(self, client: LocalClient) -> None:
        for effect in client.effects():
            match effect:
                case client_facts.DialNow():
                    client.handle(client_facts.SocketOpened(), self.now_ns)
                    self._run(client)
                case client_facts.SendFrame(data):
                    client.bytes_up += len(data)
                    client.door.handle(FrameReceived(data), self.now_ns)
                    self._pass_on(client)
                case client_facts.CloseSocket():
                    client.door.handle(SocketClosed(), self.now_ns)
                    self.match.handle(Gone(client.connection), self.now_ns)
                case client_facts.StateApplied() if client.behaviour is not None:
                    play_turn(client.behaviour, client)
        if client.deadline_ns is None and client.status.phase == "closed":
            self.clients.pop(client.connection, None)

    def _pass_on(self, client: LocalClient) -> None:
        for effect in client.door.effects():
            match effect:
                case Passed(Hello() as hello, _):
                    self.match.handle(Join(client.connection, client.name, hello), self.now_ns)
                case Passed(message, value):
                    self.match.handle(FromConnection(client.connection, message, value), self.now_ns)
                case CloseSocket(code, sentence):
                    self.match.handle(Gone(client.connection), self.now_ns)
                    client.handle(client_facts.SocketClosed(code, sentence), self.now_ns)

    def _drain_match(self) -> None:
        for effect in self.match.effects():
            match effect:
                case Send(connection, frame):
                    self.frames.append((connection, frame))
                    self._deliver(connection, frame)
                case Seated(connection, seat):
                    client = self.clients.get(connection)
                    if client is not None:
                        client.door.handle(SeatGiven(seat), self.now_ns)
                case Close(connection, code, sentence):
                    closing = self.clients.get(connection)
                    if closing is not None:
                        closing.handle(client_facts.SocketClosed(code, sentence), self.now_ns)
                        self.match.handle(Gone(connection), self.now_ns)
                        self._run(closing)
                case Told():
                    self.told.append(effect)
                case Ended(code, _):
                    self.ended = effect
                    if code == 4010:
                        raise MatchFailed(self.told[-1].fields.get("traceback", str(effect)))

    def _deliver(self, connection: int, frame: bytes) -> None:
        client = self.clients.get(connection)
        if client is not None:
            client.bytes_down += len(frame)
            client.handle(client_facts.FrameReceived(frame), self.now_ns)
            self._run(client)
