"""One strategy per message, for every test that wants any message."""

from typing import Any

from hypothesis import strategies as st

from protocol.lobby_messages import LOBBY_TABLE
from protocol.messages import TABLE
from protocol.rows import Check, Items, Rest, Row, Texts, TextUpTo, Whole

SCALARS = st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.text(max_size=20) | st.floats(-1e300, 1e300)


def _values(check: Check) -> st.SearchStrategy[Any]:
    match check:
        case Whole(low, high):
            return st.integers(low, high)
        case TextUpTo(length_max):
            return st.text(max_size=min(length_max, 40))
        case Items(count_max):
            return st.lists(st.integers(-100, 100_000), max_size=min(count_max, 40))
        case Texts(count_max, length_max):
            return st.lists(st.text(max_size=min(length_max, 20)), max_size=count_max)
        case Rest():
            return st.lists(SCALARS, max_size=10)


def message_of(row: Row) -> st.SearchStrategy[Any]:
    """Return a strategy for the messages of `row`."""
    fields = {name: _values(check) for name, check in row.fields}
    if row.optional:
        fields[row.optional[0]] = st.none() | _values(row.optional[1])
    return st.builds(row.cls, **fields)


any_row = st.sampled_from(TABLE)
any_lobby_row = st.sampled_from(LOBBY_TABLE)
