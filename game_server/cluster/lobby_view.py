"""What one watcher of the lobby knows of the matches, and what it must still be told: a difference, never a queue.

However many changes a slow watcher misses, what waits for it is at most one word about each match.
To test: `tests/game_server/cluster/test_lobby_view.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from game_server.cluster.records import Attributes, Listing

CHANGES_MAX = 1_000
"""As many matches as one MATCHES_CHANGED can carry of each kind."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Matches that came or changed, the ids of those that are gone."""

    changed: tuple[Listing, ...]
    gone: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


class LobbyView:
    """A watcher's view. `filters` say which matches it shows; nothing was told yet."""

    def __init__(self, filters: Attributes, matches: Iterable[str]) -> None:
        self.filters = filters
        self._wanted = frozenset(filters)
        self._shown: set[str] = set()
        # In the order in which they were touched, so that the oldest news leave first.
        self._due = dict.fromkeys(matches)
        self.is_told = False

    def touch(self, matches: Iterable[str]) -> None:
        """Something about these matches is new."""
        self._due.update(dict.fromkeys(matches))

    @property
    def waits(self) -> bool:
        """Whether there may be something to tell."""
        return bool(self._due) or not self.is_told

    def take(self, table: Mapping[str, Listing]) -> Difference:
        """Return what to tell, as the matches are now; what exceeds one message stays for the next."""
        changed: list[Listing] = []
        gone: list[str] = []
        for match in list(self._due):
            listing = table.get(match)
            if listing is not None and self._wanted <= set(listing.attributes):
                if len(changed) == CHANGES_MAX:
                    break
                changed.append(listing)
                self._shown.add(match)
            elif match in self._shown:
                if len(gone) == CHANGES_MAX:
                    break
                gone.append(match)
                self._shown.discard(match)
            del self._due[match]
        self.is_told = True
        return Difference(tuple(changed), tuple(gone))
