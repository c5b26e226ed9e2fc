"""The socket that counts: what a client knows of it, all of which goes with it.

To test: `tests/game_client/test_current_socket.py`.
"""

from dataclasses import dataclass

from protocol.messages import Refusal


@dataclass(slots=True)
class CurrentSocket:
    """A client's current socket; `number` None is none. What is not known of it yet is as the defaults say."""

    number: int | None = None
    resuming: bool = False
    """Whether it was dialled with a resume token."""
    opened_ns: int = 0
    heard_ns: int = 0
    live_ns: int = 0
    welcomed: bool = False
    is_live: bool = False
    """Whether a state came on it."""
    is_silent: bool = False
    moved: bool = False
    """Whether MOVED came on it: its end is followed at once."""
    goes_on: bool | None = None
    """After a WELCOME that is not the client's first, until the first state: whether the old seat goes on."""
    refusal: Refusal | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    @property
    def was_lost(self) -> bool:
        """Whether its end is the loss of a connection, which neither silence nor a failed handshake is."""
        return self.is_live and not self.is_silent

    @property
    def was_refused_resume(self) -> bool:
        """Whether it ended before a WELCOME answered its resume token."""
        return self.resuming and not self.welcomed
