"""One entity as replication sees it: its wire values, and the tick at which each last changed.

To test: `tests/game_server/replication/test_record.py`.
"""

from typing import Any

from protocol.declare import Audience
from protocol.errors import GameFault
from protocol.fields import Wire
from protocol.ids import EntityId, SeatId, Tick
from protocol.schema import EntityKind


class Record:
    """The wire state of one entity in one life (id and generation)."""

    __slots__ = (
        "audience", "before", "captured", "changed_at", "generation", "id", "kind", "kind_place", "last_changed",
        "mask", "owner", "wire",
    )  # fmt: skip

    def __init__(
        self,
        id: EntityId,
        generation: int,
        kind_place: int,
        kind: EntityKind,
        owner: SeatId | None,
        audience: Audience,
    ) -> None:
        self.id = id
        self.generation = generation
        self.kind_place = kind_place
        self.kind = kind
        self.owner = owner
        self.audience = audience
        self.captured: tuple[Any, ...] = ()
        self.wire: list[Wire] = []
        self.before: list[Wire] = []
        self.mask = 0
        self.changed_at: list[int] = []
        self.last_changed = -1

    def born(self, captured: tuple[Any, ...], tick: Tick) -> None:
        """Take the first values of this life. Raises `GameFault` for a value that its field cannot carry."""
        self.captured = captured
        self.wire = [self._to_wire(place, value) for place, value in enumerate(captured)]
        self.before = self.wire
        self.changed_at = [tick] * len(captured)
        self.last_changed = tick

    def changed(self, captured: tuple[Any, ...], tick: Tick) -> bool:
        """Take new values; tell whether any differs on the wire. Raises `GameFault`.

        A value that moved by less than a step leaves the wire as it was; the state itself keeps full precision.
        """
        old = self.captured
        wire = self.wire
        now: list[Wire] | None = None
        mask = 0
        for place, value in enumerate(captured):
            if value is old[place] or value == old[place]:
                continue
            value = self._to_wire(place, value)
            if value != wire[place]:
                if now is None:
                    now = wire.copy()
                now[place] = value
                mask |= 1 << place
                self.changed_at[place] = tick
        self.captured = captured
        if now is None:
            return False
        self.before, self.wire = wire, now
        self.mask, self.last_changed = mask, tick
        return True

    def mask_since(self, base: int) -> int:
        """Return the mask of the fields that changed after tick `base`."""
        mask = 0
        for place, tick in enumerate(self.changed_at):
            if tick > base:
                mask |= 1 << place
        return mask

    def _to_wire(self, place: int, value: Any) -> Wire:
        try:
            return self.kind.kinds[place].to_wire(value)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            name = self.kind.fields[place][0]
            raise GameFault(f"{self.kind.name}(id={self.id}).{name} = {value!r} cannot be carried: {error}") from error
