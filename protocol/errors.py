"""Errors that say whose fault it is, hence what ends: a connection, a match, a node, or the caller's own call.

| class | at fault | what dies |
|---|---|---|
| `PeerFault` | the other end of the socket | that connection, with `close_code` |
| `GameFault` | a game's hook or its state | that match |
| `UsageFault` | the programmer who called | the call; the message holds the fix |
| `NodeFault` | this process or its machine | the node drains |
"""


class TickwireError(Exception):
    """The root of every error that Tickwire raises on purpose."""


class PeerFault(TickwireError):
    """The peer sent what it must not send; its connection ends with `close_code`.

    `cause` is a word that metrics count by: "malformed", "order", "range", "rate", "size".
    """

    def __init__(self, reason: str, close_code: int = 1002, cause: str = "malformed") -> None:
        super().__init__(reason, close_code)
        self.reason = reason
        self.close_code = close_code
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.reason} (close {self.close_code})"


class GameFault(TickwireError):
    """A game did what its match cannot survive; the match ends with 4010, its neighbours go on."""


class UsageFault(TickwireError):
    """A caller's bug; the message says how to mend it."""


class NodeFault(TickwireError):
    """This node cannot go on safely and must drain."""
