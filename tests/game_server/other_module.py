"""A game of another module, to extend."""

from game_server import Game
from protocol.declare import Entity


class Elsewhere(Entity):
    """An entity that only this module knows."""


class Base(Game):
    """A game that another module extends."""
