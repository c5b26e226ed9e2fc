"""What ties a node to the directory: it drives the machine `cluster.node.ClusterNode`, and does what that wants done.

    runner   --- who is in which match, looked at ten times a second ---> machine
    machine  --- renewals, orders, ledgers, listings ---> tasks of this loop, one a lane ---> Redis
             --- freeze, thaw, host, remove, move ------> runner

No tick waits for Redis: the machine is told of an answer when it comes, and of none when it fails. Work for Redis is
cut into pieces that fit between two ticks. The runner asks `guard` before each tick.
To test: `tests/game_server/shell/test_cluster_link.py`; with a slow Redis `test_cluster_link_slow.py`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from game_server.cluster import node_facts as facts
from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.keys import node_channel, node_keys
from game_server.cluster.node import ClusterNode
from game_server.cluster.records import MatchSpec, NodeRecord, Owner
from game_server.shell.authenticators import Refused
from game_server.shell.log import get_log
from game_server.shell.match_runner import MatchRunner
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_subscriber import Subscriber
from game_server.sim.match import Match
from protocol.handshake import MATCH_PATH, NODE_PATH

SECOND_NS = 1_000_000_000
COUNT_EVERY_S = 0.1
FIRST_RENEWAL_S = 3.0
DEPART_S = 3.0
RETRY_AFTER_S = 2
FORGOTTEN_AT_ONCE = 16
FAILED_AGAIN_NS = 250_000_000


def standing_prefix(node: str) -> str:
    """Return how the names of a node's standing matches begin, which are there again after each of its starts."""
    return f"{node}-"


MakeMatch = Callable[[MatchSpec, Owner], Match]
"""Makes the match of an order. Whatever it raises costs the order."""


def boottime_ns() -> int:
    """Return a clock that goes on while the machine sleeps. (That of macOS is called MONOTONIC.)"""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def unix_ms() -> int:
    """Return what generations are numbered by."""
    return time.time_ns() // 1_000_000


class ClusterTally(Protocol):
    """Counts what a node and its directory do."""

    def directory_asked(self, seconds: float) -> None:
        """A request was answered."""

    def directory_failed(self, request: str) -> None:
        """A request was not."""

    def ordered(self, outcome: str) -> None:
        """The lobby ordered a match here."""

    def match_removed(self, match: Match, reason: str) -> None:
        """A match has just left the runner's list."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A node as all others see it. `address` is "" where clients reach it as they reached the lobby."""

    node: str
    boot: int
    address: str
    game: str
    build: str
    schema_hash: int
    matches_max: int
    alone: bool = False


