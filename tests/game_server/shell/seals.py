"""Seals that anybody could make, for tests of what is sealed."""

from __future__ import annotations

from typing import Any

from protocol.codec import pack, unpack
from protocol.errors import PeerFault


class PlainSeals:
    """Packs and marks."""

    def seal(self, kind: str, fields: list[Any], epoch: int) -> bytes:
        return b"sealed" + pack([kind, epoch, *fields])

    def open(self, kind: str, data: bytes) -> tuple[list[Any], int]:
        if not data.startswith(b"sealed"):
            raise PeerFault("not sealed")
        found, epoch, *fields = unpack(data[6:], 64)
        assert found == kind
        return fields, epoch
