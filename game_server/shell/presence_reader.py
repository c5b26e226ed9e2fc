"""Presence as it stands in Redis, read by nodes and by the command `tickwire players`.

    tw1:{player:<id>}:presence     hash: session -> sealed record. A record counts while its node is present.
    tw1:{node:<id>}:present        the node's boot, alive for ten seconds: a dead node's players vanish with it
    tw1:{node:<id>}:roster         sorted set: the players that this node shows
    tw1:{node:<id>}:roster:records hash: player -> sealed record
    tw1:{node:<id>}:look           set: players about whom another node changed something
    tw1:{lobby:<game>}:present     hash: node -> boot|players|expiry, for pages and the count of those online
    tw1:games                      sorted set: when each game was last heard of

Of several sessions the node that has the one which is shown has the player on its roster, so nobody is counted twice.
To test: `tests/game_server/shell/test_presence_reader.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from game_server.cluster.presence import shown
from game_server.cluster.records import Presence
from game_server.shell.redis_link import Call, RedisLink, Script
from protocol.errors import TickwireError
from protocol.lobby_messages import Where

KIND = "presence"
CHUNK = 100
"""Calls of a pipeline at once: some 100 are half a millisecond of work, between which a tick can run."""
GAMES_KEY = "tw1:games"
GAME_LASTS_S = 30

_SCRIPTS = Path(__file__).with_name("scripts")


def presence_script(name: str) -> Script:
    """Return one of presence's scripts."""
    return Script((_SCRIPTS / f"presence_{name}.lua").read_text(encoding="utf-8"))


_GAMES, _NODES, _PAGE = map(presence_script, ("games", "nodes", "page"))


async def games(link: RedisLink) -> list[str]:
    """Return the games that nodes of this Redis play."""
    return sorted(name.decode() for name in await link.run(_GAMES, [GAMES_KEY], [GAME_LASTS_S]))


class Seals(Protocol):
    """What makes a record unforgeable: `cluster.sealed.Sealer`."""

    def seal(self, kind: str, fields: list[Any], epoch: int) -> bytes:
        """Return fields as bytes that only a node of this cluster can have made."""

    def open(self, kind: str, data: bytes) -> tuple[list[Any], int]:
        """Return what was sealed, and its epoch. Raises a `TickwireError` for anything else."""


@dataclass(frozen=True, slots=True)
class PresencePage:
    """Some of those who are online; `next` is what to ask the next page with, "" at the end; `total` are all."""

    players: list[Presence]
    next: str
    total: int


class PresenceReader:
    """Where players are, for whoever asks: nodes, and the command `tickwire players`. All may be unavailable."""

    def __init__(self, link: RedisLink, game: str, sealer: Seals) -> None:
        self._link, self._game, self._sealer = link, game, sealer
        self.unsealed = 0

    async def where(self, players: Iterable[str]) -> list[Presence]:
        """Return what is shown of those of the players who are online; two round trips."""
        found: dict[str, list[Presence]] = {}
        for presence in await self.sessions(players):
            found.setdefault(presence.player, []).append(presence)
        best = (shown(sessions) for sessions in found.values())
        return [presence for presence in best if presence is not None]

    async def sessions(self, players: Iterable[str]) -> list[Presence]:
        """Return every session of the players whose node is present."""
        wanted = list(dict.fromkeys(players))
        calls = [Call(None, (key,), ("HVALS", key)) for key in map(player_key, wanted)]
        answers = await self._link.pipeline(calls, chunk=CHUNK)
        read = [self._read(records) for records in answers]
        sessions = [s for player, some in zip(wanted, read, strict=True) for s in some if s.player == player]
        return await self.of_present_nodes(sessions)

    async def of_present_nodes(self, sessions: Sequence[Presence]) -> list[Presence]:
        """Return those whose node is present, with the same boot."""
        nodes = list({session.node for session in sessions})
        calls = [Call(None, (key,), ("GET", key)) for key in map(present_key, nodes)]
        boots = dict(zip(nodes, await self._link.pipeline(calls, chunk=CHUNK), strict=True))
        return [session for session in sessions if boots[session.node] == b"%d" % session.boot]

    async def online(self, after: str = "", limit: int = 100) -> PresencePage:
        """Return a page of those who are online, by node and player; two round trips, and one more for each page."""
        counts = await self._counts()
        from_node, _, from_player = after.partition("/")
        nodes = sorted(node for node in counts if node >= from_node)
        found: list[Presence] = []
        for node, some in self._enough(nodes, counts, limit):
            calls = [
                Call(_PAGE, page_keys(name), (from_player if name == from_node else "", limit + 1)) for name in some
            ]
            for records in await self._link.pipeline(calls, chunk=CHUNK):
                found += self._read(records)
            if len(found) > limit or node is None:
                break
        page = found[:limit]
        last = page[-1] if len(found) > limit else None
        return PresencePage(page, f"{last.node}/{last.player}" if last else "", sum(counts.values()))

    async def count(self) -> int:
        """Return how many players are online."""
        return sum((await self._counts()).values())

    async def _counts(self) -> dict[str, int]:
        flat = await self._link.run(_NODES, [index_key(self._game)])
        return {node.decode(): int(players) for node, players in zip(flat[::2], flat[1::2], strict=True)}

    @staticmethod
    def _enough(nodes: list[str], counts: dict[str, int], limit: int) -> Iterable[tuple[str | None, list[str]]]:
        """The nodes in runs that have more than a page each, as far as is known; with the last run comes None."""
        some: list[str] = []
        expected = 0
        for node in nodes:
            some.append(node)
            expected += counts[node]
            if expected > 2 * limit:
                yield node, some
                some, expected = [], 0
        yield None, some

    def _read(self, records: Iterable[bytes | None]) -> list[Presence]:
        found = []
        for record in records:
            try:
                if record is not None:
                    found.append(read_presence(self._sealer.open(KIND, record)[0]))
            except (TickwireError, ValueError):
                self.unsealed += 1
        return found


def read_presence(fields: Sequence[Any]) -> Presence:
    """Return the record that was sealed. Raises `ValueError`."""
    player, name, where, match, node, boot, session, since_ms = fields
    return Presence(player, name, Where(where), match, node, boot, session, since_ms)


def player_key(player: str) -> str:
    """A player's sessions."""
    return f"tw1:{{player:{player}}}:presence"


def present_key(node: str) -> str:
    """That a node is present."""
    return f"tw1:{{node:{node}}}:present"


def roster_keys(node: str) -> tuple[str, str]:
    """A node's roster, and its records."""
    return f"tw1:{{node:{node}}}:roster", f"tw1:{{node:{node}}}:roster:records"


def page_keys(node: str) -> tuple[str, str, str]:
    """That a node is present, its roster, and the records of that."""
    return present_key(node), *roster_keys(node)


def look_key(node: str) -> str:
    """Whom a node is to look at again."""
    return f"tw1:{{node:{node}}}:look"


def index_key(game: str) -> str:
    """The nodes of a game that are present."""
    return f"tw1:{{lobby:{game}}}:present"


def look_channel(node: str) -> str:
    """Where it is published that a node is to look again."""
    return f"tickwire:look:{node}"