class ClusterLink:
    """One node's tie to the directory, between `start` and `stop`.

    `on_step_down(boot)` is called once when another process has this node's name: this one must end.
    """

    def __init__(
        self,
        identity: NodeIdentity,
        link: RedisLink,
        directory: Directory,
        runner: MatchRunner,
        make_match: MakeMatch,
        tally: ClusterTally,
        *,
        freezes: bool,
        empty_s: float,
        players: Callable[[], int] | None = None,
        clock_ns: Callable[[], int] = boottime_ns,
    ) -> None:
        self.identity, self.directory, self.freezes = identity, directory, freezes
        self.node_id, self.boot = identity.node, identity.boot
        self.on_step_down: Callable[[int], None] | None = None
        self._link, self._runner, self._make_match, self._tally = link, runner, make_match, tally
        self._players = players or (lambda: len(runner.lines))
        self._clock_ns = clock_ns
        self._node = ClusterNode(
            identity.node, identity.boot, matches_max=identity.matches_max, empty_ns=int(empty_s * SECOND_NS),
            freezes=freezes, now_ns=clock_ns(),
        )  # fmt: skip
        self._subscriber = Subscriber(link, {node_channel(identity.node)}, self._heard)
        self._log = get_log()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._counter: asyncio.TimerHandle | None = None
        self._counted: dict[str, tuple[int, bool]] = {}
        self._refused: set[str] = set()
        self._tried = asyncio.Event()
        self._running = self._turning = False

    # --- what others ask

    @property
    def available(self) -> bool:
        """Whether Redis answers."""
        return self._link.available

    @property
    def frozen(self) -> bool:
        """Whether matches wait for the lease."""
        return self._node.frozen

    @property
    def reconnects(self) -> int:
        """How often listening to the node's channel began anew."""
        return self._subscriber.reconnects

    @property
    def silences(self) -> int:
        """How often that was because nothing had come."""
        return self._subscriber.watchdog_trips

    @property
    def sealed_refused(self) -> int:
        """How many values in the directory were not sealed with this cluster's secret."""
        return self.directory.sealer.refused

    def lease_remaining_s(self) -> float:
        """Return for how long this node may still act."""
        return self._node.lease.remaining_ns(self._clock_ns()) / SECOND_NS

    def generation_of(self, match: str) -> int | None:
        """Return what a ticket for `match` must name; None if none can be good."""
        return self._node.generation_of(match)

    def is_private(self, match: str) -> bool:
        """Tell whether a match takes only whom the lobby sends, and who comes back."""
        hosted = self._node.matches.get(match)
        return hosted is not None and hosted.spec.private

    def guard(self) -> None:
        """Freeze all matches if the lease is over. For the runner, before each tick."""
        if not self._node.frozen and not self._node.may_act(self._clock_ns()):
            self._turn()

    def seat_url(self, record: NodeRecord, match: str) -> str:
        """Return where clients find a match of the node `record`: a url, or a path on the host of the lobby."""
        if record.address:
            return f"{record.address}{MATCH_PATH}{match}"
        return f"{MATCH_PATH}{match}" if self.identity.alone else f"{NODE_PATH}{record.node}{MATCH_PATH}{match}"

    async def where(self, match: str) -> str:
        """Return the url of a match that is not here. Raises `Refused`, `DirectoryUnavailable`."""
        owner = await self.directory.owner(match)
        if owner is None:
            raise Refused(404, f"there is no match {match!r}", reason="no_match")
        if owner.node == self.node_id:
            record = None if owner.boot == self.boot else self.record()
        else:
            record = await self.directory.node(owner.node)
        returns = match.startswith(standing_prefix(owner.node))
        if record is None or (record.boot != owner.boot and returns):
            sentence = f"the node of match {match!r} does not run it now: try again"
            raise Refused(503, sentence, retry_after_s=RETRY_AFTER_S, reason="not_ready")
        if record.boot != owner.boot:
            raise Refused(404, f"match {match!r} ended with its node", reason="no_match")
        return self.seat_url(record, match)

    def record(self) -> NodeRecord:
        """Return what this node says of itself now."""
        it = self.identity
        hosted = [each.match for each in self._runner.hosted.values() if not each.match.ended]
        return NodeRecord(
            it.node, it.boot, it.address, it.game, it.build, it.schema_hash,
            matches=len(hosted), matches_max=it.matches_max, seats=sum(len(each.game.seats) for each in hosted),
            players=self._players(), draining=self._node.draining,
        )  # fmt: skip

    # --- its life

    async def start(self) -> None:
        """Claim the runner's matches, and return when the lease was renewed, or that has failed for now."""
        self._running = True
        self._link.on_change = self._link_changed
        if self.freezes:
            self._runner.guard = self.guard
        self._subscriber.on_connected = lambda: self.tell(facts.OrderAnnounced())
        self._subscriber.start()
        for match_id, hosted in self._runner.hosted.items():
            self.tell(facts.Hosted(MatchSpec(match_id), hosted.match.seats_max, unix_ms(), standing=True))
        self._count()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_RENEWAL_S):
                await self._tried.wait()

    def drain(self) -> None:
        """Take no further matches."""
        self.tell(facts.Drain())

    async def stop(self) -> None:
        """Take this node and its matches out of the directory, as far as that can be done soon."""
        self._running = False
        self._link.on_change = self._runner.guard = None
        for timer in (self._timer, self._counter):
            if timer is not None:
                timer.cancel()
        await asyncio.sleep(0)  # A task that has not begun would leave what it was to await behind.
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._subscriber.stop()
        owners = self._node.owned()
        if self._node.lease.given_up:
            return
        try:
            async with asyncio.timeout(DEPART_S):
                await self.directory.depart(self.node_id, self.boot)
                await self._forget(owners)
        except (DirectoryUnavailable, TimeoutError):
            self._log.info("not_departed", why="Redis does not answer: this node's lease runs out by itself")
        except Exception:
            # Ours; no reason not to stop in order.
            self._log.error("directory_failed", lane="depart", exc_info=True)

    # --- the machine

    def tell(self, fact: facts.Fact) -> None:
        """Give the machine a fact, and do what follows."""
        self._node.handle(fact, self._clock_ns())
        self._turn()

    def _turn(self) -> None:
        """Let the machine look at the clock, and carry out what it wants."""
        if not self._running or self._turning:
            return
        self._turning = True
        deadline_ns: int | None = self._clock_ns() + FAILED_AGAIN_NS
        try:
            self._node.advance(self._clock_ns())
            effects = self._node.effects()
            while effects:
                for effect in effects:
                    self._carry_out(effect)
                effects = self._node.effects()
            deadline_ns = self._node.deadline_ns
        except Exception:
            # Ours. Without another turn the lease would run out, and nobody would know why.
            self._log.error("cluster_failed", exc_info=True)
        finally:
            self._turning = False
        self._wake_at(deadline_ns)

    def _wake_at(self, deadline_ns: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline_ns is not None:
            wait_s = max(0, deadline_ns - self._clock_ns()) / SECOND_NS
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._turn)

    def _carry_out(self, effect: facts.Effect) -> None:
        match effect:
            case facts.Renew(sent_ns):
                self._ask("renew", self._renew(sent_ns))
            case facts.ReadOrders():
                self._ask("orders", self._read_orders())
            case facts.ClaimMatch(spec, seen_epoch):
                self._ask("publish", self._claim(spec, seen_epoch))
            case facts.WriteLedgers():
                self._ask("publish", self._write_ledgers(effect))
            case facts.Publish():
                self._ask("publish", self._publish(effect))
            case facts.Withdraw():
                self._ask("publish", self._withdraw(effect))
            case facts.Done():
                self._ask("other", self._done(effect))
            case facts.Host(spec, owner):
                self._host(spec, owner)
            case facts.Remove(match, reason):
                self._remove(match, reason)
            case facts.MoveAway(match):
                self._give_away(match)
            case facts.FreezeMatches():
                self._runner.freeze()
            case facts.ThawMatches():
                self._runner.thaw()
            case facts.StepDown(boot):
                self._log.error("node_superseded", boot=self.boot, by=boot)
                if self.on_step_down is not None:
                    self.on_step_down(boot)
            case facts.Told(level, event, fields):
                getattr(self._log, level)(event, **fields)
            case _:
                assert_never(effect)

    def _host(self, spec: MatchSpec, owner: Owner) -> None:
        try:
            match = self._make_match(spec, owner)
            self._runner.add(match)
        except Exception:
            self._tally.ordered("failed")
            self._log.error("order_failed", match=spec.match, attributes=dict(spec.attributes), exc_info=True)
            self._node.handle(facts.NotHosted(owner), self._clock_ns())
            return
        self._tally.ordered("created")
        self._log.info("match_created", match=spec.match, attributes=dict(spec.attributes), private=spec.private)
        self._node.handle(facts.Hosted(spec, match.seats_max, unix_ms(), owner), self._clock_ns())

    def _remove(self, match_id: str, reason: str) -> None:
        hosted = self._runner.hosted.get(match_id)
        if hosted is not None:
            self._runner.remove(match_id)
            self._tally.match_removed(hosted.match, reason)
            self._log.info("match_removed", match=match_id, reason=reason)

    def _give_away(self, match_id: str) -> None:
        if match_id in self._runner.hosted:
            # Now: two must not act while Redis is asked where the other is.
            self._runner.give_away(match_id)
            self._begin(self._move(match_id))

    async def _move(self, match_id: str) -> None:
        url = ""
        with suppress(DirectoryUnavailable, Refused):
            url = await self.where(match_id)
        hosted = self._runner.hosted.get(match_id)
        if hosted is None:
            return
        if url:
            self._runner.move(match_id, url)
        else:
            self._runner.remove(match_id, 1012, "this match is on another node")
        self._tally.match_removed(hosted.match, "superseded")

    # --- the matches

    def _count(self) -> None:
        """Tell the machine whose occupants have changed."""
        self._counter = asyncio.get_running_loop().call_later(COUNT_EVERY_S, self._count)
        runner = self._runner
        seen = {}
        for match_id, hosted in runner.hosted.items():
            match = hosted.match
            stamp = seen[match_id] = (match.place_changes, match.ended)
            if self._counted.get(match_id) != stamp:
                self._node.handle(_counted(match), self._clock_ns())
        self._counted = seen
        self._turn()

    # --- Redis

    def _heard(self, channel: str, data: bytes) -> None:
        self.tell(facts.OrderAnnounced())

    def _link_changed(self, available: bool) -> None:
        self._log.warning("redis_back" if available else "redis_lost", redis=self._link.shown)
        if available:
            self.tell(facts.DirectoryBack())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ask(self, lane: str, request: Coroutine[Any, Any, facts.Fact | None]) -> None:
        self._begin(self._answered(lane, request))

    async def _answered(self, lane: str, request: Awaitable[facts.Fact | None]) -> None:
        """Await an answer of Redis and tell the machine, whatever becomes of it."""
        begun_ns = time.monotonic_ns()
        fact: facts.Fact | None = facts.Failed(lane)
        try:
            fact = await request
            self._tally.directory_asked((time.monotonic_ns() - begun_ns) / SECOND_NS)
            self._refused.discard(lane)
        except DirectoryUnavailable as away:
            self._tally.directory_failed(lane)
            if self._link.available and lane not in self._refused:
                # It answers, and will not (OOM, MISCONF, a user's rights): told once, until it does what is asked.
                self._refused.add(lane)
                self._log.error("redis_refuses", lane=lane, why=away.why)
        except Exception:
            self._tally.directory_failed(lane)
            self._log.error("directory_failed", lane=lane, exc_info=True)
        if lane == "renew":
            self._tried.set()
        if fact is not None and lane != "other":
            self.tell(fact)

    async def _renew(self, sent_ns: int) -> facts.Fact:
        renewal = await self.directory.renew(self.record())
        if renewal.superseded_by is not None:
            return facts.Superseded(renewal.superseded_by)
        if not renewal.accepted:
            return facts.Failed("renew")
        # Without freezing nobody adopts what is ours, and replicas need not be waited for.
        lasting = not self.freezes or await self._link.wait_replicas(node_keys(self.node_id)[0])
        return facts.Renewed(sent_ns, renewal.listings, renewal.orders, renewal.run_id, lasting)

    async def _read_orders(self) -> facts.Fact:
        return facts.OrdersRead(tuple(await self.directory.orders(self.node_id, self.boot)))

    async def _done(self, done: facts.Done) -> None:
        await self.directory.order_done(self.node_id, self.boot, done.match)
        if done.refused is not None:
            self._tally.ordered("refused")
            await self.directory.forget_match(done.refused)

    async def _claim(self, spec: MatchSpec, seen_epoch: int) -> facts.Fact:
        owner = await self.directory.create(spec, self.record(), seen_epoch)
        if owner.node == self.node_id and owner.boot < self.boot:
            # It died with an earlier start of this node, whose name and lease this one has.
            await self.directory.forget_match(owner)
            owner = await self.directory.create(spec, self.record(), owner.epoch)
        return facts.Owned(owner)

    async def _write_ledgers(self, wanted: facts.WriteLedgers) -> facts.Fact:
        answers = await self.directory.write_ledgers(self.node_id, self.boot, wanted.ledgers)
        told = tuple(facts.LedgerTold(each.match, each.known, each.reserved, each.fenced) for each in answers)
        return facts.LedgersWritten(told, unix_ms())

    async def _publish(self, wanted: facts.Publish) -> facts.Fact:
        await self.directory.publish(wanted.listings, wanted.reserved)
        return facts.Published(wanted.listings)

    async def _withdraw(self, wanted: facts.Withdraw) -> facts.Fact:
        await self.directory.unlist(self.node_id, self.boot, wanted.matches)
        await self._forget(wanted.owners)
        return facts.Withdrawn(wanted.matches)

    async def _forget(self, owners: Sequence[Owner]) -> None:
        for start in range(0, len(owners), FORGOTTEN_AT_ONCE):
            await asyncio.gather(*map(self.directory.forget_match, owners[start : start + FORGOTTEN_AT_ONCE]))


def _counted(match: Match) -> facts.Counted:
    seated = [each for each in match.occupants if not each.spectator]
    players = tuple(each.player for each in seated if each.player)
    spectators = len(match.occupants) - len(seated)
    return facts.Counted(match.match_id, len(seated), players, spectators, match.ended)
