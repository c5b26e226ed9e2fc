"""How a row reads and writes its message."""

import pytest

from protocol.errors import PeerFault
from protocol.lobby_messages import LOBBY_TABLE, QuickPlay
from protocol.rows import Texts

ROWS = {row.cls: row for row in LOBBY_TABLE}


def test_texts_are_counted_and_each_is_measured() -> None:
    check = Texts(2, 3)
    assert check.check([]) and check.check(["abc", ""])
    for bad in (["abcd"], ["a", "b", "c"], [1], ("a",), "abc", None):
        assert not check.check(bad)
    assert str(check) == "array of at most 2 texts of at most 3"


def test_a_row_names_the_field_that_is_wrong() -> None:
    with pytest.raises(PeerFault, match=r"QUICK_PLAY\.required must be array of at most 16 texts"):
        ROWS[QuickPlay].parse(["id", ["mode", 1], [], 0])
