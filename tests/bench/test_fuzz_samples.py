"""What mutants are made from must be honest itself."""

import pytest

from bench.fuzz_samples import recording_of, samples_of
from demo_game.arena import Arena
from examples.cards import Cards
from game_server import Game
from game_server.session.facts import CloseSocket, FrameReceived, SeatGiven
from game_server.session.session import Session
from game_server.sim.match import Match
from protocol.codec import decode
from protocol.messages import Hello, Keyframe, State, Welcome
from protocol.rows import Direction
from protocol.schema import Schema
from protocol.state_codec import WireState


@pytest.mark.parametrize("game", [Arena, Cards])
def test_no_session_refuses_a_sample(game: type[Game]) -> None:
    vocabulary = Match(game(), "1").vocabulary
    for sample in samples_of(vocabulary):
        session = Session(vocabulary, 0)
        if not isinstance(decode(sample, Direction.TO_SERVER), Hello):
            session.handle(FrameReceived(samples_of(vocabulary)[0]), 0)
            session.handle(SeatGiven(0), 0)
        session.handle(FrameReceived(sample), 0)
        assert not [each for each in session.effects() if isinstance(each, CloseSocket)]


@pytest.mark.parametrize("game", [Arena, Cards])
def test_a_recording_can_be_followed_from_welcome_on(game: type[Game]) -> None:
    welcome, *rest = [decode(each, Direction.TO_CLIENT) for each in recording_of(game)]
    assert isinstance(welcome, Welcome) and isinstance(rest[0], Keyframe)
    state = WireState(Schema.from_wire(welcome.schema))
    for frame in rest:
        if isinstance(frame, Keyframe):
            state.apply_keyframe(frame)
        elif isinstance(frame, State):
            assert state.can_apply(frame)
            state.apply_state(frame)
    assert len(rest) > 10 and state.entities
