"""The matchmaker: who of those who wait plays with whom.

It fills matches of `most` seats, the oldest tickets first, each with those whose ratings are nearest. In a match every
ticket is within the spread of every other, by the narrower spread of the two. The filters of a match are those of its
pickiest ticket; the filters of all others are among them, so who leaves a filter out meets everybody. A ticket that has
waited for `smaller_after_ms` is content with a match of `least` seats, and so are those who are put in with it.

How it searches: tickets that need the same, accept the same spread and have the same size stand on one *shelf*,
sorted by rating. From a ticket it walks outwards, on all shelves at once. When one on a shelf does not fit, none beyond
it on that shelf ever will, so each walk costs as much as it seats, and all of them together O(n log n). Where parties
do not add up that way, the ticket is tried once more as the lowest of a match, by adding up sizes.
*Bounds*: that second try looks at four times the seats of a match, and not at all for matches over 128 seats.
To test: `tests/game_server/cluster/test_matchmaker.py`.
"""

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import combinations

from game_server.cluster.queue_ticket import Needs, QueueTicket, Waiting, explained, spread_after
from game_server.cluster.records import Attributes
from protocol.errors import UsageFault

SMALLER_AFTER_MS = 30_000
SECOND_TRY_TIMES, SECOND_TRY_SEATS_MAX = 4, 128


@dataclass(frozen=True, slots=True)
class QueueRules:
    """How many seats a match from the queue has: `most`, or at least `least` once somebody waited long enough."""

    least: int
    most: int
    smaller_after_ms: int = SMALLER_AFTER_MS

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise UsageFault(f"queue_seats = ({self.least}, {self.most}): give the least and the most seats of a match")


def queue_rules(queue_seats: tuple[int, int] | None, seats_max: int) -> QueueRules:
    """Return the rules of a game by its `queue_seats` (the least and the most seats), or None, and `seats_max`.

    Without `queue_seats` a match is full, or has two players once somebody waited long enough.
    """
    least, most = queue_seats or (min(2, seats_max), seats_max)
    if most > seats_max:
        raise UsageFault(f"queue_seats = ({least}, {most}): a match has {seats_max} seats")
    return QueueRules(least, most)


