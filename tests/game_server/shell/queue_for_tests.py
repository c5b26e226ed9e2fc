"""Seals and players for the tests of queue, parties and ratings."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from game_server.cluster.queue_ticket import QueuedPlayer
from protocol.codec import pack, unpack
from protocol.errors import TickwireError


class NotSealed(TickwireError):
    """It was not sealed with this secret."""


class TestSeals:
    """Seals as the cluster's do, with a secret of the test's own."""

    __test__ = False

    def __init__(self, secret: bytes = b"s" * 32) -> None:
        self._secret = secret

    def seal(self, kind: str, fields: list[Any], epoch: int) -> bytes:
        body = pack([kind, epoch, *fields])
        return hmac.digest(self._secret, body, hashlib.sha256) + body

    def open(self, kind: str, data: bytes) -> tuple[list[Any], int]:
        mac, body = data[:32], data[32:]
        if not hmac.compare_digest(mac, hmac.digest(self._secret, body, hashlib.sha256)):
            raise NotSealed
        sealed_as, epoch, *fields = unpack(body, 5000)  # flat, of numbers, texts and bytes
        if sealed_as != kind:
            raise NotSealed
        return fields, epoch


def queued(*names: str, mu: float = 25.0) -> list[QueuedPlayer]:
    """Players who wait."""
    return [QueuedPlayer(name, mu) for name in names]
