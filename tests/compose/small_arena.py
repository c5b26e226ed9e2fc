"""Arena for eight: 60 players need eight matches of it, which no three nodes share unevenly enough to leave one out."""

from typing import ClassVar

from demo_game.arena import Arena


class SmallArena(Arena):
    """The same rules in smaller company."""

    seats_max: ClassVar[int] = 8
