"""The credentials that a server signs itself: resume tokens, which WELCOME brings, a lobby's tickets, and its guests'.

| | resume token | ticket | guest |
|---|---|---|---|
| begins with | `tickwire-resume-1.` | `tickwire-ticket-1.` | `tickwire-guest-1.` |
| fields | as `ResumeToken` lists them | as `Ticket` lists them | as `Guest` lists them |
| good for | the place that it names, as long as that is kept | one upgrade within 30 s | the lobby, for ever |
| seen twice | the match decides, by n and the attempt number | refused: `UsedTickets` | the same player |

A token is good however often it is sent and so has no nonce; a guest's credential likewise. A ticket names its node and
an epoch: the generation of its match's ledger, or what each start of a node without a lobby raises. So a set in one
process is enough to let it in once.
To test: `tests/game_server/session/test_credentials.py`.
"""

import heapq
from dataclasses import astuple, dataclass
from typing import Any, Self

from game_server.session.signing import Forged, Signer
from protocol.errors import UsageFault
from protocol.handshake import GUEST_PREFIX, RESUME_PREFIX, TICKET_PREFIX

NAME_LENGTH_MAX = 32
PLAYER_BYTES_MAX = 64
"""UTF-8 bytes of a proven identity. It fits beside the longest name, a match id of 64 and a node id of 24 bytes."""
TICKET_LIFETIME_MS = 30_000
TICKET_SKEW_MS = 5_000
"""How far the clocks of the lobby and of the node may lie apart."""
NONCE_BYTES = 16
USED_TICKETS_MAX = 65_536


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """Whose place in which match: a claim that WELCOME signed. `n` counts the tokens of the place."""

    match: str
    place: int
    player: str
    name: str
    spectator: bool
    epoch: int
    n: int

    def sign(self, signer: Signer) -> str:
        """Return the token as it stands in WELCOME."""
        return signer.sign(RESUME_PREFIX, _plain(astuple(self)))

    @classmethod
    def verify(cls, signer: Signer, text: str) -> Self:
        """Return what the token says. Raises `Forged`."""
        return cls(*_checked(signer.verify(RESUME_PREFIX, text), (str, int, str, str, bool, int, int)))


@dataclass(frozen=True, slots=True)
class Ticket:
    """One entry to one match on one node. `expires_ms` is Unix time; `nonce` tells it from every other ticket."""

    match: str
    player: str
    name: str
    spectator: bool
    node: str
    epoch: int
    expires_ms: int
    nonce: bytes

    def sign(self, signer: Signer) -> str:
        """Return the ticket as it stands in the upgrade request. Raises `UsageFault` for a nonce of another length."""
        if len(self.nonce) != NONCE_BYTES:
            raise UsageFault(f"a ticket's nonce is {NONCE_BYTES} random bytes, not {len(self.nonce)}")
        return signer.sign(TICKET_PREFIX, _plain(astuple(self)))

    @classmethod
    def verify(cls, signer: Signer, text: str) -> Self:
        """Return what the ticket says; whether it is still good is another question. Raises `Forged`."""
        ticket = cls(*_checked(signer.verify(TICKET_PREFIX, text), (str, str, str, bool, str, int, int, bytes)))
        if len(ticket.nonce) != NONCE_BYTES:
            raise Forged
        return ticket

    def expired(self, now_ms: int) -> bool:
        """Tell whether its time is over, a clock that runs ahead by `TICKET_SKEW_MS` forgiven."""
        return now_ms > self.expires_ms + TICKET_SKEW_MS

    def lives_too_long(self, now_ms: int) -> bool:
        """Tell whether it expires later than a ticket can that was issued by now, on a clock that runs behind."""
        return self.expires_ms > now_ms + TICKET_LIFETIME_MS + TICKET_SKEW_MS


@dataclass(frozen=True, slots=True)
class Guest:
    """A player who proved nothing, known again by what a lobby gave them: for development servers."""

    player: str
    name: str

    def sign(self, signer: Signer) -> str:
        """Return the credential as it stands in LOBBY_WELCOME."""
        return signer.sign(GUEST_PREFIX, _plain(astuple(self)))

    @classmethod
    def verify(cls, signer: Signer, text: str) -> Self:
        """Return whose credential it is. Raises `Forged`."""
        return cls(*_checked(signer.verify(GUEST_PREFIX, text), (str, str)))


class UsedTickets:
    """Which tickets have been used, until they would be refused as expired.

    It knows of every ticket that expires at `known_from_ms` or later; one that expires earlier is refused, as it may
    have been used before (by the process that this one replaces, or before its nonce was forgotten, if the clock was
    set back since). At most `tickets_max` are held; one more is refused, not an older one forgotten, for a forgotten
    ticket could be used again. Only well-signed tickets get this far, so no stranger can fill it.
    """

    def __init__(self, known_from_ms: int = 0, tickets_max: int = USED_TICKETS_MAX) -> None:
        self._known_from_ms = known_from_ms
        self._tickets_max = tickets_max
        self._nonces: set[bytes] = set()
        self._expiring: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._nonces)

    def full(self, now_ms: int) -> bool:
        """Tell whether no further ticket can be taken."""
        self._forget(now_ms)
        return len(self._nonces) >= self._tickets_max

    def take(self, ticket: Ticket, now_ms: int) -> bool:
        """Use `ticket` up; tell whether this was the first time."""
        if self.full(now_ms) or ticket.nonce in self._nonces or ticket.expires_ms < self._known_from_ms:
            return False
        self._nonces.add(ticket.nonce)
        heapq.heappush(self._expiring, (ticket.expires_ms, ticket.nonce))
        return True

    def _forget(self, now_ms: int) -> None:
        while self._expiring and now_ms > self._expiring[0][0] + TICKET_SKEW_MS:
            expires_ms, nonce = heapq.heappop(self._expiring)
            self._nonces.remove(nonce)
            self._known_from_ms = max(self._known_from_ms, expires_ms + 1)


def _plain(fields: tuple[Any, ...]) -> list[int | str | bytes]:
    return [int(each) if type(each) is bool else each for each in fields]


def _checked(fields: list[Any], types: tuple[type, ...]) -> list[Any]:
    """Return `fields`, bools restored. Raises `Forged` if they are not of `types`: another version signed them."""
    if len(fields) != len(types):
        raise Forged
    for place, (value, wanted) in enumerate(zip(fields, types, strict=True)):
        if wanted is bool and type(value) is int and value in (0, 1):
            fields[place] = bool(value)
        elif type(value) is not wanted:
            raise Forged
    return fields
