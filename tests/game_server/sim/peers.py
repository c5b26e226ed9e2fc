"""A match driven by integers, and peers that speak to it in messages."""

from typing import Any

from game_server.game import Game
from game_server.sim.facts import Close, Ended, FromConnection, Gone, Join, Send, Told
from game_server.sim.match import Match
from protocol.codec import decode
from protocol.declare import Record
from protocol.messages import (
    Ack,
    CommandFrame,
    Direction,
    EventAck,
    EventFrame,
    Hello,
    InputFrame,
    Keyframe,
    Message,
    State,
    Welcome,
)  # fmt: skip
from protocol.schema import Schema
from protocol.state_codec import WireState

HELLO = Hello(0, 0, -1, -1, 0, 0)


class Table:
    """One match, its connections' mail, and a clock that the test moves."""

    def __init__(self, game: Game, **options: Any) -> None:
        self.match = Match(game, "test", **options)
        self.now_ns = 0
        self.inbox: dict[int, list[Any]] = {}
        self.frames: list[tuple[int, bytes]] = []
        self.closed: dict[int, tuple[int, str]] = {}
        self.told: list[Told] = []
        self.ended: Ended | None = None
        self.states: dict[int, WireState] = {}
        self.acknowledging = True

    def join(self, connection: int, name: str = "Ada", hello: Hello = HELLO) -> None:
        self.handle(Join(connection, name, hello))

    def leave(self, connection: int) -> None:
        self.handle(Gone(connection))

    def say(self, connection: int, message: Message, value: Record | None = None) -> None:
        self.handle(FromConnection(connection, message, value))

    def give_input(self, connection: int, tick: int, value: Record) -> None:
        self.say(connection, InputFrame(self.match.clock.generation, tick, tick, 0, []), value)

    def command(self, connection: int, sequence: int, value: Record) -> None:
        self.say(connection, CommandFrame(sequence, 0, []), value)

    def handle(self, fact: Any) -> None:
        self.match.handle(fact, self.now_ns)
        self._drain()

    def step(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            assert self.match.deadline_ns is not None, "the match has ended"
            self.now_ns = self.match.deadline_ns
            self.advance()

    def advance(self) -> None:
        self.match.advance(self.now_ns)
        self._drain()

    def got(self, connection: int, kind: type[Any]) -> list[Any]:
        return [each for each in self.inbox.get(connection, []) if isinstance(each, kind)]

    def _drain(self) -> None:
        for effect in self.match.effects():
            match effect:
                case Send(connection, frame):
                    self.frames.append((connection, frame))
                    self._deliver(connection, decode(frame, Direction.TO_CLIENT))
                case Close(connection, code, sentence):
                    self.closed[connection] = (code, sentence)
                case Told():
                    self.told.append(effect)
                case Ended():
                    self.ended = effect

    def _deliver(self, connection: int, message: Message) -> None:
        self.inbox.setdefault(connection, []).append(message)
        match message:
            case Welcome():
                self.states[connection] = WireState(Schema.from_wire(message.schema))
            case Keyframe():
                self.states[connection].apply_keyframe(message)
                self._acknowledge(connection, Ack(message.tick))
            case State() if self.states[connection].can_apply(message):
                self.states[connection].apply_state(message)
                self._acknowledge(connection, Ack(message.tick))
            case EventFrame():
                self._acknowledge(connection, EventAck(message.sequence))

    def _acknowledge(self, connection: int, message: Message) -> None:
        if self.acknowledging:
            self.match.handle(FromConnection(connection, message), self.now_ns)
