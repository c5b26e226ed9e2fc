"""What the listener counts, as it sees whoever counts it; and how a connection ended.

To test: `tests/game_server/shell/test_tally.py`.
"""

from dataclasses import dataclass
from typing import Protocol

CAUSES = {
    1000: "over",
    1002: "protocol",
    1003: "text",
    1008: "policy",
    1009: "size",
    1011: "error",
    1012: "restart",
    1013: "overload",
    4001: "replaced",
    4003: "schema",
    4005: "seat_gone",
    4008: "slow",
    4010: "game_failed",
}
"""By the code with which a match or a session closes; any other is "closed"."""


class Tally(Protocol):
    """Counts what happens at the door."""

    def disconnected(self, code: int, cause: str, duration_s: float, bytes_in: int, bytes_out: int) -> None:
        """A connection has ended."""

    def upgrade_refused(self, status: int, reason: str) -> None:
        """A request was answered with `status`, or its socket cut, and not upgraded."""

    def violation(self, cause: str) -> None:
        """A peer broke RFC 6455 or a limit of the transport."""


class NoTally:
    """Counts nothing."""

    def disconnected(self, code: int, cause: str, duration_s: float, bytes_in: int, bytes_out: int) -> None:
        """Forget it."""

    def upgrade_refused(self, status: int, reason: str) -> None:
        """Forget it."""

    def violation(self, cause: str) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection ends: a close code, a word that metrics count by, who ended it, and a sentence for the log.

    `by` is "client", "server" or "network".
    """

    code: int
    cause: str
    by: str
    sentence: str = ""


def ending_by_network(error: Exception | None) -> Ending:
    """Return the ending of a socket that nobody closed: it just ended, with the error that the kernel told, if any."""
    match error:
        case None:
            cause = "eof"
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            cause = "reset"
        case TimeoutError():
            # TCP_USER_TIMEOUT: nothing was acknowledged for that long.
            cause = "timeout"
        case _:
            cause = "network"
    return Ending(1006, cause, "network")


def ending_by_close(code: int, sentence: str = "") -> Ending:
    """Return the ending of a connection that a match or a session closes."""
    return Ending(code, CAUSES.get(code, "closed"), "server", sentence)
