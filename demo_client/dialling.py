"""Addresses, and how they are dialled; whether there is a window at all. It needs no pygame.

To test: `tests/demo_client/test_dialling.py`.
"""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from demo_client.lobby_link import LobbyLink
from protocol.handshake import LOBBY_PATH, MATCH_PATH

if TYPE_CHECKING:  # It needs pygame, and who asks for a display may have none.
    from demo_client.match_view import Connection


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Return whether a window can be opened where anybody sees it."""
    if environment.get("SDL_VIDEODRIVER") == "dummy":
        return False
    seen = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    return platform in ("win32", "darwin") or bool(seen)


def names_match(address: str) -> bool:
    """Whether an address is that of one match, and not of a server or its lobby."""
    return MATCH_PATH in address


def lobby_address(address: str) -> str:
    """Return where the lobby of a server is: its address alone will do."""
    bare = address.rstrip("/")
    return bare if bare.endswith(LOBBY_PATH) else bare + LOBBY_PATH


def dial_bridge(url: str, name: str, *, token: str | None = None, spectate: bool = False) -> "Connection":
    """Open a real connection to a match."""
    from game_client import Bridge

    link: Connection = Bridge(url, name=name, token=token, spectate=spectate)
    return link


def dial_lobby_bridge(url: str, name: str, token: str | None = None) -> LobbyLink:
    """Open a real connection to a lobby; `token` is the credential of a guest who was there before."""
    from game_client import LobbyBridge

    link: LobbyLink = LobbyBridge(url, name=name, token=token)
    return link
