"""A random world against random clients: whatever is skipped, lost or resumed, a replica equals its view.

One seed plays a match of births, deaths, id reuse, visibility in and out, and fields of every kind; its clients skip
frames (their sockets are full), lose frames (and ask again), are cut and resume on another socket, sometimes with a
token that the match has not confirmed, and go back to any older state that they once held.
After every frame that a client applies, all that it holds is compared with what the server says it sees.
"""

from dataclasses import replace
from enum import Enum
from random import Random
from typing import Any

from game_server.game import Game
from game_server.sim.facts import Blocked, Claim, FromConnection, Gone, Greet, Join, Send, Unblocked
from game_server.sim.match import Match
from game_server.sim.seat import Seat
from protocol.codec import decode
from protocol.declare import Entity, can_see, kept, owner, replicated
from protocol.ids import SeatId
from protocol.messages import Ack, Hello, Keyframe, Resync, State, Welcome
from protocol.rows import Direction
from protocol.schema import Schema
from protocol.state_codec import WireState

TICK_NS = 250_000_000


class Hue(Enum):
    """Something to choose from."""

    RED = 1
    GREEN = 2
    BLUE = 3


class Walker(Entity):
    """Seen by everyone; has a field of every kind."""

    x: float = replicated(0.0, step=0.25)
    count: int = replicated(0, min=-1000, max=100_000)
    heading: float = replicated(0.0, angle_bits=8)
    awake: bool = replicated(True)
    hue: Hue = replicated(Hue.RED)
    label: str = replicated("", max_length=8)
    friend: int | None = replicated(None, ref=True)
    board: tuple[Hue, ...] = replicated((Hue.RED,) * 4, cells=4)


class Spark(Entity):
    """Short-lived, seen by everyone."""

    short_lived = True
    x: float = replicated(0.0, step=0.25)


class Secret(Entity):
    """Seen by its owner only."""

    audience = owner
    value: int = replicated(0, min=0, max=255)


class Ghost(Entity):
    """Seen by whom the dice say."""

    audience = can_see
    x: float = replicated(0.0, step=0.25)
    shown_to: int = kept(0)


class RandomGame(Game):
    """Does random things to its world."""

    tick_rate_hz, seats_max = 4, 3
    entities = (Walker, Spark, Secret, Ghost)

    def on_tick(self, tick: int) -> None:
        """Bear, move and kill."""
        dice = self.rng
        for kind, most in ((Walker, 6), (Spark, 6), (Ghost, 4)):
            if dice.random() < 0.3 and len(self.world.all(kind)) < most:
                self.world.spawn(kind())
            for each in self.world.all(kind):
                if dice.random() < 0.06:
                    self.world.despawn(each)
        if self.seats and dice.random() < 0.3:
            self.world.spawn(Secret(value=dice.randrange(256)), owner=dice.choice(self.seats))
        for secret in self.world.all(Secret):
            if dice.random() < 0.15:
                self.world.despawn(secret)
            elif dice.random() < 0.3:
                secret.value = dice.randrange(256)
        for ghost in self.world.all(Ghost):
            ghost.x += dice.choice((0, 0, 0.25, 1.0))
            if dice.random() < 0.3:
                ghost.shown_to = dice.randrange(8)
        for spark in self.world.all(Spark):
            spark.x += dice.uniform(-3, 30)
        # Now and then nothing happens at all, so that the relative lane spans quiet ticks.
        if dice.random() < 0.7:
            for walker in self.world.all(Walker):
                self._stir(walker)

    def _stir(self, walker: Walker) -> None:
        dice = self.rng
        match dice.randrange(9):
            case 0:
                walker.x += dice.choice((0.01, 0.3, -5.0, 4000.0))
            case 1:
                walker.count = dice.choice((-1000, 0, 7, 100_000))
            case 2:
                walker.heading += dice.uniform(-1, 1)
            case 3:
                walker.awake = not walker.awake
            case 4:
                walker.hue = dice.choice(list(Hue))
            case 5:
                walker.label = dice.choice(("", "a", "däé", "12345678"))
            case 6:
                walker.friend = dice.choice((None, 0, 3, 999))
            case 7:
                walker.board = tuple([dice.choice(list(Hue)) for _ in range(4)])

    def can_see(self, seat: Seat, entity: Entity) -> bool:
        """Show a ghost to the seats whose bit is set."""
        return isinstance(entity, Ghost) and bool(entity.shown_to >> seat.id & 1)


class Divergence(AssertionError):
    """A replica does not hold what its view shows; the message has the seed."""


