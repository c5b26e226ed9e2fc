"""Who may connect: limits per address and for the whole node, asked before a byte of a new socket is read.

    accept(connection, address) -> let in | refused (429 the address, 503 the node) | let in, and `evict` another
    identify(connection, address)  the same for who came through a proxy, once it is known who that is
    authenticated(connection)      its upgrade was granted: it can no longer be evicted
    closed(connection)             it has ended

Asked in this order, so that who is over a limit of their own takes nothing from the others: sockets open per address,
handshakes per second and address, sockets open on the node, handshakes per second on the node. A proxy's socket is
charged to nobody's bucket before its client is known, or one address behind the proxy could empty the node's. A socket
that has not authenticated takes one of a fixed number of places; when they are full **the oldest gives way**, because
an honest client needs its place for milliseconds and a slow one for as long as it is let.

Memory is bounded: an address is known while it has sockets open, or until its bucket is full again, which takes a few
seconds. Of those without sockets at most `addresses_max` are kept, and the one that came least recently is forgotten:
it starts with a full bucket if it comes again. The node's own bucket still holds then, and whoever has that many
addresses is no longer stopped by limits per address. To test: `tests/game_server/session/test_admission.py`.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from game_server.session.addresses import Key, Networks, address_key
from game_server.session.rate_limit import NS_PER_S, TokenBucket

ADDRESSES_MAX = 65_536
NODE_BURST_S = 2
"""So many seconds' worth of handshakes may come to a node at once: a match that moved, a network that came back."""
FULL_RETRY_AFTER_S = 5

