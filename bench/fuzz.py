"""Mutated frames against the decoders, the sessions and a match, in this process.

    fuzz_in_process(200_000, seed=1)

Whatever escapes but a `PeerFault` that the session turned into a close is counted, with the frame that did it.
To test: `tests/bench/test_fuzz.py`; more frames, `tests/fuzz/`; over sockets, `bench/fuzz_live.py`.
"""

import gc
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from bench.fuzz_samples import recording_of, samples_of
from bench.fuzz_targets import ClientTarget, CredentialTarget, DecoderTarget, MatchTarget, SessionTarget, Target
from bench.leak import STANDS_BYTES_PER_UNIT, STRETCHES_MAX, Memory
from bench.mutate import Mutator
from demo_game.arena import Arena
from examples.cards import Cards
from game_server.sim.match import Match
from protocol.rows import Direction

FINDINGS_MAX = 20
FRAMES_PER_TURN = 100
SAMPLES = 80
WARM_UP_SHARE = 0.4


@dataclass(slots=True)
class FuzzResult:
    """What became of so many frames.

    `escapes` counts exceptions that got out and promises that were broken, `unhandled` error lines of a server's log,
    `exits` ended processes; `phases` how many frames met what. `findings` tells the first of them, for a person.
    """

    frames: int = 0
    escapes: int = 0
    unhandled: int = 0
    exits: int = 0
    rss_bytes_per_frame: float = 0.0
    phases: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found, memory aside."""
        return not (self.escapes or self.unhandled or self.exits)

    def find(self, finding: str) -> None:
        """Remember a finding, unless there are many."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)


@dataclass(slots=True)
class Phase:
    """A target, what is thrown at it, and how to make it anew after an escape."""

    name: str
    mutator: Mutator
    make: Callable[[], Target]
    target: Target = field(init=False)

    def __post_init__(self) -> None:
        self.target = self.make()

    def throw(self, result: FuzzResult) -> None:
        """Throw one mutant."""
        frame = self.mutator.frame()
        result.frames += 1
        result.phases[self.name] += 1
        try:
            self.target.take(frame)
        except Exception:
            result.escapes += 1
            result.find(f"{self.name}: {frame.hex()}\n{traceback.format_exc()}")
            self.target = self.make()


def phases_of(seed: int) -> list[Phase]:
    """Return all phases, each with a generator of its own."""
    rng = Random(seed)
    to_server, to_client = Direction.TO_SERVER, Direction.TO_CLIENT
    arena, cards = (Match(game(), "1", seed=1, start_ns=0).vocabulary for game in (Arena, Cards))
    samples = samples_of(arena) + samples_of(cards)
    films = {game: recording_of(game) for game in (Arena, Cards)}

    def mutator(direction: Direction, more: list[bytes]) -> Mutator:
        return Mutator(Random(rng.getrandbits(64)), direction, more)

    def own() -> Random:
        return Random(rng.getrandbits(64))

    return [
        Phase("decode client -> server", mutator(to_server, samples), lambda: DecoderTarget(to_server)),
        Phase("decode server -> client", mutator(to_client, films[Arena]), lambda: DecoderTarget(to_client)),
        Phase("credential", mutator(to_server, []), lambda: CredentialTarget(own())),
        Phase("session Arena", mutator(to_server, samples_of(arena)), lambda: SessionTarget(own(), arena)),
        Phase("session Cards", mutator(to_server, samples_of(cards)), lambda: SessionTarget(own(), cards)),
        Phase("match Arena", mutator(to_server, samples_of(arena)), lambda: MatchTarget(own(), Arena)),
        Phase("match Cards", mutator(to_server, samples_of(cards)), lambda: MatchTarget(own(), Cards)),
        Phase("client Arena", mutator(to_client, films[Arena]), lambda: ClientTarget(own(), films[Arena])),
        Phase("client Cards", mutator(to_client, films[Cards]), lambda: ClientTarget(own(), films[Cards])),
    ]


def fuzz_in_process(frames: int, seed: int) -> FuzzResult:
    """Throw at least `frames` mutants, spread evenly over all phases; watch what escapes and whether memory grows.

    The first part of them is a warm-up. If memory still grows over the rest, as many follow again.
    """
    result = FuzzResult(rss_bytes_per_frame=float("inf"))
    phases = phases_of(seed)
    warm_up = int(frames * WARM_UP_SHARE)
    _throw(phases, warm_up, result)
    for _ in range(STRETCHES_MAX):
        if result.rss_bytes_per_frame > STANDS_BYTES_PER_UNIT:
            memory = Memory()
            _throw(phases, frames - warm_up, result, memory)
            result.rss_bytes_per_frame = min(result.rss_bytes_per_frame, memory.bytes_per_unit())
    return result


def _throw(phases: list[Phase], frames: int, result: FuzzResult, memory: Memory | None = None) -> None:
    until = result.frames + frames
    every = max(1, frames // SAMPLES)
    sampled = result.frames
    while result.frames < until:
        for phase in phases:
            for _ in range(min(FRAMES_PER_TURN, until - result.frames)):
                phase.throw(result)
        if memory is not None and result.frames - sampled >= every:
            sampled = result.frames
            gc.collect()
            memory.sample(sampled)
