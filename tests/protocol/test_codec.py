"""Bytes <-> message: round trips, mutations, limits, vectors."""

import json
import pathlib
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protocol
from protocol.codec import CLIENT_FRAME_BYTES_MAX, decode, encode, event_frame, event_tail, pack, unpack
from protocol.errors import PeerFault
from protocol.messages import ROW_OF_CLASS, TABLE, Ack, EventFrame
from protocol.rows import Direction, Row
from tests.protocol.samples import SCALARS, any_row, message_of

VECTORS = pathlib.Path(protocol.__file__).parent / "vectors" / "messages.json"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_decoding_an_encoded_message_gives_it_back(row: Row) -> None:
    @settings(max_examples=40)
    @given(message_of(row))
    def check(message: Any) -> None:
        assert decode(encode(message), row.direction) == message

    check()


@given(st.data())
def test_any_mutation_of_a_valid_frame_gives_a_message_or_a_typed_error(data: st.DataObject) -> None:
    row = data.draw(any_row)
    frame = bytearray(encode(data.draw(message_of(row))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame)))
        match data.draw(st.sampled_from(("flip", "insert", "cut"))):
            case "flip" if at < len(frame):
                frame[at] = data.draw(st.integers(0, 255))
            case "insert":
                frame[at:at] = data.draw(st.binary(max_size=8))
            case _:
                del frame[at : at + 3]
    for direction in Direction:
        try:
            message = decode(bytes(frame), direction)
        except PeerFault as fault:
            assert fault.close_code in (1002, 1009)
        else:
            assert ROW_OF_CLASS[type(message)].direction is direction


@given(st.binary(max_size=200))
def test_noise_gives_a_message_or_a_typed_error(noise: bytes) -> None:
    for direction in Direction:
        try:
            decode(noise, direction)
        except PeerFault:
            continue


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"\xc0", b"\x90", b"\x91\xc3", msgpack.packb([99]), msgpack.packb([2]), msgpack.packb([2, -1]),
        msgpack.packb([2, True]), msgpack.packb([2, 1, 1]), msgpack.packb({2: 1}), b"\x92\x02\xdd\xff\xff\xff\xff",
        msgpack.packb([2, 1]) + b"\x00", msgpack.packb([2, msgpack.ExtType(5, b"x")]), b"\x91" * 2000,
        msgpack.packb([3, 1, 0, float("nan")]), msgpack.packb([3, 1, 0, float("inf")]), msgpack.packb([3, 1, 0, [1]]),
        msgpack.packb([16]), msgpack.packb([2, msgpack.Timestamp(1, 1)]), msgpack.packb([2, {"a": 1}]),
    ],
)  # fmt: skip
def test_what_no_client_may_send_is_the_peers_fault(frame: bytes) -> None:
    with pytest.raises(PeerFault) as caught:
        decode(frame, Direction.TO_SERVER)
    assert caught.value.close_code == 1002


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(PeerFault) as caught:
        decode(b"\x90" * (CLIENT_FRAME_BYTES_MAX + 1), Direction.TO_SERVER)
    assert caught.value.close_code == 1009


def test_deep_arrays_from_a_server_are_refused() -> None:
    items: list[Any] = []
    for _ in range(20):
        items = [items]
    with pytest.raises(PeerFault, match="nested"):
        decode(msgpack.packb([18, 1, 1, 0, 0, items, [], []]), Direction.TO_CLIENT)


def test_arrays_that_announce_more_than_the_frame_holds_cost_no_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(PeerFault):
            decode(b"\xdc\xff\xff" * 300, Direction.TO_CLIENT)
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_the_tick_stays_small_on_the_wire() -> None:
    assert len(encode(Ack(100))) == 3


def test_every_message_has_a_vector_and_every_vector_holds() -> None:
    vectors = json.loads(VECTORS.read_text())
    assert {each["name"] for each in vectors} == {row.name for row in TABLE}
    by_name = {row.name: row for row in TABLE}
    for vector in vectors:
        row = by_name[vector["name"]]
        message = decode(bytes.fromhex(vector["hex"]), row.direction)
        shown = {name: getattr(message, name) for name, _ in row.fields}
        if row.optional:
            shown[row.optional[0]] = getattr(message, row.optional[0])
        assert shown == vector["message"], row.name
        assert encode(message).hex() == vector["hex"], row.name


@given(st.lists(st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(), max_size=8))
def test_what_was_packed_is_unpacked(items: list[int | str | bytes]) -> None:
    assert unpack(pack(items), 8) == items


@pytest.mark.parametrize("value", [7, [1.5], [None], [True], [[]], [{}], {}, list(range(9))])
def test_only_an_array_of_numbers_texts_and_bytes_is_unpacked(value: Any) -> None:
    with pytest.raises(ValueError):
        unpack(msgpack.packb(value), 8)


@given(st.binary(max_size=40))
def test_unpacking_noise_raises_nothing_but_value_errors(noise: bytes) -> None:
    try:
        items = unpack(noise, 8)
    except ValueError:
        return
    assert all(type(each) in (int, str, bytes) for each in items)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 255), st.lists(SCALARS, max_size=64))
def test_an_event_made_of_its_own_sequence_and_a_shared_tail_is_the_event(
    sequence: int, tick: int, kind: int, values: list[Any]
) -> None:
    assert event_frame(sequence, event_tail(tick, kind, values)) == encode(EventFrame(sequence, tick, kind, values))
