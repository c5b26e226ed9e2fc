"""Quick play over a real directory, with an owner that answers orders."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.records import Attributes, MatchSpec
from game_server.shell.lobby_quick_play import QuickSearch
from game_server.shell.lobby_search import Search, Visitor
from game_server.shell.lobby_seating import Seating
from game_server.shell.redis_directory import Directory
from protocol.lobby_messages import LobbyMessage, RefusedCode, Searching
from tests.game_server.shell.directory_for_tests import node_record, open_directory
from tests.game_server.shell.owner_for_tests import SIGNER, FakeOwner

DUEL: Attributes = (("mode", "duel"),)


@pytest.fixture
async def owner(redis_url: str) -> AsyncIterator[FakeOwner]:
    directory = await open_directory(redis_url)
    owner = await FakeOwner(directory).start()
    yield owner
    await owner.stop()
    await directory.link.close()


def quick(
    directory: Directory, player: str, stages: list[Attributes] | None = None, *, request: str = "q",
    search: Search | None = None, widen_after_s: float = 0.0, schema_hash: int = 0,
) -> QuickSearch:  # fmt: skip
    visitor = Visitor(player, player, schema_hash)
    return QuickSearch(
        directory, Seating(directory, SIGNER), visitor, search or Search(request), [player], stages or [()], 8,
        widen_after_s=widen_after_s, look_again_s=0.05,
    )  # fmt: skip


async def test_a_hundred_at_once_fill_thirteen_matches_of_eight(owner: FakeOwner) -> None:
    seats = await asyncio.gather(*(quick(owner.directory, f"p{n}").run() for n in range(100)))
    counts = Counter(seat.match for seat in seats)
    assert sorted(counts.values()) == [4] + 12 * [8]
    assert set(counts) == set(owner.matches)


async def test_a_repeat_gets_the_same_match(owner: FakeOwner) -> None:
    first = await quick(owner.directory, "ann").run()
    again = await quick(owner.directory, "ann").run()
    assert first.match == again.match and len(owner.matches) == 1


async def test_filters_widen_until_a_match_is_found(owner: FakeOwner) -> None:
    made = await quick(owner.directory, "ann", [DUEL]).run()
    told: list[LobbyMessage] = []
    search = Search("q", told.append)
    stages: list[Attributes] = [(*DUEL, ("region", "eu")), DUEL]
    async with asyncio.timeout(3):
        await owner.write()
        seat = await quick(owner.directory, "ben", stages, search=search, widen_after_s=0.1).run()
    assert seat.match == made.match
    first = told[0]
    assert isinstance(first, Searching) and "region eu" in first.sentence and 0 < first.widens_in_ms <= 100


async def test_a_match_that_is_made_has_all_wishes(owner: FakeOwner) -> None:
    seat = await quick(owner.directory, "ann", [(*DUEL, ("region", "eu")), DUEL]).run()
    spec, _ = owner.matches[seat.match]
    assert spec == MatchSpec(seat.match, (*DUEL, ("region", "eu")))


async def test_a_search_that_is_given_up_claims_nothing_any_more(owner: FakeOwner) -> None:
    search = Search("q")
    running = asyncio.create_task(quick(owner.directory, "ann", [DUEL, ()], search=search, widen_after_s=60).run())
    await asyncio.sleep(0.05)
    search.give_up()
    with pytest.raises(LobbyRefused) as refused:
        await running
    assert refused.value.code is RefusedCode.CANCELLED and not owner.matches


async def test_without_a_node_it_is_refused_and_the_next_may_try(owner: FakeOwner) -> None:
    await owner.stop()
    await owner.directory.depart("n1", 1)
    for _ in range(2):
        with pytest.raises(LobbyRefused) as refused:
            await quick(owner.directory, "ann").run()
        assert refused.value.code is RefusedCode.NO_CAPACITY


async def test_a_match_that_is_full_in_spite_of_its_listing_is_passed_over(owner: FakeOwner) -> None:
    stale = await quick(owner.directory, "ann").run()
    await owner.write()
    await owner.stop()
    await owner.directory.reserve(stale.match, [f"other{n}" for n in range(7)])
    second = await FakeOwner(owner.directory, "n2").start()
    await owner.directory.renew(replace(owner.record, draining=True))
    seat = await quick(owner.directory, "ben").run()
    assert seat.match != stale.match and set(second.matches) == {seat.match}
    await second.stop()


async def test_all_who_wait_for_a_match_that_nobody_can_make_are_told_at_once(redis_url: str) -> None:
    directory = await open_directory(redis_url)
    await directory.renew(node_record(matches=100))

    async def ask(number: int) -> str:
        with pytest.raises(LobbyRefused) as refused:
            await quick(directory, f"p{number}").run()
        return refused.value.code

    # Sharing a match that is not made used to cost each 2.5 s, and eight times.
    async with asyncio.timeout(2):
        codes = await asyncio.gather(*(ask(number) for number in range(30)))
    assert set(codes) == {"no_capacity"}
    await directory.link.close()


async def test_however_many_matches_of_another_version_there_are_one_plays(owner: FakeOwner) -> None:
    for n in range(12):
        await Seating(owner.directory, SIGNER).make(MatchSpec(f"old{n}"), 7)
    await owner.write()
    newer = FakeOwner(owner.directory, "n2")
    newer.record = replace(newer.record, schema_hash=8)
    await newer.start()
    seats = [await quick(owner.directory, player, schema_hash=8).run() for player in ("ann", "ben")]
    assert {seat.match for seat in seats} == set(newer.matches) and len(newer.matches) == 1
    await newer.stop()
