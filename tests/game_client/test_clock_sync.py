"""The clock against a model of a network: a server that ticks, inputs that take their time, slack that comes back."""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random

import pytest

from game_client.clock_sync import SECOND_NS, SLACK_NONE, ClockSync

MS = 1_000_000
RATE_HZ = 30


class Network:
    """Runs a `ClockSync` against a server for some seconds."""

    def __init__(self, seed: int, *, up_ms: float = 20, down_ms: float = 20, jitter_ms: float = 0) -> None:
        self.rng = Random(seed)
        self.up_ms, self.down_ms, self.jitter_ms = up_ms, down_ms, jitter_ms
        self.now_ns = 0
        self.start_ns = 0
        self.generation = 0
        self.next_tick = 1
        self.least = SLACK_NONE
        self.slacks: list[tuple[int, int]] = []
        self.labels: list[int] = []
        self.flying: list[tuple[int, int, str, tuple[int, ...]]] = []
        self.number = 0

    def fly(self, kind: str, delay_ms: float, *what: int) -> None:
        self.number += 1
        delay_ns = int((delay_ms + self.rng.random() * self.jitter_ms) * MS)
        heappush(self.flying, (self.now_ns + delay_ns, self.number, kind, what))

    def deadline_ns(self, tick: int) -> int:
        return self.start_ns + tick * SECOND_NS // RATE_HZ

    def run(self, clock: ClockSync, seconds: float) -> None:
        until_ns = self.now_ns + int(seconds * SECOND_NS)
        while True:
            tick_ns = self.deadline_ns(self.next_tick)
            input_ns = max(self.now_ns, clock.deadline_ns) if clock.running else until_ns
            fly_ns = self.flying[0][0] if self.flying else until_ns
            self.now_ns = min(tick_ns, input_ns, fly_ns, until_ns)
            if self.now_ns >= until_ns:
                return
            if self.now_ns == fly_ns and self.flying:
                _, _, kind, what = heappop(self.flying)
                self.arrive(clock, kind, what)
            elif self.now_ns == tick_ns:
                self.fly("state", self.down_ms, self.next_tick, self.least, self.generation)
                self.least = SLACK_NONE
                self.next_tick += 1
            else:
                label = clock.take_label(self.now_ns)
                if label is not None:
                    self.labels.append(label)
                    self.fly("input", self.up_ms, label)

    def arrive(self, clock: ClockSync, kind: str, what: tuple[int, ...]) -> None:
        if kind == "state":
            clock.heard(what[0], what[1], what[2], self.now_ns)
            return
        slack = max(-32, min(126, (self.deadline_ns(what[0]) - self.now_ns) * RATE_HZ * 8 // SECOND_NS))
        self.least = min(self.least, slack)
        self.slacks.append((self.now_ns, slack))

    def recent(self, seconds: float = 2) -> list[int]:
        return [slack for at_ns, slack in self.slacks if at_ns > self.now_ns - seconds * SECOND_NS]


@pytest.mark.parametrize("rtt_guess_ms", [0, 40, 400])
@pytest.mark.parametrize(
    ("up_ms", "down_ms", "jitter_ms"), [(0, 0, 0), (20, 20, 0), (5, 60, 4), (60, 5, 4), (75, 75, 25)]
)
def test_inputs_come_to_arrive_about_two_ticks_early(
    seed: int, rtt_guess_ms: int, up_ms: float, down_ms: float, jitter_ms: float
) -> None:
    network = Network(seed, up_ms=up_ms, down_ms=down_ms, jitter_ms=jitter_ms)
    clock = ClockSync(RATE_HZ, rtt_guess_ms * MS)
    network.run(clock, 1)
    clock.rtt_ns = int((up_ms + down_ms + jitter_ms) * MS)
    network.run(clock, 29)
    recent = network.recent()
    assert 8 <= min(recent) <= 20
    assert max(recent) <= 32


def test_labels_rise_strictly_and_none_is_left_out_on_a_steady_line(seed: int) -> None:
    network = Network(seed)
    clock = ClockSync(RATE_HZ, 40 * MS)
    network.run(clock, 10)
    assert network.labels == list(range(network.labels[0], network.labels[0] + len(network.labels)))
    assert len(network.labels) >= 290


def test_a_line_that_became_slower_is_followed_within_two_seconds(seed: int) -> None:
    network = Network(seed)
    clock = ClockSync(RATE_HZ, 40 * MS)
    network.run(clock, 5)
    network.up_ms = 90
    network.run(clock, 2)
    assert min(network.recent(0.5)) >= 4
    assert clock.jumps == 1


def test_one_late_input_moves_the_clock_by_at_most_a_tick() -> None:
    clock = ClockSync(RATE_HZ)
    clock.heard(100, SLACK_NONE, 0, 0)
    before_ns = clock.send_ns(200)
    for tick in range(101, 120):
        slack = -6 if tick == 105 else 14
        clock.heard(tick, slack, 0, (tick - 100) * SECOND_NS // RATE_HZ)
    assert 0 < before_ns - clock.send_ns(200) <= SECOND_NS // RATE_HZ


def test_a_clock_more_than_ten_ticks_off_jumps_but_not_for_one_burst() -> None:
    clock = ClockSync(RATE_HZ)
    clock.heard(100, SLACK_NONE, 0, 0)
    clock.heard(101, 14, 0, 500 * MS)  # held up for half a second
    clock.heard(102, 14, 0, 501 * MS)
    clock.heard(115, 14, 0, 502 * MS)
    assert clock.jumps == 1
    for tick in range(200, 210):
        clock.heard(tick, 14, 0, 600 * MS + (tick - 200) * 33 * MS)
    assert clock.jumps == 2


def test_a_new_generation_of_the_servers_clock_makes_it_jump_and_labels_may_begin_anew() -> None:
    clock = ClockSync(RATE_HZ)
    clock.heard(100, SLACK_NONE, 0, 0)
    first = clock.take_label(0)
    assert first == 102
    clock.heard(101, 14, 1, 900 * MS)
    assert clock.generation == 1
    assert clock.take_label(900 * MS) == 103


def test_a_label_comes_once() -> None:
    clock = ClockSync(RATE_HZ)
    clock.heard(100, SLACK_NONE, 0, 0)
    assert clock.take_label(0) is not None
    assert clock.take_label(0) is None
    assert clock.take_label(clock.deadline_ns - 1) is None
    assert clock.take_label(clock.deadline_ns) == 103
    assert clock.take_label(clock.send_ns(110)) == 110


def test_before_the_first_state_the_clock_does_not_run() -> None:
    assert not ClockSync(RATE_HZ).running
