"""WebSocket frames by hand: the few kinds that make up nearly all traffic, and where a frame ends.

     0                   1
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
    +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
    |F|R|R|R| opcode|M| length (7)  | 16 bits if 126, 64 bits if 127| then 4 bytes of mask if M, then the payload
    +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +

Everything else (fragments, text, large frames, closes, violations) goes through `careful_reader.py`.
*Source*: RFC 6455 section 5.2.  To test: `tests/game_server/shell/test_frames.py`.
"""

import struct

try:
    from websockets.speedups import apply_mask
except ImportError:  # the C extension is optional
    from websockets.utils import apply_mask

FINAL = 0x80
FINAL_BINARY = 0x82
FINAL_PING = 0x89
FINAL_PONG = 0x8A
BY_HAND = frozenset((FINAL_BINARY, FINAL_PING, FINAL_PONG))
MASKED = 0x80
LARGEST_HEADER_BYTES = 14


def frame_header(payload_bytes: int) -> bytes:
    """Return the header of an unmasked, final binary frame."""
    # Section 5.2: "The length of the "Payload data", in bytes: if 0-125, that is the payload length. If 126, the
    # following 2 bytes interpreted as a 16-bit unsigned integer are the payload length. If 127, the following 8 bytes
    # [...]".  Section 5.1: "A server MUST NOT mask any frames that it sends to the client."
    if payload_bytes < 126:
        return bytes((FINAL_BINARY, payload_bytes))
    if payload_bytes < 65_536:
        return struct.pack("!BBH", FINAL_BINARY, 126, payload_bytes)
    return struct.pack("!BBQ", FINAL_BINARY, 127, payload_bytes)


def ping_frame(payload: bytes) -> bytes:
    """Return a ping with a payload of at most 125 bytes."""
    assert len(payload) < 126, "section 5.5: all control frames must have a payload length of 125 bytes or less"
    return bytes((FINAL_PING, len(payload))) + payload


def pong_frame(payload: bytes) -> bytes:
    """Return the answer to a ping with that payload."""
    return bytes((FINAL_PONG, len(payload))) + payload


def frame_bytes(buffer: bytearray, at: int, payload_bytes_max: int) -> int:
    """Return how many bytes the frame at `at` has: 0 when it is not all there yet.

    A frame that announces more than `payload_bytes_max` counts as complete as soon as its header is: it will be
    refused, and must not be waited for.
    """
    there = len(buffer) - at
    if there < 2:
        return 0
    length = buffer[at + 1] & 0x7F
    header = 2
    if length == 126:
        header = 4
    elif length == 127:
        header = 10
    if there < header:
        return 0
    if header > 2:
        length = int.from_bytes(buffer[at + 2 : at + header], "big")
    if length > payload_bytes_max:
        return there
    total = header + (4 if buffer[at + 1] & MASKED else 0) + length
    return total if there >= total else 0


def small_payload(buffer: bytearray, at: int, total: int) -> bytes | None:
    """Return the payload of a masked, final binary frame, ping or pong of at most 125 bytes; None for anything else.

    The first byte of the frame tells which of them it is.
    """
    if buffer[at] not in BY_HAND or not MASKED <= buffer[at + 1] < MASKED + 126:
        return None
    return apply_mask(buffer[at + 6 : at + total], buffer[at + 2 : at + 6])
