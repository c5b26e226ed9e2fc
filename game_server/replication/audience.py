"""Which views a seat looks through: one shared by all, one of its own entities, one of those it can see.

The three are disjoint, because an entity's audience is fixed by its class and its owner for life.
To test: `tests/game_server/replication/test_audience.py`.
"""

from collections.abc import Callable, Iterable

from game_server.replication.delta import Delta, join
from game_server.replication.fragments import Fragments
from game_server.replication.record import Record
from game_server.replication.view import View
from protocol.declare import Audience
from protocol.ids import SeatId, Tick
from protocol.state_codec import state_hash

CanSee = Callable[[SeatId, Record], bool]
"""Asks the game whether a seat sees an entity."""


class Audiences:
    """All views of one match, and the bytes that each seat needs."""

    def __init__(self, history_ticks: int) -> None:
        self.history_ticks = history_ticks
        self.fragments = Fragments()
        self._public = View()
        self._private: dict[SeatId, View] = {}
        self._seen: dict[SeatId, View] = {}
        self._hidden: dict[int, Record] = {}
        self._changed: list[Record] = []
        self._quiet_from = -1
        self._last_change = -1
        self._public_hash: tuple[int, int] = (-1, 0)

    def admit(self, seat: SeatId) -> None:
        """Give `seat` views of its own."""
        self._private[seat] = View()
        self._seen[seat] = View()

    def dismiss(self, seat: SeatId) -> None:
        """Forget the views of `seat`."""
        self._private.pop(seat, None)
        self._seen.pop(seat, None)

    def commit(
        self, tick: Tick, born: list[Record], changed: list[Record], died: list[Record], can_see: CanSee
    ) -> None:
        """Take what one tick did to the world."""
        self.fragments.begin(tick)
        self._changed = changed
        self._quiet_from = self._last_change
        for record in died:
            self._leave(record, tick)
        for record in born:
            self._enter(record, tick)
        shown = self._show_hidden(tick, can_see)
        if born or changed or died or shown:
            self._last_change = tick
        for view in self._all():
            view.forget(tick - self.history_ticks)

    def delta(self, seat: SeatId, base: int) -> tuple[Delta, bool]:
        """Return what `seat` needs to come from tick `base` to now, and whether it is in the relative lane.

        The relative lane holds whenever nothing changed between the base and the tick before this one.
        """
        relative = base >= self._quiet_from
        views = self._views(seat)
        return join([view.delta(base, relative, self._changed, self.fragments) for view in views]), relative

    def keyframe(self, seat: SeatId) -> Delta:
        """Return all that `seat` sees."""
        return join([view.keyframe(self.fragments) for view in self._views(seat)])

    def visible(self, seat: SeatId) -> dict[int, Record]:
        """Return the records that `seat` sees, by id."""
        return {record.id: record for view in self._views(seat) for record in view.members.values()}

    def saw(self, seat: SeatId, entity_id: int) -> bool:
        """Tell whether `seat` sees an entity, or saw it until this tick."""
        return any(view.saw(entity_id, self.fragments.tick) for view in self._views(seat))

    def hash(self, seat: SeatId) -> int:
        """Return the state hash of what `seat` sees; seats with nothing of their own share one."""
        if len(self._views(seat)) > 1:
            return _hash(self.visible(seat))
        tick = self.fragments.tick
        if self._public_hash[0] != tick:
            self._public_hash = (tick, _hash(self._public.members))
        return self._public_hash[1]

    def _views(self, seat: SeatId) -> list[View]:
        views = [self._public]
        for own in (self._private.get(seat), self._seen.get(seat)):
            if own is not None and (own.members or own.remembers):
                views.append(own)
        return views

    def _all(self) -> Iterable[View]:
        return (self._public, *self._private.values(), *self._seen.values())

    def _enter(self, record: Record, tick: Tick) -> None:
        match record.audience:
            case Audience.EVERYONE:
                self._public.enter(record, tick)
            case Audience.CAN_SEE:
                self._hidden[record.id] = record
            case Audience.OWNER:
                view = None if record.owner is None else self._private.get(record.owner)
                if view is not None:
                    view.enter(record, tick)

    def _leave(self, record: Record, tick: Tick) -> None:
        match record.audience:
            case Audience.EVERYONE:
                self._public.leave(record, tick)
            case Audience.CAN_SEE:
                self._hidden.pop(record.id, None)
            case Audience.OWNER:
                view = None if record.owner is None else self._private.get(record.owner)
                if view is not None:
                    view.leave(record, tick)

    def _show_hidden(self, tick: Tick, can_see: CanSee) -> bool:
        if not self._hidden and not any(view.members for view in self._seen.values()):
            return False
        shown = False
        for seat, view in self._seen.items():
            before = view.crossings
            view.show([each for each in self._hidden.values() if can_see(seat, each)], tick)
            shown = shown or view.crossings != before
        return shown


def _hash(records: dict[int, Record]) -> int:
    return state_hash(
        (each.id, each.generation, each.kind_place, each.owner, each.wire)
        for each in (records[entity_id] for entity_id in sorted(records))
    )
