"""Owners, orders and seats on a real Redis: by many at once, with lost answers, after a loss of everything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.records import Ledger, MatchSpec, Owner
from game_server.shell.redis_directory import Directory
from protocol.lobby_messages import RefusedCode
from tests.game_server.shell.directory_for_tests import node_record, open_directory, open_match


@pytest.fixture
async def directory(redis_url: str) -> AsyncIterator[Directory]:
    directory = await open_directory(redis_url)
    yield directory
    await directory.link.close()


async def reserve(directory: Directory, match: str, *players: str) -> str:
    """Return "ok", or why not."""
    try:
        await directory.reserve(match, players)
    except LobbyRefused as refused:
        return refused.code
    return "ok"


async def test_the_first_of_200_creators_owns_the_match(directory: Directory) -> None:
    nodes = [node_record(f"n{n}") for n in range(20)]
    owners = await asyncio.gather(*(directory.create(MatchSpec("m"), nodes[n % 20]) for n in range(200)))
    assert len(set(owners)) == 1
    assert await directory.owner("m") == owners[0] and abs(owners[0].epoch - time.time()) < 60


async def test_a_creation_whose_answer_was_lost_is_repeated_without_a_second_owner(directory: Directory) -> None:
    for n in range(200):
        spec = MatchSpec(f"m{n}")
        lost = asyncio.ensure_future(directory.create(spec, node_record("a")))
        await asyncio.sleep(0)
        lost.cancel()
        second = await directory.create(spec, node_record("b"))
        third = await directory.create(spec, node_record("c"))
        assert second == third == await directory.owner(f"m{n}")
        await asyncio.gather(lost, return_exceptions=True)


async def test_an_epoch_is_above_the_one_that_was_seen(directory: Directory) -> None:
    seen = int(time.time()) + 5000
    assert (await directory.create(MatchSpec("m"), node_record(), seen)).epoch == seen + 1


async def test_a_node_that_started_again_has_its_matches_above_its_earlier_epoch(directory: Directory) -> None:
    before = await directory.create(MatchSpec("a-1"), node_record("a", 1))
    after = await directory.create(MatchSpec("a-1"), node_record("a", 2))
    assert (after.node, after.boot) == ("a", 2) and after.epoch > before.epoch
    assert await directory.create(MatchSpec("a-1"), node_record("a", 1)) == after, "the earlier process has lost it"
    assert await directory.create(MatchSpec("a-1"), node_record("b", 3)) == after


async def test_an_owner_is_replaced_by_who_names_it_and_by_nobody_else(directory: Directory) -> None:
    dead = await directory.create(MatchSpec("m"), node_record("a"))
    second = await directory.create(MatchSpec("m"), node_record("b"), replaces=dead)
    assert second.node == "b" and second.epoch > dead.epoch
    assert await directory.create(MatchSpec("m"), node_record("c"), replaces=dead) == second


async def test_an_owner_who_was_thought_dead_but_has_begun_is_not_replaced(directory: Directory) -> None:
    slow = await directory.create(MatchSpec("m"), node_record("n0"))
    await directory.write_ledgers("n0", 1, [Ledger("m", slow.epoch, 1, 4, 0)])
    assert await directory.create(MatchSpec("m"), node_record("b"), replaces=slow) == slow
    assert await reserve(directory, "m", "ann") == "ok"


async def test_of_a_match_that_nobody_begins_nothing_is_left_after_a_minute(directory: Directory) -> None:
    owner = await directory.create(MatchSpec("m"), node_record("n0"))
    assert 0 < await directory.link.call("PTTL", "tw1:{match:m}:owner") <= 60_000
    await directory.write_ledgers("n0", 1, [Ledger("m", owner.epoch, 1, 4, 0)])
    assert await directory.link.call("PTTL", "tw1:{match:m}:owner") > 60_000


async def test_an_owner_written_with_another_secret_is_not_believed(directory: Directory) -> None:
    await directory.create(MatchSpec("m"), node_record("a"))
    await directory.link.call("HSET", "tw1:{match:m}:owner", "sealed", b"forged")
    with pytest.raises(DirectoryUnavailable, match="unavailable"):
        await directory.create(MatchSpec("m"), node_record("b"))
    assert await directory.owner("m") is None and directory.sealer.refused == 2


async def test_an_order_reaches_the_node_and_is_taken_off(directory: Directory) -> None:
    await directory.renew(node_record())
    spec = MatchSpec("m", (("mode", "duel"),), private=True, code="ABCDEF")
    owner = await directory.create(spec, node_record())
    assert await directory.order(spec, owner)
    assert await directory.orders("n0", 1) == [(spec, owner)]
    assert (await directory.renew(node_record())).orders == 1
    await directory.order_done("n0", 1, "m")
    assert await directory.orders("n0", 1) == []


async def test_a_dead_node_takes_no_order(directory: Directory) -> None:
    owner = await directory.create(MatchSpec("m"), node_record("dead"))
    assert not await directory.order(MatchSpec("m"), owner)


@pytest.mark.parametrize("seats", [1, 50])
async def test_200_at_once_get_exactly_the_seats_there_are(directory: Directory, seats: int) -> None:
    await open_match(directory, seats_max=seats)
    answers = await asyncio.gather(*(reserve(directory, "m", f"p{n}") for n in range(200)))
    assert answers.count("ok") == seats and answers.count(RefusedCode.FULL) == 200 - seats


async def test_a_player_who_asks_again_has_one_seat(directory: Directory) -> None:
    await open_match(directory, seats_max=1)
    assert [await reserve(directory, "m", "ann") for _ in range(3)] == ["ok"] * 3
    assert await reserve(directory, "m", "bob") == RefusedCode.FULL
    await directory.release("m", ["ann"])
    assert await reserve(directory, "m", "bob") == "ok"


async def test_a_party_is_seated_whole_or_not_at_all(directory: Directory) -> None:
    await open_match(directory, seats_max=3)
    assert await reserve(directory, "m", "ann", "bob") == "ok"
    assert await reserve(directory, "m", "cid", "dan") == RefusedCode.FULL
    assert await reserve(directory, "m", "cid") == "ok"


async def test_who_sits_there_already_needs_no_other_seat(directory: Directory) -> None:
    ledger = await open_match(directory, seats_max=1)
    await directory.write_ledgers("n0", 1, [replace(ledger, taken=1, players=("ann",), known=True)])
    assert await reserve(directory, "m", "ann") == "ok" and await reserve(directory, "m", "bob") == RefusedCode.FULL


async def test_a_seat_that_was_reserved_and_taken_counts_once(directory: Directory) -> None:
    ledger = await open_match(directory, seats_max=2)
    assert await reserve(directory, "m", "ann") == "ok"
    (answer,) = await directory.write_ledgers("n0", 1, [replace(ledger, known=True)])
    assert answer.known and answer.reserved == ("ann",)
    (answer,) = await directory.write_ledgers("n0", 1, [replace(ledger, taken=1, players=("ann",), known=True)])
    assert answer.reserved == () and await reserve(directory, "m", "bob") == "ok"
    assert await reserve(directory, "m", "cid") == RefusedCode.FULL


async def test_nothing_is_sold_before_the_owner_has_written_its_ledger(directory: Directory) -> None:
    assert await reserve(directory, "m", "ann") == RefusedCode.NO_MATCH
    await directory.create(MatchSpec("m"), node_record())
    assert await reserve(directory, "m", "ann") == RefusedCode.NOT_READY


async def test_after_a_loss_of_everything_nothing_is_sold_in_the_old_generation(directory: Directory) -> None:
    ledger = await open_match(directory, seats_max=1)
    old = await directory.reserve("m", ["ann"])
    await directory.link.call("FLUSHALL")
    known = replace(ledger, known=True)
    (answer,) = await directory.write_ledgers("n0", 1, [known])
    assert not answer.known and not answer.fenced
    assert await reserve(directory, "m", "bob") == RefusedCode.NO_MATCH, "ann's ticket is still good there"
    await directory.write_ledgers("n0", 1, [replace(ledger, generation=1001)])
    new = await directory.reserve("m", ["bob"])
    assert (old.generation, new.generation) == (1000, 1001) and new.owner == old.owner


async def test_an_owner_that_was_superseded_is_told_so_and_writes_nothing(directory: Directory) -> None:
    ledger = await open_match(directory)
    (answer,) = await directory.write_ledgers("n0", 1, [replace(ledger, epoch=ledger.epoch - 1)])
    assert answer.fenced
    (answer,) = await directory.write_ledgers("n1", 1, [ledger])
    assert answer.fenced, "equal epochs of different owners are refused"
    (answer,) = await directory.write_ledgers("n1", 1, [replace(ledger, epoch=ledger.epoch + 1)])
    assert not answer.fenced and await directory.owner("m") == Owner("m", "n1", 1, ledger.epoch + 1)


async def test_a_forgotten_match_leaves_no_key(directory: Directory) -> None:
    ledger = await open_match(directory)
    await directory.reserve("m", ["ann"])
    await directory.forget_match(Owner("m", "n1", 1, ledger.epoch))
    assert await directory.owner("m") is not None, "it is not n1's"
    await directory.forget_match(Owner("m", "n0", 1, ledger.epoch))
    assert await directory.link.call("DBSIZE") == 0


async def test_all_that_is_kept_of_a_match_runs_out_by_itself(directory: Directory) -> None:
    ledger = await open_match(directory)
    await directory.reserve("m", ["ann"])
    await directory.write_ledgers("n0", 1, [replace(ledger, players=("bob",), known=True)])
    keys = await directory.link.call("KEYS", "*")
    assert len(keys) == 4
    for key in keys:
        assert await directory.link.call("PTTL", key) > 0
