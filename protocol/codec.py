"""Bytes <-> message, with every limit that msgpack itself does not set.

No maps and no extension types exist on this wire; a frame from a client is at most 4 KiB, one from a server at most
4 MiB. Anything else is a `PeerFault`, never another exception.
To test: `tests/protocol/test_codec.py` (round trips, every mutation gives a typed error, the JSON vectors).
"""

from typing import Any

import msgpack

from protocol.errors import PeerFault
from protocol.lobby_messages import LOBBY_TABLE, WATCHED_PLAYERS_MAX, LobbyMessage
from protocol.messages import ROW_OF_CLASS, ROW_OF_TAG, STATE_ITEMS_MAX, EventFrame, Message
from protocol.rows import Direction, Row

CLIENT_FRAME_BYTES_MAX = 4096
SERVER_FRAME_BYTES_MAX = 4 * 1024 * 1024
DEPTH_MAX = 8

_FRAME_BYTES_MAX = {Direction.TO_SERVER: CLIENT_FRAME_BYTES_MAX, Direction.TO_CLIENT: SERVER_FRAME_BYTES_MAX}
_ITEMS_MAX = {Direction.TO_SERVER: WATCHED_PLAYERS_MAX, Direction.TO_CLIENT: STATE_ITEMS_MAX}

_EVENT_TAG = ROW_OF_CLASS[EventFrame].tag

_LOBBY_ROW_OF_TAG = {row.tag: row for row in LOBBY_TABLE}
_ROW_OF_CLASS = {**ROW_OF_CLASS, **{row.cls: row for row in LOBBY_TABLE}}

_packer = msgpack.Packer(autoreset=True)


def pack(value: Any) -> bytes:
    """Return `value` in msgpack; the one place where this wire packs anything."""
    packed: bytes = _packer.pack(value)
    return packed


def unpack(packed: bytes, items_max: int) -> list[Any]:
    """Return the array of at most `items_max` numbers, texts and bytes in `packed`. Raises `ValueError`.

    For what this end packed itself and has back, its signature checked; frames go through `decode`.
    """
    try:
        items = msgpack.unpackb(packed, raw=False, ext_hook=_refuse_extension, max_map_len=0, max_array_len=items_max)
    except (TypeError, msgpack.UnpackException) as error:
        raise ValueError(f"not an array of this protocol: {type(error).__name__}") from None
    if type(items) is not list or any(type(each) not in (int, str, bytes) for each in items):
        raise ValueError("not an array of numbers, texts and bytes")
    return items


def _refuse_extension(code: int, data: bytes) -> Any:
    raise ValueError(f"extension type {code}")


def encode(message: Message | LobbyMessage) -> bytes:
    """Return the frame that carries `message`."""
    return pack(_ROW_OF_CLASS[type(message)].items(message))


def event_tail(tick: int, kind: int, values: list[Any]) -> tuple[int, bytes]:
    """Return how many items of an EVENT follow its sequence, and their bytes: all seats that hear it share them."""
    items = [tick, kind, *values]
    return len(items), b"".join([pack(each) for each in items])


def event_frame(sequence: int, tail: tuple[int, bytes]) -> bytes:
    """Return the EVENT that `encode` would make, from its own sequence and the shared `event_tail`."""
    count, data = tail
    header: bytes = _packer.pack_array_header(2 + count)
    return header + pack(_EVENT_TAG) + pack(sequence) + data


def decode(frame: bytes, direction: Direction) -> Message:
    """Return the message of a match in `frame`, which travelled in `direction`. Raises `PeerFault`."""
    message: Message = _decode(frame, direction, ROW_OF_TAG)
    return message


def decode_lobby(frame: bytes, direction: Direction) -> LobbyMessage:
    """Return the message of a lobby in `frame`, which travelled in `direction`. Raises `PeerFault`."""
    message: LobbyMessage = _decode(frame, direction, _LOBBY_ROW_OF_TAG)
    return message


def _decode(frame: bytes, direction: Direction, row_of_tag: dict[int, Row]) -> Any:
    if len(frame) > _FRAME_BYTES_MAX[direction]:
        raise PeerFault(f"frame of {len(frame)} bytes, {_FRAME_BYTES_MAX[direction]} are allowed", 1009, "size")
    try:
        items = msgpack.unpackb(
            frame,
            raw=False,
            use_list=True,
            ext_hook=_refuse_extension,
            max_ext_len=0,
            max_map_len=0,
            # No item is shorter than a byte: what announces more is a lie, for which msgpack would take memory at once.
            max_array_len=min(_ITEMS_MAX[direction], len(frame)),
        )
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise PeerFault(f"frame is not msgpack of this protocol: {error or type(error).__name__}") from None
    if type(items) is not list or not items or type(items[0]) is not int:
        raise PeerFault("frame is not an array that starts with a tag")
    row = row_of_tag.get(items[0])
    if row is None or row.direction is not direction:
        raise PeerFault(f"tag {items[0]} is no message {direction.value}")
    if direction is Direction.TO_CLIENT and _deeper_than(items, DEPTH_MAX):
        raise PeerFault(f"arrays nested deeper than {DEPTH_MAX}")
    return row.parse(items[1:])


def _deeper_than(items: list[Any], depth: int) -> bool:
    level = items
    for _ in range(depth):
        level = [inner for each in level if type(each) is list for inner in each]
        if not level:
            return False
    return True
