"""Frames by hand agree with websockets' own."""

import pytest
from websockets.frames import Frame, Opcode

from game_server.shell.frames import frame_bytes, frame_header, ping_frame, pong_frame, small_payload

MAX = 4096


def masked(payload: bytes, opcode: Opcode = Opcode.BINARY, fin: bool = True) -> bytearray:
    return bytearray(Frame(opcode, payload, fin).serialize(mask=True))


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_out_is_what_websockets_would_write(length: int) -> None:
    payload = b"x" * length
    assert frame_header(length) + payload == Frame(Opcode.BINARY, payload).serialize(mask=False)


def test_a_ping_is_what_websockets_would_write() -> None:
    for payload in (b"", b"\0\0\0\7", b"x" * 125):
        assert ping_frame(payload) == Frame(Opcode.PING, payload).serialize(mask=False)
        assert pong_frame(payload) == Frame(Opcode.PONG, payload).serialize(mask=False)
    with pytest.raises(AssertionError, match="125 bytes or less"):
        ping_frame(b"x" * 126)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 4096])
def test_a_frame_in_counts_when_its_last_byte_is_there_and_not_before(length: int) -> None:
    frame = masked(b"y" * length)
    assert frame_bytes(frame, 0, MAX) == len(frame)
    for cut in {1, 2, 5, len(frame) // 2, len(frame) - 1} - {0}:
        assert cut == len(frame) or frame_bytes(frame[:cut], 0, MAX) == 0
    assert frame_bytes(bytearray(b"..") + frame, 2, MAX) == len(frame)


@pytest.mark.parametrize("length", [4097, 70_000])
def test_a_frame_that_announces_too_much_is_not_waited_for(length: int) -> None:
    frame = masked(b"z" * length)[:20]
    assert frame_bytes(frame, 0, MAX) == 20


@pytest.mark.parametrize("opcode", [Opcode.BINARY, Opcode.PING, Opcode.PONG])
def test_a_small_binary_frame_ping_or_pong_is_unmasked_by_hand(opcode: Opcode) -> None:
    for payload in (b"", b"a", b"hello", bytes(range(125))):
        frame = masked(payload, opcode)
        assert small_payload(frame, 0, len(frame)) == payload


@pytest.mark.parametrize(
    "frame",
    [
        masked(b"t", Opcode.TEXT),
        bytearray(b"\x09\x80\0\0\0\0"),  # a ping in fragments
        masked(b"c", Opcode.CLOSE),
        masked(b"f", fin=False),
        masked(b"l" * 126),
        bytearray(Frame(Opcode.BINARY, b"unmasked").serialize(mask=False)),
        bytearray([0x82 | 0x40, 0x80, 1, 2, 3, 4]),
    ],
)
def test_anything_else_is_left_to_websockets(frame: bytearray) -> None:
    assert small_payload(frame, 0, len(frame)) is None
