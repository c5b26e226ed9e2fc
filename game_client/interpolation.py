"""Where remote entities are drawn: a little in the past, between two states that have already come.

The delay follows the network: the lateness of a state is how much later than the fastest one it came; the delay covers
the 99th percentile of it over the last ten seconds. The playhead runs between 0.98 and 1.05 times real time towards
that delay and never backwards. When states stay away, motion goes on with the last velocity for at most 100 ms, then
holds; the states that end the silence move nothing at once, the difference fades.

    record(tick, arrival_ns, replica)        after each applied state
    sample(now_ns) -> {entity id: pose}      once per frame

*Source*: QuakeWorld (extrapolation limit), Source and Overwatch (interpolation delay).
To test: `tests/game_client/test_interpolation.py`.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, Protocol, TypeAlias

MS = 1_000_000
LATENESS_WINDOW_NS = 10_000 * MS
"""How long a late state keeps the delay up."""
FASTEST_WINDOW_NS = 60_000 * MS
"""How long the fastest state stays the measure of lateness; a slower route is believed after it."""
MARGIN_NS = 5 * MS
DELAY_MAX_NS = 250 * MS
JUMP_NS = 250 * MS
"""A playhead that is further behind jumps; one that is further ahead waits."""
OLD_NS = 2_000 * MS
"""A state that is older by more than this did not come late: its ticks began anew."""
EXTRAPOLATION_MAX_NS = 100 * MS
FADE_NS = 50 * MS
"""Time constant of the fade after an extrapolation was wrong."""
RATE_MIN, RATE_MAX, RATE_GAIN_PER_S = 0.98, 1.05, 1.0
SNAPSHOTS_MAX = 128
"""States kept; the oldest one goes first, which only a client that does not sample notices."""

Pose: TypeAlias = dict[str, float]
"""The interpolated fields of one entity, by name."""

_Values: TypeAlias = tuple[float, ...]


class World(Protocol):
    """What is read of a replica."""

    def all(self, kind: Any) -> Iterable[Any]:
        """Return the entities of a kind."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    time_ns: int  # On the match's axis: tick * tick length.
    entities: Mapping[int, tuple[Any, _Values]]


def turn_between(start: float, end: float) -> float:
    """Return the shortest way from one direction to another, in turns, from -0.5 to below 0.5."""
    return (end - start + 0.5) % 1.0 - 0.5


