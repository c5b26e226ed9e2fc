"""A delta as counted, encoded bytes, and the frames made of them.

    STATE    = prefix(tick, base_back) flags slack  gone entered changed  (hash)
    KEYFRAME = prefix(tick, reason)    flags slack  entered               (hash)

Everything but flags, slack and the base is shared by all clients with the same base and the same views.
To test: `tests/game_server/replication/test_delta.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.state_codec import Fragment, array_header, keyframe_prefix, pack_hash, state_prefix


@dataclass(slots=True)
class Delta:
    """Counts and bytes of what is gone, entered and changed."""

    gone_count: int
    gone: bytes
    entered_count: int
    entered: bytes
    changed_count: int
    changed: bytes
    _body: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, gone: list[Fragment], entered: list[Fragment], changed: list[Fragment]) -> "Delta":
        """Return the delta made of these fragments."""
        counted = []
        for each in (gone, entered, changed):
            counted += [sum([one.count for one in each]), b"".join([one.data for one in each])]
        return cls(*counted)  # type: ignore[arg-type]

    @property
    def empty(self) -> bool:
        """Whether nothing is gone, entered or changed."""
        return not (self.gone_count or self.entered_count or self.changed_count)

    @property
    def body(self) -> bytes:
        """The three arrays of a STATE, made once."""
        if self._body is None:
            self._body = b"".join(
                (
                    array_header(self.gone_count), self.gone,
                    array_header(self.entered_count), self.entered,
                    array_header(self.changed_count), self.changed,
                )
            )  # fmt: skip
        return self._body


def join(deltas: Sequence[Delta]) -> Delta:
    """Return the deltas of disjoint views as one."""
    full = [each for each in deltas if not each.empty]
    if len(full) == 1:
        return full[0]
    if not full:
        return deltas[0]
    return Delta(
        sum([each.gone_count for each in full]),
        b"".join([each.gone for each in full]),
        sum([each.entered_count for each in full]),
        b"".join([each.entered for each in full]),
        sum([each.changed_count for each in full]),
        b"".join([each.changed for each in full]),
    )


def state_frame(tick: int, base: int, flags: int, slack: int, delta: Delta, hash: int | None = None) -> bytes:
    """Return a STATE frame. *Units*: `slack` in 1/8 ticks, -32..127."""
    end = b"" if hash is None else pack_hash(hash)
    return b"".join(
        (state_prefix(tick, tick - base, hash is not None), bytes((flags, slack & 0xFF)), delta.body, end)
    )


def keyframe_frame(tick: int, reason: int, flags: int, slack: int, delta: Delta, hash: int) -> bytes:
    """Return a KEYFRAME frame."""
    return b"".join(
        (
            keyframe_prefix(tick, reason, True),
            bytes((flags, slack & 0xFF)),
            array_header(delta.entered_count),
            delta.entered,
            pack_hash(hash),
        )
    )
