"""Tickwire: an authoritative multiplayer game state server. The names that a game's developer needs."""

from typing import Any

from game_server.game import Game, who_sees
from game_server.sim.seat import Seat
from protocol.declare import (
    Chat,
    Command,
    Edge,
    Entity,
    Event,
    Input,
    Said,
    can_see,
    everyone,
    kept,
    owner,
    replicated,
)  # fmt: skip

__all__ = [
    "Chat", "Command", "Edge", "Entity", "Event", "Game", "Input", "Said", "Seat", "can_see", "everyone", "kept",
    "owner", "replicated", "serve", "who_sees",
]  # fmt: skip


def serve(game: type[Game], **settings: Any) -> None:
    """Run `game` until SIGTERM or SIGINT; `settings` are those of `game_server.shell.settings.Settings`."""
    # Imported here, so that importing a game needs neither sockets nor an event loop.
    from game_server.shell.serve import serve as serve_until_stopped

    serve_until_stopped(game, **settings)
