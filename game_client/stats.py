"""What a client counts and measures about its connection.

To test: `tests/game_client/test_stats.py`.
"""

from collections import deque
from dataclasses import dataclass, field

SAMPLES_MAX = 4096
"""Samples kept of each measure; the oldest one goes first."""

SECOND_NS = 1_000_000_000


def _samples() -> deque[float]:
    return deque(maxlen=SAMPLES_MAX)


@dataclass(slots=True)
class ClientStats:
    """Counts since the client began. *Units*: bytes at the socket with WebSocket headers, without TCP's."""

    rtt_ms: float = 0.0
    bytes_down: int = 0
    bytes_up: int = 0
    bytes_down_per_s: float = 0.0
    bytes_up_per_s: float = 0.0
    states: int = 0
    keyframes: int = 0
    desyncs: int = 0
    resyncs: int = 0
    reconnects: int = 0
    """Times that a lost connection became live again: the sum of the next three."""
    resumed: int = 0
    """Of these, those in which the old seat went on by a delta,"""
    resumed_by_keyframe: int = 0
    """by a keyframe,"""
    rejoined: int = 0
    """or in another seat."""
    substituted: int = 0
    commands_lost: int = 0
    events_lost: int = 0
    duplicates: int = 0
    """Events that came again and were dropped."""
    errors: int = 0
    rtts_ms: deque[float] = field(default_factory=_samples)
    state_gap_ms: deque[float] = field(default_factory=_samples)
    input_to_ack_ms: deque[float] = field(default_factory=_samples)
    resume_ms: deque[float] = field(default_factory=_samples)
    """Of each resume the time from the open socket to the first state."""
    state_gap_max_ms: float = 0.0
    _rolled_ns: int = -1
    _rolled_down: int = 0
    _rolled_up: int = 0

    def gap(self, gap_ns: int) -> None:
        """Take note of the time between two states."""
        gap_ms = gap_ns / 1_000_000
        self.state_gap_ms.append(gap_ms)
        if gap_ms > self.state_gap_max_ms:
            self.state_gap_max_ms = gap_ms

    def round_trip(self, rtt_ns: int) -> None:
        """Take note of a ping that came back."""
        self.rtt_ms = rtt_ns / 1_000_000
        self.rtts_ms.append(self.rtt_ms)

    def came_back(self, goes_on: bool, by_delta: bool, took_ns: int) -> None:
        """Take note of the first state after a loss: whether the seat goes on, and how long after its socket opened."""
        if not goes_on:
            self.rejoined += 1
            return
        self.resumed += by_delta
        self.resumed_by_keyframe += not by_delta
        self.resume_ms.append(took_ns / 1_000_000)

    def came_to_nothing(self, commands: int, events: int) -> None:
        """Take note of what a WELCOME showed to be lost."""
        self.commands_lost += commands
        self.events_lost += events

    def roll(self, now_ns: int) -> None:
        """Renew the rates, at most once per second."""
        passed_ns = now_ns - self._rolled_ns
        if self._rolled_ns >= 0 and passed_ns < SECOND_NS:
            return
        if self._rolled_ns >= 0:
            self.bytes_down_per_s = (self.bytes_down - self._rolled_down) * SECOND_NS / passed_ns
            self.bytes_up_per_s = (self.bytes_up - self._rolled_up) * SECOND_NS / passed_ns
        self._rolled_ns, self._rolled_down, self._rolled_up = now_ns, self.bytes_down, self.bytes_up

    def forget_samples(self) -> None:
        """Drop the samples, so that a measurement's window can begin; the counts stay."""
        self.rtts_ms.clear()
        self.state_gap_ms.clear()
        self.input_to_ack_ms.clear()
        self.resume_ms.clear()
        self.state_gap_max_ms = 0.0