@dataclass(frozen=True, slots=True)
class Group:
    """Those who play together, the oldest first, and what their match must be."""

    tickets: tuple[QueueTicket, ...]
    filters: Attributes
    schema_hash: int

    @property
    def requests(self) -> tuple[str, ...]:
        """The ids of its tickets."""
        return tuple(each.request for each in self.tickets)

    @property
    def seats(self) -> int:
        """How many players it has."""
        return sum(each.seats for each in self.tickets)

    @property
    def match(self) -> str:
        """The id of its match: whoever forms the same group again means the same match."""
        return "m-" + hashlib.sha256("\n".join(sorted(self.requests)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The groups that were formed; for each ticket left, by its request, with how many it would play now."""

    groups: tuple[Group, ...]
    found: dict[str, int]


def match_up(tickets: Iterable[QueueTicket], rules: QueueRules, now_ms: int) -> Outcome:
    """Group the tickets, all at once."""
    making = Matchmaking(tickets, rules, now_ms)
    while making.step():
        pass
    return making.outcome()


def explain(ticket: QueueTicket, found: int, rules: QueueRules, now_ms: int) -> Waiting:
    """Say why a ticket is left."""
    return explained(found, rules.most, now_ms - ticket.since_ms)


class _Entry:
    """A ticket, with what the search asks of it again and again."""

    __slots__ = ("age", "high", "low", "needs", "points", "seats", "spread", "taken", "ticket", "waited_ms")

    def __init__(self, ticket: QueueTicket, now_ms: int) -> None:
        self.ticket, self.age, self.needs = ticket, ticket.age, ticket.needs
        self.points, self.seats = ticket.points, ticket.seats
        self.waited_ms = now_ms - ticket.since_ms
        self.spread = spread_after(self.waited_ms)
        self.low, self.high = self.points - self.spread, self.points + self.spread
        self.taken = False


class _Shelf:
    """Tickets alike but for their ratings, sorted by these. Taken ones are stepped over, ever faster."""

    __slots__ = ("_down", "_up", "entries", "points", "seats", "spread")

    def __init__(self, entries: list[_Entry]) -> None:
        self.entries = sorted(entries, key=lambda each: (each.points, each.age))
        self.points = [each.points for each in self.entries]
        self.seats, self.spread = entries[0].seats, entries[0].spread
        self._up = list(range(len(entries) + 1))
        self._down = list(range(len(entries) + 1))

    def up(self, place: int) -> int:
        """The first place from `place` upwards that is not taken; behind the last one if there is none."""
        root = place
        while root < len(self.entries) and self.entries[root].taken:
            root = max(self._up[root], root + 1)
        self._shorten(self._up, place, root, 1)
        return root

    def down(self, place: int) -> int:
        """The first place from `place` downwards that is not taken, or -1."""
        root = place
        while root >= 0 and self.entries[root].taken:
            root = min(self._down[root], root - 1)
        self._shorten(self._down, place, root, -1)
        return root

    def _shorten(self, jumps: list[int], place: int, root: int, direction: int) -> None:
        while place != root and 0 <= place < len(self.entries):
            following = jumps[place] if jumps[place] != place else place + direction
            jumps[place] = root
            place = following


class _Forming:
    """A match that is being filled, from its first ticket on."""

    __slots__ = ("_high", "_highest", "_low", "_lowest", "entries", "seats")

    def __init__(self, first: _Entry) -> None:
        self.entries, self.seats = [first], first.seats
        self._lowest = self._highest = first.points
        self._low, self._high = first.low, first.high

    def takes(self, entry: _Entry, most: int) -> bool:
        """Whether an entry fits: its size, and its rating with all of theirs."""
        return (
            self.seats + entry.seats <= most
            and self._low <= entry.points <= self._high
            and entry.low <= self._lowest
            and entry.high >= self._highest
        )

    def add(self, entry: _Entry) -> None:
        self.entries.append(entry)
        self.seats += entry.seats
        self._lowest, self._highest = min(self._lowest, entry.points), max(self._highest, entry.points)
        self._low, self._high = max(self._low, entry.low), min(self._high, entry.high)


class Matchmaking:
    """One round, a ticket a step, so that there is time for other things between. The order given does not matter."""

    def __init__(self, tickets: Iterable[QueueTicket], rules: QueueRules, now_ms: int) -> None:
        self._rules, self._now_ms = rules, now_ms
        self._entries: list[_Entry] = []
        self._shelves: dict[Needs, list[_Shelf]] = {}
        self._waiting_seats = Counter[Needs]()
        self._groups: list[Group] = []
        self._found: dict[str, int] = {}
        self._work = self._run(tickets)

    def step(self) -> bool:
        """Look at one ticket; tell whether there is more to do."""
        return next(self._work, None) is not None

    def outcome(self) -> Outcome:
        """Return what came of it, once `step` has told that nothing is left to do."""
        left = [each for each in self._entries if not each.taken]
        found = {each.ticket.request: self._found.get(each.ticket.request, each.seats) for each in left}
        return Outcome(tuple(self._groups), found)

    def _run(self, tickets: Iterable[QueueTicket]) -> Iterator[bool]:
        for ticket in tickets:
            if ticket.seats <= self._rules.most:  # no match could ever seat the others
                self._entries.append(_Entry(ticket, self._now_ms))
                self._waiting_seats[self._entries[-1].needs] += ticket.seats
            yield True
        self._entries.sort(key=lambda each: each.age)
        yield from self._put_on_shelves()
        for entry in self._entries:
            if not entry.taken:
                self._fill(entry)
                yield True
        for entry in self._entries:
            if not entry.taken:
                self._settle(entry)
                yield True

    def _put_on_shelves(self) -> Iterator[bool]:
        alike: dict[tuple[Needs, int, int], list[_Entry]] = {}
        for entry in self._entries:
            alike.setdefault((entry.needs, entry.spread, entry.seats), []).append(entry)
        for (needs, _, _), same in alike.items():
            self._shelves.setdefault(needs, []).append(_Shelf(same))
            yield True

    def _fill(self, entry: _Entry) -> None:
        """Form a whole match around an entry, if there is one."""
        within = self._within(entry.needs)
        if sum(self._waiting_seats[needs] for needs in within) < self._rules.most:
            return
        forming = self._nearest(entry, within)
        if forming.seats == self._rules.most:
            self._take(entry, forming.entries)
        elif others := self._from_lowest(entry, within):
            self._take(entry, [entry, *others])

    def _settle(self, entry: _Entry) -> None:
        """Form a smaller match around an entry if one of them has waited long enough; else note what was found."""
        forming = self._nearest(entry, self._within(entry.needs))
        patience_ms = self._rules.smaller_after_ms
        if forming.seats >= self._rules.least and any(each.waited_ms >= patience_ms for each in forming.entries):
            self._take(entry, forming.entries)
            return
        for each in forming.entries:
            request = each.ticket.request
            # Below `most` even where parties that add up to it do not fit together.
            self._found[request] = max(self._found.get(request, 0), min(forming.seats, self._rules.most - 1))

    def _take(self, pickiest: _Entry, entries: list[_Entry]) -> None:
        for entry in entries:
            entry.taken = True
            self._waiting_seats[entry.needs] -= entry.seats
        tickets = tuple(each.ticket for each in sorted(entries, key=lambda each: each.age))
        self._groups.append(Group(tickets, pickiest.ticket.filters, pickiest.ticket.schema_hash))

    def _within(self, needs: Needs) -> list[Needs]:
        """The needs of all who would take part in a match with these needs."""
        every = sorted(needs, key=repr)
        subsets = (frozenset(each) for n in range(len(every) + 1) for each in combinations(every, n))
        return [each for each in subsets if each in self._shelves]

    def _nearest(self, first: _Entry, within: Sequence[Needs]) -> _Forming:
        """Fill a match around an entry with those nearest to its rating."""
        forming, most = _Forming(first), self._rules.most
        heap = []
        for needs in within:
            for shelf in self._shelves[needs]:
                start = bisect_left(shelf.points, first.points)
                heap += [each for each in (_above(shelf, start, first), _below(shelf, start - 1, first)) if each]
        heapify(heap)
        while heap and forming.seats < most:
            _, _, entry, shelf, place, step = heappop(heap)
            if entry is not first:
                if not forming.takes(entry, most):
                    continue  # nor does it take anyone beyond
                forming.add(entry)
            following = _above(shelf, place + 1, first) if step > 0 else _below(shelf, place - 1, first)
            if following:
                heappush(heap, following)
        return forming

    def _from_lowest(self, lowest: _Entry, within: Sequence[Needs]) -> list[_Entry]:
        """Those who fill a match in which nobody is below an entry; nobody if there is none."""
        need = self._rules.most - lowest.seats
        if not need or self._rules.most > SECOND_TRY_SEATS_MAX:
            return []
        eligible: list[tuple[int, tuple[int, str], _Entry]] = []
        sizes, tried = Counter[int](), 0
        for entry in self._ascending(lowest, within):
            while eligible and eligible[0][0] < entry.points:
                sizes[heappop(eligible)[2].seats] -= 1
            heappush(eligible, (entry.high, entry.age, entry))
            sizes[entry.seats] += 1
            tried += entry.seats
            if _adds_up(sizes, need):
                return _adding_up([each for _, _, each in eligible], need)
            if tried > SECOND_TRY_TIMES * self._rules.most:
                break
        return []

    def _ascending(self, lowest: _Entry, within: Sequence[Needs]) -> Iterator[_Entry]:
        """Those whose ratings are not below an entry's and whom it accepts, as they accept it, from there upwards."""
        heap = []
        for needs in within:
            for shelf in self._shelves[needs]:
                above = _above(shelf, bisect_left(shelf.points, lowest.points), lowest)
                heap += [above] if above else []
        heapify(heap)
        while heap:
            _, _, entry, shelf, place, _ = heappop(heap)
            if entry is not lowest:
                yield entry
            if following := _above(shelf, place + 1, lowest):
                heappush(heap, following)


_Step = tuple[int, tuple[int, str], _Entry, _Shelf, int, int]
"""Where a walk is: distance, age (no two are the same), entry, shelf, place on it, direction."""


def _above(shelf: _Shelf, place: int, first: _Entry) -> _Step | None:
    place = shelf.up(place)
    if place == len(shelf.entries):
        return None
    entry = shelf.entries[place]
    return _step(entry, shelf, place, 1, entry.points - first.points, first)


def _below(shelf: _Shelf, place: int, first: _Entry) -> _Step | None:
    place = shelf.down(place)
    if place < 0:
        return None
    entry = shelf.entries[place]
    return _step(entry, shelf, place, -1, first.points - entry.points, first)


def _step(entry: _Entry, shelf: _Shelf, place: int, step: int, distance: int, first: _Entry) -> _Step | None:
    if distance > shelf.spread or distance > first.spread:
        return None
    return distance, entry.age, entry, shelf, place, step


def _adds_up(sizes: Counter[int], need: int) -> bool:
    """Whether some of so many of each size are exactly `need`."""
    reach, limit = 1, (1 << need + 1) - 1
    for size, count in sizes.items():
        some = 1
        while count > 0:
            reach |= reach << size * min(some, count) & limit
            count -= some
            some *= 2
    return bool(reach >> need & 1)


def _adding_up(entries: list[_Entry], need: int) -> list[_Entry]:
    """Entries whose sizes are exactly `need`, old ones before new ones; `_adds_up` has told that there are some."""
    chains: dict[int, tuple[_Entry, int] | None] = {0: None}
    for entry in sorted(entries, key=lambda each: each.age):
        for size in sorted(chains, reverse=True):
            total = size + entry.seats
            if total <= need and total not in chains:
                chains[total] = entry, size
    found, at = [], chains[need]
    while at is not None:
        found.append(at[0])
        at = chains[at[1]]
    return found