class ArrivalClock:
    """How late states come, and the delay that covers it. *Units*: nanoseconds."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._fastest: deque[tuple[int, int]] = deque()  # Ascending offsets: a sliding minimum in O(1).
        self._late: deque[tuple[int, int]] = deque()
        self.delay_ns = self._bounded(0)

    @property
    def offset_ns(self) -> int:
        """Local time minus match time of the fastest state within a minute."""
        return self._fastest[0][1] if self._fastest else 0

    def arrived(self, time_ns: int, arrival_ns: int) -> None:
        """Take note that the state of match time `time_ns` came at `arrival_ns`."""
        offset = arrival_ns - time_ns
        while self._fastest and self._fastest[-1][1] >= offset:
            self._fastest.pop()
        self._fastest.append((arrival_ns, offset))
        while self._fastest[0][0] < arrival_ns - FASTEST_WINDOW_NS:
            self._fastest.popleft()
        self._late.append((arrival_ns, offset))
        while self._late[0][0] < arrival_ns - LATENESS_WINDOW_NS:
            self._late.popleft()
        offsets = sorted([each for _, each in self._late])
        self.delay_ns = self._bounded(offsets[(len(offsets) * 99 - 1) // 100] - self.offset_ns)

    def _bounded(self, lateness_ns: int) -> int:
        wanted = lateness_ns + self._interval_ns + MARGIN_NS
        return min(max(wanted, self._interval_ns * 3 // 2), max(DELAY_MAX_NS, self._interval_ns * 3 // 2))


class Interpolator:
    """Poses of the entities of some kinds at a playhead that lags just enough behind the newest state.

    `fields` are interpolated linearly, `angles` (in turns) the shortest way round. A move of `fields` by more than
    `teleport` between two states is a teleport: it is not drawn through.
    """

    def __init__(
        self,
        tick_rate_hz: int,
        kinds: Sequence[Any] = ("Ship",),
        fields: Sequence[str] = ("x", "y"),
        angles: Sequence[str] = ("heading",),
        teleport: float = 8.0,
    ) -> None:
        self._tick_rate_hz = tick_rate_hz
        self._kinds = tuple(kinds)
        self._names = (*fields, *angles)
        self._lines = len(fields)
        self._teleport = teleport
        self.reset()

    def reset(self) -> None:
        """Forget everything: another match begins, whatever its ticks."""
        self._snapshots: deque[_Snapshot] = deque(maxlen=SNAPSHOTS_MAX)
        self._arrivals = ArrivalClock(self._time_ns(1))
        self._playhead_ns: int | None = None
        self._sampled_ns = 0
        self._offsets: dict[int, _Values] = {}

    @property
    def playhead_tick(self) -> float:
        """The tick that `sample` last drew, with its fraction; 0 before the first."""
        return (self._playhead_ns or 0) * self._tick_rate_hz / 1_000_000_000

    @property
    def delay_ms(self) -> float:
        """How far behind the fastest state the playhead wants to be."""
        return self._arrivals.delay_ns / MS

    @property
    def newest_tick(self) -> int:
        """The tick of the newest recorded state; -1 before the first."""
        if not self._snapshots:
            return -1
        return (self._snapshots[-1].time_ns * self._tick_rate_hz + 999_999_999) // 1_000_000_000

    def record(self, tick: int, arrival_ns: int, replica: World) -> None:
        """Take the state of `tick` that came at `arrival_ns`; one that is not newer than the last is ignored.

        One that is older by more than two seconds is of a server that was started anew: the motion begins anew, too.
        """
        time_ns = self._time_ns(tick)
        if self._snapshots and time_ns <= self._snapshots[-1].time_ns:
            if time_ns >= self._snapshots[-1].time_ns - OLD_NS:
                return
            self.reset()
        entities = {each.id: self._seen(each) for kind in self._kinds for each in replica.all(kind)}
        starved = self._playhead_ns is not None and self._playhead_ns > self._snapshots[-1].time_ns
        drawn = self._poses() if starved else {}
        self._snapshots.append(_Snapshot(time_ns, entities))
        self._arrivals.arrived(time_ns, arrival_ns)
        if starved:
            self._keep_drawn(drawn)

    def sample(self, now_ns: int) -> dict[int, Pose]:
        """Move the playhead on to `now_ns`, return the poses there."""
        if not self._snapshots:
            return {}
        elapsed_ns = max(0, now_ns - self._sampled_ns)
        self._move_playhead(now_ns, elapsed_ns)
        self._sampled_ns = max(now_ns, self._sampled_ns)
        fade = exp(-elapsed_ns / FADE_NS)
        self._offsets = {key: tuple([part * fade for part in each]) for key, each in self._offsets.items()}
        self._offsets = {key: each for key, each in self._offsets.items() if max(map(abs, each)) > 1e-4}
        self._drop_passed()
        return {key: dict(zip(self._names, each, strict=True)) for key, each in self._poses().items()}

    def _time_ns(self, tick: int) -> int:
        return tick * 1_000_000_000 // self._tick_rate_hz

    def _seen(self, entity: Any) -> tuple[Any, _Values]:
        # An id may be given again; the generation tells a replica's two holders apart, kind and owner mostly do.
        kin = (entity.kind, entity.owner, getattr(entity, "generation", 0))
        return kin, tuple([float(getattr(entity, name)) for name in self._names])

    def _move_playhead(self, now_ns: int, elapsed_ns: int) -> None:
        want_ns = now_ns - self._arrivals.offset_ns - self._arrivals.delay_ns
        if self._playhead_ns is None:
            self._playhead_ns = want_ns
            return
        behind_ns = want_ns - (self._playhead_ns + elapsed_ns)
        if behind_ns > JUMP_NS:
            self._playhead_ns = max(self._playhead_ns, want_ns)
        elif behind_ns >= -JUMP_NS:
            rate = min(max(1.0 + RATE_GAIN_PER_S * behind_ns / 1e9, RATE_MIN), RATE_MAX)
            self._playhead_ns += int(elapsed_ns * rate)

    def _drop_passed(self) -> None:
        # Two at or before the playhead stay: extrapolation needs a velocity.
        while len(self._snapshots) > 2 and self._snapshots[2].time_ns <= (self._playhead_ns or 0):
            self._snapshots.popleft()

    def _poses(self) -> dict[int, _Values]:
        now_ns = self._playhead_ns or 0
        at = sum(1 for each in self._snapshots if each.time_ns <= now_ns)
        if at == 0:  # Nothing so old is known; what is known stands still until its time comes.
            poses = {key: values for key, (_, values) in self._snapshots[0].entities.items()}
        elif at == len(self._snapshots):
            poses = self._extrapolated(now_ns)
        else:
            poses = self._between(self._snapshots[at - 1], self._snapshots[at], now_ns)
        return {key: self._plus(values, self._offsets.get(key)) for key, values in poses.items()}

    def _between(self, start: _Snapshot, end: _Snapshot, now_ns: int) -> dict[int, _Values]:
        part = (now_ns - start.time_ns) / (end.time_ns - start.time_ns)
        poses = {}
        for key, (kin, values) in start.entities.items():
            then = end.entities.get(key)
            poses[key] = values if then is None or then[0] != kin else self._mix(values, then[1], part)
        return poses

    def _extrapolated(self, now_ns: int) -> dict[int, _Values]:
        last = self._snapshots[-1]
        if len(self._snapshots) < 2:
            return {key: values for key, (_, values) in last.entities.items()}
        before = self._snapshots[-2]
        part = 1.0 + min(now_ns - last.time_ns, EXTRAPOLATION_MAX_NS) / (last.time_ns - before.time_ns)
        poses = {}
        for key, (kin, values) in last.entities.items():
            was = before.entities.get(key)
            known = was is not None and was[0] == kin and not self._is_teleport(was[1], values)
            poses[key] = self._mix(was[1], values, part) if was is not None and known else values
        return poses

    def _mix(self, start: _Values, end: _Values, part: float) -> _Values:
        if self._is_teleport(start, end):
            return start if part < 1.0 else end
        lines = [a + (b - a) * part for a, b in zip(start[: self._lines], end[: self._lines], strict=True)]
        turns = [
            (a + turn_between(a, b) * part) % 1.0 for a, b in zip(start[self._lines :], end[self._lines :], strict=True)
        ]
        return (*lines, *turns)

    def _is_teleport(self, start: _Values, end: _Values) -> bool:
        square = sum([(b - a) ** 2 for a, b in zip(start[: self._lines], end[: self._lines], strict=True)])
        return square > self._teleport * self._teleport

    def _plus(self, values: _Values, offset: _Values | None) -> _Values:
        if offset is None:
            return values
        summed = [a + b for a, b in zip(values, offset, strict=True)]
        return (*summed[: self._lines], *[each % 1.0 for each in summed[self._lines :]])

    def _keep_drawn(self, drawn: dict[int, _Values]) -> None:
        """Turn what a newly come state would move at once into offsets that fade."""
        self._offsets = {}
        for key, target in self._poses().items():
            was = drawn.get(key)
            if was is not None and not self._is_teleport(was, target):
                lines = [a - b for a, b in zip(was[: self._lines], target[: self._lines], strict=True)]
                turns = [turn_between(b, a) for a, b in zip(was[self._lines :], target[self._lines :], strict=True)]
                self._offsets[key] = (*lines, *turns)
