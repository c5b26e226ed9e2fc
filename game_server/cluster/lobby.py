"""One player's connection to the lobby: which message may come when, how often, and what becomes of it.

    CONNECTED --LOBBY_HELLO--> GREETING --LOBBY_WELCOME--> READY --> CLOSED

A request runs until its answer comes; the same id once more, while it runs, is the same request. Over the gentle limit
a request is refused, over the hard one the socket is closed: refusals cost something too.

| what | limit | beyond it |
|---|---|---|
| requests and watches, each 50 rows or players of a page or a list once more | 20 a second, 40 at once | REFUSED rate |
| requests for a seat, codes of parties | 1 a second, 10 at once | REFUSED rate |
| requests that run | 8 | REFUSED rate |
| requests for a seat that run | 1 | REFUSED busy |
| frames, fragments, pings | 60 a second, 240 at once | closed with 1008 |

To test: `tests/game_server/cluster/test_lobby.py`.
"""

from collections import deque
from enum import Enum
from typing import assert_never

from game_server.cluster.lobby_facts import (
    Abandon,
    Answer,
    Answered,
    CarryOut,
    CloseLobby,
    ControlCame,
    Effect,
    Fact,
    FragmentCame,
    FrameCame,
    Greet,
    Greeted,
    News,
    Replaced,
    Request,
    SeatRequest,
    SendMessage,
    SocketEnded,
    TextCame,
    Watch,
)
from protocol.codec import decode_lobby
from protocol.errors import PeerFault, UsageFault
from protocol.lobby_messages import (
    Cancel,
    ListMatches,
    ListPlayers,
    LobbyHello,
    LobbyMessage,
    PartyJoin,
    Refused,
    RefusedCode,
    WatchMatches,
    WatchPlayers,
)
from protocol.rows import Direction

SECOND_NS = 1_000_000_000
HELLO_NS = 5_000_000_000
EFFECTS_MAX = 10_000
REQUESTS_MAX = 8
REMEMBERED_MAX = 64
REQUEST_RATE_HZ, REQUEST_BURST = 20, 40
ROWS_AS_ONE = 50
SEAT_RATE_HZ, SEAT_BURST = 1, 10
"""A seat may cost a match for some seconds, and a code can be guessed: one in 244 million."""
FRAME_RATE_HZ, FRAME_BURST = 60, 240
REPLACED = 4001
LATE_HELLO = 4008


class LobbyState(Enum):
    """Where a connection to the lobby stands."""

    CONNECTED = "connected"
    GREETING = "greeting"
    READY = "ready"
    CLOSED = "closed"


NEXT: dict[LobbyState, frozenset[LobbyState]] = {
    LobbyState.CONNECTED: frozenset((LobbyState.GREETING, LobbyState.CLOSED)),
    LobbyState.GREETING: frozenset((LobbyState.READY, LobbyState.CLOSED)),
    LobbyState.READY: frozenset((LobbyState.CLOSED,)),
    LobbyState.CLOSED: frozenset(),
}


class Pace:
    """A limit: so many a second, so many at once.

    *Source*: the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371.
    """

    __slots__ = ("_each_ns", "_full_ns", "_span_ns")

    def __init__(self, rate_hz: int, burst: int) -> None:
        self._each_ns = SECOND_NS // rate_hz
        self._span_ns = self._each_ns * burst
        self._full_ns: int | None = None

    def wait_ns(self, now_ns: int, cost: int = 1) -> int:
        """Take `cost`, if there is as much, and return 0; else how long until there is."""
        full_ns = now_ns if self._full_ns is None else max(self._full_ns, now_ns)
        full_ns += self._each_ns * cost
        over_ns = full_ns - now_ns - self._span_ns
        if over_ns > 0:
            return over_ns
        self._full_ns = full_ns
        return 0


