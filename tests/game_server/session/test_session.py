"""The session's table: every state with every fact."""

from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from game_server.session.facts import (
    CloseSocket,
    ControlFrameReceived,
    Fact,
    FrameReceived,
    Passed,
    SeatGiven,
    SocketClosed,
    TextReceived,
)
from game_server.session.rate_limit import RateLimits
from game_server.session.session import EFFECTS_MAX, HELLO_NS, Session, SessionState
from protocol.close_codes import Return, close_code
from protocol.codec import encode
from protocol.declare import Chat, Input
from protocol.errors import UsageFault
from protocol.messages import Ack, CommandFrame, EventAck, Hello, InputFrame, Resync, Welcome
from protocol.vocabulary import Vocabulary


class Steer(Input):
    dx: Annotated[int, Field(ge=-1, le=1)] = 0


VOCABULARY = Vocabulary(input=Steer, commands=[Chat])
HELLO = Hello(0, 0, -1, -1, 0, 0)


def session(
    state: SessionState = SessionState.LIVE, limits: RateLimits | None = None, spectator: bool = False
) -> Session:
    made = Session(VOCABULARY, 0, limits=limits, spectator=spectator)
    if state in (SessionState.JOINING, SessionState.LIVE):
        made.handle(FrameReceived(encode(HELLO)), 0)
    if state is SessionState.LIVE:
        made.handle(SeatGiven(3), 0)
    if state is SessionState.CLOSED:
        made.handle(SocketClosed(), 0)
    made.effects()
    return made


def test_hello_is_passed_on_and_a_seat_makes_it_live() -> None:
    made = session(SessionState.CONNECTED)
    made.handle(FrameReceived(encode(HELLO)), 0)
    assert made.effects() == [Passed(HELLO)]
    assert made.state is SessionState.JOINING and made.deadline_ns is None
    made.handle(SeatGiven(3), 0)
    assert made.state is SessionState.LIVE and made.seat == 3


def test_inputs_and_commands_are_passed_on_parsed() -> None:
    made = session()
    frames = [InputFrame(0, 5, 1, 0, [-1]), CommandFrame(1, 0, ["hi"]), Ack(4)]
    for each in frames:
        made.handle(FrameReceived(encode(each)), 0)
    values = [each.value for each in made.effects() if isinstance(each, Passed)]
    assert values == [Steer(dx=-1), Chat(text="hi"), None]


@pytest.mark.parametrize(
    ("state", "fact", "code", "cause"),
    [
        (SessionState.CONNECTED, FrameReceived(encode(Ack(1))), 1002, "order"),
        (SessionState.JOINING, FrameReceived(encode(Ack(1))), 1002, "order"),
        (SessionState.JOINING, FrameReceived(encode(HELLO)), 1002, "order"),
        (SessionState.LIVE, FrameReceived(encode(HELLO)), 1002, "order"),
        (SessionState.LIVE, FrameReceived(b"junk"), 1002, "malformed"),
        (SessionState.LIVE, FrameReceived(b"\x90" * 5000), 1009, "size"),
        (SessionState.LIVE, FrameReceived(encode(Welcome(0, 0, 1, 0, 0, [], "", 0, 0))), 1002, "malformed"),
        (SessionState.LIVE, FrameReceived(encode(InputFrame(0, 5, 1, 0, [2]))), 1002, "range"),
        (SessionState.LIVE, FrameReceived(encode(CommandFrame(1, 9, []))), 1002, "malformed"),
        (SessionState.CONNECTED, TextReceived(), 1003, "text"),
        (SessionState.JOINING, TextReceived(), 1003, "text"),
        (SessionState.LIVE, TextReceived(), 1003, "text"),
    ],
)
def test_a_violation_closes_with_its_code_its_cause_and_a_sentence(
    state: SessionState, fact: Fact, code: int, cause: str
) -> None:
    made = session(state)
    made.handle(fact, 0)
    (effect,) = made.effects()
    assert isinstance(effect, CloseSocket) and (effect.code, effect.cause) == (code, cause) and effect.sentence
    assert made.state is SessionState.CLOSED


def test_effects_that_nobody_takes_are_the_callers_bug() -> None:
    made = session()
    for _ in range(EFFECTS_MAX):
        made.handle(FrameReceived(encode(Ack(1))), 0)
    with pytest.raises(UsageFault, match="drained"):
        made.handle(FrameReceived(encode(Ack(1))), 0)
    assert len(made.effects()) == EFFECTS_MAX
    made.handle(FrameReceived(encode(Ack(1))), 0)


def test_a_closed_session_ignores_everything() -> None:
    made = session(SessionState.CLOSED)
    for fact in (FrameReceived(b"junk"), TextReceived(), ControlFrameReceived(), SeatGiven(1), SocketClosed()):
        made.handle(fact, 0)
    made.advance(10**12)
    assert made.effects() == []


