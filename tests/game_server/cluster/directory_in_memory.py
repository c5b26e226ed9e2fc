"""A directory in memory that answers the machine of a node, so that its tests need no Redis and no time."""

from collections.abc import Callable
from typing import TypeVar

from game_server.cluster.node import ClusterNode
from game_server.cluster.node_facts import (
    ClaimMatch,
    Done,
    Effect,
    Failed,
    Host,
    Hosted,
    LedgersWritten,
    LedgerTold,
    OrdersRead,
    Owned,
    Publish,
    Published,
    ReadOrders,
    Renew,
    Renewed,
    Told,
    Withdraw,
    Withdrawn,
    WriteLedgers,
)
from game_server.cluster.records import MatchSpec, Owner

SECOND_NS = 1_000_000_000
BOOT = 5
E = TypeVar("E", bound=Effect)


class Directory:
    """A directory in memory that answers the machine at once, or not at all while it is `down`."""

    def __init__(self, freezes: bool = True, matches_max: int = 10, empty_s: float = 30) -> None:
        self.now_ns = 0
        self.node = ClusterNode(
            "a", BOOT, matches_max=matches_max, empty_ns=int(empty_s * SECOND_NS), freezes=freezes, now_ns=0
        )
        self.seen: list[Effect] = []
        self.down = False
        self.lasting = True
        self.run_id = "run-1"
        self.ledgers: dict[str, int] = {}
        self.listings: dict[str, int] = {}
        self.reserved: dict[str, tuple[str, ...]] = {}
        self.fenced: set[str] = set()
        self.orders: list[tuple[MatchSpec, Owner]] = []
        self.delay_ns = 0
        """How long ledgers and listings take."""
        self._late: list[tuple[int, Effect]] = []
        self.on_write: Callable[[], None] = lambda: None

    def run(self, seconds: float = 0.0) -> list[Effect]:
        """Let time go by, answer all that is asked; return the effects."""
        until_ns = self.now_ns + round(seconds * SECOND_NS)
        before = len(self.seen)
        while True:
            self.carry()
            dues = [self.node.deadline_ns, *(each for each, _ in self._late)]
            due_ns = min((due for due in dues if due is not None), default=None)
            if due_ns is None or due_ns > until_ns:
                break
            self.now_ns = max(self.now_ns, due_ns)
            while self._late and self._late[0][0] <= self.now_ns:
                self.answer(self._late.pop(0)[1])
            self.node.advance(self.now_ns)
        self.now_ns = until_ns
        return self.seen[before:]

    def carry(self) -> None:
        effects = self.node.effects()
        while effects:
            for effect in effects:
                self.seen.append(effect)
                if self.delay_ns and isinstance(effect, WriteLedgers | Publish):
                    self._late.append((self.now_ns + self.delay_ns, effect))
                else:
                    self.answer(effect)
            effects = self.node.effects()

    def tell(self, fact: object) -> None:
        self.node.handle(fact, self.now_ns)  # type: ignore[arg-type]

    def answer(self, effect: Effect) -> None:
        match effect:
            case Renew(sent_ns):
                answer = Renewed(sent_ns, len(self.listings), len(self.orders), self.run_id, self.lasting)
                self.tell(Failed("renew") if self.down else answer)
            case ReadOrders():
                self.tell(Failed("orders") if self.down else OrdersRead(tuple(self.orders)))
            case Host(spec, owner):
                self.tell(Hosted(spec, 4, 100, owner))
            case Done(match):
                self.orders = [each for each in self.orders if each[0].match != match]
            case ClaimMatch(spec, seen_epoch):
                owner = Owner(spec.match, "a", BOOT, seen_epoch + 1)
                self.tell(Failed("publish") if self.down else Owned(owner))
            case WriteLedgers(ledgers):
                if self.down:
                    self.tell(Failed("publish"))
                    return
                self.on_write()
                told = []
                for each in ledgers:
                    known = self.ledgers.get(each.match) == each.generation
                    if known or not each.known:
                        self.ledgers[each.match] = each.generation
                    reserved = self.reserved.get(each.match, ())
                    told.append(LedgerTold(each.match, known, reserved, each.match in self.fenced))
                self.tell(LedgersWritten(tuple(told), 200 + self.now_ns // SECOND_NS))
            case Publish(listings):
                if self.down:
                    self.tell(Failed("publish"))
                    return
                self.listings.update({each.match: each.seats for each in listings})
                self.tell(Published(listings))
            case Withdraw(matches):
                if self.down:
                    self.tell(Failed("publish"))
                    return
                for match in matches:
                    self.listings.pop(match, None)
                    self.ledgers.pop(match, None)
                self.tell(Withdrawn(matches))
            case _:
                pass

    def host(self, match: str = "m-1", standing: bool = False) -> None:
        owner = None if standing else Owner(match, "a", BOOT, 7)
        self.tell(Hosted(MatchSpec(match), 4, 100, owner, standing))
        self.run()

    def order(self, match: str, node: str = "a", boot: int = BOOT, epoch: int = 7) -> None:
        self.orders.append((MatchSpec(match), Owner(match, node, boot, epoch)))

    def lose_everything(self) -> None:
        self.run_id += "'"
        self.ledgers, self.listings, self.reserved = {}, {}, {}


def those(kind: type[E], effects: list[Effect]) -> list[E]:
    return [each for each in effects if isinstance(each, kind)]


def names(effects: list[Effect]) -> list[str]:
    return [each.event for each in those(Told, effects)]
