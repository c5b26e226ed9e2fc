"""A view: a set of entities with a history of enterings and leavings by tick.

What a client at tick L holds is exactly `visible(L)`, so every delta follows from (view, L, now):

    gone    = visible(L) - visible(now)
    entered = visible(now) - visible(L), or there in another generation
    changed = the rest, with the fields that changed after L

To test: `tests/game_server/replication/test_view.py` and the random world in `tests/simulation/`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from game_server.replication.delta import Delta
from game_server.replication.fragments import Fragments
from game_server.replication.record import Record
from protocol.ids import Tick
from protocol.state_codec import fragment


@dataclass(frozen=True, slots=True)
class _Crossing:
    tick: int
    id: int
    generation: int
    left: bool


class View:
    """The entities that some seats see alike, and how that set came about."""

    def __init__(self) -> None:
        self.members: dict[int, Record] = {}
        self._crossings: deque[_Crossing] = deque()
        self._deltas: dict[int, Delta] = {}
        self._keyframe: Delta | None = None
        self._tick = -1
        self.crossings = 0

    @property
    def remembers(self) -> bool:
        """Whether anything entered or left within the history."""
        return bool(self._crossings)

    def enter(self, record: Record, tick: Tick) -> None:
        """Let `record` be seen from `tick` on."""
        self.members[record.id] = record
        self._cross(record, tick, left=False)

    def leave(self, record: Record, tick: Tick) -> None:
        """Let `record` be unseen from `tick` on; one that was never seen is ignored."""
        held = self.members.get(record.id)
        if held is not None and held.generation == record.generation:
            del self.members[record.id]
            self._cross(record, tick, left=True)

    def show(self, records: Iterable[Record], tick: Tick) -> None:
        """Make `records` all that is seen from `tick` on."""
        wanted = {record.id: record for record in records}
        for held in list(self.members.values()):
            other = wanted.get(held.id)
            if other is None or other.generation != held.generation:
                self.leave(held, tick)
        for record in wanted.values():
            if record.id not in self.members:
                self.enter(record, tick)

    def saw(self, entity_id: int, tick: int) -> bool:
        """Tell whether an entity is seen, or left in `tick`."""
        if entity_id in self.members:
            return True
        for crossing in reversed(self._crossings):
            if crossing.tick < tick:
                break
            if crossing.id == entity_id and crossing.left:
                return True
        return False

    def forget(self, before: int) -> None:
        """Drop the history up to tick `before`; no base older than that can be asked for."""
        while self._crossings and self._crossings[0].tick <= before:
            self._crossings.popleft()

    def delta(self, base: int, relative: bool, changed: list[Record], fragments: Fragments) -> Delta:
        """Return the way from tick `base` to now, made once per tick and base.

        With `relative`, `changed` (the records that changed in this tick) are all that differ from `base`.
        """
        self._turn(fragments.tick)
        found = self._deltas.get(base)
        if found is None:
            found = self._deltas[base] = self._make(base, relative, changed, fragments)
        return found

    def keyframe(self, fragments: Fragments) -> Delta:
        """Return everything as spawn records."""
        self._turn(fragments.tick)
        if self._keyframe is None:
            self._keyframe = Delta.of([], [fragments.spawn(each) for each in self.members.values()], [])
        return self._keyframe

    def _cross(self, record: Record, tick: int, left: bool) -> None:
        self._crossings.append(_Crossing(tick, record.id, record.generation, left))
        self.crossings += 1

    def _turn(self, tick: int) -> None:
        if tick != self._tick:
            self._tick = tick
            self._deltas.clear()
            self._keyframe = None

    def _make(self, base: int, relative: bool, changed: list[Record], fragments: Fragments) -> Delta:
        gone, entered = self._since(base)
        members = self.members
        if relative:
            moved = [
                fragments.relative(each)
                for each in changed
                if each.id in members and each.id not in entered
            ]
        else:
            moved = [
                fragments.absolute(each, each.mask_since(base))
                for each in members.values()
                if each.last_changed > base and each.id not in entered
            ]
        spawned = [fragments.spawn(each) for each in entered.values()]
        return Delta.of([fragment([each]) for each in gone], spawned, moved)

    def _since(self, base: int) -> tuple[list[int], dict[int, Record]]:
        first: dict[int, _Crossing] = {}
        for crossing in reversed(self._crossings):
            if crossing.tick <= base:
                break
            first[crossing.id] = crossing
        gone: list[int] = []
        entered: dict[int, Record] = {}
        for entity_id, crossing in first.items():
            # An entity whose first crossing after the base is a leaving was visible at the base, in that generation.
            record = self.members.get(entity_id)
            if record is None:
                if crossing.left:
                    gone.append(entity_id)
            elif not crossing.left or record.generation != crossing.generation:
                entered[entity_id] = record
        return gone, entered
