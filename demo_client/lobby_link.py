"""The lobby as the screen sees it: what is used of `game_client.LobbyBridge`, and how it reads in a frame.

To test: `tests/demo_client/test_lobby_link.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from demo_client.lobby_scene import MatchRow, PlayerRow, where_text
from protocol.lobby_messages import Where

LIVE, CLOSED = "live", "closed"


class LobbyLink(Protocol):
    """What is used of `game_client.LobbyBridge`."""

    @property
    def status(self) -> Any:
        """Phase, attempt, reason."""

    @property
    def welcome(self) -> Any:
        """Who we are here; None before the lobby said so."""

    @property
    def matches(self) -> Sequence[Any] | None:
        """The public matches as they are now; None before they came."""

    @property
    def players(self) -> Sequence[Any]:
        """Who is online."""

    @property
    def search(self) -> Any:
        """What the request waits for: found, wanted, sentence; None before it was said."""

    @property
    def seat(self) -> Any:
        """Where to play; None before one was found."""

    @property
    def error(self) -> Any:
        """Why the last request was refused: code, sentence, retry_after_ms; None while it was not."""

    def quick_play(self) -> None:
        """Find a match with a free seat, or create one."""

    def enqueue(self) -> None:
        """Wait for a match with players of like skill."""

    def create(self, private: bool = False) -> None:
        """Create a match and sit down in it."""

    def join(self, match: str, spectate: bool = False) -> None:
        """Sit down in a match, or watch it."""

    def join_code(self, code: str) -> None:
        """Sit down in the match that a code names."""

    def rejoin(self) -> None:
        """Go back to the match where a seat is still kept."""

    def cancel(self) -> None:
        """Give up what is waited for."""

    def close(self) -> None:
        """Leave."""


DialLobby = Callable[[str, str, str | None], LobbyLink]
"""Opens a connection to a lobby under a name, without waiting for it; the last is the credential of a known guest."""


def match_row(listing: Any) -> MatchRow:
    """Return a match as a line of the list; of its attributes the values are told."""
    attributes = listing.attributes
    values = tuple(attributes.values()) if hasattr(attributes, "values") else tuple(attributes)
    return MatchRow(listing.match, listing.seats, listing.seats_max, listing.spectators, values)


def player_rows(players: Sequence[Any], me: str) -> list[PlayerRow]:
    """Return who is online as lines: oneself first, then who plays, by name."""
    rows = [
        PlayerRow(
            name=each.name or each.player,
            where=where_text(each.where, each.match),
            playing=each.where in (Where.MATCH, Where.SPECTATING),
            mine=each.player == me,
        )
        for each in players
    ]
    return sorted(rows, key=lambda row: (not row.mine, not row.playing, row.name))


def trouble_of(status: Any) -> str:
    """Return what to tell about a connection that is not live; nothing for one that is."""
    if status.phase == LIVE:
        return ""
    if status.phase == CLOSED:
        return f"The lobby is closed: {status.reason}" if status.reason else "The lobby is closed."
    words = "Connecting to the lobby" if status.phase == "dialling" else "Connection lost, reconnecting"
    if status.attempt > 1:
        words += f", attempt {status.attempt}"
    return f"{words}: {status.reason}" if status.reason else f"{words}..."
