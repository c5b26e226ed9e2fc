"""The names of all that the directory keeps. One prefix, one hash tag a name, so that a Redis Cluster can shard them.

    tw1:{node:<id>}:lease      the boot of the process that has the name, for ten seconds
    tw1:{node:<id>}:orders     hash: match -> sealed order
    tw1:{match:<id>}:owner     hash: node, boot, epoch, the sealed record
    tw1:{match:<id>}:ledger    hash: epoch, generation, seats_max, taken
    tw1:{match:<id>}:reserved  sorted set: player -> until when (Unix ms)
    tw1:{match:<id>}:seated    set of proven players
    tw1:{lobby:<game>}:...     nodes, listings, indexes, claims; the scripts' own names below this prefix

To test: `tests/game_server/cluster/test_keys.py`.
"""


def node_keys(node: str) -> tuple[str, str]:
    """Return a node's lease and its orders."""
    return f"tw1:{{node:{node}}}:lease", f"tw1:{{node:{node}}}:orders"


def match_keys(match: str) -> tuple[str, str, str, str]:
    """Return a match's owner, ledger, reservations and seated players."""
    prefix = f"tw1:{{match:{match}}}"
    return f"{prefix}:owner", f"{prefix}:ledger", f"{prefix}:reserved", f"{prefix}:seated"


def lobby_key(game: str) -> str:
    """Return what every name of a game's lobby begins with."""
    return f"tw1:{{lobby:{game}}}"


def lobby_channel(game: str) -> str:
    """Return where changes of listings are announced."""
    return f"tickwire:lobby:{game}"


def node_channel(node: str) -> str:
    """Return where a node is told of an order."""
    return f"tickwire:node:{node}"


def match_channel(match: str) -> str:
    """Return where it is told that a match is ready."""
    return f"tickwire:match:{match}"
