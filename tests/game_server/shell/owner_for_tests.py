"""A node that is no process: it takes orders, writes ledgers and lists its matches, or is told not to."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.records import Ledger, Listing, MatchSpec, NodeRecord, Owner
from game_server.session.signing import Signer
from game_server.shell.redis_directory import Directory
from tests.game_server.shell.directory_for_tests import node_record

SIGNER = Signer.drawn(b"s" * 32)


class FakeOwner:
    """A node of Arena; `takes_orders` False lets orders lie, `lists` False keeps its matches out of all lists."""

    def __init__(
        self, directory: Directory, node: str = "n1", *, seats_max: int = 8, takes_orders: bool = True
    ) -> None:
        self.directory, self.record = directory, node_record(node)
        self.seats_max, self.takes_orders = seats_max, takes_orders
        self.lists = True
        self.matches: dict[str, tuple[MatchSpec, Owner]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> FakeOwner:
        await self.directory.renew(self.record)
        self._task = asyncio.create_task(self._run())
        return self

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def write(self) -> None:
        """Take orders, write ledgers, list matches."""
        record: NodeRecord = self.record
        for spec, owner in await self.directory.orders(record.node, record.boot):
            if self.takes_orders:
                self.matches[spec.match] = spec, owner
                await self.directory.order_done(record.node, record.boot, spec.match)
        ledgers = [Ledger(match, owner.epoch, 1000, self.seats_max, 0) for match, (_, owner) in self.matches.items()]
        answers = await self.directory.write_ledgers(record.node, record.boot, ledgers) if ledgers else []
        reserved = {each.match: each.reserved for each in answers}
        listings = [
            Listing(match, record.node, record.boot, len(reserved.get(match, ())), self.seats_max, 0,
                    spec.attributes, spec.private, spec.code)
            for match, (spec, _) in self.matches.items()
        ]  # fmt: skip
        if self.lists:
            await self.directory.publish(listings, reserved)

    async def _run(self) -> None:
        while True:
            with suppress(DirectoryUnavailable):
                await self.write()
            await asyncio.sleep(0.03)
