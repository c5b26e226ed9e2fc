"""Matches in the directory: whose each is, orders to nodes, seats.

To test: `tests/game_server/shell/test_directory_matches.py`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.keys import match_channel, match_keys, node_channel, node_keys
from game_server.cluster.placement import next_epoch
from game_server.cluster.record_fields import order_fields, order_of, owner_fields, owner_of
from game_server.cluster.records import Ledger, MatchSpec, NodeRecord, Owner
from game_server.cluster.sealed import Unsealed
from game_server.shell.directory_nodes import DirectoryNodes
from game_server.shell.directory_scripts import script
from game_server.shell.redis_link import Call
from protocol.lobby_messages import RefusedCode

MATCH_LIVES_MS = 3600 * 1000
"""A net below what owners forget themselves, for nodes that were killed; each write of a ledger stretches it anew."""
ORDER_LIVES_MS = 60_000
"""So long an owner is remembered who has not written a ledger yet, and what it was told."""
RESERVED_MS = 35_000
"""A ticket lives 30 s, and the clocks of lobby and node may lie 5 s apart."""
RETRY_FULL_MS, RETRY_NOT_READY_MS = 2_000, 500


@dataclass(frozen=True, slots=True)
class LedgerAnswer:
    """What the directory says to a ledger: whether it had one of this generation, and who has reserved a seat."""

    match: str
    known: bool
    reserved: tuple[str, ...] = ()
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class Reserved:
    """Seats are kept: whose match it is, and what tickets must name."""

    owner: Owner
    generation: int


class DirectoryMatches(DirectoryNodes):
    """Whose matches are, and who may sit down in them."""

    async def create(
        self, spec: MatchSpec, node: NodeRecord, seen_epoch: int = 0, replaces: Owner | None = None
    ) -> Owner:
        """Make `node` the owner of a match; whoever owns it already stays it, and is returned.

        Except an earlier process of the same node, and `replaces`, which the caller has seen not begin it.
        Raises `DirectoryUnavailable`; whether it happened is then not known, and it may be called again with any node.
        """
        owned, ledger, *_ = match_keys(spec.match)
        while True:
            # A clock of ours: an epoch must only be above those that were seen, and start no lower after a loss of all.
            epoch = next_epoch(seen_epoch, int(time.time()))
            proposed = Owner(spec.match, node.node, node.boot, epoch)
            answer, taken = await self.link.run(script("match_create"), (owned, ledger), (
                node.node, node.boot, epoch, self._sealed(proposed), ORDER_LIVES_MS, replaces.epoch if replaces else 0,
            ))  # fmt: skip
            owner = self._owner(answer)
            if owner is None:
                raise DirectoryUnavailable(f"the owner of match {spec.match} was written with another secret")
            if taken >= 0:
                return owner
            seen_epoch = max(seen_epoch, owner.epoch)

    async def order(self, spec: MatchSpec, owner: Owner) -> bool:
        """Tell a node to run a match that it owns; tell whether the node is alive. Raises `DirectoryUnavailable`."""
        sealed = self.sealer.seal("order", order_fields(spec, owner), owner.epoch)
        taken, _ = await self.link.pipeline([
            Call(script("node_order"), node_keys(owner.node), (owner.boot, spec.match, sealed, ORDER_LIVES_MS)),
            Call(None, ("",), ("PUBLISH", node_channel(owner.node), spec.match)),
        ])  # fmt: skip
        return bool(taken)

    async def orders(self, node: str, boot: int) -> list[tuple[MatchSpec, Owner]]:
        """Return what a node is to run. Raises `DirectoryUnavailable`."""
        _, key = node_keys(node)
        answer = await self.link.call("HGETALL", key)
        found = []
        for sealed in answer[1::2]:
            try:
                spec, owner = order_of(*self.sealer.open("order", sealed))
            except (Unsealed, TypeError, ValueError):
                continue
            if (owner.node, owner.boot) == (node, boot):
                found.append((spec, owner))
        return found

    async def order_done(self, node: str, boot: int, match: str) -> None:
        """Take an order off the list. Raises `DirectoryUnavailable`."""
        await self.link.run(script("node_done"), node_keys(node), (boot, match))

    async def owner(self, match: str) -> Owner | None:
        """Return whose a match is. Raises `DirectoryUnavailable`."""
        (key, *_) = match_keys(match)
        sealed = await self.link.call("HGET", key, "sealed")
        return None if sealed is None else self._owner(sealed)

    async def forget_match(self, owner: Owner) -> None:
        """Forget a match, unless it is somebody else's by now. Raises `DirectoryUnavailable`."""
        await self.link.run(script("match_forget"), match_keys(owner.match), (owner.node, owner.boot, owner.epoch))

    async def write_ledgers(self, node: str, boot: int, ledgers: Sequence[Ledger]) -> list[LedgerAnswer]:
        """Write ledgers of a node's matches, in one round trip for some hundred. Raises `DirectoryUnavailable`."""
        calls = [self._ledger_call(node, boot, ledger) for ledger in ledgers]
        answers = await self.link.pipeline(calls, chunk=100)
        found = []
        announce = []
        for ledger, (known, fenced, *reserved) in zip(ledgers, answers, strict=True):
            players = tuple(each.decode() for each in reserved)
            found.append(LedgerAnswer(ledger.match, bool(known), players, bool(fenced)))
            if not ledger.known and not fenced:
                announce.append(Call(None, ("",), ("PUBLISH", match_channel(ledger.match), "ready")))
        if announce:
            await self.link.pipeline(announce, chunk=100)
        return found

    async def reserve(self, match: str, players: Sequence[str]) -> Reserved:
        """Keep seats for all players, or for none; for who has one already it is kept anew.

        Raises `LobbyRefused` as full, no_match or not_ready, and `DirectoryUnavailable`.
        """
        why, *rest = await self.link.run(script("match_reserve"), match_keys(match), (RESERVED_MS, *players))
        match why:
            case b"ok":
                sealed, generation, _ = rest
                owner = self._owner(sealed)
                if owner is None:
                    raise LobbyRefused(RefusedCode.NO_MATCH, "this match is not known to this cluster")
                return Reserved(owner, generation)
            case b"full":
                sentence = f"all {rest[0]} seats are taken" if len(players) == 1 else "there are not enough free seats"
                raise LobbyRefused(RefusedCode.FULL, sentence, RETRY_FULL_MS)
            case b"not_ready":
                raise LobbyRefused(RefusedCode.NOT_READY, "this match is about to be ready", RETRY_NOT_READY_MS)
            case _:
                raise LobbyRefused(RefusedCode.NO_MATCH, "there is no such match")

    async def expects(self, match: str, player: str) -> bool:
        """Tell whether a player has a seat in a match, or a reservation. Raises `DirectoryUnavailable`."""
        _, _, reserved, seated = match_keys(match)
        is_reserved, is_seated = await self.link.pipeline([
            Call(None, (reserved,), ("ZSCORE", reserved, player)),
            Call(None, (seated,), ("SISMEMBER", seated, player)),
        ])  # fmt: skip
        return is_reserved is not None or bool(is_seated)

    async def release(self, match: str, players: Sequence[str]) -> None:
        """Give reserved seats back. Raises `DirectoryUnavailable`."""
        _, _, reserved, _ = match_keys(match)
        await self.link.call("ZREM", reserved, *players)

    def _ledger_call(self, node: str, boot: int, ledger: Ledger) -> Call:
        owner = Owner(ledger.match, node, boot, ledger.epoch)
        return Call(script("match_ledger"), match_keys(ledger.match), (
            node, boot, ledger.epoch, self._sealed(owner), ledger.generation, ledger.seats_max, ledger.taken,
            int(ledger.known), MATCH_LIVES_MS, *ledger.players,
        ))  # fmt: skip

    def _sealed(self, owner: Owner) -> bytes:
        return self.sealer.seal("owner", owner_fields(owner), owner.epoch)

    def _owner(self, sealed: bytes) -> Owner | None:
        try:
            return owner_of(*self.sealer.open("owner", sealed))
        except (Unsealed, TypeError, ValueError):
            return None
