"""The library every client stands on: `join` for asyncio, `Bridge` for frame loops, the replica both show."""

from typing import TYPE_CHECKING, Any

from game_client.bot import Behaviour, BotView
from game_client.facts import Status
from game_client.records import RemoteEvent
from game_client.replica import RemoteEntity, Replica
from game_client.stats import ClientStats

if TYPE_CHECKING:
    from game_client.shell.bridge import Bridge
    from game_client.shell.connection import Client, JoinRefused, join

__all__ = [
    "join", "Client", "JoinRefused", "Bridge",
    "Replica", "RemoteEntity", "RemoteEvent", "Status", "ClientStats",
    "Behaviour", "BotView",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # The shell is imported when it is asked for: bots' rules and tests need no sockets.
    if name in ("join", "Client", "JoinRefused"):
        from game_client.shell import connection

        return getattr(connection, name)
    if name == "Bridge":
        from game_client.shell.bridge import Bridge

        return Bridge
    raise AttributeError(f"module 'game_client' has no attribute {name!r}")
