"""A value that many change at once loses no change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.redis_link import RedisLink
from game_server.shell.sealed_value import Change, SealedValues, rating_fields, ratings_of
from tests.game_server.shell.queue_for_tests import TestSeals


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    await link.connect()
    yield link
    await link.close()


@pytest.fixture
def values(link: RedisLink) -> SealedValues:
    return SealedValues(link, TestSeals(), "count")


def add_one(fields: list[Any] | None, now_ms: int) -> Change:
    return Change([(fields[0] if fields else 0) + 1], 10_000)


async def test_of_twenty_changes_at_once_none_is_lost(values: SealedValues) -> None:
    await asyncio.gather(*(values.change("k", "k", add_one) for _ in range(20)))
    assert await values.read("k", "k") == [20]


async def test_a_value_is_removed_or_left_as_decided(values: SealedValues, link: RedisLink) -> None:
    await values.change("k", "k", add_one)
    assert await values.change("k", "k", lambda fields, _: None) == [1]
    assert 0 < await link.call("PTTL", "k") <= 10_000
    assert await values.change("k", "k", lambda fields, _: Change(None, 0)) is None
    assert await link.call("EXISTS", "k") == 0


async def test_a_decision_is_told_the_time_of_the_directory(values: SealedValues, link: RedisLink) -> None:
    times: list[int] = []
    await values.change("k", "k", lambda fields, now_ms: times.append(now_ms))
    seconds = int((await link.call("TIME"))[0])
    assert abs(times[0] / 1000 - seconds) < 2


async def test_what_others_wrote_counts_as_not_there_and_is_counted(values: SealedValues, link: RedisLink) -> None:
    await link.call("SET", "k", b"forged")
    assert await values.read("k", "k") is None
    await values.change("k", "k", add_one)
    assert await values.read("k", "k") == [1]
    # A value is good only where it was written.
    await link.call("SET", "other", await link.call("GET", "k"))
    assert await values.read("other", "other") is None
    assert values.unsealed == 3


async def test_a_change_that_others_always_overtake_ends(values: SealedValues, link: RedisLink) -> None:
    other = SealedValues(link, TestSeals(b"o" * 32), "count")

    class Hurried(SealedValues):
        async def _swap(self, *args: Any) -> Any:
            await other.change("k", "k", add_one)
            return await super()._swap(*args)

    hurried = Hurried(link, TestSeals(b"o" * 32), "count")
    with pytest.raises(DirectoryUnavailable):
        await hurried.change("k", "k", add_one)
    assert (await other.read("k", "k") or [0])[0] > 50


def test_ratings_are_carried_as_whole_numbers() -> None:
    fields = [*rating_fields("ann", 27.635389493140497, 8.0), *rating_fields("bob", -1.5, 0.25)]
    assert all(isinstance(each, int | str) for each in fields)
    (ann, mu, sigma), bob = ratings_of(fields)
    assert (ann, sigma, bob) == ("ann", 8.0, ("bob", -1.5, 0.25))
    assert mu == pytest.approx(27.635389493140497, abs=1e-9)
