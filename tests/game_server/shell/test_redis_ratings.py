"""Each match moves all of its players' ratings once, against a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.ratings import MU_FIRST, Rating, rated
from game_server.shell import redis_ratings
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_ratings import Ratings
from tests.game_server.shell.queue_for_tests import TestSeals
from tests.redis_servers import RedisProcess, eventually


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    await link.connect()
    yield link
    await link.close()


@pytest.fixture
def ratings(link: RedisLink) -> Ratings:
    return Ratings(link, "Yard", TestSeals())


def close(rating: Rating) -> Rating:
    approximately = pytest.approx
    return Rating(approximately(rating.mu, abs=1e-8), approximately(rating.sigma, abs=1e-8))  # type: ignore[arg-type]


async def test_who_is_new_has_a_new_players_rating(ratings: Ratings) -> None:
    assert await ratings.rating("ann") == Rating()
    assert await ratings.ratings([]) == {}


async def test_a_match_moves_all_players_as_the_model_says(ratings: Ratings) -> None:
    assert await ratings.apply("m-1", [["ann", "bob"], ["cid", "dan"]])
    [[ann, bob], [cid, dan]] = rated([[Rating(), Rating()], [Rating(), Rating()]])
    found = await ratings.ratings(["ann", "bob", "cid", "dan"])
    assert found == {"ann": close(ann), "bob": close(bob), "cid": close(cid), "dan": close(dan)}


async def test_a_match_counts_once_however_often_it_is_told_and_by_whom(ratings: Ratings, link: RedisLink) -> None:
    others = [Ratings(link, "Yard", TestSeals()) for _ in range(5)]
    teams = [["ann"], ["bob"]]
    await asyncio.gather(*(each.apply("m-1", teams) for each in [ratings, *others, ratings]))
    [[ann], [bob]] = rated([[Rating()], [Rating()]])
    assert await ratings.ratings(["ann", "bob"]) == {"ann": close(ann), "bob": close(bob)}
    assert not await ratings.apply("m-1", [["bob"], ["ann"]])
    assert await ratings.rating("ann") == close(ann)


async def test_a_result_that_was_cut_short_is_finished_with_the_ratings_it_began_with(
    ratings: Ratings, link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first node dies after one of two players; meanwhile that player wins another match."""
    move = Ratings._move

    async def move_ann_only(self: Ratings, player: str, *args: object) -> None:
        if player == "bob":
            raise DirectoryUnavailable("killed here")
        await move(self, player, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Ratings, "_move", move_ann_only)
    with pytest.raises(DirectoryUnavailable):
        await ratings.apply("m-1", [["ann"], ["bob"]])
    monkeypatch.undo()
    await ratings.apply("m-2", [["ann"], ["cid"]])
    ann_before = await ratings.rating("ann")
    assert await ratings.apply("m-1", [["ann"], ["bob"]])
    [[_], [bob]] = rated([[Rating()], [Rating()]])
    assert await ratings.rating("bob") == close(bob)
    assert await ratings.rating("ann") == ann_before


async def test_matches_that_end_at_once_all_count(ratings: Ratings, link: RedisLink) -> None:
    each = [Ratings(link, "Yard", TestSeals()) for _ in range(6)]
    await asyncio.gather(*(r.apply(f"m-{n}", [["ann"], [f"p{n}"]]) for n, r in enumerate(each)))
    [[won], _] = rated([[Rating()], [Rating()]])
    ann = await ratings.rating("ann")
    assert ann.mu > MU_FIRST + 2 * (won.mu - MU_FIRST)
    assert ann.sigma < won.sigma


async def test_a_game_has_ratings_of_its_own(ratings: Ratings, link: RedisLink) -> None:
    await ratings.apply("m-1", [["ann"], ["bob"]])
    assert await Ratings(link, "Other", TestSeals()).rating("ann") == Rating()


async def test_a_match_without_two_teams_of_known_players_changes_nothing(ratings: Ratings, link: RedisLink) -> None:
    assert not await ratings.apply("m-1", [["ann"], []])
    assert not await ratings.apply("m-2", [["ann"], ["ann"]])
    assert await link.call("DBSIZE") == 0


async def test_a_rating_that_somebody_else_wrote_is_a_new_players(ratings: Ratings, link: RedisLink) -> None:
    await ratings.apply("m-1", [["ann"], ["bob"]])
    await link.call("SET", "tw1:{player:bob}:rating:Yard", await link.call("GET", "tw1:{player:ann}:rating:Yard"))
    assert await ratings.rating("bob") == Rating()
    assert ratings.unsealed == 1


async def test_results_wait_while_redis_is_away(redis_process: RedisProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_ratings, "RETRY_S", 0.05)
    link = RedisLink(redis_process.url, timeout_s=0.3)
    await link.connect()
    ratings = Ratings(link, "Yard", TestSeals())
    ratings.start()
    redis_process.kill()
    ratings.apply_soon("m-1", [["ann"], ["bob"]])
    ratings.apply_soon("m-1", [["ann"], ["bob"]])
    await eventually(lambda: not link.available)
    redis_process.start()
    await eventually(lambda: ratings.applied == 1)
    await ratings.stop()
    assert (await ratings.rating("ann")).points > 1500
    await link.close()


async def test_no_more_results_wait_than_there_is_room_for(ratings: Ratings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_ratings, "PENDING_MAX", 2)
    for n in range(4):
        ratings.apply_soon(f"m-{n}", [["ann"], ["bob"]])
    assert ratings.dropped == 2
    await ratings.stop()
    assert ratings.applied == 2
