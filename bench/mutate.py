"""Frames that no honest peer sends, made from frames that one does: seeded, so that every finding can be made again.

    mutator = Mutator(Random(seed), Direction.TO_SERVER)
    mutator.frame()      a mutated frame of any message

A mutation is either one of structure (a field becomes hostile, is dropped, doubled, exchanged) or one of bytes (a bit
flips, a header lies about a length, two frames are spliced). Some mutants stay legal, so that what they are thrown at
lives long enough to meet the others.
To test: `tests/bench/test_mutate.py`.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgpack

import protocol
from protocol.messages import TABLE
from protocol.rows import Check, Direction, Items, Rest, Row, TextUpTo, Whole

VECTORS = Path(protocol.__file__).parent / "vectors" / "messages.json"
BYTES_ADDED_MAX = 64
NESTING = (7, 8, 9, 40, 1000, 1025, 4000)
EDGES = (
    -(2**63),
    -(2**31),
    -1,
    0,
    1,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2**31,
    2**32 - 1,
    2**32,
    2**53,
    2**63,
    2**64 - 1,
)
# Headers of msgpack that announce more than follows, in order: array, text, bytes, map, extension.
LIES = (
    b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\x9f", b"\xdb\x7f\xff\xff\xff", b"\xd9\xff", b"\xbf",
    b"\xc6\xff\xff\xff\xff", b"\xc4\xff", b"\xdf\xff\xff\xff\xff", b"\x8f", b"\xc9\xff\xff\xff\xff\x05",
    b"\xc7\xff\x05",
)  # fmt: skip
# Whole values that the wire does not have: extensions, timestamps, maps, nothing, the one unused byte of msgpack.
FOREIGN = (
    b"\xd4\x05\x00", b"\xd8\x7f" + b"\x00" * 16, b"\xd6\xff\x00\x00\x00\x01",
    b"\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x01", b"\xc7\x0c\xff\x3b\x9a\xca\x00" + b"\xff" * 8, b"\x80",
    b"\x81\x01\x02", b"\x82\x01\x02\x01\x03", b"\x81\x90\x01", b"\xc0", b"\xc1", b"\xa2\xc3\x28", b"\xa3\xed\xa0\x80",
    b"\xa4\xf4\x90\x80\x80", b"\xd9\x02\xc0\xaf", b"\xc4\x02\xff\xfe", b"\xca\x7f\xc0\x00\x00",
    b"\xcb\x7f\xf0" + b"\x00" * 6, b"\xcb\xff\xf0" + b"\x00" * 6, b"\xcb\x7f\xf8" + b"\x00" * 6,
    b"\xcb\x7f\xef" + b"\xff" * 6, b"\xcf" + b"\xff" * 8, b"\xd3\x80" + b"\x00" * 7,
)  # fmt: skip

TEXTS = (
    "",
    "a",
    "\x00",
    "\u202e",
    "\ufeff",
    "e\u0301",
    "\U0010ffff",
    "\x1b[31m",
    "%s%n{}",
    "\r\n",
    "x" * 33,
    "y" * 600,
)

Bytes = Callable[[Random, bytes], bytes]


def flip_bit(rng: Random, data: bytes) -> bytes:
    """Turn one bit over."""
    if not data:
        return b"\x00"
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]


def set_byte(rng: Random, data: bytes) -> bytes:
    """Give one byte any value."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(1) + data[at + 1 :]


def insert_bytes(rng: Random, data: bytes) -> bytes:
    """Put some bytes in between."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randint(1, 8)) + data[at:]


def drop_bytes(rng: Random, data: bytes) -> bytes:
    """Take some bytes out."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.randint(1, 8) :]


def repeat_bytes(rng: Random, data: bytes) -> bytes:
    """Say a part twice."""
    at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    return data[:to] + data[at:to][:BYTES_ADDED_MAX] + data[to:]


def truncate(rng: Random, data: bytes) -> bytes:
    """Stop early."""
    return data[: rng.randint(0, len(data))]


def lie_about_length(rng: Random, data: bytes) -> bytes:
    """Announce more than follows."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(LIES) + data[at + rng.randint(0, 1) :]


def put_foreign(rng: Random, data: bytes) -> bytes:
    """Put a value there that the wire does not have."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(FOREIGN) + data[at + rng.randint(0, 1) :]


