"""Which server has what: one for all, the one that Sentinels name, or by hash slot.

To test: `tests/game_server/shell/test_redis_topology.py`.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from redis.crc import key_slot
from redis.exceptions import RedisError

from game_server.shell.redis_socket import RedisSocket, SocketLost
from game_server.shell.redis_url import Address, RedisUrl

HEALTHY = b"cluster_state:ok"


class Topology(Protocol):
    """What is known of a set-up; `refresh` asks anew."""

    masters: tuple[Address, ...]
    watched: bool  # whether a master may change without a call that fails

    async def refresh(self) -> None:
        """Ask who is master of what. Raises `SocketLost` with a sentence; what was known is kept then."""

    def master_of(self, key: str | bytes) -> Address:
        """Return the master that has a key. Raises `SocketLost` if none has."""

    def replicas_of(self, master: Address) -> int | None:
        """Return how many replicas might take the master's place; None: only the master itself knows."""

    async def close(self) -> None:
        """Close what it asked with."""


class OneServer:
    """One server has everything, at an address that stays."""

    watched = False

    def __init__(self, address: Address) -> None:
        self.masters: tuple[Address, ...] = (address,)

    async def refresh(self) -> None:
        """There is nobody to ask."""

    def master_of(self, key: str | bytes) -> Address:
        """The one."""
        return self.masters[0]

    def replicas_of(self, master: Address) -> int | None:
        """Ask it."""
        return None

    async def close(self) -> None:
        """It has nothing of its own."""


@dataclass(slots=True)
class _Said:
    """What one Sentinel said of the service."""

    master: Address
    epoch: int
    sentinels: int
    replicas: dict[bytes, bool] = field(default_factory=dict)  # by name: whether it is down


class Sentinels:
    """The master that the Sentinels name; of several answers the one with the highest configuration epoch is right."""

    watched = True

    def __init__(self, url: RedisUrl, timeout_s: float) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._sockets: dict[Address, RedisSocket] = {}
        self._replicas = 0
        self.masters: tuple[Address, ...] = ()

    async def refresh(self) -> None:
        """Ask all of them at once. Raises `SocketLost`."""
        answers = await asyncio.gather(*(self._ask(at) for at in self._url.addresses), return_exceptions=True)
        said = [answer for answer in answers if isinstance(answer, _Said)]
        if not said:
            why = "; ".join(dict.fromkeys(str(answer) for answer in answers))
            raise SocketLost(f"no Sentinel names a master of {self._url.service!r}: {why}")
        newest = max(said, key=lambda answer: answer.epoch)
        self._count_replicas(said, newest)
        self.masters = (newest.master,)

    def master_of(self, key: str | bytes) -> Address:
        """The one, if it is known."""
        if not self.masters:
            raise SocketLost("no master is known yet")
        return self.masters[0]

    def replicas_of(self, master: Address) -> int | None:
        """As the Sentinels know them."""
        return self._replicas

    async def close(self) -> None:
        """Hang up."""
        for socket in self._sockets.values():
            await socket.close()
        self._sockets.clear()

    def _count_replicas(self, said: list[_Said], newest: _Said) -> None:
        """A replica counts as down only if a majority of all Sentinels says so: those could make another one master.

        In the lesser part of a partition nobody has that majority; the number stays what it was before, WAIT fails,
        and no lease is renewed there.
        """
        majority = newest.sentinels // 2 + 1
        known = set().union(*(answer.replicas for answer in said))
        down = {name for name in known if sum(answer.replicas.get(name, False) for answer in said) >= majority}
        if len(said) >= majority:
            self._replicas = len(known - down)
        else:
            self._replicas = max(self._replicas, len(known))

    async def _ask(self, address: Address) -> _Said:
        socket = self._sockets.get(address)
        if socket is None or socket.lost:
            socket = RedisSocket(self._url.sentinel_connection(address), self._timeout_s)
            await socket.open()
            self._sockets[address] = socket
        service = self._url.service
        found, told, replicas = await socket.exchange(
            [("SENTINEL", verb, service) for verb in ("GET-MASTER-ADDR-BY-NAME", "MASTER", "REPLICAS")]
        )
        for answer in (found, told, replicas):
            if isinstance(answer, RedisError):
                raise SocketLost(str(answer))
        if found is None:
            raise SocketLost("No such master with that name")
        facts = _pairs(told)
        down = {_pairs(replica)[b"name"]: b"down" in _pairs(replica)[b"flags"] for replica in replicas}
        return _Said(
            (found[0].decode(), int(found[1])),
            int(facts[b"config-epoch"]),
            int(facts[b"num-other-sentinels"]) + 1,
            down,
        )


class Cluster:
    """Redis Cluster: a key's slot says which master has it."""

    watched = False

    def __init__(self, url: RedisUrl, timeout_s: float) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._of_slot: list[Address | None] = []
        self._replicas: dict[Address, int] = {}
        self.masters: tuple[Address, ...] = ()

    async def refresh(self) -> None:
        """Ask the masters that are known, then those of the URL, until one tells. Raises `SocketLost`."""
        whys: dict[str, None] = {}
        for address in dict.fromkeys(self.masters + self._url.addresses):
            try:
                slots = await self._ask(address)
            except SocketLost as error:
                whys[str(error)] = None
            else:
                self._learn(slots, address[0])
                return
        raise SocketLost("; ".join(whys))

    def master_of(self, key: str | bytes) -> Address:
        """By the key's slot; a key "" is anybody's."""
        if not self.masters:
            raise SocketLost("no server of the cluster is known yet")
        if not key:
            return self.masters[0]
        address = self._of_slot[key_slot(key.encode() if isinstance(key, str) else key)]
        if address is None:
            raise SocketLost("a part of the cluster has no server")
        return address

    def replicas_of(self, master: Address) -> int | None:
        """As the cluster knows them: those that a majority of its masters holds for failed are left out."""
        return self._replicas.get(master, 0)

    async def close(self) -> None:
        """It asks through the servers themselves."""

    async def _ask(self, address: Address) -> Any:
        socket = RedisSocket(self._url.connection(address), self._timeout_s)
        await socket.open()
        try:
            info, slots = await socket.exchange([("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")])
        finally:
            await socket.close()
        for answer in (info, slots):
            if isinstance(answer, RedisError):
                raise SocketLost(str(answer))
        if HEALTHY not in info:
            raise SocketLost("the cluster says that it is down")
        return slots

    def _learn(self, ranges: Iterable[Any], asked: str) -> None:
        of_slot: list[Address | None] = [None] * 16384
        replicas: dict[Address, int] = {}
        for first, last, master, *others in ranges:
            # An empty host is that of the server which was asked.
            address = ((master[0] or b"").decode() or asked, int(master[1]))
            of_slot[first : last + 1] = [address] * (last + 1 - first)
            replicas[address] = len(others)
        self._of_slot, self._replicas, self.masters = of_slot, replicas, tuple(replicas)


def make_topology(url: RedisUrl, timeout_s: float) -> Topology:
    """Return what fits the URL."""
    if url.set_up == "sentinel":
        return Sentinels(url, timeout_s)
    if url.set_up == "cluster":
        return Cluster(url, timeout_s)
    return OneServer(url.addresses[0])


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
