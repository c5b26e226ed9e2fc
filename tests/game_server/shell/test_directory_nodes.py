"""Leases and records of nodes on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from game_server.shell.redis_directory import Directory
from tests.game_server.shell.directory_for_tests import listing, node_record, open_directory


@pytest.fixture
async def directory(redis_url: str) -> AsyncIterator[Directory]:
    directory = await open_directory(redis_url)
    yield directory
    await directory.link.close()


async def test_a_node_is_known_as_it_described_itself(directory: Directory) -> None:
    record = node_record(seats=3, players=9)
    renewal = await directory.renew(record)
    assert renewal.accepted and (renewal.listings, renewal.orders, renewal.superseded_by) == (0, 0, None)
    assert await directory.nodes() == [record] == [await directory.node("n0")]
    assert await directory.node("n1") is None


async def test_a_renewal_tells_how_many_listings_there_are(directory: Directory) -> None:
    await directory.renew(node_record())
    await directory.publish([listing("a"), listing("b")])
    assert (await directory.renew(node_record())).listings == 2
    await directory.link.call("FLUSHALL")
    assert (await directory.renew(node_record())).listings == 0


async def test_the_later_of_two_processes_with_one_name_has_it(directory: Directory) -> None:
    await directory.renew(node_record(boot=1))
    await directory.publish([listing("old")])
    assert (await directory.renew(node_record(boot=2))).accepted
    refused = await directory.renew(node_record(boot=1))
    assert not refused.accepted and refused.superseded_by == 2
    assert (await directory.listed()).total == 0, "what the earlier one listed died with it"
    await directory.depart("n0", 1)
    assert await directory.node("n0") == node_record(boot=2)


async def test_a_node_that_stops_renewing_is_gone_and_can_come_back(redis_url: str) -> None:
    directory = await open_directory(redis_url, lease_ttl_ms=100)
    await directory.renew(node_record())
    await asyncio.sleep(0.15)
    assert await directory.nodes() == [] and await directory.candidates() == []
    await directory.renew(node_record())
    assert len(await directory.nodes()) == 1
    await directory.link.close()


async def test_candidates_take_matches_and_run_the_version_that_is_asked_for(directory: Directory) -> None:
    for record in (
        node_record("takes"), node_record("full", matches=100), node_record("leaves", draining=True),
        node_record("newer", schema_hash=8),
    ):  # fmt: skip
        await directory.renew(record)
    assert {each.node for each in await directory.candidates()} == {"takes", "newer"}
    assert {each.node for each in await directory.candidates(8)} == {"newer"}
    await directory.renew(node_record("takes", draining=True))
    assert {each.node for each in await directory.candidates()} == {"newer"}


async def test_the_one_live_node_among_many_silent_ones_is_found(redis_url: str) -> None:
    directory = await open_directory(redis_url, lease_ttl_ms=200)
    for n in range(60):
        await directory.renew(node_record(f"n{n}"))
    await asyncio.sleep(0.25)
    await directory.renew(node_record("live"))
    assert [each.node for each in await directory.candidates(7, 8)] == ["live"]
    await directory.renew(node_record("n3"))
    assert {each.node for each in await directory.candidates(0, 8)} == {"live", "n3"}, "and who comes back as well"
    await directory.link.close()


async def test_candidates_are_a_few_of_many(directory: Directory) -> None:
    for n in range(30):
        await directory.renew(node_record(f"n{n}"))
    drawn = {tuple(sorted(each.node for each in await directory.candidates(0, 3))) for _ in range(20)}
    assert all(len(each) == 3 for each in drawn) and len(drawn) > 5


async def test_a_renewal_is_one_round_trip(directory: Directory) -> None:
    await directory.renew(node_record())
    before = directory.link.round_trips
    await directory.renew(node_record())
    assert directory.link.round_trips - before == 1
