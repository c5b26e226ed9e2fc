"""Tickwire: an authoritative multiplayer game state server. The names that a game's developer needs."""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from game_server.shell.authenticators import (
        Authenticator,
        DevAuthenticator,
        JwtAuthenticator,
        Player,
        Refused,
        TicketAuthenticator,
        Upgrade,
    )  # fmt: skip

__all__ = [
    "Chat", "Command", "Edge", "Entity", "Event", "Game", "Input", "Said", "Seat", "can_see", "everyone", "kept",
    "owner", "replicated", "serve", "who_sees",
    "Authenticator", "DevAuthenticator", "JwtAuthenticator", "Player", "Refused", "TicketAuthenticator", "Upgrade",
]  # fmt: skip

_AUTHENTICATION = frozenset(
    ("Authenticator", "DevAuthenticator", "JwtAuthenticator", "Player", "Refused", "TicketAuthenticator", "Upgrade")
)


def __getattr__(name: str) -> Any:
    # Imported when first asked for, so that a game without an authenticator of its own needs neither PyJWT nor sockets.
    if name in _AUTHENTICATION:
        from game_server.shell import authenticators

        return getattr(authenticators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def serve(game: type[Game], **settings: Any) -> None:
    """Run `game` until SIGTERM or SIGINT; `settings` are those of `game_server.shell.settings.Settings`."""
    # Imported here, so that importing a game needs neither sockets nor an event loop.
    from game_server.shell.serve import serve as serve_until_stopped

    serve_until_stopped(game, **settings)
