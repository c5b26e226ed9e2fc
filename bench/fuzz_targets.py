"""What mutated frames are thrown at in process: decoder, signatures, server session, match, client session.

    target.take(frame)      raises what must not escape; everything that the frame's sender deserves is handled within

Each target is made anew where a connection would have ended, so that the next frame meets a living one.
To test: `tests/bench/test_fuzz_targets.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Protocol

from bench.fuzz_samples import HELLO
from bench.mutate import mutate_bytes
from game_client.facts import DialNow, SocketOpened, StateApplied
from game_client.facts import Effect as ClientEffect
from game_client.facts import FrameReceived as ClientFrame
from game_client.session import ClientSession
from game_client.session import SessionState as ClientState
from game_server.game import Game
from game_server.session.credentials import NONCE_BYTES, ResumeToken, Ticket
from game_server.session.facts import (
    CloseSocket,
    ControlFrameReceived,
    FrameReceived,
    Passed,
    SeatGiven,
    SocketClosed,
    TextReceived,
)
from game_server.session.rate_limit import RateLimits
from game_server.session.session import Session, SessionState
from game_server.session.signing import Forged, Signer
from game_server.sim import facts
from game_server.sim.match import Match
from protocol.close_codes import CLOSE_CODES
from protocol.codec import decode, encode
from protocol.errors import PeerFault, UsageFault
from protocol.messages import Ack, Hello, Refusal
from protocol.rows import Direction
from protocol.vocabulary import Vocabulary

STEP_NS = 1_000_000
FRAMES_PER_TICK = 16
NEIGHBOUR = 0
TICK_RATE_HZ = 30
SENTENCE_LENGTH_MAX = 500


class Target(Protocol):
    """Something that frames are thrown at."""

    def take(self, frame: bytes) -> None:
        """Take one frame. Raises what must not escape."""


class Broken(Exception):
    """A promise that no exception guards was broken; the message says which."""


class DecoderTarget:
    """The decoder of one direction: a message or a `PeerFault`, nothing else."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction

    def take(self, frame: bytes) -> None:
        """Decode; what was decoded encodes again."""
        try:
            message = decode(frame, self._direction)
        except PeerFault as fault:
            _check_close(fault.close_code, fault.reason)
        else:
            encode(message)


class SessionTarget:
    """The server's session in each of its states, without a match."""

    def __init__(self, rng: Random, vocabulary: Vocabulary) -> None:
        self._rng = rng
        self._vocabulary = vocabulary
        self._now_ns = 0
        self.session = self._fresh()

    def take(self, frame: bytes) -> None:
        """Let the frame come, now and then a text or a second instead; a closed session must do nothing any more."""
        self._now_ns += STEP_NS
        self.session.handle(FrameReceived(frame), self._now_ns)
        if self._rng.random() < 0.01:
            self.session.handle(TextReceived(), self._now_ns)
        if self._rng.random() < 0.05:
            self.session.handle(ControlFrameReceived(), self._now_ns)
        if self._rng.random() < 0.01:
            self.session.advance(self._now_ns)
        checked_effects(self.session)
        if self.session.state is SessionState.CLOSED:
            self._must_rest(frame)
            self.session = self._fresh()

    def _must_rest(self, frame: bytes) -> None:
        for fact in (FrameReceived(frame), FrameReceived(encode(HELLO)), TextReceived(), SocketClosed()):
            self.session.handle(fact, self._now_ns)
        self.session.advance(self._now_ns + 10**12)
        if self.session.effects() or self.session.deadline_ns is not None:
            raise Broken("a closed session went on")

    def _fresh(self) -> Session:
        limits = RateLimits(TICK_RATE_HZ, self._rng.choice((0.0, 0.01, 1.0))) if self._rng.random() < 0.5 else None
        session = Session(self._vocabulary, self._now_ns, limits=limits, spectator=self._rng.random() < 0.1)
        wanted = self._rng.choice((SessionState.CONNECTED, SessionState.JOINING, SessionState.LIVE, SessionState.LIVE))
        if wanted is not SessionState.CONNECTED:
            session.handle(FrameReceived(encode(HELLO)), self._now_ns)
        if wanted is SessionState.LIVE:
            session.handle(SeatGiven(0), self._now_ns)
        session.effects()
        return session


