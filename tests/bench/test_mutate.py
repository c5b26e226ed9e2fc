"""The mutator: seeded, varied, and with mutants that live."""

from random import Random

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.mutate import (
    MSGPACK_BYTES,
    Bytes,
    Mutator,
    legal_items,
    mutate_bytes,
    mutate_items,
    packed,
)
from protocol.codec import decode
from protocol.errors import PeerFault
from protocol.messages import TABLE
from protocol.rows import Direction, Row


def outcome(frame: bytes, direction: Direction) -> str:
    try:
        return type(decode(frame, direction)).__name__
    except PeerFault as fault:
        return fault.reason.partition(":")[0]


def frames(seed: int, direction: Direction, count: int) -> list[bytes]:
    mutator = Mutator(Random(seed), direction)
    return [mutator.frame() for _ in range(count)]


@pytest.mark.parametrize("direction", Direction)
def test_the_same_seed_gives_the_same_frames(direction: Direction, seed: int) -> None:
    assert frames(seed, direction, 300) == frames(seed, direction, 300)
    assert frames(seed, direction, 300) != frames(seed + 1, direction, 300)


@pytest.mark.parametrize("direction", Direction)
def test_mutants_fail_in_many_ways_and_some_of_every_message_live(direction: Direction) -> None:
    outcomes = {outcome(each, direction) for each in frames(1, direction, 20_000)}
    lived = {row.cls.__name__ for row in TABLE if row.direction is direction}
    assert lived <= outcomes
    assert len(outcomes - lived) > 40


def test_mutants_hold_what_a_decoder_must_survive() -> None:
    data = b"".join(frames(2, Direction.TO_SERVER, 20_000))
    nan, infinite, huge_array, not_utf8 = b"\xcb\x7f\xf8", b"\xcb\x7f\xf0", b"\xdd\xff\xff\xff\xff", b"\xff\xfe"
    uint64_max, extension, deep = b"\xcf" + b"\xff" * 8, b"\xd4\x05", b"\x91" * 1000
    for each in (nan, infinite, huge_array, not_utf8, uint64_max, extension, deep):
        assert each in data, each


@pytest.mark.parametrize("direction", Direction)
def test_no_mutant_is_larger_than_what_it_costs_to_refuse(direction: Direction, seed: int) -> None:
    assert max(len(each) for each in frames(seed, direction, 20_000)) < 512 * 1024


@pytest.mark.parametrize("mutation", MSGPACK_BYTES, ids=lambda each: each.__name__)
@given(seed=st.integers(0, 2**32), data=st.binary(max_size=40))
def test_a_mutation_takes_any_bytes_and_stays_small(mutation: Bytes, seed: int, data: bytes) -> None:
    assert len(mutation(Random(seed), data)) <= len(data) + 4100


@given(st.integers(0, 2**32), st.binary(min_size=1, max_size=40))
def test_mutating_leaves_the_original_alone(seed: int, data: bytes) -> None:
    before = bytes(bytearray(data))
    mutate_bytes(Random(seed), data)
    assert data == before


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_legal_items_are_legal_and_mutated_items_can_be_packed(row: Row) -> None:
    rng = Random(row.tag)
    for _ in range(200):
        items = legal_items(rng, row)
        frame = packed(items)
        if len(frame) <= 4096 and row.name != "WELCOME":
            assert type(decode(frame, row.direction)) is row.cls
        for _ in range(5):
            mutate_items(rng, items, row)
        packed(items)


def test_lone_surrogates_leave_as_bytes_that_are_not_utf8() -> None:
    with pytest.raises(UnicodeDecodeError):
        msgpack.unpackb(packed(["\udcff"]))
