"""State on the wire: fragments that splice, and the decoder that every client uses.

    STATE    = [18, tick, base_back, flags, slack, gone, entered, changed, (hash)]
    KEYFRAME = [19, tick, reason, flags, slack, entered, (hash)]
    gone     = [id...]
    entered  = [id, generation, kind, owner, value...  repeated]      all values, absolute
    changed  = [id, mask, value...                     repeated]      the values whose mask bits are set

`gone`, `entered` and `changed` are flat, and a kind or a mask says how many values follow, so the bytes of one entity
(a fragment) can be encoded once and spliced into every client's frame behind an array header of the summed count.

Two lanes for `changed`. Relative (flag RELATIVE; base is the tick before): step, int and angle fields carry the
difference in wire units plus 48, so that one byte covers -80..+79; angles take the shorter way round. Absolute: wire
values as they are. Bool, enum, text, ref and cells fields are always absolute.
To test: `tests/protocol/test_state_codec.py`.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from protocol.codec import pack
from protocol.errors import PeerFault
from protocol.fields import FieldKind, Wire, hash_word
from protocol.ids import NO_SEAT
from protocol.messages import Keyframe, State, StateFlag
from protocol.schema import EntityKind, Schema

RELATIVE_BIAS = 48
ID_MAX = 2**31 - 1
STATE_TAG = 18
KEYFRAME_TAG = 19


@dataclass(frozen=True, slots=True)
class Fragment:
    """The encoded items of one entity, and how many there are."""

    data: bytes
    count: int


def array_header(count: int) -> bytes:
    """Return the msgpack header of an array of `count` items. Source: msgpack spec, "array format family"."""
    if count < 16:
        return bytes((0x90 | count,))
    if count < 65_536:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


def fragment(items: list[Any]) -> Fragment:
    """Return `items` encoded without an array header of their own."""
    packed = pack(items)
    return Fragment(packed[1 if len(items) < 16 else 3 :], len(items))


def splice(fragments: list[Fragment]) -> bytes:
    """Return one flat array made of `fragments`."""
    return array_header(sum([each.count for each in fragments])) + b"".join([each.data for each in fragments])


def relative_value(kind: FieldKind, before: Any, now: Any) -> Wire:
    """Return what the relative lane sends for a field that went from `before` to `now`."""
    if not kind.relative:
        result: Wire = now
        return result
    difference: int = now - before
    if kind.modulo:
        half = kind.modulo >> 1
        difference = (difference + half) % kind.modulo - half
    return difference + RELATIVE_BIAS


def spawn_items(entity_id: int, generation: int, kind: int, owner: int | None, wire: Iterable[Wire]) -> list[Any]:
    """Return the items of a spawn record."""
    return [entity_id, generation, kind, NO_SEAT if owner is None else owner, *wire]


def state_prefix(tick: int, base_back: int, hashed: bool) -> bytes:
    """Return a STATE up to its flags, which follow as one byte, then slack as one byte, then the body."""
    return (b"\x99" if hashed else b"\x98") + pack(STATE_TAG) + pack(tick) + pack(base_back)


def keyframe_prefix(tick: int, reason: int, hashed: bool) -> bytes:
    """Return a KEYFRAME up to its flags."""
    return (b"\x97" if hashed else b"\x96") + pack(KEYFRAME_TAG) + pack(tick) + pack(reason)


def pack_hash(value: int) -> bytes:
    """Return the hash that ends a frame."""
    return pack(value)


def state_hash(rows: Iterable[tuple[int, int, int, int | None, Iterable[Wire]]]) -> int:
    """Return the CRC-32 over (id, generation, kind, owner, wire values) of all entities in id order, 32 bits each."""
    words: list[int] = []
    for entity_id, generation, kind, owner, wire in rows:
        words += (entity_id, generation, kind, (NO_SEAT if owner is None else owner) & 0xFFFFFFFF)
        words += map(hash_word, wire)
    return zlib.crc32(struct.pack(f"<{len(words)}I", *words))


@dataclass(slots=True)
class WireEntity:
    """One entity as a client holds it: wire values, in mask order."""

    id: int
    generation: int
    kind_place: int
    kind: EntityKind
    owner: int | None
    wire: list[Wire]
    changed_tick: int


class WireState:
    """All that a client holds of a match: applies STATE and KEYFRAME, hashes itself."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.tick = -1
        self.entities: dict[int, WireEntity] = {}

    def apply_keyframe(self, frame: Keyframe) -> None:
        """Replace everything. Raises `PeerFault`; nothing has changed then."""
        entered = self._read_entered(frame.entered, frame.tick)
        self.entities = {each.id: each for each in entered}
        self.tick = frame.tick

    def can_apply(self, frame: State) -> bool:
        """Tell whether `frame` starts from what this holds; if not, the client must send RESYNC and never guess."""
        return frame.tick - frame.base_back == self.tick

    def apply_state(self, frame: State) -> None:
        """Apply a delta from the held tick. Raises `PeerFault`; nothing has changed then."""
        if not self.can_apply(frame):
            raise PeerFault(f"state from tick {frame.tick - frame.base_back}, held is {self.tick}")
        for entity_id in frame.gone:
            if type(entity_id) is not int or entity_id not in self.entities:
                raise PeerFault(f"entity {entity_id!r} is to go and is unknown")
        entered = self._read_entered(frame.entered, frame.tick)
        changed = self._read_changed(frame.changed, bool(frame.flags & StateFlag.RELATIVE))
        for entity_id in frame.gone:
            self.entities.pop(entity_id, None)
        for each in entered:
            self.entities[each.id] = each
        for entity, wire in changed:
            entity.wire = wire
            entity.changed_tick = frame.tick
        self.tick = frame.tick

    def hash(self) -> int:
        """Return the state hash of what is held."""
        held = [self.entities[entity_id] for entity_id in sorted(self.entities)]
        return state_hash((each.id, each.generation, each.kind_place, each.owner, each.wire) for each in held)

    def _read_entered(self, items: list[Any], tick: int) -> list[WireEntity]:
        entered = []
        at = 0
        while at < len(items):
            head = items[at : at + 4]
            if len(head) < 4 or any(type(each) is not int for each in head):
                raise PeerFault("spawn record cut short or not of integers")
            entity_id, generation, place, owner = head
            if not (0 <= entity_id <= ID_MAX and 0 <= generation <= ID_MAX and NO_SEAT <= owner <= 65_535):
                raise PeerFault("spawn record out of range")
            if not 0 <= place < len(self.schema.entities):
                raise PeerFault(f"entity kind {place} is not in the schema")
            kind = self.schema.entities[place]
            at += 4
            values = items[at : at + len(kind.kinds)]
            if len(values) < len(kind.kinds):
                raise PeerFault("spawn record cut short")
            at += len(values)
            wire = [each.check(value) for each, value in zip(kind.kinds, values, strict=True)]
            seat = None if owner == NO_SEAT else owner
            entered.append(WireEntity(entity_id, generation, place, kind, seat, wire, tick))
        return entered

    def _read_changed(self, items: list[Any], relative: bool) -> list[tuple[WireEntity, list[Wire]]]:
        changed = []
        values = iter(items)
        for entity_id in values:
            mask = next(values, None)
            entity = self.entities.get(entity_id) if type(entity_id) is int else None
            if entity is None:
                raise PeerFault(f"entity {entity_id!r} changed and is unknown")
            if type(mask) is not int or not 0 < mask <= entity.kind.mask_all:
                raise PeerFault(f"mask {mask!r} does not fit entity kind {entity.kind.name}")
            wire = entity.wire.copy()
            place = 0
            while mask:
                if mask & 1:
                    wire[place] = _field(entity.kind.kinds[place], wire[place], next(values, None), relative)
                mask >>= 1
                place += 1
            changed.append((entity, wire))
        return changed


def _field(kind: FieldKind, before: Any, value: Any, relative: bool) -> Wire:
    if relative and kind.relative:
        if type(value) is not int:
            raise PeerFault(f"relative value {value!r} is not an integer")
        value = before + value - RELATIVE_BIAS
        if kind.modulo:
            value %= kind.modulo
    return kind.check(value)
