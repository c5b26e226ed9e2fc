"""Honest frames to begin from: what a client of a game could send, and what its match did send.

To test: `tests/bench/test_fuzz_samples.py`.
"""

from typing import Any

from game_server.game import Game
from game_server.sim import facts
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.messages import Ack, CommandFrame, EventAck, Hello, InputFrame, Resync
from protocol.schema import RecordKind
from protocol.vocabulary import Vocabulary

HELLO = Hello(0, 0, -1, -1, 0, 0)
RESUME = Hello(0, 1, 10, -1, 0, 0)
SAMPLE_VALUES = {"int": 1, "edge": 1, "bool": True, "float": 0.5, "text": "a", "enum": 0}
PLAYER = 1


def samples_of(vocabulary: Vocabulary) -> list[bytes]:
    """Return frames that a client of this game could send."""
    samples = [encode(each) for each in (HELLO, RESUME, Ack(5), Resync(-1, 0), Resync(5, 0), EventAck(1))]
    if vocabulary.input is not None:
        values = _values_of(vocabulary.input.kind)
        samples += [encode(InputFrame(0, tick, 1, 8, values)) for tick in (1, 5, 100, 70_000)]
    for place, book in enumerate(vocabulary.commands):
        samples += [encode(CommandFrame(sequence, place, _values_of(book.kind))) for sequence in (1, 2, 3)]
    return samples


def _values_of(kind: RecordKind) -> list[Any]:
    return [SAMPLE_VALUES[each.type] if each.default is None else each.default for each in kind.fields]


def recording_of(game: type[Game], *, seed: int = 1, ticks: int = 120) -> list[bytes]:
    """Return what a match sends to one of its two players: WELCOME, KEYFRAME, states, events."""
    match = Match(game(), "1", seed=seed, start_ns=0)
    for connection in (PLAYER, PLAYER + 1):
        match.handle(facts.Join(connection, "Ada", HELLO), 0)
    frames: list[bytes] = []
    for _ in range(ticks):
        now_ns = match.deadline_ns or 0
        match.advance(now_ns)
        frames += _frames_in(match.effects())
        match.handle(facts.FromConnection(PLAYER, Ack(match.tick - 1)), now_ns)
        if match.vocabulary.input is not None:
            message = InputFrame(0, match.tick + 2, 1, 0, _values_of(match.vocabulary.input.kind))
            value = match.vocabulary.parse_input(list(message.values))
            match.handle(facts.FromConnection(PLAYER, message, value), now_ns)
    return frames


def _frames_in(effects: list[Any]) -> list[bytes]:
    frames = []
    for effect in effects:
        match effect:
            case facts.Greet(connection, welcome) if connection == PLAYER:
                frames.append(encode(welcome))
            case facts.Send(connection, frame) if connection == PLAYER:
                frames.append(frame)
    return frames