@pytest.mark.parametrize("state", [SessionState.CONNECTED, SessionState.LIVE])
def test_a_seat_for_who_did_not_ask_is_the_callers_bug(state: SessionState) -> None:
    with pytest.raises(UsageFault, match="joining"):
        session(state).handle(SeatGiven(1), 0)


def test_hello_must_come_within_five_seconds_and_who_was_late_may_return_at_once() -> None:
    made = session(SessionState.CONNECTED)
    made.advance(HELLO_NS - 1)
    assert made.effects() == []
    made.advance(HELLO_NS)
    (effect,) = made.effects()
    assert effect == CloseSocket(4008, "HELLO did not come in time", "order")
    assert close_code(4008).client is Return.AT_ONCE


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_noise_never_raises(frames: list[bytes]) -> None:
    made = session()
    for frame in frames:
        made.handle(FrameReceived(frame), 0)
    assert all(isinstance(each, Passed | CloseSocket) for each in made.effects())


def test_the_deadline_for_hello_can_be_set() -> None:
    made = Session(VOCABULARY, 0, hello_within_ns=10)
    made.advance(9)
    assert made.effects() == []
    made.advance(10)
    assert [each.code for each in made.effects() if isinstance(each, CloseSocket)] == [4008]


def test_too_many_frames_close_with_a_sentence_that_names_the_limit() -> None:
    made = session(limits=RateLimits(20))
    for _ in range(121):
        made.handle(FrameReceived(encode(InputFrame(0, 5, 1, 0, [1]))), 0)
    *passed, last = made.effects()
    assert len(passed) == 120
    assert last == CloseSocket(1008, "too many INPUT frames: 40 a second are allowed, 120 at once", "rate")


