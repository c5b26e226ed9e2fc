"""How many replicas are waited for. That WAIT itself does what it should: `test_redis_set_ups.py`."""

from __future__ import annotations

import pytest

from game_server.shell import replica_wait
from game_server.shell.redis_socket import SocketLost
from game_server.shell.redis_topology import Cluster, OneServer
from game_server.shell.redis_url import parse_redis_url
from game_server.shell.replica_wait import ReplicaWait
from tests.redis_servers import ClusterSetUp

AT = ("10.0.0.1", 6379)


class Knowing(OneServer):
    """A set-up that knows its replicas."""

    def __init__(self, replicas: int) -> None:
        super().__init__(AT)
        self.replicas = replicas

    def replicas_of(self, master: tuple[str, int]) -> int | None:
        return self.replicas


def waits(topology: OneServer) -> ReplicaWait:
    return ReplicaWait(parse_redis_url("redis://10.0.0.1"), topology, 1.0)


@pytest.mark.parametrize(("replicas", "wanted"), [(0, 0), (1, 1), (2, 2), (3, 2), (5, 3)])
async def test_a_majority_of_the_replicas_is_wanted(replicas: int, wanted: int) -> None:
    assert waits(Knowing(replicas))._wanted(AT, connected=0) == wanted


async def test_replicas_that_left_a_single_server_count_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = waits(OneServer(AT))
    assert wait._wanted(AT, connected=1) == 1
    assert wait._wanted(AT, connected=0) == 1
    monkeypatch.setattr(replica_wait, "REMEMBER_S", -1.0)
    assert wait._wanted(AT, connected=0) == 0


async def test_without_replicas_nothing_is_waited_for(redis_url: str) -> None:
    url = parse_redis_url(redis_url)
    wait = ReplicaWait(url, OneServer(url.addresses[0]), 1.0)
    assert await wait.wait(url.addresses)
    await wait.close()


async def test_the_mark_is_a_key_that_the_master_has(redis_cluster: ClusterSetUp) -> None:
    url = parse_redis_url(redis_cluster.url)
    cluster = Cluster(url, 1.0)
    await cluster.refresh()
    wait = ReplicaWait(url, cluster, 1.0)
    assert await wait.wait(cluster.masters)
    with pytest.raises(SocketLost, match="no master any more"):
        wait._mark(AT)
    await wait.close()
