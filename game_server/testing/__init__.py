"""Shipped for tests, of this project and of games built on it: matches without sockets, random worlds, checkers."""
