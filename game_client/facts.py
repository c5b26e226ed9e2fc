"""What a client's session is told (facts) and what it wants done or known (effects).

To test: `tests/game_client/test_facts.py`; the session's own tests use all of them.
"""

from dataclasses import dataclass
from typing import Any

from game_client.lobby_records import Seat
from protocol.lobby_messages import (
    Done,
    LobbyWelcome,
    Matches,
    MatchesChanged,
    PartyState,
    Players,
    PresenceChanged,
    Refused,
    Searching,
)  # fmt: skip
from protocol.messages import Keyframe, State

NO_CLOSE_FRAME = 1006
"""The code of a socket that ended without a close frame, or that never opened."""
GOING_AWAY = 1001
"""The code with which a client closes a socket that it does not need any more; the seat stays."""


@dataclass(frozen=True, slots=True)
class SocketOpened:
    """The dial of `socket` that `DialNow` asked for succeeded."""

    socket: int


@dataclass(frozen=True, slots=True)
class DialFailed:
    """The dial failed: with an HTTP `status`, or (status 0) before there was one. No dial can succeed if `hopeless`."""

    socket: int
    reason: str
    status: int = 0
    retry_after_ms: int = 0
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class FrameReceived:
    """A binary frame came on `socket`."""

    socket: int
    data: bytes


@dataclass(frozen=True, slots=True)
class BytesReceived:
    """Something came on `socket`, if not a whole frame: a slow one is not a silent one."""

    socket: int


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """`socket` ended; the close of one that is not the current one means nothing."""

    socket: int
    code: int = NO_CLOSE_FRAME
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RoundTripMeasured:
    """A ping of `socket` came back."""

    socket: int
    rtt_ns: int


SocketFact = SocketOpened | DialFailed | FrameReceived | BytesReceived | SocketClosed | RoundTripMeasured
"""What a session is told, a match's and a lobby's."""


@dataclass(frozen=True, slots=True)
class DialNow:
    """Open `socket` to `url`; answer with SocketOpened or DialFailed.

    Sockets are numbered from 1, and the number is the dial's attempt number. A `credential` is a resume token or what a
    server gave; without one it is whatever the caller joins with: with `again` the same as at the last dial, which a
    server that names another address has not used up.
    """

    socket: int
    url: str
    credential: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class SendFrame:
    """Write `data` as one binary frame to `socket`."""

    socket: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CloseSocket:
    """Close `socket`, or give up its dial; nothing more of it is to be told."""

    socket: int
    code: int


@dataclass(frozen=True, slots=True)
class StateApplied:
    """The replica is at `tick` now; `frame` is what brought it there."""

    tick: int
    frame: State | Keyframe


@dataclass(frozen=True, slots=True)
class EventCame:
    """The next event of this seat, once and in order."""

    tick: int
    event: Any


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The session's `status` is another one."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The one answer to a lobby's request; `Refused` too when there will be no other."""

    request: str
    answer: Seat | Matches | Players | Done | Refused


@dataclass(frozen=True, slots=True)
class NewsCame:
    """A lobby told something, which is in the session already. A `Seat` is one that a party's leader asked for."""

    news: Seat | LobbyWelcome | MatchesChanged | PresenceChanged | PartyState | Searching


LobbyEffect = DialNow | SendFrame | CloseSocket | StatusChanged | Answered | NewsCame
"""What a lobby's session wants done or known; its facts are a match's."""

Effect = DialNow | SendFrame | CloseSocket | StateApplied | EventCame | StatusChanged


@dataclass(frozen=True, slots=True)
class Status:
    """How the connection is, for a person to read.

    `phase` is "dialling", "live", "reconnecting" or "closed"; `attempt` counts dials since the last good connection
    and is 0 while live; `code` is the last close code or HTTP status, 0 before any.
    """

    phase: str = "dialling"
    attempt: int = 0
    reason: str = ""
    code: int = 0

    def __str__(self) -> str:
        trying = f", attempt {self.attempt}" if self.phase in ("dialling", "reconnecting") and self.attempt else ""
        return f"{self.phase}{trying}" + (f": {self.reason}" if self.reason else "")
