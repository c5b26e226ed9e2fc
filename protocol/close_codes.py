"""Close codes: what each means, whose fault it is, whether and how the client comes back, what becomes of its seat.

The one table that server, clients and PROTOCOL.md use. Source: RFC 6455 section 7.4 for 1000-1015; ours are 4000-4099.
"""

from dataclasses import dataclass
from enum import Enum


class Return(Enum):
    """What a client does after a close."""

    NEVER = "does not return"
    AT_ONCE = "returns at once, then with backoff"
    BACKOFF = "returns with backoff"


@dataclass(frozen=True, slots=True)
class CloseCode:
    """One row of the table. `keeps_seat` tells whether the seat waits for a resume."""

    code: int
    meaning: str
    fault: str
    client: Return
    keeps_seat: bool


SEAT_GONE = 4005
"""The one code after which a client forgets its resume token, and joins anew at once."""

CLOSE_CODES: dict[int, CloseCode] = {
    row.code: row
    for row in (
        CloseCode(1000, "normal: left, or the match is over", "nobody", Return.NEVER, False),
        CloseCode(1001, "the client's page or program goes away", "nobody", Return.NEVER, True),
        CloseCode(1002, "protocol error", "the sender", Return.NEVER, False),
        CloseCode(1003, "text frame where only binary ones are spoken", "the sender", Return.NEVER, False),
        CloseCode(1005, "a close frame without a code: left", "nobody", Return.NEVER, False),
        CloseCode(1006, "the socket ended without a close frame", "the network", Return.AT_ONCE, True),
        CloseCode(1007, "a text or a close reason that is not UTF-8", "the sender", Return.NEVER, False),
        CloseCode(1008, "policy: rate limit, kicked", "the client", Return.NEVER, False),
        CloseCode(1009, "frame too big", "the sender", Return.NEVER, False),
        CloseCode(1011, "server error on this connection", "the server", Return.BACKOFF, True),
        CloseCode(1012, "restart or move", "the operator", Return.AT_ONCE, True),
        CloseCode(1013, "try again later: full or overloaded", "load", Return.BACKOFF, True),
        CloseCode(4001, "replaced by a newer socket of the same player", "the client", Return.NEVER, True),
        CloseCode(4003, "the schema of this client is not the match's", "the client", Return.NEVER, False),
        CloseCode(4004, "no such match", "the client", Return.NEVER, False),
        CloseCode(4005, "the seat is not kept any more: join anew", "the network", Return.AT_ONCE, False),
        CloseCode(4008, "no acknowledgement or no HELLO for 5 s", "the client or the network", Return.AT_ONCE, True),
        CloseCode(4010, "the match ended by an error in its game", "the game", Return.NEVER, False),
    )
}


def close_code(code: int) -> CloseCode:
    """Return the row of `code`; an unknown one counts as a lost socket, which a client may mend by returning."""
    return CLOSE_CODES.get(code) or CloseCode(code, "unknown", "unknown", Return.BACKOFF, True)
