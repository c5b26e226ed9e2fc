"""The lobby's socket, `/v1/lobby`: every message once, as `messages.py` is for a match's.

The first frame is LOBBY_HELLO, its answer LOBBY_WELCOME. A request carries an id of the client's own choosing, at most
32 characters that it never uses twice: whoever sends a request again, on this socket or a later one, gets the same
answer and not a second match. A request is answered by SEAT (one for each member of a party, on the member's own
socket), MATCHES, PLAYERS, DONE or REFUSED; while it waits, SEARCHING tells for what. A REFUSED with `retry_after_ms`
above 0 may be sent again after that.

A filter, and what a match is (its attributes), are texts in pairs: `["mode", "duel", "region", "eu"]`. A game says
which keys can be filtered by; LOBBY_WELCOME lists them. A url that begins with `/` is a path on the host that the
lobby was reached by; any other is whole.
To test: `tests/protocol/test_lobby_messages.py`, and the vectors in `protocol/vectors/`.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated, Any

from protocol.rows import UINT32_MAX, Direction, Items, Row, Texts, TextUpTo, Whole

FILTERS_MAX = 8
PARTY_MAX = 16
PAGE_MAX = 200
WATCHED_PLAYERS_MAX = 100

RequestId = Annotated[str, TextUpTo(32)]
MatchName = Annotated[str, TextUpTo(64)]
PlayerId = Annotated[str, TextUpTo(64)]
PlayerName = Annotated[str, TextUpTo(32)]
Pairs = Annotated[list[str], Texts(2 * FILTERS_MAX, 64)]
Yes = Annotated[int, Whole(0, 1)]
Count = Annotated[int, Whole(0, UINT32_MAX)]


class Where(IntEnum):
    """Where a player is."""

    NOWHERE = 0
    LOBBY = 1
    MATCH = 2
    SPECTATING = 3


class RefusedCode(StrEnum):
    """Why a request was refused."""

    UNAVAILABLE = "unavailable"
    """The directory cannot be reached; matches play on."""
    FULL = "full"
    NO_MATCH = "no_match"
    NO_CAPACITY = "no_capacity"
    """No node has a place for one more match."""
    NOT_READY = "not_ready"
    """The match is being created, or the directory has just lost what it knew."""
    BAD_FILTER = "bad_filter"
    BAD_REQUEST = "bad_request"
    BUSY = "busy"
    """Another request of this player is searching already: cancel it first."""
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    NO_PARTY = "no_party"
    PARTY_FULL = "party_full"
    NOT_LEADER = "not_leader"
    NOTHING_TO_REJOIN = "nothing_to_rejoin"
    RATE = "rate"
    REPLACED = "replaced"
    """The player came to the lobby on another device, and the newest wins."""
    STOPPING = "stopping"
    VERSION = "version"
    """No node runs the version of the game that this client has."""


@dataclass(frozen=True, slots=True)
class LobbyHello:
    """The first frame. `schema_hash` 0 takes any version of the game; another one only matches that have it."""

    schema_hash: Annotated[int, Whole(0, 2**48 - 1)]


@dataclass(frozen=True, slots=True)
class ListMatches:
    """List public matches, `limit` a page; `after` is the `next` of the page before, "" for the first."""

    request: RequestId
    filters: Pairs
    after: Annotated[str, TextUpTo(128)]
    limit: Annotated[int, Whole(1, PAGE_MAX)]


@dataclass(frozen=True, slots=True)
class WatchMatches:
    """Be told of matches as they come, change and go (`on` 1), or no more (0)."""

    on: Yes
    filters: Pairs


@dataclass(frozen=True, slots=True)
class QuickPlay:
    """Find a match with free seats, or create one.

    `required` filters stay; of the `preferred` ones the last is dropped whenever `widen_after_ms` have passed without a
    match. When none is left, and nothing was found, a match is created with all of them.
    """

    request: RequestId
    required: Pairs
    preferred: Pairs
    widen_after_ms: Annotated[int, Whole(0, 600_000)]


@dataclass(frozen=True, slots=True)
class CreateMatch:
    """Create a match and sit down in it. A private one is in no list; who has its code may join."""

    request: RequestId
    attributes: Pairs
    private: Yes


@dataclass(frozen=True, slots=True)
class JoinMatch:
    """Sit down in a match, or watch it (`spectate` 1)."""

    request: RequestId
    match: MatchName
    spectate: Yes


@dataclass(frozen=True, slots=True)
class JoinByCode:
    """Sit down in the match that a code names."""

    request: RequestId
    code: Annotated[str, TextUpTo(16)]


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Go back to the match where this player still has a seat."""

    request: RequestId


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Wait for a match with players of like skill, the party together."""

    request: RequestId
    filters: Pairs


@dataclass(frozen=True, slots=True)
class Cancel:
    """Give up a request that still waits; it is then REFUSED as cancelled, unless its SEAT is under way."""

    request: RequestId


@dataclass(frozen=True, slots=True)
class PartyCreate:
    """Found a party; PARTY brings its code."""

    request: RequestId


@dataclass(frozen=True, slots=True)
class PartyJoin:
    """Join the party that a code names."""

    request: RequestId
    code: Annotated[str, TextUpTo(16)]


@dataclass(frozen=True, slots=True)
class PartyLeave:
    """Leave the party; if the leader does, the oldest member leads."""

    request: RequestId


@dataclass(frozen=True, slots=True)
class WatchPlayers:
    """Be told where these players are, at once and whenever it changes; replaces the list before."""

    players: Annotated[list[str], Texts(WATCHED_PLAYERS_MAX, 64)]


@dataclass(frozen=True, slots=True)
class ListPlayers:
    """List who is online, `limit` a page."""

    request: RequestId
    after: Annotated[str, TextUpTo(128)]
    limit: Annotated[int, Whole(1, PAGE_MAX)]


@dataclass(frozen=True, slots=True)
class LobbyWelcome:
    """Who you are here. `guest`, if not empty, is the credential by which a player without proof is known again.

    `filters` are the keys that matches can be filtered by; `rejoin` is the match where a seat is still kept, or "".
    """

    player: PlayerId
    name: PlayerName
    guest: Annotated[str, TextUpTo(512)]
    game: PlayerName
    node: Annotated[str, TextUpTo(24)]
    seats_max: Annotated[int, Whole(1, 65_535)]
    filters: Annotated[list[str], Texts(FILTERS_MAX, 64)]
    rejoin: MatchName
    online: Count
    rating: Annotated[int, Whole(0, 100_000)]


@dataclass(frozen=True, slots=True)
class Matches:
    """A page: `[match, seats, seats_max, spectators, [key, value, ...]]` each; `next` "" is the end."""

    request: RequestId
    listings: Annotated[list[Any], Items(PAGE_MAX)]
    next: Annotated[str, TextUpTo(128)]
    total: Count


@dataclass(frozen=True, slots=True)
class MatchesChanged:
    """What is new about the watched matches: those that came or changed, the ids of those that are gone."""

    changed: Annotated[list[Any], Items(1000)]
    gone: Annotated[list[Any], Items(1000)]
    total: Count


@dataclass(frozen=True, slots=True)
class SeatFound:
    """SEAT: where to play. The ticket is good once, within `expires_in_ms`; the seat is kept for it as long."""

    request: RequestId
    url: Annotated[str, TextUpTo(500)]
    match: MatchName
    ticket: Annotated[str, TextUpTo(512)]
    expires_in_ms: Annotated[int, Whole(0, 600_000)]
    spectate: Yes
    code: Annotated[str, TextUpTo(16)]


@dataclass(frozen=True, slots=True)
class Searching:
    """A request still waits: `found` of `wanted` players, a sentence for people, when it widens (0: not any more)."""

    request: RequestId
    found: Annotated[int, Whole(0, 65_535)]
    wanted: Annotated[int, Whole(0, 65_535)]
    sentence: Annotated[str, TextUpTo(200)]
    widens_in_ms: Annotated[int, Whole(0, 3_600_000)]


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was refused: a `RefusedCode`, a sentence, and after how long it may be sent again (0: do not)."""

    request: RequestId
    code: Annotated[str, TextUpTo(32)]
    sentence: Annotated[str, TextUpTo(500)]
    retry_after_ms: Annotated[int, Whole(0, 3_600_000)]