def test_frames_are_counted_before_anything_looks_into_them(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every real frame that does not decode closes at once; this one costs nothing but its count.
    monkeypatch.setattr("game_server.session.session.decode", lambda *_: Ack(1))
    monkeypatch.setattr(RateLimits, "message", lambda *_: None)
    made = session(SessionState.CONNECTED, RateLimits(20))
    made.state = SessionState.LIVE
    for _ in range(2000):
        made.handle(FrameReceived(b"?"), 0)
    assert [each.sentence[:15] for each in made.effects() if isinstance(each, CloseSocket)] == ["too many frames"]


def test_what_came_while_the_process_stood_still_is_forgiven_and_no_more() -> None:
    made = session(limits=RateLimits(20))
    woke_ns = 8 * 10**9
    made.forgive(woke_ns + 10**9)
    for _ in range(8 * 60):
        made.handle(FrameReceived(encode(InputFrame(0, 5, 1, 0, [1]))), woke_ns)
        made.handle(ControlFrameReceived(), woke_ns)
    assert len(made.effects()) == 8 * 60 and made.state is SessionState.LIVE
    for _ in range(121):
        made.handle(FrameReceived(encode(InputFrame(0, 5, 1, 0, [1]))), woke_ns + 10**9)
    assert [each.cause for each in made.effects() if isinstance(each, CloseSocket)] == ["rate"]


def test_a_forgiven_session_may_say_hello_later_and_never_sooner() -> None:
    made = session(SessionState.CONNECTED)
    made.forgive(1)
    assert made.deadline_ns == HELLO_NS
    made.forgive(HELLO_NS + 10)
    made.advance(HELLO_NS + 9)
    assert made.effects() == [] and made.deadline_ns == HELLO_NS + 10
    made.advance(HELLO_NS + 10)
    assert [each.code for each in made.effects() if isinstance(each, CloseSocket)] == [4008]


def test_forgiving_excuses_no_violation_but_of_the_limits() -> None:
    made = session(limits=RateLimits(20))
    made.forgive(10)
    made.handle(FrameReceived(b"junk"), 5)
    assert [each.code for each in made.effects() if isinstance(each, CloseSocket)] == [1002]


@pytest.mark.parametrize("state", [SessionState.CONNECTED, SessionState.JOINING, SessionState.LIVE])
def test_control_frames_are_counted_in_every_state(state: SessionState) -> None:
    made = session(state, RateLimits(20))
    for _ in range(20):
        made.handle(ControlFrameReceived(), 0)
    assert made.effects() == [] and made.state is state
    made.handle(ControlFrameReceived(), 0)
    assert [(each.code, each.cause) for each in made.effects() if isinstance(each, CloseSocket)] == [(1008, "rate")]


def test_without_limits_nothing_is_counted() -> None:
    made = session()
    for _ in range(5000):
        made.handle(FrameReceived(encode(Ack(1))), 0)
        made.handle(ControlFrameReceived(), 0)
    assert made.state is SessionState.LIVE


@pytest.mark.parametrize("message", [InputFrame(0, 5, 1, 0, [1]), CommandFrame(1, 0, ["hi"]), CommandFrame(1, 9, [])])
def test_a_spectator_only_watches(message: InputFrame | CommandFrame) -> None:
    made = session(spectator=True)
    made.handle(FrameReceived(encode(message)), 0)
    assert made.effects() == [CloseSocket(1008, "a spectator only watches", "order")]


def test_what_a_watcher_must_say_a_spectator_may() -> None:
    made = session(spectator=True)
    for each in (Ack(1), Resync(-1, 0), EventAck(1)):
        made.handle(FrameReceived(encode(each)), 0)
    assert len(made.effects()) == 3 and made.state is SessionState.LIVE


@dataclass(frozen=True)
class Advance:
    """Not a fact: the clock is looked at."""


FRAMES = [
    HELLO,
    InputFrame(0, 5, 1, 0, [1]),
    InputFrame(0, 5, 1, 0, [9]),
    CommandFrame(1, 0, ["hi"]),
    Ack(1),
    EventAck(1),
]
STEPS: st.SearchStrategy[Fact | Advance] = st.one_of(
    st.sampled_from([FrameReceived(encode(each)) for each in FRAMES]),
    st.sampled_from([FrameReceived(encode(HELLO)), SeatGiven(3)]),
    st.binary(max_size=12).map(FrameReceived),
    st.just(FrameReceived(b"\x90" * 5000)),
    st.sampled_from([TextReceived(), ControlFrameReceived(), SeatGiven(3), SocketClosed(), Advance()]),
)
LEGAL = {
    (SessionState.CONNECTED, SessionState.JOINING),
    (SessionState.JOINING, SessionState.LIVE),
    (SessionState.CONNECTED, SessionState.CLOSED),
    (SessionState.JOINING, SessionState.CLOSED),
    (SessionState.LIVE, SessionState.CLOSED),
}


def refused(made: Session, step: Fact | Advance, now_ns: int) -> bool:
    """Give one step; return whether it was refused as the caller's bug."""
    if isinstance(step, Advance):
        made.advance(now_ns)
        return False
    try:
        made.handle(step, now_ns)
    except UsageFault:
        return True
    return False


def check_step(made: Session, step: Fact | Advance, now_ns: int) -> int:
    """Give one step and hold it against the table; return how many closes it cost."""
    before = made.state
    was_refused = refused(made, step, now_ns)
    after, effects = made.state, made.effects()
    # The one exception is a seat that nobody asked for, and it changes nothing.
    assert was_refused is (isinstance(step, SeatGiven) and before in (SessionState.CONNECTED, SessionState.LIVE))
    assert after is before or (before, after) in LEGAL
    assert not effects or (before is not SessionState.CLOSED and not was_refused)
    assert len(effects) <= 1
    closed = [each for each in effects if isinstance(each, CloseSocket)]
    assert all(each.code in (1002, 1003, 1008, 1009, 4008) and each.sentence and each.cause for each in closed)
    if before is not SessionState.CLOSED:
        # A violation costs one CloseSocket; only the end of the socket itself closes without.
        assert (after is SessionState.CLOSED) is (bool(closed) or isinstance(step, SocketClosed))
        assert not isinstance(step, FrameReceived) or len(effects) == 1
    assert (made.deadline_ns is not None) is (after is SessionState.CONNECTED)
    return len(closed)


@given(
    steps=st.lists(st.tuples(STEPS, st.integers(0, 2 * 10**9), st.integers(1, 40)), max_size=25),
    spectator=st.booleans(),
    limited=st.booleans(),
)
def test_any_sequence_of_facts_walks_the_table(
    steps: list[tuple[Fact | Advance, int, int]], spectator: bool, limited: bool
) -> None:
    made = Session(VOCABULARY, 0, limits=RateLimits(1) if limited else None, spectator=spectator)
    now_ns, closes = 0, 0
    for step, pause_ns, times in steps:
        now_ns += pause_ns
        closes += sum(check_step(made, step, now_ns) for _ in range(times))
    assert closes <= 1


@given(st.lists(STEPS, min_size=1, max_size=30))
def test_only_hello_makes_it_join_and_only_a_seat_makes_it_live(steps: list[Fact | Advance]) -> None:
    made = Session(VOCABULARY, 0)
    for step in steps:
        before = made.state
        refused(made, step, 0)
        if made.state is SessionState.JOINING and before is not SessionState.JOINING:
            assert step == FrameReceived(encode(HELLO))
        if made.state is SessionState.LIVE and before is not SessionState.LIVE:
            assert step == SeatGiven(3) and before is SessionState.JOINING
