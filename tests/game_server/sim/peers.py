"""A match driven by integers, and peers that speak to it in messages."""

from typing import Any

from game_server.game import Game
from game_server.sim.facts import Claim, Close, Cut, Ended, FromConnection, Gone, Greet, Join, Send, Told
from game_server.sim.match import Match
from protocol.codec import decode
from protocol.declare import Record
from protocol.messages import (
    Ack,
    CommandFrame,
    EventAck,
    EventFrame,
    Hello,
    InputFrame,
    Keyframe,
    Message,
    State,
    Welcome,
)
from protocol.rows import Direction
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
        self.cut: dict[int, tuple[int, str]] = {}
        self.claims: dict[int, Claim] = {}
        self.told: list[Told] = []
        self.ended: Ended | None = None
        self.states: dict[int, WireState] = {}
        self.acknowledging = True

    def join(self, connection: int, name: str = "Ada", hello: Hello = HELLO, **more: Any) -> None:
        self.handle(Join(connection, name, hello, **more))

    def watch(self, connection: int) -> None:
        self.join(connection, "Wes", spectator=True)

    def leave(self, connection: int) -> None:
        self.handle(Gone(connection, 1000))

    def lose(self, connection: int) -> None:
        self.handle(Gone(connection, 1006))

    def hello(self, connection: int, **changes: int) -> Hello:
        """Return the HELLO of a client that resumes with what it got on `connection`."""
        events = self.got(connection, EventFrame)
        last_event = events[-1].sequence if events else self.got(connection, Welcome)[-1].last_event
        held = {"epoch": self.match.epoch, "last_tick": self.states[connection].tick, "last_event": last_event}
        return Hello(**{"schema_hash": 0, "hash_tick": -1, "hash": 0} | held | changes)

    def resume(self, old: int, new: int, *, attempt: int = 2, claim: Claim | None = None, **changes: int) -> None:
        """Come back on connection `new` with what connection `old` got."""
        hello = self.hello(old, **changes)
        self.states[new] = self.states[old]
        self.join(new, "Ada", hello, attempt=attempt, claim=claim or self.claims[old])

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
                case Greet(connection, welcome, claim):
                    self.claims[connection] = claim
                    self._deliver(connection, welcome)
                case Close(connection, code, sentence):
                    self.closed[connection] = (code, sentence)
                case Cut(connection, code, sentence):
                    self.cut[connection] = (code, sentence)
                case Told():
                    self.told.append(effect)
                case Ended():
                    self.ended = effect

    def _deliver(self, connection: int, message: Message) -> None:
        self.inbox.setdefault(connection, []).append(message)
        match message:
            case Welcome():
                # A resumed client keeps what it holds.
                self.states.setdefault(connection, WireState(Schema.from_wire(message.schema)))
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