class _RandomClient:
    def __init__(self, connection: int, dice: Random) -> None:
        self.connection, self.dice = connection, dice
        self.seat = -1
        self.state: WireState | None = None
        self.past: list[WireState] = []
        self.frames = 0
        self.resyncs = 0
        self.resumes = 0
        self.claim: Claim | None = None
        self.attempt = 1
        self.deaf = False

    def greet(self, welcome: Welcome, claim: Claim) -> None:
        # A WELCOME that got lost, and all after it on that socket: the older token must still do.
        self.deaf = self.claim is not None and self.dice.random() < 0.2
        if self.deaf:
            return
        self.claim = claim
        if self.state is None:
            self.seat = welcome.seat
            self.state = WireState(Schema.from_wire(welcome.schema))

    def cut(self, match: Match, connection: int, now_ns: int) -> None:
        """End the socket, or let a new one overtake it; then claim what is held."""
        if self.state is None or self.claim is None:
            return
        if self.deaf or self.dice.random() < 0.7:
            match.handle(Gone(self.connection), now_ns)
        self.connection = connection
        self.attempt += 1
        self.resumes += 1
        hello = Hello(0, match.epoch, self.state.tick, -1, 0, 0)
        match.handle(Join(connection, "r", hello, attempt=self.attempt, claim=self.claim), now_ns)

    def receive(self, frame: bytes, match: Match, now_ns: int) -> None:
        if self.deaf:
            return
        message: Any = decode(frame, Direction.TO_CLIENT)
        if isinstance(message, Keyframe | State):
            self._apply(message, match, now_ns)

    def _apply(self, message: Keyframe | State, match: Match, now_ns: int) -> None:
        assert self.state is not None
        if self.dice.random() < 0.05:
            return
        if isinstance(message, Keyframe):
            self.state.apply_keyframe(message)
        elif self.state.can_apply(message):
            self.state.apply_state(message)
        else:
            self._ask(match, now_ns)
            return
        self.frames += 1
        match.handle(FromConnection(self.connection, Ack(self.state.tick)), now_ns)
        self._compare(match, message)
        self.past.append(_copy(self.state))
        if self.dice.random() < 0.05:
            self.state = _copy(self.dice.choice(self.past))
            self._ask(match, now_ns)

    def _ask(self, match: Match, now_ns: int) -> None:
        assert self.state is not None
        self.resyncs += 1
        match.handle(FromConnection(self.connection, Resync(self.state.tick, 0)), now_ns)

    def _compare(self, match: Match, message: Keyframe | State) -> None:
        assert self.state is not None
        seen = match.audiences.visible(SeatId(self.seat))
        expected = {i: (r.generation, r.kind_place, r.owner, r.wire) for i, r in seen.items()}
        held = {i: (e.generation, e.kind_place, e.owner, e.wire) for i, e in self.state.entities.items()}
        if held != expected:
            raise Divergence(f"tick {message.tick}: client {self.connection} holds {held}, sees {expected}")
        if message.hash is not None and message.hash != self.state.hash():
            raise Divergence(f"tick {message.tick}: hashes differ for equal states")


def _copy(state: WireState) -> WireState:
    copied = WireState(state.schema)
    copied.tick = state.tick
    copied.entities = {entity_id: replace(entity) for entity_id, entity in state.entities.items()}
    return copied


def run_seed(seed: int, ticks: int = 150) -> int:
    """Play one seed; return how many frames were applied and compared. Raises `Divergence`."""
    dice = Random(seed)
    match = Match(RandomGame(), "random", seed=seed)
    clients = {each: _RandomClient(each, dice) for each in range(3)}
    for client in clients.values():
        match.handle(Join(client.connection, "r", Hello(0, 0, -1, -1, 0, 0)), 0)
    connections = len(clients)
    for tick in range(ticks):
        now_ns = tick * TICK_NS
        for each in list(clients.values()):
            if dice.random() < 0.03:
                connections += 1
                each.cut(match, connections, now_ns)
                clients[each.connection] = each
                _carry_out(match, clients, now_ns)
            match.handle(Blocked(each.connection) if dice.random() < 0.2 else Unblocked(each.connection), now_ns)
        match.advance(now_ns)
        _carry_out(match, clients, now_ns)
        if match.ended:
            raise Divergence(f"seed {seed}: the match ended at tick {tick}")
    if match.counts.resumes_refused:
        raise Divergence(f"seed {seed}: resumes were refused: {match.counts.resumes_refused}")
    return sum(each.frames for each in set(clients.values()))


def _carry_out(match: Match, clients: dict[int, _RandomClient], now_ns: int) -> None:
    for effect in match.effects():
        match effect:
            case Greet(connection, welcome, claim):
                clients[connection].greet(welcome, claim)
            case Send(connection, frame) if clients[connection].connection == connection:
                clients[connection].receive(frame, match, now_ns)
