"""The tie of a node to a real Redis: who is told what, and what is frozen when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.records import MatchSpec, NodeRecord, Owner
from game_server.cluster.sealed import Sealer
from game_server.shell.authenticators import Refused
from game_server.shell.cluster_link import ClusterLink, NodeIdentity, boottime_ns
from game_server.shell.line import Entrant, clock_ns
from game_server.shell.match_runner import MatchRunner
from game_server.shell.metrics import Metrics
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.messages import Moved
from tests.game_server.shell.game_for_tests import HELLO, Dots
from tests.game_server.shell.test_match_runner import FakePeer
from tests.redis_servers import RedisProcess, eventually

SECOND_NS = 1_000_000_000
HASH = 7


@pytest.fixture(autouse=True)
def renewals_come_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renew every 0.4 s instead of every 2 s, so that nothing here has to wait for so long."""
    monkeypatch.setattr("game_server.cluster.node.RENEW_EVERY_NS", 400_000_000)


class Clock:
    """CLOCK_BOOTTIME, which a test can put forward."""

    ahead_ns = 0

    def __call__(self) -> int:
        return boottime_ns() + self.ahead_ns


class Joined:
    """A node without sockets, as a test looks at it."""

    def __init__(self, redis: RedisLink, node: str, boot: int, options: dict[str, Any], matches: list[str]) -> None:
        self.clock = Clock()
        self.runner = MatchRunner([_match(each) for each in matches])
        self.metrics = Metrics()
        self.directory = Directory(redis, "Dots", Sealer({"a": bytes(32)}))
        self.broken = False
        identity = NodeIdentity(node, boot, f"ws://{node}:7777", "Dots", "1", HASH, options.pop("matches_max", 10))
        settings = {"freezes": True, "empty_s": 30.0, **options}
        self.link = ClusterLink(
            identity, redis, self.directory, self.runner, self._make, self.metrics, clock_ns=self.clock, **settings
        )

    def _make(self, spec: MatchSpec, owner: Owner) -> Match:
        if self.broken:
            raise RuntimeError("the game does not like this")
        return _match(spec.match, owner.epoch)

    async def create(self, match: str, **changed: Any) -> Owner:
        """Do what a lobby does: create a match here and order it."""
        spec = MatchSpec(match, **changed)
        owner = await self.directory.create(spec, self.link.record())
        await self.directory.order(spec, owner)
        return owner

    def ticks(self) -> int:
        """How many ticks all matches have run."""
        return sum(each.match.counts.ticks for each in self.runner.hosted.values())

    def counted(self, name: str) -> dict[tuple[str, ...], float]:
        """A series by its labels."""
        (family,) = (each for each in self.metrics.collect() if each.name == name)
        return {tuple(each.labels.values()): each.value for each in family.samples}


def _match(match_id: str, epoch: int = 1) -> Match:
    return Match(Dots(), match_id, start_ns=clock_ns(), epoch=epoch, grace_s=0.1)


Join = Callable[..., Any]


@asynccontextmanager
async def joined(
    url: str, node: str = "a", boot: int = 1000, matches: list[str] | None = None, **options: Any
) -> AsyncIterator[Joined]:
    """Run a node of the cluster at `url`."""
    redis = RedisLink(url, timeout_s=0.5)
    await redis.connect()
    found = Joined(redis, node, boot, options, matches or [])
    try:
        await found.link.start()
        found.runner.start()
        yield found
    finally:
        await found.link.stop()
        found.runner.halt()
        await redis.close()


@asynccontextmanager
async def lobby(url: str) -> AsyncIterator[Directory]:
    """The directory as somebody else sees it."""
    redis = RedisLink(url)
    await redis.connect()
    yield Directory(redis, "Dots", Sealer({"a": bytes(32)}))
    await redis.close()


async def listed(directory: Directory) -> dict[str, int]:
    return {each.match: each.seats for each in (await directory.listed()).listings}


