"""A seat: one place in a match and who sits in it, as a game's hooks see it."""

from dataclasses import dataclass

from protocol.ids import SeatId


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in a match: its number, counted from 0, and the name of its player."""

    id: SeatId
    name: str
