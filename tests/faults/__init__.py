"""Faults of the world outside: networks that swallow packets, proxies in between."""
