"""What the directory refuses, and that it cannot be reached.

To test: `tests/game_server/cluster/test_errors.py`.
"""

from protocol.errors import TickwireError
from protocol.lobby_messages import RefusedCode


class DirectoryUnavailable(TickwireError):
    """Redis does not answer, or answers that it cannot; whoever asked tries again after `retry_after_s`."""

    def __init__(self, why: str, retry_after_s: int = 2) -> None:
        super().__init__(why, retry_after_s)
        self.why, self.retry_after_s = why, retry_after_s

    def __str__(self) -> str:
        return f"directory unavailable, retry in {self.retry_after_s} s"


class LobbyRefused(TickwireError):
    """A request of a player that cannot be granted: a code for programs, a sentence for people, when to try again."""

    def __init__(self, code: RefusedCode, sentence: str, retry_after_ms: int = 0) -> None:
        super().__init__(code, sentence, retry_after_ms)
        self.code, self.sentence, self.retry_after_ms = code, sentence, retry_after_ms

    def __str__(self) -> str:
        return f"{self.sentence} ({self.code})"
