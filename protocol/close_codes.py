"""Close codes: what each means, whose fault it was, and whether the client may come back, and how.

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
    """One row of the table."""

    code: int
    meaning: str
    fault: str
    client: Return


CLOSE_CODES: dict[int, CloseCode] = {
    row.code: row
    for row in (
        CloseCode(1000, "normal: left, or the match is over", "nobody", Return.NEVER),
        CloseCode(1001, "the client's page or program goes away", "nobody", Return.NEVER),
        CloseCode(1002, "protocol error", "the sender", Return.NEVER),
        CloseCode(1003, "text frame where only binary ones are spoken", "the sender", Return.NEVER),
        CloseCode(1006, "the socket ended without a close frame", "the network", Return.AT_ONCE),
        CloseCode(1008, "policy: rate limit, kicked", "the client", Return.NEVER),
        CloseCode(1009, "frame too big", "the sender", Return.NEVER),
        CloseCode(1011, "server error on this connection", "the server", Return.BACKOFF),
        CloseCode(1012, "restart or move", "the operator", Return.AT_ONCE),
        CloseCode(1013, "try again later: full or overloaded", "load", Return.BACKOFF),
        CloseCode(4001, "replaced by a newer socket of the same player", "the client", Return.NEVER),
        CloseCode(4003, "the schema of this client is not the match's", "the client", Return.NEVER),
        CloseCode(4004, "no such match", "the client", Return.NEVER),
        CloseCode(4008, "acknowledged nothing for 5 s", "the client or the network", Return.AT_ONCE),
        CloseCode(4010, "the match ended by an error in its game", "the game", Return.NEVER),
    )
}


def close_code(code: int) -> CloseCode:
    """Return the row of `code`; an unknown one counts as a lost socket, which a client may mend by returning."""
    return CLOSE_CODES.get(code) or CloseCode(code, "unknown", "unknown", Return.BACKOFF)
