"""Records as they stand in the directory: sealed, so that only a node of this cluster can have made them.

    T | version 1 | kid length, kid | epoch, 8 bytes | length, 4 bytes | msgpack fields | 16 bytes of HMAC-SHA256

The code covers all before it and the kind of the record, so that one kind is never taken for another. Never pickle.
*Source*: RFC 2104; RFC 2104 section 5 on truncation.
To test: `tests/game_server/cluster/test_sealed.py`.
"""

import hashlib
import hmac
import struct
from typing import Any

from protocol.codec import pack, unpack
from protocol.errors import TickwireError

VERSION = 1
MAC_BYTES = 16
FIELDS_MAX = 65_535
_HEAD = struct.Struct(">cBB")
_SIZES = struct.Struct(">QI")


class Unsealed(TickwireError):
    """A value that no node of this cluster made, or not as what it is read for."""

    def __str__(self) -> str:
        return "a value in the directory is not sealed with this cluster's secret"


class Sealer:
    """Seals with the first key, opens with any. `refused` counts what could not be opened."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keyed = {kid.encode(): hmac.new(key, digestmod=hashlib.sha256) for kid, key in keys.items()}
        self._kid = next(iter(self._keyed))
        self.refused = 0

    def seal(self, kind: str, fields: list[Any], epoch: int) -> bytes:
        """Return flat numbers, texts and bytes as what `open` with the same `kind` believes."""
        packed = pack(fields)
        body = _HEAD.pack(b"T", VERSION, len(self._kid)) + self._kid + _SIZES.pack(epoch, len(packed)) + packed
        return body + self._mac(self._kid, kind, body)

    def open(self, kind: str, data: bytes) -> tuple[list[Any], int]:
        """Return the fields that were sealed, and their epoch. Raises `Unsealed`, and counts it."""
        try:
            return self._open(kind, data)
        except (struct.error, ValueError, KeyError):
            self.refused += 1
            raise Unsealed from None

    def _open(self, kind: str, data: bytes) -> tuple[list[Any], int]:
        letter, version, kid_bytes = _HEAD.unpack_from(data)
        if (letter, version) != (b"T", VERSION):
            raise ValueError("another format")
        start = _HEAD.size + kid_bytes
        epoch, length = _SIZES.unpack_from(data, start)
        body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if len(body) != start + _SIZES.size + length:
            raise ValueError("another length")
        if not hmac.compare_digest(mac, self._mac(data[_HEAD.size : start], kind, body)):
            raise ValueError("another key")
        return unpack(body[start + _SIZES.size :], FIELDS_MAX), epoch

    def _mac(self, kid: bytes, kind: str, body: bytes) -> bytes:
        keyed = self._keyed[kid].copy()
        keyed.update(kind.encode() + b"\0" + body)
        return keyed.digest()[:MAC_BYTES]
