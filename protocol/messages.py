"""THE table: every message of a match's socket, once: tag, direction, fields, ranges. `rows.py` says how it is read.

The lobby's socket has a table of its own, `lobby_messages.py`.
To test: `tests/protocol/test_messages.py`, and the vectors in `protocol/vectors/`.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Annotated, Any

from protocol.rows import UINT32_MAX, Direction, Items, Rest, Row, Sequence, TextUpTo, TickField, TickOrNone, Whole

VERSION = 1
SUBPROTOCOL = f"tickwire.v{VERSION}"
VALUES_MAX = 64
STATE_ITEMS_MAX = 65_535


Hash = Annotated[int, Whole(0, UINT32_MAX)]
Slack = Annotated[int, Whole(-32, 127)]


class StateFlag(IntFlag):
    """The low bits of a STATE's flags; the clock generation (0..15) stands above them."""

    RELATIVE = 1
    SUBSTITUTED = 2


CLOCK_SHIFT = 3
CLOCK_MODULO = 16


class KeyframeReason(IntEnum):
    """Why a client gets the whole state instead of a delta."""

    JOINED = 0
    TOO_OLD = 1
    FORKED = 2
    DESYNC = 3
    UNKNOWN_BASE = 4


class Role(IntEnum):
    """What a session is in its match."""

    PLAYER = 0
    SPECTATOR = 1


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame on a socket: what this client knows. `schema_hash` 0 means that it takes what WELCOME brings.

    `epoch`, `last_tick` and `last_event` are what it holds of the seat that it resumes (0, -1, 0: nothing). `hash` is
    its own hash of what it held at `hash_tick`, the last tick at which a STATE brought one (-1: none yet).
    """

    schema_hash: Annotated[int, Whole(0, 2**48 - 1)]
    epoch: Annotated[int, Whole(0, UINT32_MAX)]
    last_tick: TickOrNone
    hash_tick: TickOrNone
    hash: Hash
    last_event: Sequence


@dataclass(frozen=True, slots=True)
class InputFrame:
    """Per-tick control for `tick`. Acknowledges state `tick - ack_back`; `view_back` is the playhead in 1/8 ticks.

    An edge is a counter of presses modulo 128 that goes on over a resume; what the first INPUT after it adds to the
    counter does not count, since nobody knows how old those presses are.
    """

    clock: Annotated[int, Whole(0, CLOCK_MODULO - 1)]
    tick: TickField
    ack_back: Annotated[int, Whole(0, UINT32_MAX)]
    view_back: Annotated[int, Whole(0, 4095)]
    values: Annotated[list[Any], Rest(VALUES_MAX)]


@dataclass(frozen=True, slots=True)
class Ack:
    """The last state this client applied; sent when there was no INPUT for 100 ms after a state."""

    tick: TickField


@dataclass(frozen=True, slots=True)
class CommandFrame:
    """A reliable act, numbered from 1 per seat."""

    sequence: Annotated[int, Whole(1, UINT32_MAX)]
    kind: Annotated[int, Whole(0, 255)]
    values: Annotated[list[Any], Rest(VALUES_MAX)]


@dataclass(frozen=True, slots=True)
class Resync:
    """This client cannot apply the state that came: send one from `last_tick` (-1: a keyframe)."""

    last_tick: TickOrNone
    last_event: Sequence


@dataclass(frozen=True, slots=True)
class EventAck:
    """Every event up to `sequence` has arrived. One for all that came within 50 ms is enough, and what limits allow."""

    sequence: Sequence


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to HELLO: who you are in which match.

    Commands up to `last_command` have arrived and need not be sent again; the next EVENT is `last_event` + 1. Whoever
    brings `resume_token` in a later upgrade request gets this seat back; an empty one cannot.
    """

    epoch: Annotated[int, Whole(0, UINT32_MAX)]
    tick: TickField
    tick_rate_hz: Annotated[int, Whole(1, 240)]
    seat: Annotated[int, Whole(-1, 65_535)]
    role: Annotated[int, Whole(0, 1)]
    schema: Annotated[list[Any], Items(5)]
    resume_token: Annotated[str, TextUpTo(512)]
    last_command: Sequence
    last_event: Sequence


