"""By what matches are found: attributes checked, and the sets of an index that hold a match.

A match with mode=duel and region=eu is found by "", "mode=duel", "region=eu" and "mode=duel&region=eu": one sorted set
for each, so that any question is answered by one set. A game has at most three keys, hence a match at most eight sets.
To test: `tests/game_server/cluster/test_filters.py`.
"""

from collections.abc import Sequence
from itertools import combinations

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.records import Attributes
from protocol.lobby_messages import RefusedCode

KEY_LENGTH_MAX = 32
VALUE_LENGTH_MAX = 64


def attributes_of(pairs: Sequence[str], allowed: Sequence[str]) -> Attributes:
    """Return the attributes in a message's `[key, value, ...]`. Raises `LobbyRefused` as bad_filter."""
    if len(pairs) % 2:
        raise LobbyRefused(RefusedCode.BAD_FILTER, "filters are pairs of a key and a value")
    found = dict(zip(pairs[::2], pairs[1::2], strict=True))
    if 2 * len(found) != len(pairs):
        raise LobbyRefused(RefusedCode.BAD_FILTER, "a filter's key may come once")
    for key, value in found.items():
        if key not in allowed:
            there_are = f"there are {', '.join(allowed)}" if allowed else "this game has none"
            raise LobbyRefused(RefusedCode.BAD_FILTER, f"matches cannot be filtered by {key[:32]!r}; {there_are}")
        if not value or not value.isprintable() or len(value) > VALUE_LENGTH_MAX:
            raise LobbyRefused(
                RefusedCode.BAD_FILTER, f"the value of {key} must be 1 to {VALUE_LENGTH_MAX} printable characters"
            )
    return tuple(sorted(found.items()))


def pairs_of(attributes: Attributes) -> list[str]:
    """Return attributes as a message carries them."""
    return [text for pair in attributes for text in pair]


def index_name(attributes: Attributes) -> str:
    """Return the set that holds all matches with at least these attributes."""
    return "&".join(f"{_plain(key)}={_plain(value)}" for key, value in sorted(attributes))


def index_names(attributes: Attributes) -> list[str]:
    """Return every set that holds a match with these attributes."""
    return [
        index_name(some) for count in range(len(attributes) + 1) for some in combinations(sorted(attributes), count)
    ]


def meets(attributes: Attributes, filters: Attributes) -> bool:
    """Tell whether a match with these attributes is one that `filters` ask for."""
    return set(filters) <= set(attributes)


def _plain(text: str) -> str:
    # A separator inside a value would make two questions one.
    return text.replace("%", "%25").replace("&", "%26").replace("=", "%3D").replace("|", "%7C")
