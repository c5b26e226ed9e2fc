"""A directory on a real Redis, and records to put into it."""

from game_server.cluster.records import Ledger, Listing, MatchSpec, NodeRecord
from game_server.cluster.sealed import Sealer
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink

KEYS = {"test": b"s" * 32}


async def open_directory(url: str, **options: int) -> Directory:
    """Return a directory; close it with `close`."""
    link = RedisLink(url, timeout_s=5.0)
    await link.connect()
    return Directory(link, "Arena", Sealer(KEYS), **options)


def node_record(node: str = "n0", boot: int = 1, **changes: object) -> NodeRecord:
    """Return a node with room for 100 matches."""
    told = {"address": f"ws://{node}:1", "game": "Arena", "build": "1", "schema_hash": 7, "matches": 0,
            "matches_max": 100, "seats": 0, "players": 0, "draining": False} | changes  # fmt: skip
    return NodeRecord(node, boot, **told)  # type: ignore[arg-type]


def listing(match: str, node: str = "n0", seats: int = 0, seats_max: int = 8, **changes: object) -> Listing:
    """Return a public listing."""
    return Listing(match, node, 1, seats, seats_max, 0, **changes)  # type: ignore[arg-type]


async def open_match(directory: Directory, match: str = "m", seats_max: int = 8, node: str = "n0") -> Ledger:
    """Create a match and write its first ledger."""
    owner = await directory.create(MatchSpec(match), node_record(node))
    ledger = Ledger(match, owner.epoch, 1000, seats_max, 0)
    await directory.write_ledgers(node, 1, [ledger])
    return ledger
