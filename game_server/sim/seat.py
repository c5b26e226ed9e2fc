"""A seat: one place in a match and who sits in it, as a game's hooks see it."""

from dataclasses import dataclass

from protocol.ids import SeatId


@dataclass(slots=True, eq=False)
class Seat:
    """A place in a match: its number, counted from 0, and the name of its player.

    `connected` is false while its player's connection is lost or answers nothing; the seat is kept for the grace time.
    `player` is who that is, if it was proven; "" if not.
    """

    id: SeatId
    name: str
    connected: bool = True
    player: str = ""
