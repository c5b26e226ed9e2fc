"""Listings and quick play on a real Redis: pages, changes, claims by many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from math import ceil

import pytest

from game_server.cluster.records import MatchSpec
from game_server.shell import redis_directory
from game_server.shell.redis_directory import Directory
from tests.game_server.shell.directory_for_tests import listing, node_record, open_directory, open_match


@pytest.fixture
async def directory(redis_url: str) -> AsyncIterator[Directory]:
    directory = await open_directory(redis_url)
    await directory.renew(node_record())
    yield directory
    await directory.link.close()


async def test_a_listing_is_seen_until_it_is_taken_off(directory: Directory) -> None:
    await directory.publish([listing("m1", attributes=(("mode", "duel"),)), listing("m2", seats=3)])
    page = await directory.listed()
    assert [each.match for each in page.listings] == ["m1", "m2"] and (page.next, page.total) == ("", 2)
    assert page.listings[0].attributes == (("mode", "duel"),)
    await directory.unlist("n0", 1, ["m1"])
    assert [each.match for each in (await directory.listed()).listings] == ["m2"]


async def test_a_filter_is_answered_by_one_index(directory: Directory) -> None:
    both = (("mode", "duel"), ("region", "eu"))
    await directory.publish([listing("a", attributes=both), listing("b", attributes=both[:1]), listing("c")])
    for filters, wanted in [((), "abc"), (both[:1], "ab"), (both[1:], "a"), (both, "a"), ((("mode", "ctf"),), "")]:
        page = await directory.listed(filters)
        assert "".join(each.match for each in page.listings) == wanted


async def test_2000_matches_are_listed_in_pages_and_never_one_by_one(directory: Directory) -> None:
    await directory.publish([listing(f"m{n:05}") for n in range(2000)])
    before, found, after = directory.link.round_trips, [], ""
    while True:
        page = await directory.listed((), after, 200)
        found += [each.match for each in page.listings]
        after = page.next
        if not after:
            break
    assert found == [f"m{n:05}" for n in range(2000)]
    assert directory.link.round_trips - before <= 2000 / 200 + 1


async def test_private_matches_are_found_by_their_code_alone(directory: Directory) -> None:
    await directory.publish([listing("secret", private=True, code="KXRT7Q")])
    assert (await directory.listed()).listings == ()
    assert await directory.by_code("KXRT7Q") == "secret" and await directory.by_code("AAAAAA") is None
    assert await directory.claim("r", ["ann"]) is None
    await directory.unlist("n0", 1, ["secret"])
    assert await directory.by_code("KXRT7Q") is None


async def test_listings_of_a_node_that_stopped_renewing_are_neither_shown_nor_claimed(redis_url: str) -> None:
    directory = await open_directory(redis_url, lease_ttl_ms=100)
    await directory.renew(node_record())
    await directory.publish([listing("m")])
    assert (await directory.listed()).listings
    await asyncio.sleep(0.15)
    assert (await directory.listed()).listings == ()
    assert await directory.claim("r", ["ann"]) is None and await directory.listing("m") is None
    assert (await directory.renew(node_record())).listings == -1, "it must publish anew: quick play has hidden some"
    await directory.publish([listing("m")])
    assert await directory.claim("r", ["ann"]) is not None
    await directory.link.close()


async def test_listings_of_a_node_that_fell_silent_are_gone_for_watchers_and_totals_and_return_with_it(
    redis_url: str,
) -> None:
    directory = await open_directory(redis_url, lease_ttl_ms=150)
    await directory.renew(node_record())
    await directory.publish([listing("a"), listing("b")])
    before = await directory.changes(0)
    await asyncio.sleep(0.2)
    silent = await directory.changes(before.version)
    assert silent.complete and sorted(silent.gone) == ["a", "b"] and silent.changed == ()
    assert (await directory.listed()).total == 0
    assert (await directory.changes(0)).changed == ()
    assert (await directory.renew(node_record())).listings != 2, "it must publish anew"
    await directory.publish([listing("a"), listing("b")])
    back = await directory.changes(silent.version)
    assert [each.match for each in back.changed] == ["a", "b"] and back.gone == ()
    assert (await directory.renew(node_record())).listings == (await directory.listed()).total == 2
    assert not await directory.link.call("EXISTS", "tw1:{lobby:Arena}:hid:n0")
    await directory.link.close()


async def test_a_node_without_an_entry_lists_nothing_that_nobody_would_clear_away(directory: Directory) -> None:
    await directory.depart("n0", 1)
    await directory.publish([listing("a")])
    await directory.renew(node_record(boot=2))
    await directory.publish([listing("b")])
    assert (await directory.listed()).total == 0 and await directory.listing("a") is None


async def test_a_watcher_is_told_what_changed_since(directory: Directory) -> None:
    start = await directory.changes(0)
    await directory.publish([listing("a"), listing("b")])
    first = await directory.changes(start.version)
    assert first.complete and [each.match for each in first.changed] == ["a", "b"]
    await directory.publish([listing("a", seats=1), listing("b")])
    await directory.unlist("n0", 1, ["b"])
    second = await directory.changes(first.version)
    assert [(each.match, each.seats) for each in second.changed] == [("a", 1)] and second.gone == ("b",)
    assert (await directory.changes(second.version)).changed == ()


async def test_a_watcher_from_before_redis_lost_everything_is_told_to_read_anew(directory: Directory) -> None:
    await directory.publish([listing("a")])
    version = (await directory.changes(0)).version
    await directory.link.call("FLUSHALL")
    assert not (await directory.changes(version)).complete
    await directory.renew(node_record())
    await directory.publish([listing(f"b{n}") for n in range(20)])
    assert not (await directory.changes(version)).complete, "though there are as many changes now as there were"
    assert len((await directory.changes(0)).changed) == 20


async def test_quick_play_fills_the_fullest_match_first(directory: Directory) -> None:
    await directory.publish([listing("empty"), listing("nearly", seats=6), listing("full", seats=8)])
    found = [await directory.claim(f"r{n}", [f"p{n}"]) for n in range(3)]
    assert [each and each.match for each in found] == ["nearly", "nearly", "empty"]


async def test_a_party_is_claimed_for_as_a_whole(directory: Directory) -> None:
    await directory.publish([listing("nearly", seats=6), listing("empty")])
    found = await directory.claim("r", ["a", "b", "c"])
    assert found is not None and found.match == "empty"


async def test_a_request_that_is_repeated_is_answered_the_same_and_claims_once(directory: Directory) -> None:
    await directory.publish([listing("a", seats_max=2), listing("b", seats_max=2)])
    answers = {(await directory.claim("same", ["ann"])) for _ in range(10)}
    assert len(answers) == 1
    found = {each.match for n in range(3) if (each := await directory.claim(f"r{n}", [f"p{n}"]))}
    assert found == {"a", "b"}, "one seat of four was claimed, not ten"


async def test_a_match_that_proved_full_is_left_out_at_the_next_try(directory: Directory) -> None:
    await directory.publish([listing("a", seats=7), listing("b")])
    first = await directory.claim("r", ["ann"])
    assert first is not None and first.match == "a"
    second = await directory.claim("r", ["ann"], exclude=["a"])
    assert second is not None and second.match == "b"


async def test_claims_are_used_up_by_a_listing_that_counts_their_players(directory: Directory) -> None:
    await directory.publish([listing("m", seats_max=2)])
    await directory.claim("r", ["ann"])
    await directory.publish([listing("m", seats=1, seats_max=2)], {"m": ["ann"]})
    assert await directory.claim("s", ["bob"]) is not None
    assert await directory.claim("t", ["cid"]) is None


async def test_a_repeat_after_the_seat_was_taken_claims_no_second_one(directory: Directory) -> None:
    await directory.publish([listing("m", seats_max=3)])
    await directory.claim("r", ["ann"])
    await directory.publish([listing("m", seats=1, seats_max=3)], {"m": ["ann"]})
    repeated = await directory.claim("r", ["ann"])
    assert repeated is not None and repeated.match == "m"
    assert await directory.claim("s", ["bob", "cid"]) is not None
    await directory.drop_claim("r", ["ann"])
    assert await directory.claim("t", ["dan"]) is None, "ann's claim was used up, and cannot be given up besides"


async def test_claims_and_matches_that_nobody_created_run_out_with_the_next_renewal(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_directory, "CLAIM_LIVES_MS", 30)
    monkeypatch.setattr(redis_directory, "PENDING_LIVES_MS", 30)
    monkeypatch.setattr(redis_directory, "REQUEST_LIVES_MS", 30)
    before = set(await directory.link.call("KEYS", "*"))
    await directory.claim("r", ["ann"], (), MatchSpec("m"), seats_max=4)
    await asyncio.sleep(0.05)
    await directory.renew(node_record())
    assert set(await directory.link.call("KEYS", "*")) == before


async def test_a_repeat_is_not_sent_to_a_node_that_fell_silent(redis_url: str) -> None:
    directory = await open_directory(redis_url, lease_ttl_ms=100)
    await directory.renew(node_record())
    await directory.publish([listing("m")])
    assert await directory.claim("r", ["ann"]) is not None
    await asyncio.sleep(0.15)
    repeated = await directory.claim("r", ["ann"], (), MatchSpec("m2"), seats_max=4)
    assert repeated is not None and (repeated.match, repeated.create) == ("m2", True)
    await directory.link.close()


async def test_a_repeat_is_asked_to_create_only_while_nobody_has_and_with_a_match_to_create(
    directory: Directory,
) -> None:
    async def create(spec: MatchSpec | None) -> bool:
        found = await directory.claim("r", ["ann"], (), spec, seats_max=4)
        assert found is not None and found.match == "m"
        return found.create

    assert await create(MatchSpec("m")) and await create(MatchSpec("m"))
    assert not await create(None)
    await directory.publish([listing("m", seats_max=4)])
    assert not await create(MatchSpec("m"))


async def test_a_match_that_is_not_wanted_is_not_answered_as_the_new_one_either(directory: Directory) -> None:
    await directory.claim("r", ["ann"], (), MatchSpec("m"), seats_max=4)
    assert await directory.claim("r", ["ann"], (), MatchSpec("m"), ["m"], seats_max=4) is None


async def test_claims_on_a_match_that_left_and_returned_still_count(directory: Directory) -> None:
    await directory.publish([listing("m", seats_max=4)])
    await directory.claim("r", ["ann", "bob"])
    await directory.unlist("n0", 1, ["m"])
    await directory.publish([listing("m", seats_max=4)])
    found = [await directory.claim(f"s{n}", [f"p{n}"]) for n in range(4)]
    assert sum(each is not None for each in found) == 2


async def test_a_dropped_claim_frees_its_seat(directory: Directory) -> None:
    await directory.publish([listing("m", seats_max=1)])
    assert await directory.claim("r", ["ann"]) is not None
    assert await directory.claim("s", ["bob"]) is None
    await directory.drop_claim("r", ["ann"])
    assert await directory.claim("s", ["bob"]) is not None


@pytest.mark.parametrize("seats", [3, 8])
async def test_200_at_once_create_exactly_as_many_matches_as_they_need(directory: Directory, seats: int) -> None:
    async def play(n: int) -> tuple[str, bool]:
        claim = await directory.claim(f"r{n}", [f"p{n}"], (), MatchSpec(f"m{n}"), seats_max=seats)
        assert claim is not None
        return claim.match, claim.create

    found = await asyncio.gather(*(play(n) for n in range(200)))
    assert sum(create for _, create in found) == len({match for match, _ in found}) == ceil(200 / seats)
    assert max(sum(each == match for each, _ in found) for match, _ in found) <= seats


async def test_an_abandoned_creation_makes_room_for_another(directory: Directory) -> None:
    await directory.claim("r", ["ann"], (), MatchSpec("m"), seats_max=2)
    await directory.abandon_pending("m")
    found = await directory.claim("s", ["bob"], (), MatchSpec("m2"), seats_max=2)
    assert found is not None and (found.match, found.create) == ("m2", True)
    await directory.publish([listing("m3")])
    await directory.abandon_pending("m3")
    assert await directory.listing("m3") is not None, "only what is not there yet can be abandoned"


async def test_a_departed_node_leaves_nothing_behind_but_counters(directory: Directory) -> None:
    await directory.publish([listing(f"m{n}", attributes=(("mode", "duel"),)) for n in range(500)])
    await directory.depart("n0", 1)
    assert (await directory.listed()).total == 0 and await directory.nodes() == []
    left = {key.decode().rpartition(":")[2] for key in await directory.link.call("KEYS", "*")}
    assert left <= {"version", "floor", "gone", "gone_at", "indexes"}


async def test_every_key_runs_out_should_all_nodes_die_at_once(directory: Directory) -> None:
    duel = (("mode", "duel"),)
    await open_match(directory, "m")
    await directory.publish([listing("m", attributes=duel), listing("gone")])
    await directory.unlist("n0", 1, ["gone"])
    await directory.claim("r", ["ann"])
    await directory.claim("s", ["bob"], (("mode", "race"),), MatchSpec("m2", (("mode", "race"),)), seats_max=3)
    await directory.reserve("m", ["ann"])
    owner = await directory.owner("m")
    assert owner is not None
    await directory.order(MatchSpec("m"), owner)
    keys = await directory.link.call("KEYS", "*")
    assert len(keys) > 20
    assert not {key for key in keys if await directory.link.call("PTTL", key) < 0}


async def test_a_value_that_somebody_else_wrote_is_left_out_and_counted(directory: Directory) -> None:
    await directory.publish([listing("a"), listing("b")])
    await directory.link.call("HSET", "tw1:{lobby:Arena}:listing", "a", b"forged")
    assert [each.match for each in (await directory.listed()).listings] == ["b"]
    assert directory.sealer.refused == 1
