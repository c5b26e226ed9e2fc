"""Entity ids: small, reused only after a quarantine longer than the history, told apart by generation.

Lasting entities take the lowest id below 128 (one byte on the wire), short-lived ones start at 128.
To test: `tests/game_server/sim/test_entity_ids.py`.
"""

import heapq
from collections import deque

from protocol.ids import EntityId, Tick

ONE_BYTE_IDS = 128
GENERATION_MODULO = 128


class EntityIds:
    """Hands out ids with generations, and takes them back."""

    def __init__(self, quarantine_ticks: int) -> None:
        self.quarantine_ticks = quarantine_ticks
        self._low = list(range(ONE_BYTE_IDS))
        self._high: list[int] = []
        self._fresh = ONE_BYTE_IDS
        self._generations: dict[int, int] = {}
        self._quarantine: deque[tuple[int, int]] = deque()

    def take(self, short_lived: bool) -> tuple[EntityId, int]:
        """Return a free id and its generation."""
        if self._low and not short_lived:
            entity_id = heapq.heappop(self._low)
        elif self._high:
            entity_id = heapq.heappop(self._high)
        else:
            entity_id, self._fresh = self._fresh, self._fresh + 1
        generation = self._generations.get(entity_id, -1) + 1
        self._generations[entity_id] = generation % GENERATION_MODULO
        return EntityId(entity_id), self._generations[entity_id]

    def give_back(self, entity_id: EntityId, tick: Tick) -> None:
        """Put `entity_id` into quarantine from `tick` on."""
        self._quarantine.append((tick + self.quarantine_ticks, entity_id))

    def release(self, tick: Tick) -> None:
        """Free the ids whose quarantine ends at `tick`."""
        while self._quarantine and self._quarantine[0][0] <= tick:
            entity_id = self._quarantine.popleft()[1]
            heapq.heappush(self._low if entity_id < ONE_BYTE_IDS else self._high, entity_id)