@dataclass(frozen=True, slots=True)
class Done:
    """A request without another answer was carried out."""

    request: RequestId


@dataclass(frozen=True, slots=True)
class PartyState:
    """PARTY: the party as it is now, `[player, name]` each, the leader first; no members: you are in none."""

    code: Annotated[str, TextUpTo(16)]
    members: Annotated[list[Any], Items(PARTY_MAX)]


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Where watched players are now: `[player, name, where, match]` each; `where` is a `Where`."""

    changes: Annotated[list[Any], Items(WATCHED_PLAYERS_MAX)]


@dataclass(frozen=True, slots=True)
class Players:
    """A page of who is online: `[player, name, where, match]` each; `next` "" is the end."""

    request: RequestId
    players: Annotated[list[Any], Items(PAGE_MAX)]
    next: Annotated[str, TextUpTo(128)]
    total: Count


LobbyMessage = (
    LobbyHello | ListMatches | WatchMatches | QuickPlay | CreateMatch | JoinMatch | JoinByCode | Rejoin | Enqueue
    | Cancel | PartyCreate | PartyJoin | PartyLeave | WatchPlayers | ListPlayers
    | LobbyWelcome | Matches | MatchesChanged | SeatFound | Searching | Refused | Done | PartyState | PresenceChanged
    | Players
)  # fmt: skip
"""Any message of a lobby."""

LOBBY_TABLE: tuple[Row, ...] = (
    Row(32, "LOBBY_HELLO", Direction.TO_SERVER, LobbyHello),
    Row(33, "LIST_MATCHES", Direction.TO_SERVER, ListMatches),
    Row(34, "WATCH_MATCHES", Direction.TO_SERVER, WatchMatches),
    Row(35, "QUICK_PLAY", Direction.TO_SERVER, QuickPlay),
    Row(36, "CREATE_MATCH", Direction.TO_SERVER, CreateMatch),
    Row(37, "JOIN_MATCH", Direction.TO_SERVER, JoinMatch),
    Row(38, "JOIN_BY_CODE", Direction.TO_SERVER, JoinByCode),
    Row(39, "REJOIN", Direction.TO_SERVER, Rejoin),
    Row(40, "ENQUEUE", Direction.TO_SERVER, Enqueue),
    Row(41, "CANCEL", Direction.TO_SERVER, Cancel),
    Row(42, "PARTY_CREATE", Direction.TO_SERVER, PartyCreate),
    Row(43, "PARTY_JOIN", Direction.TO_SERVER, PartyJoin),
    Row(44, "PARTY_LEAVE", Direction.TO_SERVER, PartyLeave),
    Row(45, "WATCH_PLAYERS", Direction.TO_SERVER, WatchPlayers),
    Row(46, "LIST_PLAYERS", Direction.TO_SERVER, ListPlayers),
    Row(64, "LOBBY_WELCOME", Direction.TO_CLIENT, LobbyWelcome),
    Row(65, "MATCHES", Direction.TO_CLIENT, Matches),
    Row(66, "MATCHES_CHANGED", Direction.TO_CLIENT, MatchesChanged),
    Row(67, "SEAT", Direction.TO_CLIENT, SeatFound),
    Row(68, "SEARCHING", Direction.TO_CLIENT, Searching),
    Row(69, "REFUSED", Direction.TO_CLIENT, Refused),
    Row(70, "DONE", Direction.TO_CLIENT, Done),
    Row(71, "PARTY", Direction.TO_CLIENT, PartyState),
    Row(72, "PRESENCE", Direction.TO_CLIENT, PresenceChanged),
    Row(73, "PLAYERS", Direction.TO_CLIENT, Players),
)