class LobbySession:
    """One connection to the lobby. `limited` False lets anything come at any rate, as a match's limits can be off."""

    def __init__(self, now_ns: int, hello_within_ns: int = HELLO_NS, *, limited: bool = True) -> None:
        self.state = LobbyState.CONNECTED
        self.running: dict[str, Request] = {}
        """The requests that run, by their ids."""
        self._hello_by_ns = now_ns + hello_within_ns
        self._requests = Pace(REQUEST_RATE_HZ, REQUEST_BURST) if limited else None
        self._seats = Pace(SEAT_RATE_HZ, SEAT_BURST) if limited else None
        self._frames = Pace(FRAME_RATE_HZ, FRAME_BURST) if limited else None
        self._answered: deque[str] = deque(maxlen=REMEMBERED_MAX)
        self._effects: list[Effect] = []

    @property
    def deadline_ns(self) -> int | None:
        """By when LOBBY_HELLO must have come; None once it has."""
        return self._hello_by_ns if self.state is LobbyState.CONNECTED else None

    def effects(self) -> list[Effect]:
        """Return what to do, and forget it; called after every `handle` and `advance`."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: Fact, now_ns: int) -> None:
        """Take one fact. What comes after the end is ignored. Raises `UsageFault` for a caller's bug."""
        if len(self._effects) >= EFFECTS_MAX:
            raise UsageFault("effects() was not drained: call it after every handle() and advance()")
        if self.state is LobbyState.CLOSED:
            return
        try:
            self._take(fact, now_ns)
        except PeerFault as fault:
            self._close(fault.close_code, fault.reason, fault.cause)

    def advance(self, now_ns: int) -> None:
        """Close a connection that never said LOBBY_HELLO."""
        if self.deadline_ns is not None and now_ns >= self.deadline_ns:
            self._close(LATE_HELLO, "LOBBY_HELLO did not come in time", "order")

    def _take(self, fact: Fact, now_ns: int) -> None:
        match fact:
            case FrameCame(data):
                self._count_frame(now_ns)
                self._receive(decode_lobby(data, Direction.TO_SERVER), now_ns)
            case FragmentCame() | ControlCame():
                self._count_frame(now_ns)
            case TextCame():
                raise PeerFault("only binary frames are spoken here", 1003, "text")
            case Greeted(welcome):
                self._turn(LobbyState.READY)
                self._send(welcome)
            case Answered(answer):
                self._answer(answer)
            case News(message):
                if self.state is LobbyState.READY:
                    self._send(message)
            case Replaced():
                self._close(REPLACED, "you came to the lobby on another device", "replaced")
            case SocketEnded():
                self._turn(LobbyState.CLOSED)
                self.running.clear()
            case _:
                assert_never(fact)

    def _receive(self, message: LobbyMessage, now_ns: int) -> None:
        if self.state is LobbyState.CONNECTED:
            if not isinstance(message, LobbyHello):
                raise PeerFault("the first frame must be LOBBY_HELLO", cause="order")
            self._turn(LobbyState.GREETING)
            self._effects.append(Greet(message.schema_hash))
            return
        if self.state is LobbyState.GREETING:
            raise PeerFault("LOBBY_WELCOME answers LOBBY_HELLO before anything else is sent", cause="order")
        match message:
            case LobbyHello():
                raise PeerFault("LOBBY_HELLO comes once", cause="order")
            case Cancel(request):
                self._cancel(request, now_ns)
            case WatchMatches() | WatchPlayers():
                if self._keeps_pace("", now_ns, _cost(message)):
                    self._effects.append(Watch(message))
            case _ if isinstance(message, Request):
                self._request(message, now_ns)
            case _:
                raise PeerFault(f"{type(message).__name__} is no message to a lobby", cause="order")

    def _request(self, message: Request, now_ns: int) -> None:
        request = message.request
        if request in self.running:
            return  # its answer is under way
        if not self._keeps_pace(request, now_ns, _cost(message)):
            return
        if not request:
            self._refuse(request, RefusedCode.BAD_REQUEST, "a request needs an id, of your own choosing")
        elif len(self.running) >= REQUESTS_MAX:
            self._refuse(request, RefusedCode.RATE, f"{REQUESTS_MAX} requests of yours run already", 1_000)
        elif isinstance(message, SeatRequest) and self._searches:
            sentence = "another request of yours looks for a seat already: cancel it first"
            self._refuse(request, RefusedCode.BUSY, sentence)
        elif self._keeps_pace_of_seats(message, now_ns):
            self.running[request] = message
            self._effects.append(CarryOut(message))

    @property
    def _searches(self) -> bool:
        return any(isinstance(each, SeatRequest) for each in self.running.values())

    def _cancel(self, request: str, now_ns: int) -> None:
        if request in self.running:
            self._effects.append(Abandon(request))
        elif request in self._answered:
            pass  # the answer crossed it on the way
        elif self._keeps_pace(request, now_ns):
            # Of an earlier socket, perhaps on another node.
            self._effects.append(Abandon(request))
            self._refuse(request, RefusedCode.CANCELLED, "this request does not wait any more")

    def _answer(self, answer: Answer) -> None:
        if self.running.pop(answer.request, None) is None:
            return
        self._answered.append(answer.request)
        self._send(answer)

    def _keeps_pace(self, request: str, now_ns: int, cost: int = 1) -> bool:
        """Count a message; refuse it if it came too soon, and tell."""
        sentence = f"{REQUEST_RATE_HZ} requests a second are allowed, {REQUEST_BURST} at once"
        return self._waits_its_turn(self._requests, request, sentence, now_ns, cost)

    def _keeps_pace_of_seats(self, message: Request, now_ns: int) -> bool:
        if not isinstance(message, SeatRequest | PartyJoin):
            return True
        sentence = f"{SEAT_BURST} requests for a seat or with a code are allowed at once, then {SEAT_RATE_HZ} a second"
        return self._waits_its_turn(self._seats, message.request, sentence, now_ns)

    def _waits_its_turn(self, pace: Pace | None, request: str, sentence: str, now_ns: int, cost: int = 1) -> bool:
        wait_ns = 0 if pace is None else pace.wait_ns(now_ns, cost)
        if wait_ns:
            self._refuse(request, RefusedCode.RATE, sentence, -(-wait_ns // 1_000_000))
        return not wait_ns

    def _count_frame(self, now_ns: int) -> None:
        if self._frames is not None and self._frames.wait_ns(now_ns):
            sentence = f"too many frames: {FRAME_RATE_HZ} a second are allowed, {FRAME_BURST} at once"
            raise PeerFault(sentence, 1008, "rate")

    def _refuse(self, request: str, code: RefusedCode, sentence: str, retry_after_ms: int = 0) -> None:
        self._send(Refused(request, code, sentence, retry_after_ms))

    def _send(self, message: LobbyMessage) -> None:
        self._effects.append(SendMessage(message))

    def _close(self, code: int, sentence: str, cause: str) -> None:
        self._turn(LobbyState.CLOSED)
        self.running.clear()
        self._effects.append(CloseLobby(code, sentence, cause))

    def _turn(self, state: LobbyState) -> None:
        if state not in NEXT[self.state]:
            raise UsageFault(f"a lobby's session that is {self.state.value} does not become {state.value}")
        self.state = state


def _cost(message: LobbyMessage) -> int:
    """Return as how many messages one counts: a page of 200 is a millisecond of work, in which no match ticks."""
    match message:
        case ListMatches(limit=limit) | ListPlayers(limit=limit):
            return 1 + limit // ROWS_AS_ONE
        case WatchPlayers(players):
            return 1 + len(players) // ROWS_AS_ONE
        case _:
            return 1