async def comes_true(what: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait until an awaited condition holds."""
    async with asyncio.timeout(seconds):
        while not await what():
            await asyncio.sleep(0.02)


async def lists(directory: Directory, wanted: dict[str, int]) -> None:
    async def right() -> bool:
        return await listed(directory) == wanted

    await comes_true(right)


async def test_a_node_that_joins_is_known_with_its_standing_matches_and_forgotten_when_it_leaves(
    redis_url: str,
) -> None:
    async with lobby(redis_url) as directory:
        async with joined(redis_url, matches=["a-1", "a-2"]) as node:
            assert node.link.available and not node.link.frozen and 8 < node.link.lease_remaining_s() <= 9
            await lists(directory, {"a-1": 0, "a-2": 0})
            (record,) = await directory.nodes()
            assert (record.node, record.boot, record.matches, record.address) == ("a", 1000, 2, "ws://a:7777")
            assert node.link.generation_of("a-1") is not None and node.link.generation_of("b") is None
            reserved = await directory.reserve("a-1", ["p"])
            assert reserved.generation == node.link.generation_of("a-1")
        assert await listed(directory) == {} and await directory.nodes() == []
        assert await directory.owner("a-1") is None


async def test_an_order_is_run_at_once_and_can_be_joined(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # No renewal finds the order: it is announced.
    monkeypatch.setattr("game_server.cluster.node.RENEW_EVERY_NS", 60 * SECOND_NS)
    async with lobby(redis_url) as directory, joined(redis_url) as node:
        await eventually(lambda: node.link._subscriber.listening)
        owner = await node.create("m-1")
        await eventually(lambda: "m-1" in node.runner.hosted, 1.5)
        assert node.runner.hosted["m-1"].match.epoch == owner.epoch

        async def can_be_reserved() -> bool:
            try:
                return (await directory.reserve("m-1", ["p"])).owner == owner
            except LobbyRefused:
                return False

        await comes_true(can_be_reserved)
        assert await directory.orders("a", 1000) == []
        assert node.counted("tickwire_orders")[("created",)] == 1


async def test_who_comes_and_goes_is_told_within_moments(redis_url: str) -> None:
    async with lobby(redis_url) as directory, joined(redis_url, matches=["1"]) as node:
        line = node.runner.open_line("1", FakePeer(), Entrant("Ada", "player-7"))
        line.frame(encode(HELLO))
        await lists(directory, {"1": 1})
        # Her seat is hers already; somebody else's is kept besides.
        await directory.reserve("1", ["player-7", "other"])
        await lists(directory, {"1": 2})
        line.lost(1000)
        await lists(directory, {"1": 1})


async def test_an_order_that_the_game_does_not_like_is_nobodys_match_again(redis_url: str) -> None:
    async with lobby(redis_url) as directory, joined(redis_url) as node:
        node.broken = True
        await node.create("m-1")

        async def forgotten() -> bool:
            return await directory.owner("m-1") is None and await directory.orders("a", 1000) == []

        await comes_true(forgotten)
        assert node.runner.hosted == {} and node.counted("tickwire_orders")[("failed",)] == 1


async def test_a_full_node_refuses(redis_url: str) -> None:
    async with lobby(redis_url) as directory, joined(redis_url, matches=["1"], matches_max=1) as node:
        assert await directory.candidates(HASH) == []
        await node.create("m-1")

        async def forgotten() -> bool:
            return await directory.owner("m-1") is None

        await comes_true(forgotten)
        assert list(node.runner.hosted) == ["1"]


async def test_a_draining_node_is_no_candidate_any_more(redis_url: str) -> None:
    async with lobby(redis_url) as directory, joined(redis_url) as node:
        assert [each.node for each in await directory.candidates(HASH)] == ["a"]
        node.link.drain()

        async def gone() -> bool:
            return await directory.candidates(HASH) == []

        await comes_true(gone)


async def test_an_empty_match_goes_and_an_ended_one_at_once(redis_url: str) -> None:
    async with lobby(redis_url) as directory, joined(redis_url, empty_s=0.3) as node:
        await node.create("m-1")
        await eventually(lambda: "m-1" in node.runner.hosted)
        await eventually(lambda: "m-1" not in node.runner.hosted)
        await node.create("m-2")
        await eventually(lambda: "m-2" in node.runner.hosted)
        node.runner.hosted["m-2"].match.end(1000, "over")
        await eventually(lambda: "m-2" not in node.runner.hosted)
        await lists(directory, {})
        assert await directory.owner("m-1") is None
        removed = node.counted("tickwire_matches_removed")
        assert (removed[("empty",)], removed[("ended",)]) == (1, 1)
        assert node.counted("tickwire_ticks")[()] > 0, "their counts stay"


async def test_a_redis_that_restarts_empty_hears_everything_again_and_old_tickets_are_void(
    redis_process: RedisProcess,
) -> None:
    async with joined(redis_process.url, matches=["1"]) as node:
        await lists(node.directory, {"1": 0})
        before = await node.directory.reserve("1", ["p"])
        ticks = node.ticks()
        redis_process.kill()
        await eventually(lambda: not node.link.available)
        redis_process.start()
        await eventually(lambda: node.link.available)

        async def back() -> bool:
            try:
                return await listed(node.directory) == {"1": 0}
            except DirectoryUnavailable:
                return False

        await comes_true(back, 2.0)
        after = await node.directory.reserve("1", ["p"])
        assert after.generation == node.link.generation_of("1") > before.generation
        assert after.owner == before.owner, "the epoch is no lower"
        assert node.ticks() > ticks and not node.link.frozen


async def test_without_redis_matches_play_on_until_the_lease_is_over_and_thaw_when_it_is_back(
    redis_process: RedisProcess,
) -> None:
    async with joined(redis_process.url, matches=["1", "2"]) as node:
        redis_process.kill()
        ticks = node.ticks()
        await eventually(lambda: node.ticks() > ticks + 10)
        assert not node.link.frozen
        node.clock.ahead_ns = 9 * SECOND_NS
        await eventually(lambda: node.link.frozen)
        assert all(each.match.frozen for each in node.runner.hosted.values())
        frozen_at = node.ticks()
        await asyncio.sleep(0.1)
        assert node.ticks() == frozen_at
        redis_process.start()
        await eventually(lambda: not node.link.frozen)
        await eventually(lambda: node.ticks() > frozen_at)


async def test_one_that_continues_never_freezes(redis_process: RedisProcess) -> None:
    async with joined(redis_process.url, matches=["1"], freezes=False) as node:
        redis_process.kill()
        await eventually(lambda: not node.link.available)
        node.clock.ahead_ns = 60 * SECOND_NS
        ticks = node.ticks()
        await eventually(lambda: node.ticks() > ticks + 10)
        assert not node.link.frozen


async def test_what_a_redis_that_answers_refuses_is_told_once_with_its_reason(
    redis_process: RedisProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    async with joined(redis_process.url, matches=["1"]) as node:
        redis = node.directory.link
        await lists(node.directory, {"1": 0})
        await redis.call("CONFIG", "SET", "maxmemory", "1")
        await eventually(lambda: node.counted("tickwire_directory_errors").get(("renew",), 0) >= 3)
        await redis.call("CONFIG", "SET", "maxmemory", "0")
        said = capsys.readouterr().out
        (line,) = [each for each in said.splitlines() if "redis_refuses" in each and "lane=renew" in each]
        assert "OOM" in line
        assert said.count("lane=renew") == 1


async def test_a_clock_that_jumped_freezes_before_the_next_tick(redis_url: str) -> None:
    async with joined(redis_url, matches=["1"]) as node:
        # As after a suspended machine: no timer of the loop has run, the next tick is due.
        seen: list[bool] = []
        match = node.runner.hosted["1"].match
        advance = match.advance

        def watched(now_ns: int) -> None:
            seen.append(match.frozen)
            advance(now_ns)

        match.advance = watched  # type: ignore[method-assign]
        node.clock.ahead_ns = 20 * SECOND_NS
        seen.clear()
        await eventually(lambda: bool(seen))
        assert seen[0]


async def test_a_later_start_of_the_same_name_takes_it_over(redis_url: str) -> None:
    async with joined(redis_url, boot=1000, matches=["1"]) as first:
        told: list[int] = []
        first.link.on_step_down = told.append
        async with joined(redis_url, boot=2000, matches=["1"]) as second:
            await eventually(lambda: told == [2000])
            assert first.link.frozen and all(each.match.frozen for each in first.runner.hosted.values())
            await lists(second.directory, {"1": 0})
            owner = await second.directory.owner("1")
            assert owner is not None and owner.boot == 2000
        # What the first one does when it ends must not harm its successor; here that has gone by itself.


async def test_a_match_with_a_newer_owner_is_moved_there(redis_url: str) -> None:
    async with joined(redis_url, "a", matches=["1"]) as a, joined(redis_url, "b") as b:
        await lists(b.directory, {"1": 0})
        peer = FakePeer()
        a.runner.open_line("1", peer, Entrant("Ada"))
        owner = await b.directory.owner("1")
        assert owner is not None
        await b.directory.forget_match(owner)
        newer = await b.directory.create(MatchSpec("1"), b.link.record(), owner.epoch)
        assert newer.epoch > owner.epoch
        await eventually(lambda: "1" not in a.runner.hosted)
        assert peer.messages()[-1] == Moved("ws://b:7777/v1/match/1", "")
        assert [code for code, _ in peer.closes] == [1012]


async def test_a_match_with_a_newer_owner_runs_no_tick_while_it_is_asked_where_that_is(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with joined(redis_url, "a", matches=["1", "2"]) as a, joined(redis_url, "b") as b:
        await lists(b.directory, {"1": 0, "2": 0})
        asked, answer = asyncio.Event(), asyncio.Event()

        async def where(match: str) -> str:
            asked.set()
            await answer.wait()
            return "ws://b:7777/v1/match/1"

        monkeypatch.setattr(a.link, "where", where)
        owner = await b.directory.owner("1")
        assert owner is not None
        await b.directory.forget_match(owner)
        await b.directory.create(MatchSpec("1"), b.link.record(), owner.epoch)
        await asked.wait()
        match, other = a.runner.hosted["1"].match, a.runner.hosted["2"].match
        a.runner.freeze()
        a.runner.thaw()
        ticks, others = match.counts.ticks, other.counts.ticks
        await eventually(lambda: other.counts.ticks > others + 3)
        assert match.counts.ticks == ticks
        answer.set()
        await eventually(lambda: "1" not in a.runner.hosted)


async def test_a_node_that_leaves_forgets_what_ended_a_moment_before(redis_url: str) -> None:
    async with lobby(redis_url) as directory:
        async with joined(redis_url) as node:
            await node.create("m-1")
            await lists(directory, {"m-1": 0})
            node.runner.stop(1012, "stopping")
            node.link._count()
            assert not node.link._node.matches
        assert await directory.owner("m-1") is None


async def test_where_a_match_is(redis_url: str) -> None:
    async with joined(redis_url, "a") as a, joined(redis_url, "b", 2000) as b:
        await b.create("m-1")
        assert await a.link.where("m-1") == "ws://b:7777/v1/match/m-1"
        for match, status in (("m-9", 404), ("dead", 503), ("ours", 503), ("former", 404), ("b-1", 503)):
            if match != "m-9":
                node, boot = {"dead": ("c", 1), "ours": ("a", 1000), "former": ("b", 1), "b-1": ("b", 1)}[match]
                await b.directory.create(MatchSpec(match), replace(b.link.record(), node=node, boot=boot))
            with pytest.raises(Refused) as caught:
                await a.link.where(match)
            assert caught.value.status == status


def test_urls_of_seats() -> None:
    def url(address: str, alone: bool) -> str:
        record = NodeRecord("b", 1, address, "Dots", "1", HASH, 0, 1, 0, 0, False)
        identity = NodeIdentity("a", 1, "", "Dots", "1", HASH, 1, alone)
        tie = ClusterLink.__new__(ClusterLink)
        tie.identity = identity
        return tie.seat_url(record, "m-1")

    assert url("wss://b.test:1", False) == "wss://b.test:1/v1/match/m-1"
    assert url("", False) == "/n/b/v1/match/m-1"
    assert url("", True) == "/v1/match/m-1"


async def test_a_node_stops_in_order_whatever_the_directory_does(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise DirectoryUnavailable("pulled out")

    async def broken(*_: object) -> None:
        raise RuntimeError("an error of ours")

    for how in (away, broken):
        async with joined(redis_url, matches=["1"]) as node:
            monkeypatch.setattr(node.directory, "depart", how)
