"""The link against real servers of every set-up: TLS, ACL, Sentinels, Cluster; and what it does when masters die."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.crc import key_slot

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.redis_link import Call, RedisLink, Script
from game_server.shell.redis_subscriber import Subscriber
from protocol.errors import NodeFault
from tests.game_server.shell.certificates import make_certificate
from tests.redis_servers import ClusterSetUp, RedisProcess, SentinelSetUp, eventually, free_port, has_tls

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
TWO_KEYS = Script("redis.call('SET', KEYS[1], 1) return redis.call('INCR', KEYS[2])")
# As docs/operating.md has it.
ACL = ("on", ">secret", "~tw1:*", "&tickwire:*", "+@all", "-@admin", "-@dangerous", "+info", "+role")


@asynccontextmanager
async def linked(url: str, timeout_s: float = 1.0) -> AsyncIterator[RedisLink]:
    link = RedisLink(url, timeout_s=timeout_s)
    try:
        await link.connect()
        yield link
    finally:
        await link.close()


async def write_until_it_works(link: RedisLink, seconds: float) -> float:
    """Write as a client would, tell for how long that failed."""
    started = time.monotonic()
    while time.monotonic() < started + seconds:
        try:
            await link.run(ADD, ["tw1:n"], [1])
            return time.monotonic() - started
        except DirectoryUnavailable:
            await asyncio.sleep(0.02)
    raise AssertionError(f"nothing could be written for {seconds} s")


async def confirmed(link: RedisLink) -> None:
    """Wait until the replicas keep up; in the first second after they came they do not answer."""
    deadline = time.monotonic() + 10
    while not await link.wait_replicas():
        assert time.monotonic() < deadline


# TLS and ACL


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[RedisProcess, str]]:
    files = make_certificate(tmp_path)
    port = free_port()
    url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={files.certificate}"
    arguments = ("--port", "0", "--tls-port", str(port), "--tls-cert-file", str(files.certificate), "--tls-key-file",
                 str(files.key), "--tls-ca-cert-file", str(files.certificate), "--tls-auth-clients", "no")  # fmt: skip
    with RedisProcess(*arguments, port=port, url=url) as server:
        yield server, url


@pytest.mark.skipif(not has_tls(), reason="redis-server is not installed, and the wheel's Valkey has no TLS")
async def test_tls_checks_the_certificate(tls_server: tuple[RedisProcess, str]) -> None:
    server, url = tls_server
    async with linked(url) as link:
        assert await link.run(ADD, ["tw1:n"], [1]) == 1
        assert await link.wait_replicas()
    with pytest.raises(NodeFault, match="certificate"):
        await RedisLink(f"rediss://127.0.0.1:{server.port}").connect()
    with pytest.raises(NodeFault, match="cannot be used"):
        await RedisLink(f"redis://127.0.0.1:{server.port}", timeout_s=0.3).connect()


async def test_a_user_with_the_documented_rights_can_do_all_that_is_needed() -> None:
    with RedisProcess("--user", "tickwire", *ACL, "--user", "default", "off") as server:
        address = f"127.0.0.1:{server.port}/2"
        async with linked(f"redis://tickwire:secret@{address}") as link:
            assert await link.run(ADD, ["tw1:n"], [1]) == 1
            assert await link.wait_replicas()
            assert await link.run_id()
            await link.call("PUBLISH", "tickwire:lobby:arena", b"")
            subscriber = Subscriber(link, {"tickwire:lobby:arena"}, lambda *_: None)
            subscriber.start()
            await eventually(lambda: subscriber.listening)
            await subscriber.stop()
            with pytest.raises(DirectoryUnavailable) as caught:
                await link.call("GET", "another's")
            assert caught.value.why.startswith("NOPERM") and link.available
        for login, why in (("tickwire:wrong@", "invalid username-password"), ("", "Authentication required")):
            with pytest.raises(NodeFault, match=why):
                await RedisLink(f"redis://{login}{address}").connect()


async def test_a_password_with_odd_letters_is_written_in_percent() -> None:
    with RedisProcess("--requirepass", "p@ss:w/rd%") as server:
        async with linked(f"redis://:p%40ss%3Aw%2Frd%25@127.0.0.1:{server.port}") as link:
            assert await link.call("PING") == b"PONG"


async def test_a_replica_is_no_redis_to_write_to(redis_process: RedisProcess) -> None:
    with RedisProcess("--replicaof", "127.0.0.1", str(redis_process.port)) as replica:
        with pytest.raises(NodeFault, match="it is a slave, no master"):
            await RedisLink(replica.url).connect()


# Replicas


async def test_what_a_majority_of_the_replicas_has_not_is_not_confirmed(redis_process: RedisProcess) -> None:
    follow = ("--replicaof", "127.0.0.1", str(redis_process.port))
    with RedisProcess(*follow) as one, RedisProcess(*follow) as two:
        async with linked(redis_process.url, timeout_s=0.5) as link:
            with redis_process.client() as client:
                await eventually(lambda: client.info("replication").get("slave1", {}).get("state") == "online")
            await confirmed(link)
            await link.run(ADD, ["tw1:n"], [1])
            assert await link.wait_replicas()
            one.pause()
            await link.run(ADD, ["tw1:n"], [1])
            waiting = asyncio.create_task(link.wait_replicas())
            assert await link.run(ADD, ["tw1:n"], [1]) == 3, "no call waits for replicas"
            assert not await waiting
            two.kill()
            await eventually(lambda: client.info("replication")["connected_slaves"] < 2)
            assert not await link.wait_replicas(), "a master that is cut off does not seem to have no replicas"
            one.go_on()


# Sentinels


@pytest.fixture(scope="module")
def sentinel_set_up() -> Iterator[SentinelSetUp]:
    with SentinelSetUp(sentinels=1, password="secret") as set_up:
        yield set_up


async def test_sentinels_name_the_master(sentinel_set_up: SentinelSetUp) -> None:
    async with linked(sentinel_set_up.url) as link:
        assert await link.run(ADD, ["tw1:n"], [1]) >= 1
        await confirmed(link)
        port = await link.call("CONFIG", "GET", "port")
        assert port == [b"port", str(sentinel_set_up.first.port).encode()]
        assert link.shown == f"127.0.0.1:{sentinel_set_up.sentinels[0].port} (sentinel main)"


async def test_a_service_that_no_sentinel_knows_is_named(sentinel_set_up: SentinelSetUp) -> None:
    with pytest.raises(NodeFault, match="'other'.*No such master"):
        await RedisLink(sentinel_set_up.url.replace("main", "other")).connect()


async def test_one_sentinel_of_those_named_is_enough(sentinel_set_up: SentinelSetUp) -> None:
    async with linked(sentinel_set_up.url.replace("@", f"@127.0.0.1:{free_port()},")) as link:
        assert await link.call("PING") == b"PONG"
    with pytest.raises(NodeFault, match="no Sentinel names a master"):
        await RedisLink(f"redis+sentinel://127.0.0.1:{free_port()}/main").connect()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "pause"])
async def test_after_a_failover_the_link_is_on_the_new_master(how: str) -> None:
    with SentinelSetUp() as set_up:
        async with linked(set_up.url) as link:
            first = await link.run_id()
            await link.run(ADD, ["tw1:n"], [1])
            getattr(set_up.first, how)()
            failed_at = time.monotonic()
            promoted = asyncio.create_task(_promoted(set_up))
            outage_s = await write_until_it_works(link, 20)
            failover_s = await promoted - failed_at
            assert outage_s <= failover_s + 2.0, f"{outage_s:.2f} s, the failover took {failover_s:.2f} s"
            assert link.available and await link.run_id() != first
            assert set_up.master_port() == set_up.replicas[0].port
            # The old one is gone, as a majority of the Sentinels says: there are no replicas to wait for.
            await confirmed(link)


async def _promoted(set_up: SentinelSetUp) -> float:
    while await asyncio.to_thread(set_up.master_port) == set_up.first.port:
        await asyncio.sleep(0.05)
    return time.monotonic()


@pytest.mark.slow
async def test_a_master_that_was_exchanged_while_it_answers_is_left_within_seconds() -> None:
    with SentinelSetUp() as set_up:
        async with linked(set_up.url) as link:
            await link.run(ADD, ["tw1:n"], [1])
            with set_up.sentinels[0].client() as client:
                client.execute_command("SENTINEL", "FAILOVER", "main")
            await eventually(lambda: link._topology.masters[0][1] == set_up.replicas[0].port, 15)
            assert await write_until_it_works(link, 3) < 2
            assert await link.call("CONFIG", "GET", "port") == [b"port", str(set_up.replicas[0].port).encode()]


@pytest.mark.slow
async def test_a_dead_replica_counts_until_most_sentinels_call_it_down() -> None:
    with SentinelSetUp() as set_up:
        async with linked(set_up.url, timeout_s=0.4) as link:
            await confirmed(link)
            for sentinel in set_up.sentinels[1:]:
                sentinel.pause()
            set_up.replicas[0].kill()
            with set_up.sentinels[0].client() as client:
                await eventually(lambda: client.sentinel_slaves("main")[0]["is_sdown"])
            assert not await link.wait_replicas(), "one Sentinel of three is no majority"
            for sentinel in set_up.sentinels[1:]:
                sentinel.go_on()
            await confirmed(link)


# Cluster


async def test_a_cluster_s_keys_are_where_their_slots_are(redis_cluster: ClusterSetUp) -> None:
    async with linked(redis_cluster.url) as link:
        calls = [Call(ADD, (f"tw1:{{match:{n}}}:ledger",), (n,)) for n in range(300)]
        before = link.round_trips
        assert await link.pipeline(calls) == list(range(300))
        assert link.round_trips - before == 3, "one round trip for each master"
        for server in redis_cluster.masters:
            with server.client() as client:
                assert 50 < client.dbsize() < 150
        assert await link.run(TWO_KEYS, ["tw1:{node:a}:lease", "tw1:{node:a}:record"]) == 1
        assert await link.call("GET", "tw1:{node:a}:lease") == b"1"
        plain = [Call(None, (f"tw1:{n}",), ("SET", f"tw1:{n}", n)) for n in range(20)]
        assert await link.pipeline(plain) == [b"OK"] * 20
        assert await link.wait_replicas() and await link.wait_replicas("tw1:{node:a}:lease")
        assert len((await link.run_id()).split("+")) == 3
        assert await link.run_id("tw1:a") in (await link.run_id()).split("+")


async def test_a_user_with_the_documented_rights_gets_along_in_a_cluster(redis_cluster: ClusterSetUp) -> None:
    for server in redis_cluster.masters:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "tickwire", *ACL, "+cluster|slots", "+cluster|info")
    async with linked(redis_cluster.url.replace("://", "://tickwire:secret@")) as link:
        assert await link.pipeline([Call(ADD, (f"tw1:{n}",), (1,)) for n in range(9)]) == [1] * 9
        assert await link.wait_replicas() and await link.run_id()


async def test_a_script_over_two_slots_is_refused_with_a_reason(redis_cluster: ClusterSetUp) -> None:
    async with linked(redis_cluster.url) as link:
        with pytest.raises(DirectoryUnavailable) as caught:
            await link.run(TWO_KEYS, ["tw1:a", "tw1:b"])
        assert "CROSSSLOT" in caught.value.why


async def test_a_message_reaches_a_subscriber_at_any_master(redis_cluster: ClusterSetUp) -> None:
    async with linked(redis_cluster.url) as link:
        heard: list[bytes] = []
        subscriber = Subscriber(link, {"tickwire:a"}, lambda _, data: heard.append(data))
        subscriber.start()
        await eventually(lambda: subscriber.listening)
        for server in redis_cluster.masters:
            with server.client() as client:
                client.publish("tickwire:a", str(server.port))
        await eventually(lambda: len(heard) == 3)
        await subscriber.stop()


async def test_one_server_of_the_cluster_leads_to_all(redis_cluster: ClusterSetUp) -> None:
    dead, known = free_port(), redis_cluster.masters[1].port
    async with linked(f"redis+cluster://127.0.0.1:{dead},127.0.0.1:{known}") as link:
        assert await link.pipeline([Call(ADD, (f"tw1:{n}",), (1,)) for n in range(30)]) == [1] * 30


async def test_a_slot_on_its_way_to_another_master_is_followed(redis_cluster: ClusterSetUp) -> None:
    source, target, *_ = redis_cluster.masters
    with source.client() as at_source, target.client() as at_target:
        ids = [client.execute_command("CLUSTER", "MYID").decode() for client in (at_source, at_target)]
        key = next(f"tw1:{n}" for n in range(1000) if key_slot(f"tw1:{n}".encode()) < 5000)
        slot = key_slot(key.encode())
        async with linked(redis_cluster.url) as link:
            at_target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
            at_source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
            assert await link.run(ADD, [key], [1]) == 1, "ASK: it is new, so the other one has it"
            for client in (at_target, at_source):
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
            assert await link.run(ADD, [key], [1]) == 2, "MOVED"
            before = link.round_trips
            assert await link.run(ADD, [key], [1]) == 3
            assert link.round_trips == before + 1, "what was learnt is kept"
            at_target.delete(key)
            for client in (at_source, at_target):
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[0])


async def test_a_single_server_is_no_cluster(redis_url: str) -> None:
    with pytest.raises(NodeFault, match="cluster support disabled"):
        await RedisLink(redis_url.replace("redis://", "redis+cluster://").removesuffix("/0")).connect()


@pytest.mark.slow
async def test_when_a_master_of_a_cluster_dies_the_others_answer_on_and_its_replica_takes_over() -> None:
    with ClusterSetUp(replicas=1) as set_up:
        async with linked(set_up.url, timeout_s=0.5) as link:
            key_of = {
                server.port: next(k for k in map("tw1:{}".format, range(1000)) if _place(link, k) == server.port)
                for server in set_up.masters
            }
            await confirmed(link)
            dead, well, _ = set_up.masters
            dead.kill()
            with pytest.raises(DirectoryUnavailable):
                await link.run(ADD, [key_of[dead.port]], [1])
            assert not link.available
            assert await link.run(ADD, [key_of[well.port]], [1]) == 1
            await eventually(lambda: link.available, 15)
            assert await link.run(ADD, [key_of[dead.port]], [1]) == 1
            assert await link.wait_replicas(key_of[well.port])


def _place(link: RedisLink, key: str) -> int:
    return link._topology.master_of(key)[1]