class CredentialTarget:
    """The signature of tokens and tickets: whatever was not signed is `Forged`, never let in, and never a crash."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._signer = Signer.drawn(rng.randbytes(32))
        token = ResumeToken("1", 2, "ada", "Ada", False, 1, 3)
        ticket = Ticket("1", "ada", "Ada", False, "node", 1, 2**40, rng.randbytes(NONCE_BYTES))
        self._good = (token.sign(self._signer), ticket.sign(self._signer))

    def take(self, frame: bytes) -> None:
        """Verify the frame as text, then mutants of a good token and a good ticket."""
        for text in (frame.decode("latin-1"), *self._mutants()):
            for cls in (ResumeToken, Ticket):
                self._must_be_forged(cls, text)

    def _mutants(self) -> Iterator[str]:
        for good in self._good:
            mutant = mutate_bytes(self._rng, good.encode()).decode("latin-1")
            if mutant != good:
                yield mutant

    def _must_be_forged(self, cls: type[ResumeToken | Ticket], text: str) -> None:
        try:
            cls.verify(self._signer, text)
        except Forged:
            return
        raise Broken(f"a forged {cls.__name__} was believed: {text!r}")


class MatchTarget:
    """A whole match behind one session: what the session passes on must end neither the match nor the neighbour.

    A mutant that is a HELLO comes on a new socket, with or without the claim of the last WELCOME.
    """

    def __init__(self, rng: Random, game: type[Game]) -> None:
        self._rng = rng
        self._game = game
        self._now_ns = self._frames = self._connection = 0
        self._claim: facts.Claim | None = None
        self.match = Match(game(), "1", seed=rng.getrandbits(32), start_ns=0, grace_s=1.0)
        self.match.handle(facts.Join(NEIGHBOUR, "neighbour", HELLO), 0)
        self.session = self._join()

    def take(self, frame: bytes) -> None:
        """Let the frame come; every so often a tick passes."""
        hello = _hello_in(frame)
        if hello is not None:
            # A lost socket's seat waits; most claims are fresh, and half of the schemas are the match's.
            self._leave(1006)
            hello = replace(hello, schema_hash=self._rng.choice((0, hello.schema_hash)))
            self._dial(hello, self._claim if self._rng.random() < 0.8 else None)
        else:
            self.session.handle(FrameReceived(frame), self._now_ns)
            self._carry_session()
        self._frames += 1
        if self._frames % FRAMES_PER_TICK == 0:
            self._tick()
        if self.session.state is SessionState.CLOSED:
            # 1000 gives the seat up at once: a seat that waits for a resume would keep the next one out.
            self._leave(1000)
            self._join()

    def _tick(self) -> None:
        self.match.handle(facts.FromConnection(NEIGHBOUR, Ack(max(0, self.match.tick - 1))), self._now_ns)
        self._now_ns = max(self._now_ns, self.match.deadline_ns or 0)
        self.match.advance(self._now_ns)
        self._carry_match()

    def _leave(self, code: int) -> None:
        self.session.handle(SocketClosed(), self._now_ns)
        self.match.handle(facts.Gone(self._connection, code), self._now_ns)
        self._carry_match()

    def _dial(self, hello: Hello, claim: facts.Claim | None) -> None:
        self._connection += 1
        self.session = Session(self.match.vocabulary, self._now_ns)
        self._joining = facts.Join(self._connection, "Mallory", hello, attempt=self._connection, claim=claim)
        self.session.handle(FrameReceived(encode(hello)), self._now_ns)
        self._carry_session()
        self._tick()

    def _join(self) -> Session:
        # Seats that wait for a resume are given up after a second.
        for _ in range(2 * self.match.tick_rate_hz):
            self._dial(HELLO, None)
            if self.session.state is SessionState.LIVE:
                return self.session
        raise Broken(f"nobody gets a seat any more: {self.session.state}")

    def _carry_session(self) -> None:
        for effect in checked_effects(self.session):
            match effect:
                case Passed(Hello()):
                    self.match.handle(self._joining, self._now_ns)
                case Passed(message, value):
                    self.match.handle(facts.FromConnection(self._connection, message, value), self._now_ns)
        self._carry_match()

    def _carry_match(self) -> None:
        for effect in self.match.effects():
            match effect:
                case facts.Close(connection, code, sentence) | facts.Cut(connection, code, sentence):
                    if connection == NEIGHBOUR:
                        raise Broken(f"the neighbour was closed: {code} {sentence}")
                    _check_close(code, sentence)
                    if connection == self._connection:
                        self.session.handle(SocketClosed(), self._now_ns)
                case facts.Seated(connection, seat) if connection == self._connection:
                    self.session.handle(SeatGiven(seat), self._now_ns)
                case facts.Greet(connection, welcome, claim):
                    encode(welcome)
                    self._claim = claim if connection != NEIGHBOUR else self._claim
                case facts.Told("error", event, fields):
                    raise Broken(f"the match of {self._game.__name__} told {event}: {fields}")
        if self.match.ended:
            raise Broken(f"the match of {self._game.__name__} ended")


def _hello_in(frame: bytes) -> Hello | None:
    try:
        message = decode(frame, Direction.TO_SERVER)
    except PeerFault:
        return None
    return message if isinstance(message, Hello) else None


class ClientTarget:
    """The client's session, hearing a server that begins well: `recording` is what a real match sent."""

    def __init__(self, rng: Random, recording: Sequence[bytes]) -> None:
        self._rng = rng
        self._recording = recording
        self._now_ns = 0
        self._socket = 0
        self._honest: Iterator[bytes] = iter(())
        self.session = self._fresh()

    def take(self, frame: bytes) -> None:
        """Let an honest frame come, then the mutant."""
        self._now_ns += STEP_NS * self._rng.choice((1, 1, 1, 50, 5000))
        self.session.advance(self._now_ns)
        self._carry()
        if self.session.state is ClientState.CLOSED:
            self.session = self._fresh()
        if self.session.state in (ClientState.WAITING, ClientState.DIALLING):
            self._dial()
        self._play()
        if self._rng.random() < 0.9:
            self._hear(next(self._honest, frame))
        self._hear(frame)

    def _fresh(self) -> ClientSession:
        return ClientSession("ws://there/v1/match/1", Random(self._rng.getrandbits(32)), self._now_ns)

    def _dial(self) -> None:
        deadline_ns = self.session.deadline_ns
        self._now_ns = max(self._now_ns, deadline_ns or 0)
        self.session.advance(self._now_ns)
        self._carry()
        self.session.handle(SocketOpened(self._socket), self._now_ns)
        self._carry()
        self._honest = iter(self._recording)
        for _ in range(self._rng.choice((0, 1, 2, 2, 2, 2))):
            self._hear(next(self._honest))

    def _play(self) -> None:
        try:
            self.session.send_input()
            self.session.command_values(0, ["a"])
        except UsageFault:
            pass  # What the mutated schema asks for was not given, or too many commands wait.
        self._carry()

    def _hear(self, frame: bytes) -> None:
        self.session.handle(ClientFrame(self._socket, frame), self._now_ns)
        self._carry()

    def _carry(self) -> None:
        for effect in self.session.effects():
            self._carry_out(effect)
            str(self.session.status)

    def _carry_out(self, effect: ClientEffect) -> None:
        match effect:
            case DialNow():
                self._socket = effect.socket
            case StateApplied():
                # What a window does: read every field of everything.
                for entity_id in list(self.session.wire_state.entities):
                    repr(self.session.world.get(entity_id))


def checked_effects(session: Session) -> list[Any]:
    """Return the effects of a session, of which none may be what a server could not carry out."""
    effects = session.effects()
    for effect in effects:
        if isinstance(effect, CloseSocket):
            _check_close(effect.code, effect.sentence)
            if session.state is not SessionState.CLOSED:
                raise Broken("a session that closes its socket is closed")
    return effects


def _check_close(code: int, sentence: str) -> None:
    if code not in CLOSE_CODES:
        raise Broken(f"close code {code} is not in the table")
    encode(Refusal(code, sentence[:SENTENCE_LENGTH_MAX], 0))
