"""The careful reader: fragments, control frames between them, closes, and every limit."""

import gc
import weakref

import pytest
from websockets.frames import Close, Frame, Opcode

from game_server.shell.careful_reader import CarefulReader, close_reason
from game_server.shell.websocket_server import Transport


def sent(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


# Masks are drawn, and the two processes of a test run must agree on what a test is called.
def length_of(frame: bytes) -> str:
    return f"{len(frame)} bytes"


@pytest.fixture
def reader() -> CarefulReader:
    return CarefulReader(Transport())


def test_a_whole_message_comes_out_as_it_came_in(reader: CarefulReader) -> None:
    assert reader.receive(sent(Opcode.BINARY, b"x" * 200)) == [Frame(Opcode.BINARY, b"x" * 200)]
    assert reader.receive(sent(Opcode.TEXT, "Zoë".encode())) == [Frame(Opcode.TEXT, "Zoë".encode())]
    assert reader.idle and reader.violation is None


def test_fragments_come_out_as_one_message_and_control_frames_between_them_at_once(reader: CarefulReader) -> None:
    assert reader.receive(sent(Opcode.TEXT, b"a", fin=False)) == []
    assert not reader.idle
    assert reader.receive(sent(Opcode.PING, b"p")) == [Frame(Opcode.PING, b"p")]
    assert reader.protocol.data_to_send() == [Frame(Opcode.PONG, b"p").serialize(mask=False)]
    assert reader.receive(sent(Opcode.CONT, b"b", fin=False)) == []
    assert reader.receive(sent(Opcode.CONT, b"", fin=True)) == [Frame(Opcode.TEXT, b"ab")]
    assert reader.idle


def test_utf_8_may_be_split_between_fragments_but_must_be_whole_in_the_end(reader: CarefulReader) -> None:
    reader.receive(sent(Opcode.TEXT, b"\xc3", fin=False))
    assert reader.receive(sent(Opcode.CONT, b"\xab")) == [Frame(Opcode.TEXT, b"\xc3\xab")]
    assert reader.receive(sent(Opcode.TEXT, b"\xc3")) == []
    assert reader.violation is not None and (reader.violation.code, reader.violation.cause) == (1007, "text")


@pytest.mark.parametrize("piece", [b"x", b""])
def test_eight_fragments_are_taken_and_nine_are_not(piece: bytes) -> None:
    for count, taken in ((8, True), (9, False)):
        reader = CarefulReader(Transport())
        frames = [sent(Opcode.BINARY, piece, fin=False), *[sent(Opcode.CONT, piece, fin=False)] * (count - 2)]
        for frame in frames:
            assert reader.receive(frame) == []
        assert bool(reader.receive(sent(Opcode.CONT, piece))) is taken
        assert (reader.violation is None) is taken
        if reader.violation is not None:
            assert (reader.violation.code, reader.violation.cause) == (1009, "size")


def test_fragments_may_not_grow_beyond_the_size_of_a_message(reader: CarefulReader) -> None:
    reader.receive(sent(Opcode.BINARY, b"x" * 3000, fin=False))
    reader.receive(sent(Opcode.CONT, b"x" * 1097))
    assert reader.violation is not None and reader.violation.code == 1009


@pytest.mark.parametrize(
    "frame",
    [
        sent(Opcode.CONT, b"nothing to continue"),
        Frame(Opcode.BINARY, b"unmasked").serialize(mask=False),
        b"\x83\x80\x00\x00\x00\x00",  # a reserved opcode
        b"\xc2\x80\x00\x00\x00\x00",  # a reserved bit
        b"\x09\x80\x00\x00\x00\x00",  # a ping in fragments
        b"\x89\xfe\x00\x7e\x00\x00\x00\x00" + bytes(126),  # a ping that is too long
        b"\x88\x81\x00\x00\x00\x00x",  # a close with half a code
        sent(Opcode.CLOSE, b"\x03\xed"),  # 1005 is never sent
    ],
    ids=length_of,
)
def test_what_rfc_6455_forbids_is_a_violation(reader: CarefulReader, frame: bytes) -> None:
    reader.receive(frame)
    assert reader.violation is not None
    assert (reader.violation.code, reader.violation.cause) == (1002, "frame")
    assert reader.violation.sentence


def test_a_close_reason_must_be_utf_8(reader: CarefulReader) -> None:
    reader.receive(sent(Opcode.CLOSE, b"\x03\xe8\xff"))
    assert reader.violation is not None and reader.violation.code == 1007


def test_a_close_is_answered_with_its_own_code_and_is_no_violation(reader: CarefulReader) -> None:
    reader.receive(sent(Opcode.CLOSE, Close(4123, "bye").serialize()))
    assert reader.violation is None and not reader.idle
    assert reader.protocol.close_rcvd == Close(4123, "bye")
    assert reader.protocol.data_to_send()[0] == Frame(Opcode.CLOSE, Close(4123, "bye").serialize()).serialize(
        mask=False
    )


def test_a_close_of_ours_waits_for_theirs_and_is_begun_once(reader: CarefulReader) -> None:
    reader.close(1012, "the server is stopping")
    reader.close(1000, "again")
    assert len(reader.protocol.data_to_send()) == 1
    assert not reader.idle and reader.violation is None
    assert reader.receive(sent(Opcode.BINARY, b"still under way")) == [Frame(Opcode.BINARY, b"still under way")]
    reader.receive(sent(Opcode.CLOSE, Close(1012, "").serialize()))
    assert reader.protocol.close_rcvd is not None and reader.violation is None


def test_a_violation_after_a_close_of_ours_keeps_the_code_that_was_sent(reader: CarefulReader) -> None:
    reader.close(4003, "another schema")
    reader.receive(b"\x83\x80\x00\x00\x00\x00")
    assert reader.violation is not None and reader.violation.code == 4003


def test_a_reason_is_cut_between_characters() -> None:
    assert close_reason("é" * 100) == "é" * 61
    assert close_reason("short") == "short"


def test_limits_can_be_raised_for_conformance() -> None:
    wide = Transport(subprotocol="", message_bytes_max=1 << 20, fragments_max=1 << 20, tells_why=False)
    reader = CarefulReader(wide)
    for _ in range(1000):
        reader.receive(sent(Opcode.BINARY if reader.idle else Opcode.CONT, b"x" * 1000, fin=False))
    assert reader.receive(sent(Opcode.CONT, b"", fin=True))[0].data == b"x" * 1_000_000


@pytest.mark.parametrize(
    "frame",
    [sent(Opcode.BINARY, b"x"), b"\x83\x80\x00\x00\x00\x00", sent(Opcode.CLOSE, b"\x03\xe8\xff")],
    ids=length_of,
)
def test_a_reader_that_is_done_is_freed_without_a_collection(frame: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        reader = CarefulReader(Transport())
        reader.receive(frame)
        freed = weakref.ref(reader.protocol)
        reader.end()
        del reader
        assert freed() is None
    finally:
        gc.enable()
