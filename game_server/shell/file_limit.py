"""File descriptors: as many as the operating system lets this process have, since each socket takes one.

To test: `tests/game_server/shell/test_file_limit.py`.
"""

import resource
from contextlib import suppress

from game_server.shell.log import get_log

RESERVE = 64
"""What a node has open besides its connections: the ports, the event loop, files that are read, a scrape."""


def raise_file_limit() -> int:
    """Raise the soft limit to the hard one; return what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # Some systems say that there is no hard limit, and then refuse a soft one that large.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def check_file_limit(connections_max: int, limit: int) -> None:
    """Warn when a node may not open as many sockets as its settings promise."""
    needed = connections_max + RESERVE
    if limit != resource.RLIM_INFINITY and needed > limit:
        get_log().warning(
            "too_few_file_descriptors", limit=limit, needed=needed,
            why=f"TICKWIRE_CONNECTIONS_MAX={connections_max} needs a higher hard limit (ulimit -Hn, LimitNOFILE=)",
        )  # fmt: skip
