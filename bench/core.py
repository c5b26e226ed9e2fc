"""Arena without sockets: the same frames twice, the time of a tick, the bytes of a ship, a flood under a fake clock.

`python -m bench.core SEED TICKS PLAYERS` prints the checksum of every frame of a match, so that two interpreters, with
different seeds for their sets, can be compared.
To test: `tests/bench/test_core.py`.
"""

import json
import os
import subprocess
import sys
import zlib
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import msgpack

from bench.behaviours import Restless
from bench.report import ROOT
from demo_game.arena import Arena
from demo_game.bots import Hunter
from game_server.session.facts import FrameReceived, Passed, SeatGiven
from game_server.session.session import Session
from game_server.sim.facts import FromConnection
from game_server.sim.match import Match
from game_server.testing.local_match import LocalMatch
from protocol.codec import decode, encode
from protocol.messages import Hello, InputFrame, State
from protocol.rows import Direction

SECOND_NS = 1_000_000_000
STATE_START = b"\x98\x12"
"""How a STATE without a hash begins: an array of eight, tag 18."""


def match_of_bots(players: int, behaviour: Any = Hunter, *, seed: int = 1, first_tick: int = 0) -> LocalMatch:
    """Return an Arena in which `players` bots sit, before its first tick."""
    local = LocalMatch(Arena, seed=seed, first_tick=first_tick)
    for number in range(players):
        local.play(f"bot-{number + 1}", behaviour, seed)
    return local


def frame_checksums(seed: int, ticks: int, players: int) -> list[tuple[int, int]]:
    """Return (connection, CRC-32) of every frame that a match of bots sends."""
    local = match_of_bots(players, seed=seed)
    local.step(ticks)
    return [(connection, zlib.crc32(frame)) for connection, frame in local.frames]


def compare_with_another_interpreter(seed: int, ticks: int, players: int) -> tuple[int, int]:
    """Play the same match here and in a new process; return how many frames were compared, and how many differ."""
    ours = frame_checksums(seed, ticks, players)
    # Sets and dicts of texts come in another order there.
    environment = {**os.environ, "PYTHONHASHSEED": str(seed + 4242)}
    arguments = [sys.executable, "-m", "bench.core", str(seed), str(ticks), str(players)]
    done = subprocess.run(arguments, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    theirs = [(connection, crc) for connection, crc in json.loads(done.stdout)]
    differing = sum(one != other for one, other in zip(ours, theirs, strict=False))
    return max(len(ours), len(theirs)), differing + abs(len(ours) - len(theirs))


class TimedMatch(Match):
    """A match that takes the time of each `advance`."""

    took_ns: list[int]

    def advance(self, now_ns: int) -> None:
        begun_ns = perf_counter_ns()
        super().advance(now_ns)
        self.took_ns.append(perf_counter_ns() - begun_ns)


def tick_times_us(players: int, ticks: int, seed: int = 1) -> list[float]:
    """Return how long each tick took: rules, commit, and the frames of all players. *Units*: microseconds."""
    local = LocalMatch(Arena, seed=seed)
    timed = TimedMatch(Arena(), "local", seed=seed)
    timed.took_ns = []
    local.match = timed
    for number in range(players):
        local.play(f"bot-{number + 1}", Restless, seed)
    local.step(ticks)
    # In the first second everybody joins, and caches are cold.
    return [took / 1000 for took in timed.took_ns[30:]]


@dataclass(frozen=True, slots=True)
class EntityBytes:
    """What moving ships cost in STATE frames of the relative lane."""

    entities: int
    bytes: int

    @property
    def per_entity(self) -> float:
        """Bytes per changed entity, its id and mask included."""
        return self.bytes / max(1, self.entities)


def bytes_of_moving_ships(players: int, ticks: int, first_tick: int = 200_000) -> EntityBytes:
    """Return what the `changed` arrays of one player's frames hold."""
    local = match_of_bots(players, Restless, first_tick=first_tick)
    local.step(30)
    local.frames.clear()
    local.step(ticks)
    entities = size = 0
    for connection, frame in local.frames:
        if connection != 1 or not frame.startswith(STATE_START):
            continue
        message = decode(frame, Direction.TO_CLIENT)
        assert isinstance(message, State), "the frame says so"
        count, items = count_changed(message.changed)
        entities += count
        size += items
    return EntityBytes(entities, size)


def count_changed(changed: list[Any]) -> tuple[int, int]:
    """Return how many entities a flat `changed` array holds, and the bytes of its items."""
    entities = at = 0
    while at < len(changed):
        at += 2 + int(changed[at + 1]).bit_count()
        entities += 1
    return entities, sum(len(msgpack.packb(item)) for item in changed)


@dataclass(frozen=True, slots=True)
class CoreFlood:
    """How a match fared under a flood."""

    frames: int
    ticks: int
    ticks_due: int
    rebases: int
    us_per_frame: float


def flood_under_fake_clock(seconds: int = 2, frames_per_s: int = 100_000, turn: int = 64) -> CoreFlood:
    """Flood one seat's door while a fake clock runs, as the server's loop does it: `turn` frames, then the clock.

    Handling a frame costs no fake time: what is shown is that no number of frames keeps a tick from running. Real time
    is the real socket's flood.
    """
    local = match_of_bots(4)
    local.step(30)
    match = local.match
    # A door without limits: what is shown is that the ticks do not need them.
    door = Session(match.vocabulary, local.now_ns)
    door.handle(FrameReceived(encode(Hello(0, 0, -1, -1, 0, 0))), local.now_ns)
    door.handle(SeatGiven(0), local.now_ns)
    door.effects()
    connection = local.clients[1].connection
    start_ns, ticks_before = local.now_ns, match.counts.ticks
    handled, spent_ns = 0, 0
    total = seconds * frames_per_s
    while handled < total:
        now_ns = start_ns + handled * SECOND_NS // frames_per_s
        frame = encode(InputFrame(match.clock.generation, match.tick + handled % 8, 1, 0, [1, 0, True, handled % 128]))
        begun_ns = perf_counter_ns()
        for _ in range(turn):
            door.handle(FrameReceived(frame), now_ns)
            for effect in door.effects():
                assert isinstance(effect, Passed), "every frame of this flood is well formed"
                match.handle(FromConnection(connection, effect.message, effect.value), now_ns)
        spent_ns += perf_counter_ns() - begun_ns
        handled += turn
        match.advance(now_ns)
        match.effects()
    match.advance(start_ns + seconds * SECOND_NS)
    due = seconds * match.tick_rate_hz
    return CoreFlood(handled, match.counts.ticks - ticks_before, due, match.counts.rebases, spent_ns / handled / 1000)


if __name__ == "__main__":
    print(json.dumps(frame_checksums(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
