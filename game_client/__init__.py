"""The library every client stands on: `join` and `Lobby` for asyncio, `Bridge` and `LobbyBridge` for frame loops."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from game_client.bot import Behaviour, BotView
from game_client.facts import Status
from game_client.lobby_records import Listing, LobbyRefused, Party, Presence, Seat
from game_client.records import RemoteEvent
from game_client.replica import RemoteEntity, Replica
from game_client.stats import ClientStats

if TYPE_CHECKING:
    from game_client.shell.bridge import Bridge
    from game_client.shell.connection import Client, JoinRefused, join
    from game_client.shell.lobby import Lobby
    from game_client.shell.lobby_bridge import LobbyBridge

__all__ = [
    "join", "Client", "JoinRefused", "Bridge",
    "Lobby", "LobbyBridge", "LobbyRefused", "Seat", "Listing", "Presence", "Party",
    "Replica", "RemoteEntity", "RemoteEvent", "Status", "ClientStats",
    "Behaviour", "BotView",
]  # fmt: skip


_SHELL = {
    "join": "connection", "Client": "connection", "JoinRefused": "connection", "Bridge": "bridge",
    "Lobby": "lobby", "LobbyBridge": "lobby_bridge",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # The shell is imported when it is asked for: bots' rules and tests need no sockets.
    if name not in _SHELL:
        raise AttributeError(f"module 'game_client' has no attribute {name!r}")
    return getattr(import_module(f"game_client.shell.{_SHELL[name]}"), name)
