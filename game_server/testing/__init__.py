"""Shipped for tests, of this project and of games built on it: matches without sockets, random worlds, checkers."""

from game_server.testing.local_match import LocalClient, LocalMatch, MatchFailed

__all__ = ["LocalClient", "LocalMatch", "MatchFailed"]
