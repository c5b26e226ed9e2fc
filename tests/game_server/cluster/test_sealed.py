"""What is sealed is believed, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game_server.cluster.sealed import Sealer, Unsealed

FIELDS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=40) | st.binary(max_size=40), max_size=20)
SEALER = Sealer({"new": b"n" * 32, "old": b"o" * 32})


@given(FIELDS, st.integers(0, 2**64 - 1))
def test_what_was_sealed_comes_back(fields: list[object], epoch: int) -> None:
    assert SEALER.open("node", SEALER.seal("node", fields, epoch)) == (fields, epoch)


@given(st.data())
def test_whatever_was_changed_is_refused(data: st.DataObject) -> None:
    sealed = SEALER.seal("node", ["n0", 1], 7)
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unsealed):
        SEALER.open("node", bytes(changed))


@pytest.mark.parametrize("data", [b"", b"T", b"T\x01", b"forged", b"T\x01\x03new" + b"\0" * 28], ids=repr)
def test_what_nobody_sealed_is_refused_and_counted(data: bytes) -> None:
    sealer = Sealer({"new": b"n" * 32})
    with pytest.raises(Unsealed, match="secret"):
        sealer.open("node", data)
    assert sealer.refused == 1


def test_one_kind_is_never_taken_for_another() -> None:
    with pytest.raises(Unsealed):
        SEALER.open("order", SEALER.seal("node", ["n0"], 1))


def test_an_older_key_still_opens_and_a_removed_one_does_not() -> None:
    sealed = Sealer({"old": b"o" * 32}).seal("node", [1], 2)
    assert SEALER.open("node", sealed) == ([1], 2)
    with pytest.raises(Unsealed):
        Sealer({"new": b"n" * 32}).open("node", sealed)
