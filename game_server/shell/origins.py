"""Web origins: which pages may open a socket to this node from a player's browser.

*Source*: RFC 6454 for origins; RFC 6455 section 10.2: "Servers [...] that are only intended to process requests from
certain sites SHOULD verify the |Origin| field is an origin they expect."
To test: `tests/game_server/shell/test_origins.py`.
"""

from urllib.parse import urlsplit

from game_server.session.addresses import is_loopback
from protocol.errors import UsageFault

ANY_ORIGIN = "*"
DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_origins(text: str) -> frozenset[str]:
    """Return the origins of a comma list, as `normal_origin` writes them. Raises `UsageFault`."""
    found = set()
    for entry in filter(None, map(str.strip, text.split(","))):
        origin = ANY_ORIGIN if entry == ANY_ORIGIN else normal_origin(entry)
        if origin is None:
            raise UsageFault(f"{entry!r} is no origin; write https://game.example or http://host:8080, * is any")
        found.add(origin)
    return frozenset(found)


def normal_origin(text: str) -> str | None:
    """Return `scheme://host:port` in small letters, its port never left out; None for what is no origin, as `null`."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text.lower())
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    port = DEFAULT_PORTS.get(parts.scheme) if port is None else port
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" if port is None else f"{parts.scheme}://{host}:{port}"


def is_loopback_host(host: str | None) -> bool:
    """Tell whether a Host header names this machine's loopback, and not a name that somebody's DNS resolves to it."""
    named = normal_origin(f"http://{host}")
    hostname = None if named is None else urlsplit(named).hostname
    return hostname is not None and (hostname == "localhost" or is_loopback(hostname))


def origin_passes(origin: str | None, host: str | None, allowed: frozenset[str]) -> bool:
    """Tell whether a page of `origin` may connect to a node that its browser calls `host`.

    Programs name no origin and pass: what this protects is a player's browser, and browsers always name one.
    """
    if origin is None or ANY_ORIGIN in allowed:
        return True
    found = normal_origin(origin)
    if found is None:
        return False
    if allowed:
        return found in allowed
    # TLS may have ended in front of us, so the scheme is the page's; its host and port are what must be ours.
    return host is not None and found == normal_origin(f"{found.partition(':')[0]}://{host}")
