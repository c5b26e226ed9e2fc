"""The session's table: every state with every fact."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from game_server.session.facts import CloseSocket, FrameReceived, Passed, SeatGiven, SocketClosed, TextReceived
from game_server.session.session import HELLO_NS, Session, SessionState
from protocol.codec import encode
from protocol.declare import Chat, Input
from protocol.errors import UsageFault
from protocol.messages import Ack, CommandFrame, Hello, InputFrame, Welcome
from protocol.vocabulary import Vocabulary


class Steer(Input):
    dx: Annotated[int, Field(ge=-1, le=1)] = 0


VOCABULARY = Vocabulary(input=Steer, commands=[Chat])
HELLO = Hello(0, 0, -1, -1, 0, 0)


def session(state: SessionState = SessionState.LIVE) -> Session:
    made = Session(VOCABULARY, 0)
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
    ("state", "fact", "code"),
    [
        (SessionState.CONNECTED, FrameReceived(encode(Ack(1))), 1002),
        (SessionState.JOINING, FrameReceived(encode(Ack(1))), 1002),
        (SessionState.JOINING, FrameReceived(encode(HELLO)), 1002),
        (SessionState.LIVE, FrameReceived(encode(HELLO)), 1002),
        (SessionState.LIVE, FrameReceived(b"junk"), 1002),
        (SessionState.LIVE, FrameReceived(b"\x90" * 5000), 1009),
        (SessionState.LIVE, FrameReceived(encode(Welcome(0, 0, 1, 0, 0, [], "", 0))), 1002),
        (SessionState.LIVE, FrameReceived(encode(InputFrame(0, 5, 1, 0, [2]))), 1002),
        (SessionState.LIVE, FrameReceived(encode(CommandFrame(1, 9, []))), 1002),
        (SessionState.CONNECTED, TextReceived(), 1003),
        (SessionState.JOINING, TextReceived(), 1003),
        (SessionState.LIVE, TextReceived(), 1003),
    ],
)
def test_a_violation_closes_with_its_code_and_a_sentence(state: SessionState, fact: object, code: int) -> None:
    made = session(state)
    made.handle(fact, 0)  # type: ignore[arg-type]
    (effect,) = made.effects()
    assert isinstance(effect, CloseSocket) and effect.code == code and effect.sentence
    assert made.state is SessionState.CLOSED


def test_a_closed_session_ignores_everything() -> None:
    made = session(SessionState.CLOSED)
    for fact in (FrameReceived(b"junk"), TextReceived(), SeatGiven(1), SocketClosed()):
        made.handle(fact, 0)
    made.advance(10**12)
    assert made.effects() == []


@pytest.mark.parametrize("state", [SessionState.CONNECTED, SessionState.LIVE])
def test_a_seat_for_who_did_not_ask_is_the_callers_bug(state: SessionState) -> None:
    with pytest.raises(UsageFault, match="joining"):
        session(state).handle(SeatGiven(1), 0)


def test_hello_must_come_within_five_seconds() -> None:
    made = session(SessionState.CONNECTED)
    made.advance(HELLO_NS - 1)
    assert made.effects() == []
    made.advance(HELLO_NS)
    (effect,) = made.effects()
    assert isinstance(effect, CloseSocket) and effect.code == 1008


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
    assert [each.code for each in made.effects() if isinstance(each, CloseSocket)] == [1008]