@dataclass(frozen=True, slots=True)
class Refusal:
    """ERROR: why this connection ends, in a sentence; the close with `code` follows."""

    code: Annotated[int, Whole(1000, 4999)]
    sentence: Annotated[str, TextUpTo(500)]
    retry_after_ms: Annotated[int, Whole(0, 3_600_000)]


@dataclass(frozen=True, slots=True)
class State:
    """What changed from tick `tick - base_back` to `tick`. Every 64 ticks or so a hash of the whole follows."""

    tick: TickField
    base_back: Annotated[int, Whole(1, UINT32_MAX)]
    flags: Annotated[int, Whole(0, 127)]
    slack: Slack
    gone: Annotated[list[Any], Items(STATE_ITEMS_MAX)]
    entered: Annotated[list[Any], Items(STATE_ITEMS_MAX)]
    changed: Annotated[list[Any], Items(STATE_ITEMS_MAX)]
    hash: Hash | None = None


@dataclass(frozen=True, slots=True)
class Keyframe:
    """The whole visible state at `tick`."""

    tick: TickField
    reason: Annotated[int, Whole(0, 15)]
    flags: Annotated[int, Whole(0, 127)]
    slack: Slack
    entered: Annotated[list[Any], Items(STATE_ITEMS_MAX)]
    hash: Hash | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """The match is frozen at `tick`; the socket lives."""

    tick: TickField


@dataclass(frozen=True, slots=True)
class EventFrame:
    """A reliable fact of `tick`, numbered from 1 per seat."""

    sequence: Annotated[int, Whole(1, UINT32_MAX)]
    tick: TickField
    kind: Annotated[int, Whole(0, 255)]
    values: Annotated[list[Any], Rest(VALUES_MAX)]


@dataclass(frozen=True, slots=True)
class CommandAck:
    """Commands up to `applied` were used by a tick, those up to `durable` survive a crash."""

    applied: Sequence
    durable: Sequence


@dataclass(frozen=True, slots=True)
class Moved:
    """The match lives at `url` now; a close with 1012 follows."""

    url: Annotated[str, TextUpTo(500)]
    ticket: Annotated[str, TextUpTo(512)]


Message = (
    Hello | InputFrame | Ack | CommandFrame | Resync | EventAck
    | Welcome | Refusal | State | Keyframe | Paused | EventFrame | CommandAck | Moved
)  # fmt: skip
"""Any message."""

TABLE: tuple[Row, ...] = (
    Row(0, "HELLO", Direction.TO_SERVER, Hello),
    Row(1, "INPUT", Direction.TO_SERVER, InputFrame),
    Row(2, "ACK", Direction.TO_SERVER, Ack),
    Row(3, "COMMAND", Direction.TO_SERVER, CommandFrame),
    Row(4, "RESYNC", Direction.TO_SERVER, Resync),
    Row(5, "EVENT_ACK", Direction.TO_SERVER, EventAck),
    Row(16, "WELCOME", Direction.TO_CLIENT, Welcome),
    Row(17, "ERROR", Direction.TO_CLIENT, Refusal),
    Row(18, "STATE", Direction.TO_CLIENT, State),
    Row(19, "KEYFRAME", Direction.TO_CLIENT, Keyframe),
    Row(20, "PAUSED", Direction.TO_CLIENT, Paused),
    Row(21, "EVENT", Direction.TO_CLIENT, EventFrame),
    Row(22, "COMMAND_ACK", Direction.TO_CLIENT, CommandAck),
    Row(23, "MOVED", Direction.TO_CLIENT, Moved),
)
ROW_OF_TAG = {row.tag: row for row in TABLE}
ROW_OF_CLASS = {row.cls: row for row in TABLE}