C = TypeVar("C", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Verdict(Generic[C]):
    """What becomes of a socket. Let in if `reason` is "", which else is a label for metrics: "rate", "full", ...

    `evict` is a connection that must be cut at once to make room.
    """

    reason: str = ""
    status: int = 0
    sentence: str = ""
    retry_after_s: int = 0
    evict: C | None = None

    @property
    def admitted(self) -> bool:
        """Tell whether the socket may stay."""
        return not self.reason


class _Address:
    """What is known of one address: its open sockets, its handshakes."""

    __slots__ = ("handshakes", "open")

    def __init__(self, handshakes: TokenBucket) -> None:
        self.open = 0
        self.handshakes = handshakes


class Admission(Generic[C]):
    """The counts and buckets of one node. A connection is any hashable value that names it."""

    def __init__(
        self,
        *,
        connections_max: int = 5000,
        connections_per_ip_max: int = 64,
        handshakes_per_second_max: int = 1000,
        handshakes_per_ip_per_second_max: int = 20,
        unauthenticated_max: int = 512,
        unlimited_networks: Networks | None = None,
        addresses_max: int = ADDRESSES_MAX,
    ) -> None:
        self._connections_max, self._per_ip_max = connections_max, connections_per_ip_max
        self._ip_rate, self._ip_burst = handshakes_per_ip_per_second_max, connections_per_ip_max
        self._unauthenticated_max, self._addresses_max = unauthenticated_max, addresses_max
        self._unlimited = unlimited_networks or Networks()
        self._handshakes = TokenBucket(handshakes_per_second_max, NODE_BURST_S * handshakes_per_second_max)
        self._open: dict[C, Key | None] = {}
        self._unidentified: set[C] = set()
        self._unauthenticated: OrderedDict[C, None] = OrderedDict()
        self._present: dict[Key, _Address] = {}
        self._recent: OrderedDict[Key, _Address] = OrderedDict()

    @property
    def open(self) -> int:
        """How many sockets are open."""
        return len(self._open)

    @property
    def unauthenticated(self) -> int:
        """How many of them have not authenticated."""
        return len(self._unauthenticated)

    @property
    def addresses(self) -> int:
        """How many addresses are known."""
        return len(self._present) + len(self._recent)

    def accept(self, connection: C, address: str, now_ns: int, *, proxied: bool = False) -> Verdict[C]:
        """Judge a new socket. `proxied`: its address is a proxy's, and `identify` will tell whose it is."""
        key = None if proxied or address in self._unlimited else address_key(address)
        refusal = self._judge_address(key, now_ns) or self._judge_room()
        if refusal is None and not proxied:
            refusal = self._judge_rate(now_ns)
        if refusal is not None:
            return refusal
        if proxied:
            self._unidentified.add(connection)
        evict = None
        if len(self._unauthenticated) >= self._unauthenticated_max:
            evict, _ = self._unauthenticated.popitem(last=False)  # the oldest gives way
        self._unauthenticated[connection] = None
        self._open[connection] = key
        self._enter(key)
        return Verdict(evict=evict)

    def identify(self, connection: C, address: str, now_ns: int) -> Verdict[C]:
        """Judge the client behind a proxied `connection`, once the proxy's header has been read."""
        if connection not in self._unidentified:
            return Verdict()
        self._unidentified.discard(connection)
        key = None if address in self._unlimited else address_key(address)
        refusal = self._judge_address(key, now_ns) or self._judge_rate(now_ns)
        if refusal is None:
            self._open[connection] = key
            self._enter(key)
        return refusal or Verdict()

    def authenticated(self, connection: C) -> None:
        """An upgrade was granted. Harmless when repeated."""
        self._unauthenticated.pop(connection, None)

    def closed(self, connection: C, now_ns: int) -> None:
        """A socket has ended. Harmless when repeated, and for one that was refused."""
        self._unauthenticated.pop(connection, None)
        self._unidentified.discard(connection)
        key = self._open.pop(connection, None)
        if key is not None:
            known = self._present[key]
            known.open -= 1
            if not known.open:
                del self._present[key]
                self._remember(key, known, now_ns)

    def _judge_address(self, key: Key | None, now_ns: int) -> Verdict[C] | None:
        if key is None:
            return None
        known = self._present.get(key) or self._recent.get(key)
        if known is None:
            known = _Address(TokenBucket(self._ip_rate, self._ip_burst))
        if known.open >= self._per_ip_max:
            sentence = f"your address holds {known.open} connections, which is as many as it may"
            return Verdict("address_full", 429, sentence, FULL_RETRY_AFTER_S)
        if not known.handshakes.take(1, now_ns):
            sentence = f"your address asks too often: {self._ip_rate} a second are allowed, {self._ip_burst} at once"
            return Verdict("address_rate", 429, sentence, _seconds(known.handshakes.wait_ns(1, now_ns)))
        if not known.open:
            self._remember(key, known, now_ns)
        return None

    def _judge_room(self) -> Verdict[C] | None:
        if len(self._open) >= self._connections_max:
            return Verdict("full", 503, "this node holds as many connections as it may", FULL_RETRY_AFTER_S)
        return None

    def _judge_rate(self, now_ns: int) -> Verdict[C] | None:
        if not self._handshakes.take(1, now_ns):
            wait_s = _seconds(self._handshakes.wait_ns(1, now_ns))
            return Verdict("rate", 503, "more clients come to this node at once than it takes in", wait_s)
        return None

    def _enter(self, key: Key | None) -> None:
        """Count a socket of `key`, which `_judge_address` has just let through."""
        if key is not None:
            known = self._present.get(key)
            if known is None:
                known = self._present[key] = self._recent.pop(key)
            known.open += 1

    def _remember(self, key: Key, known: _Address, now_ns: int) -> None:
        """Keep the bucket of an address without sockets, as the one that came last."""
        if not known.handshakes.is_full(now_ns):
            self._recent[key] = known
            self._recent.move_to_end(key)
        # Those whose bucket is full again stand at the front, with few exceptions that wait for their turn.
        while self._recent and (
            len(self._recent) > self._addresses_max or next(iter(self._recent.values())).handshakes.is_full(now_ns)
        ):
            self._recent.popitem(last=False)


def _seconds(wait_ns: int) -> int:
    return max(1, -(-wait_ns // NS_PER_S))
