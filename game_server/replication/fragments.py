"""Fragments of one tick: each entity is encoded once per lane and mask, whoever sees it.

To test: `tests/game_server/replication/test_fragments.py`.
"""

from game_server.replication.record import Record
from protocol.state_codec import Fragment, fragment, relative_value, spawn_items


class Fragments:
    """The encoded bytes of one tick, made when first asked for."""

    def __init__(self) -> None:
        self.tick = -1
        self.encoded = 0
        self._relative: dict[int, Fragment] = {}
        self._absolute: dict[tuple[int, int], Fragment] = {}
        self._spawn: dict[int, Fragment] = {}

    def begin(self, tick: int) -> None:
        """Forget the tick before."""
        self.tick = tick
        self._relative.clear()
        self._absolute.clear()
        self._spawn.clear()

    def relative(self, record: Record) -> Fragment:
        """Return what changed in this tick, as differences."""
        found = self._relative.get(record.id)
        if found is None:
            before, now, kinds = record.before, record.wire, record.kind.kinds
            items: list[object] = [record.id, record.mask]
            for place, kind in enumerate(kinds):
                if record.mask >> place & 1:
                    items.append(relative_value(kind, before[place], now[place]))
            found = self._relative[record.id] = fragment(items)
            self.encoded += 1
        return found

    def absolute(self, record: Record, mask: int) -> Fragment:
        """Return the values of the fields in `mask`."""
        found = self._absolute.get((record.id, mask))
        if found is None:
            items: list[object] = [record.id, mask]
            items += [value for place, value in enumerate(record.wire) if mask >> place & 1]
            found = self._absolute[record.id, mask] = fragment(items)
            self.encoded += 1
        return found

    def spawn(self, record: Record) -> Fragment:
        """Return the spawn record."""
        found = self._spawn.get(record.id)
        if found is None:
            found = self._spawn[record.id] = fragment(
                spawn_items(record.id, record.generation, record.kind_place, record.owner, record.wire)
            )
            self.encoded += 1
        return found
