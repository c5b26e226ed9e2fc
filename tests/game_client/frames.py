"""A game's vocabulary and hand-made frames of its server, for the tests of the client's session."""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Annotated, Any

from pydantic import Field

from game_client.clock_sync import SLACK_NONE
from game_client.facts import (
    NO_CLOSE_FRAME,
    DialFailed,
    DialNow,
    Effect,
    FrameReceived,
    SendFrame,
    SocketClosed,
    SocketOpened,
)  # fmt: skip
from game_client.session import ClientSession
from protocol import Chat, Edge, Entity, Event, Input, replicated
from protocol.codec import decode, encode
from protocol.messages import Keyframe, Message, Role, State, Welcome
from protocol.rows import Direction
from protocol.state_codec import state_hash
from protocol.vocabulary import Vocabulary

MS = 1_000_000
START_NS = 1_000 * MS
RATE_HZ = 20
PERIOD_NS = 1_000 * MS // RATE_HZ
URL = "ws://there/v1/match/1"
TOKEN = "tickwire-resume-1.one"


class Mood(Enum):
    """An enum field."""

    CALM = 0
    WILD = 1


class Ship(Entity):
    """An entity with a field of most kinds."""

    x: float = replicated(0.0, step=0.5)
    heading: float = replicated(0.0, angle_bits=8)
    hp: int = replicated(100, min=0, max=100)
    alive: bool = replicated(True)
    mood: Mood = replicated(Mood.CALM)
    name: str = replicated("", max_length=8)


class Rock(Entity):
    """Another kind."""

    size: int = replicated(1, min=0, max=9)


class Steer(Input):
    """The input."""

    dx: Annotated[int, Field(ge=-1, le=1)] = 0
    slow: bool = False
    fire: Edge = 0


class Scored(Event):
    """An event."""

    points: int


VOCABULARY = Vocabulary((Ship, Rock), Steer, (Chat,), (Scored,))
SHIP_WIRE = [4, 64, 100, 1, 1, "Ada"]


def welcome(seat: int = 3, **changes: Any) -> Welcome:
    """WELCOME of the vocabulary above; its resume token is `TOKEN`."""
    fields: dict[str, Any] = {
        "epoch": 1, "tick": 100, "tick_rate_hz": RATE_HZ, "seat": seat, "role": Role.PLAYER.value,
        "schema": VOCABULARY.schema.to_wire(), "resume_token": TOKEN, "last_command": 0, "last_event": 0,
    }  # fmt: skip
    return Welcome(**(fields | changes))


def keyframe(tick: int = 100, slack: int = 127, flags: int = 0, hash: int | None = None) -> Keyframe:
    """A KEYFRAME with one ship of seat 3 at x = 2.0 (id 7) and a rock (id 8)."""
    return Keyframe(tick, 0, flags, slack, [7, 0, 0, 3, *SHIP_WIRE, 8, 0, 1, -1, 5], hash)


def state(tick: int, back: int = 1, x: int = 4, slack: int = 127, flags: int = 0, hash: int | None = None) -> State:
    """A STATE in which the ship's x becomes `x` half units."""
    return State(tick, back, flags, slack, [], [], [7, 1, x], hash)


def true_hash(x: int) -> int:
    """The hash of what a client should hold after `state(x=x)`."""
    return state_hash([(7, 0, 0, 3, [x, *SHIP_WIRE[1:]]), (8, 0, 1, None, [5])])


class Driven:
    """A session with a clock that the test moves, and all effects it had."""

    def __init__(self, seed: int = 1) -> None:
        self.now_ns = START_NS
        self.session = ClientSession(URL, Random(seed), START_NS)
        self.effects: list[Effect] = []
        self._dialled = 0

    def drain(self) -> list[Effect]:
        """Take the new effects."""
        effects = self.session.effects()
        self.effects += effects
        return effects

    @property
    def dialled(self) -> int:
        """The socket that was dialled last."""
        return max([effect.socket for effect in self.effects if isinstance(effect, DialNow)], default=self._dialled)

    def forget_effects(self) -> None:
        """Let `effects` begin anew."""
        self._dialled = self.dialled
        self.effects.clear()

    def handle(self, fact: Any) -> list[Effect]:
        """Tell a fact now."""
        self.session.handle(fact, self.now_ns)
        return self.drain()

    def hear(self, *messages: Message, socket: int | None = None) -> list[Effect]:
        """Let frames arrive now, on the newest socket if no other is given."""
        on = self.dialled if socket is None else socket
        return [effect for each in messages for effect in self.handle(FrameReceived(on, encode(each)))]

    def lose(self, code: int = NO_CLOSE_FRAME, reason: str = "", socket: int | None = None) -> list[Effect]:
        """Let the newest socket end now."""
        return self.handle(SocketClosed(self.dialled if socket is None else socket, code, reason))

    def fail(self, reason: str = "refused", status: int = 0, retry_after_ms: int = 0, **more: Any) -> list[Effect]:
        """Let the newest dial fail now."""
        return self.handle(DialFailed(self.dialled, reason, status, retry_after_ms, **more))

    def advance_to(self, now_ns: int) -> list[Effect]:
        """Go on to `now_ns`, advancing at every deadline on the way."""
        effects: list[Effect] = []
        while True:
            deadline_ns = self.session.deadline_ns
            if deadline_ns is None or deadline_ns > now_ns:
                break
            self.now_ns = max(self.now_ns, deadline_ns)
            self.session.advance(self.now_ns)
            effects += self.drain()
        self.now_ns = now_ns
        return effects

    def wait(self, wait_ms: float) -> list[Effect]:
        """Let time pass."""
        return self.advance_to(self.now_ns + int(wait_ms * MS))

    def open(self) -> list[Effect]:
        """Dial and connect."""
        self.advance_to(self.now_ns)
        return self.handle(SocketOpened(self.dialled))

    def join(self, rtt_ms: int = 0, **changes: Any) -> Driven:
        """Go all the way to live, at tick 100; WELCOME takes `rtt_ms`."""
        self.open()
        self.now_ns += rtt_ms * MS
        self.hear(welcome(**changes), keyframe())
        self.forget_effects()
        return self

    def sent(self, cls: type[Any] | None = None) -> list[Any]:
        """All messages sent so far, or those of one class."""
        return sent(self.effects, cls)


def sent(effects: list[Effect], cls: type[Any] | None = None) -> list[Any]:
    """The messages among effects."""
    frames = [effect.data for effect in effects if isinstance(effect, SendFrame)]
    messages = [decode(each, Direction.TO_SERVER) for each in frames]
    return [each for each in messages if cls is None or isinstance(each, cls)]


def dials(effects: list[Effect]) -> list[DialNow]:
    """The dials among effects."""
    return [effect for effect in effects if isinstance(effect, DialNow)]


def play(driven: Driven, first: int, last: int, slack: int = SLACK_NONE) -> None:
    """Let states `first` to `last` come, one per period."""
    for tick in range(first, last + 1):
        driven.advance_to(driven.now_ns + PERIOD_NS)
        driven.hear(state(tick, slack=slack))
