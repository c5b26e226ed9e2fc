"""Nodes in the directory: leases, records, who takes matches.

To test: `tests/game_server/shell/test_directory_nodes.py`.
"""

from dataclasses import dataclass

from game_server.cluster.keys import lobby_key, node_keys
from game_server.cluster.record_fields import node_fields, node_of
from game_server.cluster.records import NodeRecord
from game_server.cluster.sealed import Sealer, Unsealed
from game_server.shell.directory_scripts import script
from game_server.shell.redis_link import Call, RedisLink

LEASE_TTL_MS = 10_000
GARBAGE_AFTER_MS = 60_000
"""An entry that ran out so long ago is cleared away by whoever renews next."""
KIND = "node"


@dataclass(frozen=True, slots=True)
class Renewal:
    """The directory's answer to a renewal. `listings` is how many it shows of the node's, -1 if some may be hidden."""

    accepted: bool
    listings: int
    orders: int
    run_id: str
    superseded_by: int | None = None


class DirectoryNodes:
    """What nodes say of themselves."""

    def __init__(self, link: RedisLink, game: str, sealer: Sealer, *, lease_ttl_ms: int = LEASE_TTL_MS) -> None:
        self.link, self.game, self.sealer = link, game, sealer
        self._lease_ttl_ms = lease_ttl_ms
        self._lobby = (lobby_key(game),)

    async def renew(self, record: NodeRecord) -> Renewal:
        """Renew a node's lease and its record, in one round trip. Raises `DirectoryUnavailable`."""
        takes = int(not record.draining and record.matches < record.matches_max)
        sealed = self.sealer.seal(KIND, node_fields(record), record.boot)
        keys = node_keys(record.node)
        # First, since the run that answers must not be a later one than that which is named.
        run_id = await self.link.run_id(*self._lobby)
        lease, listings = await self.link.pipeline([
            Call(script("node_lease"), keys, (record.boot, self._lease_ttl_ms)),
            Call(script("lobby_renew"), self._lobby, (
                record.node, record.boot, self._lease_ttl_ms, sealed, takes, record.schema_hash, GARBAGE_AFTER_MS,
            )),
        ])  # fmt: skip
        accepted, boot, orders = lease
        return Renewal(bool(accepted) and listings != -2, max(-1, listings), orders, run_id, boot or None)

    async def depart(self, node: str, boot: int) -> None:
        """Take a node's lease, record and listings away. Raises `DirectoryUnavailable`."""
        await self.link.run(script("node_depart"), node_keys(node), (boot,))
        while await self.link.run(script("lobby_depart"), self._lobby, (node, boot)):
            pass

    async def nodes(self) -> list[NodeRecord]:
        """Return every live node. Raises `DirectoryUnavailable`."""
        return self._records(await self.link.run(script("lobby_nodes"), self._lobby, ("",)))

    async def node(self, node: str) -> NodeRecord | None:
        """Return a node if it is alive. Raises `DirectoryUnavailable`."""
        found = self._records(await self.link.run(script("lobby_nodes"), self._lobby, (node,)))
        return found[0] if found else None

    async def candidates(self, schema_hash: int = 0, count: int = 8) -> list[NodeRecord]:
        """Return some live nodes that take matches, drawn at random; of one schema unless that is 0.

        Raises `DirectoryUnavailable`.
        """
        return self._records(await self.link.run(script("lobby_candidates"), self._lobby, (schema_hash, count)))

    def _records(self, answers: list[bytes]) -> list[NodeRecord]:
        found = []
        for sealed in answers:
            try:
                found.append(node_of(self.sealer.open(KIND, sealed)[0]))
            except (Unsealed, TypeError, ValueError):
                continue  # counted by the sealer
        return found
