"""Who has what. Against real Sentinels and a real cluster: `test_redis_set_ups.py`."""

from __future__ import annotations

import pytest

from game_server.shell.redis_socket import SocketLost
from game_server.shell.redis_topology import Cluster, OneServer, Sentinels, _Said, make_topology
from game_server.shell.redis_url import parse_redis_url
from tests.redis_servers import ClusterSetUp, free_port

AT = ("10.0.0.1", 6379)


def sentinels() -> Sentinels:
    return Sentinels(parse_redis_url("redis+sentinel://a,b,c/main"), 1.0)


def count(known: Sentinels, *said: _Said) -> int | None:
    known._count_replicas(list(said), said[0])
    return known.replicas_of(AT)


def test_the_url_decides_which_it_is() -> None:
    for text, kind in (
        ("redis://a", OneServer),
        ("redis+sentinel://a/main", Sentinels),
        ("redis+cluster://a", Cluster),
    ):
        assert isinstance(make_topology(parse_redis_url(text), 1.0), kind)


def test_one_server_has_everything() -> None:
    one = OneServer(AT)
    assert one.master_of("a") == AT and one.replicas_of(AT) is None


def test_a_replica_is_down_when_most_sentinels_say_so() -> None:
    well, dead = _Said(AT, 1, 3, {b"r": False, b"s": False}), _Said(AT, 1, 3, {b"r": True, b"s": False})
    assert count(sentinels(), well, well, dead) == 2
    assert count(sentinels(), well, dead, dead) == 1


def test_without_a_majority_of_the_sentinels_no_replica_is_left_out() -> None:
    known = sentinels()
    well, dead = _Said(AT, 1, 3, {b"r": False}), _Said(AT, 1, 3, {b"r": True})
    assert count(known, well, well, well) == 1
    assert count(known, dead) == 1
    assert count(known, _Said(AT, 1, 3, {})) == 1, "nor when the only one that answers has forgotten it"


def test_nothing_is_where_nobody_was_asked_yet() -> None:
    for text in ("redis+sentinel://a/main", "redis+cluster://a"):
        with pytest.raises(SocketLost, match="known yet"):
            make_topology(parse_redis_url(text), 1.0).master_of("a")


def test_a_cluster_s_map_gives_each_slot_its_master() -> None:
    cluster = Cluster(parse_redis_url("redis+cluster://a"), 1.0)
    cluster._learn([[0, 8191, [b"", 1, b"id"]], [8192, 16000, [b"10.0.0.2", 2, b"id"], [b"x", 3, b"id"]]], "asked")
    assert cluster.masters == (("asked", 1), ("10.0.0.2", 2))
    assert cluster.master_of("") == ("asked", 1)
    assert cluster.master_of("{b}1") == cluster.master_of("{b}2") == cluster.master_of(b"b") == ("asked", 1)
    assert cluster.master_of("foo") == ("10.0.0.2", 2)
    assert (cluster.replicas_of(("asked", 1)), cluster.replicas_of(("10.0.0.2", 2))) == (0, 1)
    missing = next(f"{n}" for n in range(10_000) if cluster._of_slot[_slot(f"{n}")] is None)
    with pytest.raises(SocketLost, match="has no server"):
        cluster.master_of(missing)


async def test_a_cluster_that_nobody_tells_of_keeps_what_was_known(redis_cluster: ClusterSetUp) -> None:
    cluster = Cluster(parse_redis_url(redis_cluster.url), 1.0)
    await cluster.refresh()
    known = cluster.masters
    assert {port for _, port in known} == {server.port for server in redis_cluster.masters}
    lost = Cluster(parse_redis_url(f"redis+cluster://127.0.0.1:{free_port()}"), 1.0)
    with pytest.raises(SocketLost, match="127.0.0.1"):
        await lost.refresh()


def _slot(key: str) -> int:
    from redis.crc import key_slot

    return key_slot(key.encode())