def nest(rng: Random, data: bytes) -> bytes:
    """Put arrays within arrays within arrays."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + b"\x91" * rng.choice(NESTING) + data[at:]


PLAIN_BYTES: tuple[Bytes, ...] = (flip_bit, set_byte, insert_bytes, drop_bytes, repeat_bytes, truncate)
"""Mutations of any bytes."""
MSGPACK_BYTES: tuple[Bytes, ...] = (*PLAIN_BYTES, flip_bit, lie_about_length, put_foreign, nest)
"""Mutations of bytes that are msgpack."""


def mutate_bytes(rng: Random, data: bytes, mutations: Sequence[Bytes] = PLAIN_BYTES) -> bytes:
    """Return `data` after one to four mutations."""
    for _ in range(_how_many(rng)):
        data = rng.choice(mutations)(rng, data)
    return data


def _how_many(rng: Random) -> int:
    return rng.choice((1, 1, 1, 1, 2, 2, 3, 4))


def legal_value(rng: Random, check: Check) -> Any:
    """Return a value that passes `check`: often one at an edge."""
    match check:
        case Whole(low, high):
            return rng.choice((low, high, rng.randint(low, high), min(high, max(low, rng.randint(-2, 200)))))
        case TextUpTo(length_max):
            return rng.choice(TEXTS)[:length_max]
        case Items(count_max):
            return [rng.choice(EDGES) for _ in range(rng.randint(0, min(count_max, 12)))]
        case Rest():
            return [rng.choice((rng.choice(EDGES), rng.choice(TEXTS), rng.random() < 0.5, 0.5)) for _ in range(4)]


def hostile_value(rng: Random) -> Any:
    """Return a value that most fields must refuse."""
    match rng.randrange(8):
        case 0 | 1:
            return rng.choice(EDGES)
        case 2:
            return rng.choice((float("nan"), float("inf"), float("-inf"), -0.0, 1.7e308, 5e-324))
        case 3:
            # Lone surrogates leave the packer as bytes that are not UTF-8.
            return rng.choice((*TEXTS, "\udcff\udcfe", "z" * 5000))
        case 4:
            return rng.choice((None, True, False, b"", b"\xff" * 40))
        case 5:
            return [rng.choice(EDGES)] * rng.choice((0, 1, 65, 81, 300))
        case 6:
            return msgpack.ExtType(rng.choice((0, 5, 127)), rng.randbytes(rng.choice((0, 1, 16))))
        case _:
            return {1: 2} if rng.random() < 0.5 else [[[[]]]]


def legal_items(rng: Random, row: Row) -> list[Any]:
    """Return the array of a legal message of `row`."""
    items = [row.tag, *(legal_value(rng, check) for _, check in row.fields)]
    if row.has_rest:
        items[-1:] = items[-1]
    if row.optional is not None and rng.random() < 0.5:
        items.append(legal_value(rng, row.optional[1]))
    return items


def mutate_items(rng: Random, items: list[Any], row: Row) -> None:
    """Change a message's array in one way, at the top or somewhere within."""
    if rng.random() < 0.15:
        place = rng.randrange(len(row.fields))
        if place + 1 < len(items) and not isinstance(row.fields[place][1], Rest):
            items[place + 1] = legal_value(rng, row.fields[place][1])
    elif rng.random() < 0.1:
        items[:1] = [rng.choice((*range(-1, 32), *EDGES))]
    else:
        mutate_list(rng, _some_list(rng, items))


def mutate_list(rng: Random, items: list[Any]) -> None:
    """Make an item of a list hostile, drop it, double it, exchange it, or let more follow."""
    at = rng.randrange(len(items)) if items else 0
    match rng.randrange(6) if items else 5:
        case 0 | 1:
            items[at] = hostile_value(rng)
        case 2:
            del items[at]
        case 3:
            items.insert(at, items[at])
        case 4:
            other = rng.randrange(len(items))
            items[at], items[other] = items[other], items[at]
        case _:
            # Not a list many times over: mutated again, it would grow in all its places, and the frame to megabytes.
            value = hostile_value(rng)
            items += [value] * (1 if type(value) is list else rng.choice((1, 2, 80)))


def _some_list(rng: Random, items: list[Any]) -> list[Any]:
    while True:
        within = [each for each in items if type(each) is list]
        if not within or rng.random() < 0.3:
            return items
        items = rng.choice(within)


def packed(items: list[Any]) -> bytes:
    """Return `items` in msgpack, texts with lone surrogates as the bytes that they stand for."""
    data: bytes = msgpack.packb(items, unicode_errors="surrogateescape")
    return data


class Mutator:
    """A source of mutated frames of one direction; `samples` are frames of a real game, to begin from."""

    def __init__(self, rng: Random, direction: Direction, samples: Sequence[bytes] = ()) -> None:
        self.rng = rng
        self._rows = [row for row in TABLE if row.direction is direction]
        self._row_of_tag = {row.tag: row for row in self._rows}
        names = {row.name for row in self._rows}
        vectors = [each for each in json.loads(VECTORS.read_text(encoding="utf-8")) if each["name"] in names]
        self.samples = [bytes.fromhex(each["hex"]) for each in vectors] + list(samples)

    def frame(self) -> bytes:
        """Return the next mutant."""
        rng = self.rng
        if rng.random() < 0.4:
            return mutate_bytes(rng, self._begin(), MSGPACK_BYTES)
        if rng.random() < 0.1:
            return self._spliced()
        items = msgpack.unpackb(self._begin())
        row = self._row_of_tag[items[0]]
        for _ in range(_how_many(rng)):
            mutate_items(rng, items, row)
        return packed(items)

    def _begin(self) -> bytes:
        if self.rng.random() < 0.6:
            return self.rng.choice(self.samples)
        return packed(legal_items(self.rng, self.rng.choice(self._rows)))

    def _spliced(self) -> bytes:
        one, other = self._begin(), self._begin()
        return one[: self.rng.randint(0, len(one))] + other[self.rng.randint(0, len(other)) :]
