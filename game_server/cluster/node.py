"""A node of the cluster: when it renews its lease, what it tells the directory, when it freezes. A pure machine.

    every 2 s              Renew      -> Renewed: how many listings and orders the directory has, which run of it
    a match changed        WriteLedgers, then Publish, 100 ms later so that many changes go together
    every renewal          every ledger once more, so that what was lost or wrong heals in 2 s
    listings are missing   Publish all again
    orders wait            ReadOrders -> Host
    the lease is over      FreezeMatches; after a renewal, once no match has a newer owner, ThawMatches

Three lanes talk to the directory, one request each at a time: "renew", "orders" and "publish". A generation binds the
tickets of a match to its ledger: when the directory has lost that, and with it the reservations, the match gets a new
one and older tickets are refused, so that no seat is sold twice.
An empty match is removed by a last ledger that says it is full: the answer tells whether somebody reserved a seat
meanwhile, and after it nobody can.
To test: `tests/game_server/cluster/test_node.py`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from game_server.cluster.hosted_match import HostedMatch
from game_server.cluster.lease import Lease
from game_server.cluster.node_facts import (
    ClaimMatch,
    Counted,
    DirectoryBack,
    Done,
    Drain,
    Effect,
    Fact,
    Failed,
    FreezeMatches,
    Host,
    Hosted,
    LedgersWritten,
    LedgerTold,
    MoveAway,
    NotHosted,
    OrderAnnounced,
    OrdersRead,
    Owned,
    Publish,
    Published,
    ReadOrders,
    Remove,
    Renew,
    Renewed,
    StepDown,
    Superseded,
    ThawMatches,
    Told,
    Withdraw,
    Withdrawn,
    WriteLedgers,
)
from game_server.cluster.records import MatchSpec, Owner
from protocol.errors import UsageFault

RENEW_EVERY_NS = 2_000_000_000
RETRY_NS = 250_000_000
DEBOUNCE_NS = 100_000_000
BATCH_MAX = 16
"""Ledgers, or listings, of one round trip: what encoding them costs stands between two ticks."""
HOSTED_PER_TURN = 2
HOST_AGAIN_NS = 5_000_000
ORDERS_WAITING_MAX = 10_000
"""As many as a node can have matches; what does not fit is read again with the next renewal."""
EFFECTS_MAX = 100_000


@dataclass(slots=True)
class _Todo:
    """What the lane "publish" has to do. Dicts, which keep the order."""

    gone: dict[str, Owner | None] = field(default_factory=dict)
    claims: dict[str, None] = field(default_factory=dict)
    ledgers: dict[str, None] = field(default_factory=dict)
    listings: dict[str, None] = field(default_factory=dict)
    again: dict[str, None] = field(default_factory=dict)
    """Ledgers that have not changed. Last, or where Redis is slow nothing else would ever have its turn."""

    def __bool__(self) -> bool:
        return bool(self.gone or self.claims or self.ledgers or self.listings or self.again)

    def forget(self, match: str) -> None:
        """Tell nothing of a match that is no more."""
        for each in (self.claims, self.ledgers, self.listings, self.again):
            each.pop(match, None)


class ClusterNode:
    """What a node owes the directory. *Raises* `UsageFault` when its effects are not drained."""

    def __init__(
        self, node: str, boot: int, *, matches_max: int, empty_ns: int, freezes: bool, now_ns: int,
        lease: Lease | None = None,
    ) -> None:  # fmt: skip
        self.node, self.boot = node, boot
        self.lease = lease or Lease()
        self.matches: dict[str, HostedMatch] = {}
        self.frozen = self.draining = False
        self._matches_max, self._empty_ns, self._freezes = matches_max, empty_ns, freezes
        self._effects: list[Effect] = []
        self._orders: deque[tuple[MatchSpec, Owner]] = deque()
        self._ordered: set[str] = set()
        self._run_id = ""
        self._tried = False
        """Whether a renewal was answered, or not: before that there is nothing to freeze, since nothing runs yet."""
        self._todo = _Todo()
        self._unproven: set[str] = set()
        self._stale = False
        """Whether the ledgers that are on their way were sent before the last renewal, and so prove nothing."""
        self._withdrawing: dict[str, Owner | None] = {}
        self._busy: set[str] = set()
        self._renew_due_ns = now_ns
        self._publish_due_ns: int | None = None
        self._orders_due_ns: int | None = None
        self._host_due_ns: int | None = None

    @property
    def deadline_ns(self) -> int | None:
        """When `advance` should be called next."""
        if self.lease.given_up:
            return None
        dues = [
            None if "renew" in self._busy else self._renew_due_ns,
            None if "publish" in self._busy else self._publish_due_ns,
            None if "orders" in self._busy else self._orders_due_ns,
            self._host_due_ns,
            None if self.frozen or not self._freezes else self.lease.deadline_ns,
            *(self._empty_due_ns(each) for each in self.matches.values()),
        ]
        return min((due for due in dues if due is not None), default=None)

    def generation_of(self, match: str) -> int | None:
        """Return what tickets for `match` must name; None if it is not here or not known to the directory yet."""
        hosted = self.matches.get(match)
        return None if hosted is None or hosted.owner is None else hosted.generation

    def owned(self) -> list[Owner]:
        """Return whose record the directory may have of this node: of matches here, ordered, and gone but just now."""
        owners = [each.owner for each in self.matches.values()]
        owners += [*self._withdrawing.values(), *self._todo.gone.values(), *(owner for _, owner in self._orders)]
        return [owner for owner in owners if owner is not None]

    def may_act(self, now_ns: int) -> bool:
        """Tell whether a tick may run; a machine that has frozen stays so until it says otherwise."""
        if self.lease.given_up:
            return False
        return not self._freezes or (not self.frozen and self.lease.may_act(now_ns))

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: Fact, now_ns: int) -> None:
        """Take one fact."""
        if len(self._effects) > EFFECTS_MAX:
            raise UsageFault("effects() was not drained: call it after every handle() and advance()")
        match fact:
            case Hosted():
                self._host(fact, now_ns)
            case NotHosted(owner):
                self._ordered.discard(owner.match)
                self._effects.append(Done(owner.match, refused=owner))
            case Owned(owner):
                self._own(owner, now_ns)
            case Counted():
                self._count(fact, now_ns)
            case Renewed():
                self._renewed(fact, now_ns)
            case Failed(lane):
                self._failed(lane, now_ns)
            case Superseded(boot):
                self._step_down(boot)
            case OrderAnnounced():
                self._orders_due_ns = now_ns
            case DirectoryBack():
                self._renew_due_ns = now_ns
            case OrdersRead(orders):
                self._take_orders(orders, now_ns)
            case LedgersWritten(answers, generation):
                self._busy.discard("publish")
                proves, self._stale = not self._stale, False
                for answer in answers:
                    if proves:
                        self._unproven.discard(answer.match)
                    self._ledger_told(answer, generation, now_ns)
                self._go_on_publishing(now_ns)
            case Published(listings):
                self._busy.discard("publish")
                for listing in listings:
                    if listing.match in self.matches:
                        self.matches[listing.match].told = listing
                self._go_on_publishing(now_ns)
            case Withdrawn(matches):
                self._busy.discard("publish")
                for match in matches:
                    self._withdrawing.pop(match, None)
                self._go_on_publishing(now_ns)
            case Drain():
                self.draining = True
                self._renew_due_ns = now_ns
            case _:
                assert_never(fact)
        self._thaw_if_proven(now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        if self.lease.given_up:
            return
        if self._freezes and self._tried and not self.frozen and not self.lease.may_act(now_ns):
            self._freeze()
        if "renew" not in self._busy and now_ns >= self._renew_due_ns:
            self._busy.add("renew")
            self._renew_due_ns = now_ns + RENEW_EVERY_NS
            self._effects.append(Renew(now_ns))
        if "orders" not in self._busy and self._orders_due_ns is not None and now_ns >= self._orders_due_ns:
            self._busy.add("orders")
            self._orders_due_ns = None
            self._effects.append(ReadOrders())
        if self._host_due_ns is not None and now_ns >= self._host_due_ns:
            self._host_next(now_ns)
        for hosted in list(self.matches.values()):
            due_ns = self._empty_due_ns(hosted)
            if due_ns is not None and now_ns >= due_ns:
                hosted.removing = True
                self._change(hosted, now_ns)
        if "publish" not in self._busy and self._publish_due_ns is not None and now_ns >= self._publish_due_ns:
            self._publish()

    # --- matches come, change and go

    def _host(self, fact: Hosted, now_ns: int) -> None:
        match = fact.spec.match
        hosted = HostedMatch(
            fact.spec, fact.seats_max, fact.generation, fact.owner, fact.standing, Counted(match, 0),
            empty_since_ns=now_ns,
        )  # fmt: skip
        self.matches[match] = hosted
        self._ordered.discard(match)
        if fact.owner is None:
            self._todo.claims[match] = None
        else:
            self._effects.append(Done(match))
        # Somebody waits for it: nothing to gather.
        self._change(hosted, now_ns, 0)

    def _own(self, owner: Owner, now_ns: int) -> None:
        self._busy.discard("publish")
        hosted = self.matches.get(owner.match)
        if hosted is not None:
            if (owner.node, owner.boot) == (self.node, self.boot):
                hosted.owner = owner
                self._change(hosted, now_ns, 0)
            else:
                self._effects.append(Told("error", "match_owned_elsewhere", {"match": owner.match, "by": owner.node}))
        self._go_on_publishing(now_ns)

    def _count(self, counted: Counted, now_ns: int) -> None:
        hosted = self.matches.get(counted.match)
        if hosted is None or hosted.counted == counted:
            return
        hosted.counted = counted
        hosted.note_reserved(hosted.reserved)
        if counted.ended:
            self._end(hosted, now_ns)
            return
        hosted.note_emptiness(now_ns)
        self._change(hosted, now_ns)

    def _end(self, hosted: HostedMatch, now_ns: int) -> None:
        # One that stands stays, so that the node can still say that it is over.
        if not hosted.standing:
            self._effects.append(Remove(hosted.spec.match, "ended"))
        self._withdraw(hosted, now_ns)

    def _withdraw(self, hosted: HostedMatch, now_ns: int) -> None:
        self._forget(hosted.spec.match)
        self._todo.gone[hosted.spec.match] = hosted.owner
        self._publish_due_ns = now_ns

    def _forget(self, match: str) -> None:
        self.matches.pop(match, None)
        self._unproven.discard(match)
        self._todo.forget(match)

    def _empty_due_ns(self, hosted: HostedMatch) -> int | None:
        if hosted.standing or hosted.removing or hosted.empty_since_ns is None:
            return None
        return hosted.empty_since_ns + self._empty_ns

    def _change(self, hosted: HostedMatch, now_ns: int, within_ns: int = DEBOUNCE_NS) -> None:
        if hosted.owner is not None:
            self._todo.ledgers[hosted.spec.match] = None
        due_ns = now_ns + within_ns
        if self._publish_due_ns is None or due_ns < self._publish_due_ns:
            self._publish_due_ns = due_ns

    # --- the lease

    def _renewed(self, fact: Renewed, now_ns: int) -> None:
        self._busy.discard("renew")
        self._tried = True
        lapsed = not self.lease.may_act(now_ns)
        if fact.lasting:
            self.lease.confirmed(fact.sent_ns)
        else:
            self._renew_due_ns = min(self._renew_due_ns, now_ns + RETRY_NS)
        if self._run_id and fact.run_id != self._run_id:
            self._effects.append(Told("warning", "directory_changed", {"matches": len(self.matches)}))
            self._tell_all_listings()
        elif "publish" not in self._busy and not self._todo.listings and fact.listings != self._listings():
            self._tell_all_listings()
        self._run_id = fact.run_id
        if fact.orders:
            self._orders_due_ns = now_ns
        for hosted in self.matches.values():
            if hosted.owner is not None and hosted.spec.match not in self._todo.ledgers:
                self._todo.again[hosted.spec.match] = None
        if self._todo:
            self._publish_due_ns = now_ns
        if self.frozen and fact.lasting and lapsed:
            # Once for each lapse: while the lease holds nobody can take a match, and a proof may outlast a renewal.
            self._stale = "publish" in self._busy
            self._unproven = {match for match, each in self.matches.items() if each.owner is not None}

    def _listings(self) -> int:
        return sum(each.told is not None for each in self.matches.values())

    def _tell_all_listings(self) -> None:
        for match, hosted in self.matches.items():
            hosted.told = None
            if hosted.owner is not None:
                self._todo.ledgers[match] = None

    def _failed(self, lane: str, now_ns: int) -> None:
        self._busy.discard(lane)
        due_ns = now_ns + RETRY_NS
        match lane:
            case "renew":
                self._tried = True
                self._renew_due_ns = min(self._renew_due_ns, due_ns)
            case "orders":
                self._orders_due_ns = due_ns
            case _:
                # What was in hand counts as not written; a ledger brings its listing along.
                self._todo.gone |= self._withdrawing
                self._withdrawing, self._stale = {}, False
                for match, hosted in self.matches.items():
                    if hosted.owner is None:
                        self._todo.claims[match] = None
                    elif not hosted.known:
                        # It may have been written, had reservations, and been lost again: those tickets are void.
                        hosted.generation += 1
                        self._todo.ledgers[match] = None
                    elif hosted.told is None or hosted.told != hosted.listing(self.node, self.boot):
                        self._todo.ledgers[match] = None
                    if hosted.removing:
                        self._todo.ledgers[match] = None
                self._publish_due_ns = due_ns if self._todo else None

    def _freeze(self) -> None:
        self.frozen = True
        self._unproven = set()
        self._effects += [FreezeMatches(), Told("error", "lease_lost", {"matches": len(self.matches)})]

    def _thaw_if_proven(self, now_ns: int) -> None:
        """Thaw once the lease is good again, and no match turned out to have a newer owner."""
        if self.frozen and not self._unproven and self.lease.may_act(now_ns):
            self.frozen = False
            self._effects += [ThawMatches(), Told("warning", "lease_regained", {"matches": len(self.matches)})]

    def _step_down(self, boot: int) -> None:
        if self.lease.given_up:
            return
        self.lease.give_up()
        self.frozen = True
        self._effects += [FreezeMatches(), StepDown(boot)]

    # --- orders

    def _take_orders(self, orders: Iterable[tuple[MatchSpec, Owner]], now_ns: int) -> None:
        self._busy.discard("orders")
        for spec, owner in orders:
            hosted = self.matches.get(spec.match)
            if (owner.node, owner.boot) != (self.node, self.boot):
                self._effects.append(Done(spec.match))
            elif hosted is not None:
                if hosted.owner is None or owner.epoch > hosted.owner.epoch:
                    hosted.owner = owner
                    self._change(hosted, now_ns, 0)
                self._effects.append(Done(spec.match))
            elif spec.match in self._ordered or len(self._orders) >= ORDERS_WAITING_MAX:
                continue
            elif self.draining or len(self.matches) + len(self._ordered) >= self._matches_max:
                self._effects += [
                    Done(spec.match, refused=owner),
                    Told("warning", "order_refused", {"match": spec.match, "matches": len(self.matches)}),
                ]
            else:
                self._ordered.add(spec.match)
                self._orders.append((spec, owner))
        if self._orders:
            self._host_due_ns = now_ns

    def _host_next(self, now_ns: int) -> None:
        for _ in range(min(HOSTED_PER_TURN, len(self._orders))):
            self._effects.append(Host(*self._orders.popleft()))
        self._host_due_ns = now_ns + HOST_AGAIN_NS if self._orders else None

    # --- ledgers and listings

    def _publish(self) -> None:
        """Begin the next round trip of the lane, if there is anything to tell."""
        todo = self._todo
        self._publish_due_ns = None
        if todo.gone:
            self._withdrawing, todo.gone = todo.gone, {}
            owners = tuple(owner for owner in self._withdrawing.values() if owner is not None)
            self._effects.append(Withdraw(tuple(self._withdrawing), owners))
        elif todo.claims:
            match = next(iter(todo.claims))
            del todo.claims[match]
            hosted = self.matches[match]
            self._effects.append(ClaimMatch(hosted.spec, 0 if hosted.owner is None else hosted.owner.epoch))
        elif todo.ledgers or (todo.again and (self._unproven or not todo.listings)):
            batch = [self.matches[match] for match in _first(todo.ledgers or todo.again)]
            self._effects.append(WriteLedgers(tuple(each.ledger() for each in batch)))
        elif todo.listings:
            batch = [self.matches[match] for match in _first(todo.listings)]
            listings = tuple(each.listing(self.node, self.boot) for each in batch)
            self._effects.append(Publish(listings, {each.spec.match: each.expected for each in batch}))
        else:
            return
        self._busy.add("publish")

    def _go_on_publishing(self, now_ns: int) -> None:
        if self._todo:
            # In a turn of its own: ticks and sockets come between two batches.
            self._publish_due_ns = now_ns

    def _ledger_told(self, answer: LedgerTold, generation: int, now_ns: int) -> None:
        hosted = self.matches.get(answer.match)
        if hosted is None:
            return
        if answer.fenced:
            self._effects += [
                MoveAway(answer.match), Told("error", "match_superseded", {"match": answer.match})
            ]  # fmt: skip
            self._forget(answer.match)
            return
        if hosted.known and not answer.known:
            hosted.generation = max(hosted.generation + 1, generation)
            hosted.known, hosted.told = False, None
            self._todo.ledgers[answer.match] = None
            self._effects.append(Told("warning", "ledger_lost", {"match": answer.match}))
            return
        hosted.known = True
        hosted.note_reserved(answer.reserved)
        hosted.note_emptiness(now_ns)
        if hosted.removing:
            self._remove_if_empty(hosted, now_ns)
        elif hosted.listing(self.node, self.boot) != hosted.told:
            self._todo.listings[answer.match] = None

    def _remove_if_empty(self, hosted: HostedMatch, now_ns: int) -> None:
        if hosted.empty:
            self._effects.append(Remove(hosted.spec.match, "empty"))
            self._withdraw(hosted, now_ns)
        else:
            hosted.removing = False
            self._change(hosted, now_ns, 0)


def _first(waiting: dict[str, None]) -> list[str]:
    """Take the next batch."""
    batch = list(waiting)[:BATCH_MAX]
    for match in batch:
        del waiting[match]
    return batch
