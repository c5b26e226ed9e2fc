"""What one frame of the lobby shows, as plain values, and the sentences in it.

To test: `tests/demo_client/test_lobby_scene.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from protocol.lobby_messages import Where

MATCH_NAME_LENGTH = 12
"""A longer id is shown by its beginning."""


class Focus(Enum):
    """What Enter would press, in the order in which Tab goes round."""

    REJOIN = "rejoin"
    QUICK_PLAY = "quick play"
    RANKED = "ranked"
    CREATE = "create public"
    CREATE_PRIVATE = "create private"
    CODE = "code"
    MATCHES = "matches"


@dataclass(frozen=True, slots=True)
class MatchRow:
    """A line of the list of matches."""

    match: str
    seats: int
    seats_max: int
    spectators: int = 0
    attributes: Sequence[str] = ()

    @property
    def full(self) -> bool:
        """Whether no seat is free."""
        return self.seats >= self.seats_max


@dataclass(frozen=True, slots=True)
class PlayerRow:
    """A line of the players online; `where` is told in words."""

    name: str
    where: str
    playing: bool = False
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """What the player waits for; `wanted` 0: a number is not known."""

    sentence: str
    found: int = 0
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it did not work. `retry_s` counts down to the next try; None: the player has to ask for it."""

    sentence: str
    retry_s: float | None = None
    again: bool = True


@dataclass(frozen=True, slots=True)
class LobbyScene:
    """A frame of the lobby."""

    player: str = ""
    rating: int = 0
    node: str = ""
    online: int = 0
    trouble: str = ""
    """What is wrong with the connection; nothing when it is live."""
    matches: Sequence[MatchRow] = ()
    """The visible lines only, the first of them `top` lines from the first of all."""
    top: int = 0
    matches_total: int = 0
    listed: bool = False
    selected: str = ""
    players: Sequence[PlayerRow] = ()
    players_total: int = 0
    focus: Focus = Focus.QUICK_PLAY
    code: str = ""
    rejoin: str = ""
    search: Search | None = None
    refusal: Refusal | None = None
    time_s: float = field(default=0.0)

    @property
    def can_ask(self) -> bool:
        """Whether the buttons do anything now."""
        waits = self.refusal is not None and self.refusal.retry_s is not None
        return self.search is None and not self.trouble and not waits


def short_match(match: str) -> str:
    """Return a match's name as it fits into a line: `m-3fa9c0` of `m-3fa9c0d1e2b34455`."""
    return match if len(match) <= MATCH_NAME_LENGTH else match[:8]


def where_text(where: int, match: str) -> str:
    """Return where a player is, in words."""
    if where == Where.LOBBY:
        return "in the lobby"
    if where == Where.MATCH:
        return f"plays in {short_match(match)}"
    if where == Where.SPECTATING:
        return f"watches {short_match(match)}"
    return "away"


def seconds_text(seconds: float) -> str:
    """Return a wait as people read it: whole seconds, at least one."""
    return f"{max(1, int(seconds + 0.999))} s"
