"""Those who watch players: what is read for them, and when. With real presences: `test_redis_presence.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.records import Presence
from game_server.shell import presence_watch
from game_server.shell.presence_watch import PresenceWatches, player_channel
from game_server.shell.redis_link import RedisLink
from protocol.lobby_messages import Where
from tests.redis_servers import eventually


class Truth:
    """Where players are, and what was asked."""

    def __init__(self) -> None:
        self.lobby: set[str] = set()
        self.asked: list[set[str]] = []
        self.fails = False

    async def where(self, players: Iterable[str]) -> list[Presence]:
        self.asked.append(set(players))
        if self.fails:
            raise DirectoryUnavailable("gone")
        return [Presence(p, p, Where.LOBBY, "", "a", 1, p, 0) for p in players if p in self.lobby]


class Told:
    """What a watcher was told."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Where]] = []

    def __call__(self, changes: list[Presence]) -> None:
        self.rows += [(presence.player, presence.where) for presence in changes]


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    yield link
    await link.close()


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture
async def watches(link: RedisLink, truth: Truth) -> AsyncIterator[PresenceWatches]:
    watches = PresenceWatches(link, truth.where, poll_s=30.0)
    watches.start()
    await eventually(lambda: watches.subscriber.listening)
    yield watches
    await watches.stop()


async def test_two_who_watch_the_same_player_are_read_for_once(watches: PresenceWatches, truth: Truth) -> None:
    truth.lobby = {"ann"}
    one, two = Told(), Told()
    watches.watch(["ann", "bob"], one)
    watches.watch(["ann"], two)
    await eventually(lambda: bool(one.rows and two.rows))
    assert one.rows == [("ann", Where.LOBBY), ("bob", Where.NOWHERE)]
    assert two.rows == [("ann", Where.LOBBY)]
    assert truth.asked == [{"ann", "bob"}]


async def test_a_published_change_has_only_that_player_read(
    watches: PresenceWatches, truth: Truth, link: RedisLink
) -> None:
    told = Told()
    watches.watch(["ann", "bob"], told)
    await eventually(lambda: len(told.rows) == 2)
    while (await link.call("PUBSUB", "NUMSUB", player_channel("bob")))[1] != 1:
        pass
    truth.lobby = {"ann", "bob"}
    await link.call("PUBLISH", player_channel("bob"), b"")
    await eventually(lambda: len(told.rows) == 3)
    assert told.rows[-1] == ("bob", Where.LOBBY), "ann is for the next poll"
    assert truth.asked[-1] == {"bob"}


async def test_whoever_is_watched_no_more_is_neither_read_nor_told_of(
    watches: PresenceWatches, truth: Truth, link: RedisLink
) -> None:
    told = Told()
    watch = watches.watch(["ann", "bob"], told)
    await eventually(lambda: len(told.rows) == 2)
    watch.replace(["bob", "eve"])
    await eventually(lambda: len(told.rows) == 3)
    assert told.rows[-1] == ("eve", Where.NOWHERE)
    watch.close()
    while (await link.call("PUBSUB", "CHANNELS", player_channel("*"))) != []:
        pass
    assert watches._of_player == {}


async def test_after_a_lost_connection_all_are_read_at_once(
    watches: PresenceWatches, truth: Truth, link: RedisLink
) -> None:
    told = Told()
    watches.watch(["ann", "bob"], told)
    await eventually(lambda: len(told.rows) == 2)
    truth.lobby = {"ann"}
    await link.call("CLIENT", "KILL", "TYPE", "pubsub")
    await eventually(lambda: told.rows[2:] == [("ann", Where.LOBBY)])


async def test_while_redis_is_away_nobody_is_told_that_everybody_left(watches: PresenceWatches, truth: Truth) -> None:
    truth.lobby = {"ann"}
    told = Told()
    watch = watches.watch(["ann"], told)
    await eventually(lambda: len(told.rows) == 1)
    truth.fails = True
    watch.replace(["ann", "bob"])
    await eventually(lambda: len(truth.asked) == 2)
    assert len(told.rows) == 1
    truth.fails = False
    watches._connected()
    await eventually(lambda: told.rows[1:] == [("bob", Where.NOWHERE)])


async def test_a_poll_reads_so_many_and_the_next_one_goes_on(
    link: RedisLink, truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_watch, "POLLED_MAX", 2)
    watches = PresenceWatches(link, truth.where, poll_s=0.02)
    told = Told()
    watches.watch([f"p{n}" for n in range(5)], told)
    watches.start()
    await eventually(lambda: len(told.rows) == 5)
    first = len(truth.asked)
    await eventually(lambda: len(truth.asked) >= first + 4)
    polls = truth.asked[first:]
    assert all(len(asked) <= 2 for asked in polls)
    assert set().union(*polls) == {f"p{n}" for n in range(5)}
    await watches.stop()


async def test_a_callback_that_fails_is_the_loop_s_to_report(watches: PresenceWatches, truth: Truth) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    told = Told()

    def fail(_: list[Presence]) -> None:
        raise ValueError

    watches.watch(["ann"], fail)
    watches.watch(["ann"], told)
    await eventually(lambda: bool(told.rows and reported))
