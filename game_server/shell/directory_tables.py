"""What the commands `tickwire players`, `matches` and `nodes` print: tables for people, or a line of JSON.

To test: `tests/game_server/shell/test_directory_tables.py`.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.records import Listing, NodeRecord, Presence
from game_server.cluster.sealed import Sealer
from game_server.shell.cluster import SEALS
from game_server.shell.doorkeeper import make_signer
from game_server.shell.presence_reader import PresenceReader, games
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink
from game_server.shell.settings import NO_REDIS, read_settings
from protocol.errors import NodeFault, UsageFault
from protocol.lobby_messages import PAGE_MAX

What = Literal["nodes", "matches", "players"]

PIPE_WIDTH = 200
WHERE = ("nowhere", "lobby", "match", "watching")


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one kind, and how many there are in all."""

    game: str
    rows: Sequence[NodeRecord] | Sequence[Listing] | Sequence[Presence]
    total: int


def show(what: What, *, redis: str | None, game: str | None, limit: int, json_line: bool) -> str:
    """Return what a command prints. Raises `UsageFault` for what is wrong about its call, `NodeFault` for a Redis."""
    given: dict[str, Any] = {} if redis is None else {"redis_url": redis}
    settings = read_settings(**given)
    if settings.redis_url in ("", NO_REDIS):
        raise UsageFault(
            "say where Redis is: --redis redis://HOST, or TICKWIRE_REDIS_URL; a node that brings its own tells about "
            "itself at /healthz"
        )
    sealer = Sealer(make_signer(settings).derived(SEALS))
    found = asyncio.run(_find(what, settings.redis_url, game, limit, sealer))
    if sealer.refused and not found.rows:
        raise UsageFault("what nodes wrote here is sealed with another secret: set the TICKWIRE_SECRET_FILE of theirs")
    return as_json(what, found) if json_line else as_table(what, found, time.time_ns() // 1_000_000)


async def _find(what: What, url: str, game: str | None, limit: int, sealer: Sealer) -> Found:
    link = RedisLink(url)
    await link.connect()
    try:
        game = game or _only(await games(link))
        return await find(what, Directory(link, game, sealer), PresenceReader(link, game, sealer), game, limit)
    except DirectoryUnavailable as error:
        raise NodeFault(f"Redis at {link.shown} cannot be used: {error.why}") from None
    finally:
        await link.close()


async def find(what: What, directory: Directory, presences: PresenceReader, game: str, limit: int) -> Found:
    """Return at most `limit` rows, read page by page. Raises `DirectoryUnavailable`."""
    if what == "nodes":
        nodes = sorted(await directory.nodes(), key=lambda record: record.node)
        return Found(game, nodes[:limit], len(nodes))
    rows: list[Any] = []
    after, total = "", 0
    while len(rows) < limit:
        size = min(PAGE_MAX, limit - len(rows))
        if what == "matches":
            listed = await directory.listed(after=after, limit=size)
            rows, after, total = rows + list(listed.listings), listed.next, listed.total
        else:
            online = await presences.online(after, size)
            rows, after, total = rows + online.players, online.next, online.total
        if not after:
            break
    # The total is the nodes' word of some seconds ago.
    return Found(game, rows, max(total, len(rows)))


def _only(names: list[str]) -> str:
    if not names:
        raise UsageFault("no node has been heard of here in the last half a minute; name its --game to look even so")
    if len(names) > 1:
        raise UsageFault(f"nodes of several games are here, say which one with --game: {', '.join(names)}")
    return names[0]


def as_json(what: str, found: Found) -> str:
    """Return one line: the game, the rows under the name of what they are, and how many there are in all."""
    return json.dumps(
        {"game": found.game, what: [_fields(row) for row in found.rows], "total": found.total}, ensure_ascii=False
    )


def as_table(what: str, found: Found, now_ms: int, width: int | None = None) -> str:
    """Return a table as wide as the terminal, or as it needs in a pipe, and a line on how many there are in all."""
    console = Console(width=width)
    if width is None and not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    columns, right = _COLUMNS[what]
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in found.rows:
        table.add_row(*(Text(_harmless(cell)) for cell in _cells(row, now_ms)))
    with console.capture() as capture:
        if found.rows:
            console.print(table)
        console.print(Text(_summary(what, found)))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "nodes": (
        ("node", "address", "build", "matches", "seats", "players", "up", "state"),
        ("matches", "seats", "players", "up"),
    ),
    "matches": (("match", "seats", "watching", "node", "attributes"), ("seats", "watching")),
    "players": (("player", "name", "where", "match", "node"), ()),
}


def _cells(row: NodeRecord | Listing | Presence, now_ms: int) -> tuple[str, ...]:
    match row:
        case NodeRecord():
            state = "draining" if row.draining else "full" if row.matches >= row.matches_max else "open"
            address = row.address or f"/n/{row.node}/"
            matches = f"{row.matches} of {row.matches_max}"
            return (row.node, address, row.build, matches, str(row.seats), str(row.players),
                    _duration(now_ms - row.boot), state)  # fmt: skip
        case Listing():
            attributes = " ".join(f"{key}={value}" for key, value in row.attributes)
            return row.match, f"{row.seats} of {row.seats_max}", str(row.spectators), row.node, attributes
        case Presence():
            return row.player, row.name, WHERE[row.where], row.match, row.node


def _fields(row: NodeRecord | Listing | Presence) -> dict[str, Any]:
    fields = asdict(row)
    match row:
        case Listing():
            fields["attributes"] = dict(row.attributes)
            del fields["code"]
        case Presence():
            fields["where"] = WHERE[row.where]
            del fields["session"]
        case NodeRecord():
            fields["schema_hash"] = f"{row.schema_hash:012x}"
    return fields


def _harmless(text: str) -> str:
    """Text without what could steer a terminal: a player chooses the own name."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _summary(what: str, found: Found) -> str:
    one = {"nodes": "node", "matches": "match", "players": "player"}[what]
    count = f"{found.total} {one if found.total == 1 else what} of {found.game}"
    return count if len(found.rows) >= found.total else f"{count}, the first {len(found.rows)} shown: see --limit"


def _duration(ms: int) -> str:
    """A length of time in its largest two units."""
    seconds = max(0, ms) // 1000
    for unit, length, below, lower in (("d", 86_400, 3_600, "h"), ("h", 3_600, 60, "min"), ("min", 60, 1, "s")):
        if seconds >= length:
            return f"{seconds // length} {unit} {seconds % length // below} {lower}"
    return f"{seconds} s"
