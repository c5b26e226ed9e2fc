"""A client in a lobby: everything it decides, without a socket or a clock. A pure machine with four doors.

    handle(fact, now_ns)   something came, a socket opened, closed, could not be dialled
    advance(now_ns)        sends the requests, the dial that are due
    effects()              what to send, dial and tell; drain it after every call
    deadline_ns            when `advance` should be called next

| state | the dial opened | frame | closed | the dial failed | deadline |
|---|---|---|---|---|---|
| WAITING: no socket, no dial | - | - | - | - | dial: DIALLING |
| DIALLING | HELLO: GREETING | - | - | back | 10 s: as failed |
| GREETING: HELLO sent | - | WELCOME: LIVE | back | - | 5 s: closed |
| LIVE | - | answers, news | back | - | requests; silence of 10 s: closed |
| CLOSED | - | - | - | - | none |

*back* is WAITING, or CLOSED when the code says that a client does not return.
- A new socket tells again what is watched, and sends the requests again that are not answered, with the same ids.
- The credential of a guest is kept and brought with every dial. 401, 403 or 409 in answer to it: it is forgotten, the
  next dial is due at once, with the caller's own name.
- What is shown stays while the connection is lost, until the new one says something else.
To test: `tests/game_client/test_lobby.py`.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from random import Random
from typing import Any, assert_never

from game_client.address import resolve
from game_client.clock_sync import SECOND_NS
from game_client.facts import (
    GOING_AWAY,
    NO_CLOSE_FRAME,
    Answered,
    BytesReceived,
    CloseSocket,
    DialFailed,
    DialNow,
    FrameReceived,
    LobbyEffect,
    NewsCame,
    RoundTripMeasured,
    SendFrame,
    SocketClosed,
    SocketFact,
    SocketOpened,
    Status,
    StatusChanged,
)  # fmt: skip
from game_client.lobby_records import Listing, Party, Presence, Seat, listing_of, pairs_of, party_of, presence_of
from game_client.redial import NEVER_STATUS, Redial
from game_client.requests import Requests
from game_client.resume import TOKEN_REFUSED_STATUS
from game_client.stats import ClientStats
from protocol.close_codes import Return, close_code
from protocol.codec import decode_lobby, encode
from protocol.errors import PeerFault, UsageFault
from protocol.handshake import LOBBY_PATH
from protocol.lobby_messages import (
    Done,
    LobbyHello,
    LobbyMessage,
    LobbyWelcome,
    Matches,
    MatchesChanged,
    PartyState,
    Players,
    PresenceChanged,
    Refused,
    RefusedCode,
    Searching,
    SeatFound,
    WatchMatches,
    WatchPlayers,
)  # fmt: skip
from protocol.rows import Direction

WELCOME_WITHIN_NS = 5 * SECOND_NS
SILENCE_NS = 10 * SECOND_NS
"""The shell pings every 2 s; a lobby from which nothing came for so long is lost."""


class LobbyState(Enum):
    """Where the client stands."""

    WAITING = "waiting"
    DIALLING = "dialling"
    GREETING = "greeting"
    LIVE = "live"
    CLOSED = "closed"


class LobbySession:
    """One client's life in a lobby, over as many sockets as it takes.

    `welcome`, `matches` (by id), `players` (the watched ones), `party`, `guest` and `status` may be read at any time.
    `ids` makes the ids of requests: no two programs may be given the same.
    """

    def __init__(
        self, url: str, rng: Random, ids: Random, now_ns: int = 0, *, guest: str = "", schema_hash: int = 0
    ) -> None:
        self.url = url
        self.guest = guest
        self.status = Status()
        self.stats = ClientStats()
        self.welcome: LobbyWelcome | None = None
        self.matches: dict[str, Listing] = {}
        self.matches_known = False
        """Whether the lobby has told the watched matches."""
        self.matches_total = 0
        self.players: dict[str, Presence] = {}
        self.party = Party()
        self._schema_hash = schema_hash
        self._effects: list[LobbyEffect] = []
        self._redial = Redial(rng, now_ns)
        self._requests = Requests(rng, ids)
        self._watched: dict[str, str] | None = None
        self._watched_players: list[str] = []
        self._is_closed = self._ever_live = False
        self._socket: int | None = None
        # Of the current socket:
        self._is_live = False
        self._fresh = False
        """Whether the next MATCHES_CHANGED begins the list anew."""
        self._refusal: Refused | None = None
        self._opened_ns = self._live_ns = self._heard_ns = 0

    # --- the four doors

    @property
    def state(self) -> LobbyState:
        """The row of the table."""
        if self._is_closed:
            return LobbyState.CLOSED
        if self._socket is None:
            return LobbyState.DIALLING if self._redial.pending else LobbyState.WAITING
        return LobbyState.LIVE if self._is_live else LobbyState.GREETING

    @property
    def deadline_ns(self) -> int | None:
        """When `advance` should be called next, None if only a fact can change anything."""
        if self._is_closed:
            return None
        dues = [self._redial.deadline_ns]
        if self._socket is not None:
            dues.append(self._lost_ns)
        if self._is_live:
            dues.append(self._requests.deadline_ns)
        return min([due for due in dues if due is not None], default=None)

    def effects(self) -> list[LobbyEffect]:
        """Return what to do, and forget it."""
        effects, self._effects = self._effects, []
        return effects

    def handle(self, fact: SocketFact, now_ns: int) -> None:
        """Take one fact."""
        self._must_be_drained()
        match fact:
            case SocketOpened(socket):
                self._opened(socket, now_ns)
            case DialFailed(socket):
                if self._redial.ended(socket):
                    self._dial_failed(fact, now_ns)
            case _ if fact.socket != self._socket:
                pass  # Frames and ends of a socket that is not current mean nothing.
            case FrameReceived(_, data):
                self._heard_ns = now_ns
                self._receive(data, now_ns)
            case BytesReceived():
                self._heard_ns = max(self._heard_ns, now_ns)
            case SocketClosed(_, code, reason):
                self._closed(code, reason, now_ns)
            case RoundTripMeasured(_, rtt_ns):
                self._heard_ns = now_ns
                self.stats.round_trip(rtt_ns)
            case _:
                assert_never(fact)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._must_be_drained()
        if self._socket is not None and now_ns >= self._lost_ns:
            told = "fell silent" if self._is_live else "did not answer within 5 s"
            self._closed(NO_CLOSE_FRAME, f"the lobby {told}", now_ns, close_with=GOING_AWAY)
        self._send_due(now_ns)
        if not self._is_closed:
            self._advance_dials(now_ns)

    def _must_be_drained(self) -> None:
        if len(self._effects) > 1000:
            raise UsageFault("effects() was not drained: call it after every handle() and advance()")

    @property
    def _lost_ns(self) -> int:
        return self._heard_ns + SILENCE_NS if self._is_live else self._opened_ns + WELCOME_WITHIN_NS

    # --- what a player does

    def ask(self, kind: type[Any], now_ns: int, patience_ns: int = 0, **fields: Any) -> str:
        """Send a request, a message class with its fields but the id; return the id, with which it is answered.

        One that is refused for a while is sent again for as long as `patience_ns`. *Raises* `UsageFault` for what no
        lobby takes.
        """
        request = self._requests.add(lambda request: _checked(kind(request=request, **fields)), now_ns + patience_ns)
        if self._is_closed:
            self._answer_rest()
        self._send_due(now_ns)
        return request

    def cancel(self, request: str, now_ns: int) -> None:
        """Give a request up; it is then answered as cancelled, unless its answer is under way."""
        if self._requests.cancel(request):
            self._answer(request, Refused(request, RefusedCode.CANCELLED, "given up", 0))
        self._send_due(now_ns)

    def watch(self, filters: Mapping[str, str] | None) -> None:
        """Keep `matches` up to date with the public matches that `filters` let through; None: no more."""
        told = WatchMatches(0 if filters is None else 1, pairs_of(filters))
        _checked(told)
        self._watched = None if filters is None else dict(filters)
        self._fresh = True
        if filters is None:
            self.matches, self.matches_known = {}, False
        if self._is_live:
            self._send(told)

    def watch_players(self, players: Sequence[str]) -> None:
        """Keep `players` up to date with where these are."""
        told = WatchPlayers(list(players))
        _checked(told)
        self._watched_players = list(players)
        self.players = {player: self.players[player] for player in players if player in self.players}
        if self._is_live:
            self._send(told)

    def leave(self) -> None:
        """End for good; what waits is answered as cancelled."""
        if not self._is_closed:
            self._end(1000, "left", close_with=1000)

    # --- dials

    def _advance_dials(self, now_ns: int) -> None:
        for socket in self._redial.expired(now_ns):
            self._effects.append(CloseSocket(socket, GOING_AWAY))
            self._dial_failed(DialFailed(socket, f"{self.url} did not answer within 10 s"), now_ns)
        due_ns = self._redial.due_ns
        if due_ns is not None and now_ns >= due_ns and not self._is_closed:
            socket, _ = self._redial.dial(now_ns, False, 0)
            self._effects.append(DialNow(socket, self.url, self.guest))
            self._tell_returning(self.status.reason, self.status.code)

    def _opened(self, socket: int, now_ns: int) -> None:
        if not self._redial.ended(socket):
            if socket != self._socket:
                self._effects.append(CloseSocket(socket, GOING_AWAY))
            return
        self._redial.opened(socket)
        self._socket = socket
        self._opened_ns = self._heard_ns = now_ns
        self._send(LobbyHello(self._schema_hash))

    def _dial_failed(self, failed: DialFailed, now_ns: int) -> None:
        if self.guest and failed.status in TOKEN_REFUSED_STATUS:
            self.guest = ""
            self._redial.follow(now_ns)
        elif failed.hopeless or failed.status in NEVER_STATUS:
            self._end(failed.status, failed.reason)
        else:
            returns = Return.BACKOFF if failed.status else Return.AT_ONCE
            self._redial.retry(returns, now_ns, failed.retry_after_ms)
            self._tell_returning(failed.reason, failed.status)

    # --- the socket comes and goes

    def _send(self, message: LobbyMessage) -> None:
        assert self._socket is not None, "frames go to the current socket"
        self._effects.append(SendFrame(self._socket, encode(message)))

    def _send_due(self, now_ns: int) -> None:
        if self._is_live:
            for message in self._requests.due(now_ns):
                self._send(message)

    def _tell(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._effects.append(StatusChanged())

    def _tell_returning(self, reason: str, code: int) -> None:
        phase = "reconnecting" if self._ever_live else "dialling"
        self._tell(Status(phase, self._redial.attempt, reason, code))

    def _drop_socket(self, code: int | None) -> None:
        if self._socket is not None and code is not None:
            self._effects.append(CloseSocket(self._socket, code))
        self._socket, self._is_live = None, False

    def _end(self, code: int, reason: str, *, close_with: int | None = GOING_AWAY) -> None:
        self._drop_socket(close_with)
        self._effects += [CloseSocket(socket, GOING_AWAY) for socket in self._redial.stop()]
        self._is_closed = True
        self._tell(Status("closed", 0, reason, code))
        self._answer_rest()

    def _closed(self, code: int, reason: str, now_ns: int, *, close_with: int | None = None) -> None:
        was_live, refusal = self._is_live, self._refusal
        self._drop_socket(close_with)
        row = close_code(code)
        reason = refusal.sentence if refusal is not None else reason or row.meaning
        if row.client is Return.NEVER:
            self.stats.errors += code != 1000
            self._end(code, reason, close_with=None)
            return
        retry_after_ms = refusal.retry_after_ms if refusal is not None else 0
        if was_live:
            self._redial.lost(row.client, now_ns, now_ns - self._live_ns, retry_after_ms)
        else:
            self._redial.retry(row.client, now_ns, retry_after_ms)
        self._refusal = None
        self._tell_returning(reason, code)

    # --- answers

    def _answer(self, request: str, answer: Seat | Matches | Players | Done | Refused) -> None:
        self._effects.append(Answered(request, answer))

    def _answer_rest(self) -> None:
        code = RefusedCode.CANCELLED if self.status.code == 1000 else RefusedCode.UNAVAILABLE
        told = self._refusal.code if self._refusal is not None else str(code)
        for request in self._requests:
            self._requests.end(request)
            self._answer(request, Refused(request, told, f"the lobby is {self.status}"[:500], 0))

    def _refused(self, refused: Refused, now_ns: int) -> None:
        if not refused.request:
            self._refusal = refused  # Of everything: a close follows.
        elif not self._requests.retries(refused, now_ns) and self._requests.end(refused.request):
            self._answer(refused.request, refused)

    def _seated(self, found: SeatFound) -> None:
        url = resolve(found.url, self.url)
        seat = Seat(found.match, url, found.ticket, bool(found.spectate), found.code, found.expires_in_ms)
        if self._requests.end(found.request):
            self._answer(found.request, seat)
        else:
            self._effects.append(NewsCame(seat))

    # --- frames

    def _receive(self, data: bytes, now_ns: int) -> None:
        try:
            message = decode_lobby(data, Direction.TO_CLIENT)
            if not self._is_live and not isinstance(message, LobbyWelcome | Refused):
                raise PeerFault(f"{type(message).__name__} came before WELCOME")
            match message:
                case LobbyWelcome():
                    self._hear_welcome(message, now_ns)
                case Refused():
                    self._refused(message, now_ns)
                case SeatFound():
                    self._seated(message)
                case Matches() | Players() | Done():
                    if self._requests.end(message.request):
                        self._answer(message.request, message)
                case MatchesChanged() | PresenceChanged() | PartyState() | Searching():
                    self._hear_news(message)
                case _:
                    raise PeerFault(f"{type(message).__name__} is nothing that a lobby says")
            self._send_due(now_ns)
        except PeerFault as fault:
            self.stats.errors += 1
            stranger = "" if self._is_live else f"{self.url} does not speak as a lobby, {LOBBY_PATH}, does: "
            self._end(fault.close_code, stranger + fault.reason, close_with=fault.close_code)

    def _hear_welcome(self, welcome: LobbyWelcome, now_ns: int) -> None:
        if self._is_live:
            raise PeerFault("WELCOME comes once, in answer to HELLO")
        self.stats.reconnects += self._ever_live
        self.welcome, self.guest = welcome, welcome.guest or self.guest
        self._is_live = self._ever_live = True
        self._live_ns = now_ns
        self._redial.live()
        self._tell(Status("live"))
        self._effects.append(NewsCame(welcome))
        self._fresh = True
        self.party = Party()
        if self._watched is not None:
            self._send(WatchMatches(1, pairs_of(self._watched)))
        if self._watched_players:
            self._send(WatchPlayers(self._watched_players))
        self._requests.begin_socket()

    def _hear_news(self, news: MatchesChanged | PresenceChanged | PartyState | Searching) -> None:
        match news:
            case MatchesChanged(changed, gone, total):
                if self._watched is None:
                    return  # It was under way when the watching ended.
                self._change_matches([listing_of(row) for row in changed], gone)
                self.matches_total = total
            case PresenceChanged(changes):
                self._change_players([presence_of(row) for row in changes])
            case PartyState(code, members):
                self.party = party_of(code, members)
        self._effects.append(NewsCame(news))

    def _change_matches(self, changed: list[Listing], gone: list[Any]) -> None:
        matches = {} if self._fresh else self.matches
        self._fresh, self.matches_known = False, True
        filters = (self._watched or {}).items()
        for each in changed:
            # What was under way when the filters changed may not fit them.
            if filters <= each.attributes.items():
                matches[each.match] = each
            else:
                matches.pop(each.match, None)
        for match in gone:
            matches.pop(match, None)
        self.matches = matches

    def _change_players(self, changes: list[Presence]) -> None:
        for each in changes:
            if each.player in self._watched_players:  # Else it was under way when the list changed.
                self.players[each.player] = each


def _checked(message: LobbyMessage) -> LobbyMessage:
    """Return a message that a lobby takes. *Raises* `UsageFault` for any other: it would end the connection."""
    try:
        decode_lobby(encode(message), Direction.TO_SERVER)
    except PeerFault as fault:
        raise UsageFault(f"no lobby takes this: {fault.reason}") from None
    except TypeError as error:
        raise UsageFault(f"no lobby takes this: {error}") from None
    return message
