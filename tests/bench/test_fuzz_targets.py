"""Targets: each lives on under mutants, and each sees the fault that it is there for."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import bench.fuzz_targets
from bench.fuzz_samples import HELLO, recording_of, samples_of
from bench.fuzz_targets import Broken, ClientTarget, CredentialTarget, DecoderTarget, MatchTarget, SessionTarget
from bench.mutate import Mutator
from demo_game.arena import Arena
from examples.cards import Cards
from game_client.session import ClientSession
from game_client.session import SessionState as ClientState
from game_server.session.facts import CloseSocket
from game_server.session.session import Session, SessionState
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.errors import PeerFault
from protocol.messages import CommandFrame
from protocol.rows import Direction

ARENA = Match(Arena(), "1").vocabulary


def mutants(direction: Direction, count: int, samples: list[bytes]) -> list[bytes]:
    mutator = Mutator(Random(5), direction, samples)
    return [mutator.frame() for _ in range(count)]


def throw(target: Any, frames: list[bytes]) -> None:
    for frame in frames:
        target.take(frame)


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def test_a_decoder_that_raises_anything_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    target = DecoderTarget(Direction.TO_SERVER)
    throw(target, mutants(Direction.TO_SERVER, 500, []))
    monkeypatch.setattr(bench.fuzz_targets, "decode", raising(KeyError("x")))
    with pytest.raises(KeyError):
        target.take(b"")
    monkeypatch.setattr(bench.fuzz_targets, "decode", raising(PeerFault("x", 1234)))
    with pytest.raises(Broken, match="1234"):
        target.take(b"")


def test_sessions_are_met_in_every_state() -> None:
    target = SessionTarget(Random(1), ARENA)
    met = set()
    for frame in mutants(Direction.TO_SERVER, 500, samples_of(ARENA)):
        met.add(target.session.state)
        target.take(frame)
    assert met == {SessionState.CONNECTED, SessionState.JOINING, SessionState.LIVE}


def test_a_session_that_goes_on_after_its_end_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    target = SessionTarget(Random(1), ARENA)
    real = Session.effects
    monkeypatch.setattr(Session, "effects", lambda self: [*real(self), CloseSocket(1002, "again", "frame")])
    with pytest.raises(Broken):
        throw(target, mutants(Direction.TO_SERVER, 50, []))


@pytest.mark.parametrize("game", [Arena, Cards])
def test_a_match_lives_on_and_passes_its_ticks(game: type[Arena] | type[Cards]) -> None:
    target = MatchTarget(Random(1), game)
    throw(target, mutants(Direction.TO_SERVER, 1500, samples_of(target.match.vocabulary)))
    counts = target.match.counts
    assert counts.ticks > 100 and counts.resumes_refused
    assert counts.resumes_by_delta + counts.resumes_by_keyframe > 0


def test_a_match_that_ends_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    target = MatchTarget(Random(1), Cards)
    monkeypatch.setattr(target.match.game, "on_command", raising(ZeroDivisionError()))
    with pytest.raises(Broken, match="game_failed"):
        for _ in range(20):
            target.take(encode(CommandFrame(1, 0, [1])))


def test_clients_come_alive_again_and_again() -> None:
    film = recording_of(Arena)
    target = ClientTarget(Random(1), film)
    met = set()
    sessions: set[int] = set()
    for frame in mutants(Direction.TO_CLIENT, 1000, film):
        target.take(frame)
        met.add(target.session.state)
        sessions.add(id(target.session))
    assert met >= {ClientState.LIVE, ClientState.CLOSED, ClientState.JOINING}


def test_a_client_that_raises_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    film = recording_of(Arena)
    target = ClientTarget(Random(1), film)
    monkeypatch.setattr(ClientSession, "_receive", raising(IndexError()))
    with pytest.raises(IndexError):
        throw(target, mutants(Direction.TO_CLIENT, 5, film))


def test_a_forged_credential_that_is_believed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    target = CredentialTarget(Random(1))
    throw(target, [encode(HELLO)] * 100)
    monkeypatch.setattr(bench.fuzz_targets.Ticket, "verify", lambda signer, text: None)
    with pytest.raises(Broken, match="forged Ticket"):
        target.take(b"")
