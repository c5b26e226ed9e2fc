"""A few thousand mutants in a few seconds, shrunk by Hypothesis where one of them finds something."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz import fuzz_in_process
from bench.fuzz_samples import HELLO, samples_of
from bench.fuzz_targets import DecoderTarget, SessionTarget, checked_effects
from bench.mutate import MSGPACK_BYTES, Mutator, mutate_bytes
from demo_game.arena import Arena
from game_server.session.facts import ControlFrameReceived, FrameReceived, SeatGiven, SocketClosed, TextReceived
from game_server.session.rate_limit import RateLimits
from game_server.session.session import Session, SessionState
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.rows import Direction

ARENA = Match(Arena(), "1").vocabulary
SAMPLES = samples_of(ARENA)
MUTANTS = st.builds(
    lambda seed, sample: mutate_bytes(Random(seed), sample, MSGPACK_BYTES),
    st.integers(0, 2**32),
    st.sampled_from(SAMPLES),
)
FACTS = st.one_of(
    st.builds(FrameReceived, MUTANTS | st.sampled_from(SAMPLES) | st.binary(max_size=60)),
    st.just(TextReceived()),
    st.just(ControlFrameReceived()),
    st.just(SocketClosed()),
)


@given(st.integers(0, 2**32), st.sampled_from(Direction))
def test_a_mutant_gives_a_message_or_a_peer_fault(seed: int, direction: Direction) -> None:
    target, mutator = DecoderTarget(direction), Mutator(Random(seed), direction)
    for _ in range(20):
        target.take(mutator.frame())


@given(st.integers(0, 2**32))
def test_a_session_never_raises_and_rests_once_it_is_closed(seed: int) -> None:
    target = SessionTarget(Random(seed), ARENA)
    mutator = Mutator(Random(seed), Direction.TO_SERVER, SAMPLES)
    for _ in range(20):
        target.take(mutator.frame())


@settings(max_examples=200)
@given(st.lists(FACTS, max_size=30), st.booleans(), st.sampled_from((None, 0.01, 1.0)))
def test_no_order_of_facts_makes_a_session_raise(
    facts: list[FrameReceived], seated: bool, factor: float | None
) -> None:
    session = Session(ARENA, 0, limits=None if factor is None else RateLimits(30, factor))
    if seated:
        session.handle(FrameReceived(encode(HELLO)), 0)
        session.handle(SeatGiven(1), 0)
    for now_ns, fact in enumerate(facts):
        was_closed = session.state is SessionState.CLOSED
        session.handle(fact, now_ns)
        assert not (checked_effects(session) and was_closed and now_ns)


def test_thousands_of_mutants_let_nothing_escape(seed: int) -> None:
    result = fuzz_in_process(9000, seed)
    assert result.clean, result.findings
