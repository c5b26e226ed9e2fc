"""One sealed value in Redis that many nodes change: read it, decide, replace it if it is still the one that was read.

To test: `tests/game_server/shell/test_sealed_value.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.redis_link import RedisLink, Script
from protocol.errors import TickwireError

TRIES_MAX = 50
SWAP = Script(Path(__file__).with_name("scripts").joinpath("swap.lua").read_text(encoding="utf-8"))


class Seals(Protocol):
    """What makes a value unforgeable: `cluster.sealed.Sealer`."""

    def seal(self, kind: str, fields: list[Any], epoch: int) -> bytes:
        """Return plain values as bytes that `open` with the same `kind` believes."""

    def open(self, kind: str, data: bytes) -> tuple[list[Any], int]:
        """Return what was sealed, and its epoch. Raises a `TickwireError` for anything else."""


class StrangeValue(TickwireError):
    """A value that is sealed rightly and stands in the wrong place."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"the value of {self.name} is another's"


SCALE = 10**9


def rating_fields(player: str, mu: float, sigma: float) -> list[Any]:
    """Return a player's rating as sealed values have it: whole billionths, since they carry no fractions."""
    return [player, round(mu * SCALE), round(sigma * SCALE)]


def ratings_of(fields: list[Any]) -> list[tuple[str, float, float]]:
    """Return player, mu and sigma of each of several `rating_fields` in a row."""
    rows = zip(fields[::3], fields[1::3], fields[2::3], strict=True)
    return [(player, mu / SCALE, sigma / SCALE) for player, mu, sigma in rows]


@dataclass(frozen=True, slots=True)
class Change:
    """What to make of a value: the new fields (None: remove it), and how long they live without another change."""

    fields: list[Any] | None
    lives_ms: int


class SealedValues:
    """Sealed values of one kind. What cannot be opened counts as not there, and in `unsealed`."""

    def __init__(self, link: RedisLink, seals: Seals, kind: str) -> None:
        self._link, self._seals, self._kind = link, seals, kind
        self.unsealed = 0

    def opened(self, name: str, value: bytes) -> list[Any] | None:
        """Return the fields of a stored value; None if it is "" or not ours, or if it is not the one named so."""
        if not value:
            return None
        try:
            fields, _ = self._seals.open(self._kind, value)
        except TickwireError:
            self.unsealed += 1
            return None
        if fields[0] != name:
            self.unsealed += 1
            return None
        return list(fields[1:])

    async def read(self, key: str, name: str) -> list[Any] | None:
        """Return the fields of a value. Raises `DirectoryUnavailable`."""
        return self.opened(name, await self._link.call("GET", key) or b"")

    async def change(
        self, key: str, name: str, decide: Callable[[list[Any] | None, int], Change | None]
    ) -> list[Any] | None:
        """Let `decide(fields, now_ms)` change a value, again whenever another was faster; return what is there then.

        It is called with the directory's time, and returns None to leave the value. What it raises is passed on.
        Raises `DirectoryUnavailable`.
        """
        # The first call expects nothing and writes nothing: it reads value and time.
        stored, now_ms = await self._swap(key, b"\0", None, 0)
        for _ in range(TRIES_MAX):
            fields = self.opened(name, stored or b"")
            change = decide(fields, now_ms)
            if change is None:
                return fields
            new = None if change.fields is None else self._seals.seal(self._kind, [name, *change.fields], 0)
            before = stored or b""
            stored, now_ms = await self._swap(key, before, new, change.lives_ms)
            if stored is None:
                return change.fields
        raise DirectoryUnavailable(f"{key} was changed by others {TRIES_MAX} times in a row")

    async def _swap(self, key: str, before: bytes, new: bytes | None, lives_ms: int) -> tuple[bytes | None, int]:
        """Replace a value; return the one that was in the way (None: it was replaced), and the time."""
        answer = await self._link.run(SWAP, (key,), (before, new or b"", lives_ms))
        return (None if answer[0] else answer[2]), int(answer[1])
