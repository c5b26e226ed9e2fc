"""A party: players who go from match to match together, led by the one who is in it longest.

Pure values: every change returns another party, or raises `LobbyRefused`. Where the party goes is its *call*: a
member's node that sees a call with a higher number than the last takes a seat for the member in the match of that call.
To test: `tests/game_server/cluster/test_party.py`.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from game_server.cluster.errors import LobbyRefused
from protocol.lobby_messages import PARTY_MAX, RefusedCode

CODE_SIGNS = "ACDEFGHJKMNPQRTUVWXY34679"
"""No two of these look alike: without B 8, I 1 L, O 0, S 5, Z 2."""
CODE_LENGTH = 6
CALL_LASTS_MS = 30_000
"""As long as a reserved seat: whoever comes back later is not sent to a match that has long begun."""


@dataclass(frozen=True, slots=True)
class Member:
    """A player in a party."""

    player: str
    name: str


@dataclass(frozen=True, slots=True)
class PartyCall:
    """Where the party goes: the `number`th call, of a request of its leader, to a match; `at_ms` is the directory's."""

    number: int = 0
    request: str = ""
    match: str = ""
    at_ms: int = 0

    def is_fresh(self, now_ms: int) -> bool:
        """Whether its seats are still kept."""
        return self.number > 0 and now_ms - self.at_ms < CALL_LASTS_MS


@dataclass(frozen=True, slots=True)
class Party:
    """The members in the order in which they came, the leader first; the leader's request that searches for them."""

    code: str
    members: tuple[Member, ...]
    search: str = ""
    call: PartyCall = PartyCall()
    version: int = 1

    @property
    def leader(self) -> str:
        """The player who decides where they go; "" when nobody is left."""
        return self.members[0].player if self.members else ""

    @property
    def players(self) -> tuple[str, ...]:
        """The members' ids."""
        return tuple(member.player for member in self.members)

    def with_member(self, member: Member, size_max: int) -> "Party":
        """Return it with one more. Who is in it already keeps the place; a search ends, since it was for others.

        Raises `LobbyRefused` party_full.
        """
        if member.player in self.players:
            members = tuple(member if each.player == member.player else each for each in self.members)
            return self if members == self.members else self._changed(members=members)
        most = min(size_max, PARTY_MAX)
        if len(self.members) >= most:
            raise LobbyRefused(RefusedCode.PARTY_FULL, f"all {most} places in party {self.code} are taken")
        return self._changed(members=(*self.members, member), search="")

    def without(self, players: Collection[str]) -> "Party":
        """Return it without some. When the leader goes the oldest member leads; a search ends, as it was for others."""
        members = tuple(member for member in self.members if member.player not in players)
        return self if members == self.members else self._changed(members=members, search="")

    def searching(self, player: str, request: str) -> "Party":
        """Return it while a request of its leader searches for all of them; `request` "" ends that."""
        self.check_leader(player)
        return self if self.search == request else self._changed(search=request)

    def called(self, request: str, match: str, at_ms: int) -> "Party":
        """Return it with a call to a match; a repeat for the same request and match is the same call."""
        if (self.call.request, self.call.match) == (request, match):
            return self
        return self._changed(search="", call=PartyCall(self.call.number + 1, request, match, at_ms))

    def check_leader(self, player: str) -> None:
        """Raise `LobbyRefused` unless a player is the leader."""
        if player not in self.players:
            raise LobbyRefused(RefusedCode.NO_PARTY, "you are in no party")
        if player != self.leader:
            raise LobbyRefused(RefusedCode.NOT_LEADER, f"{self.members[0].name} leads the party and chooses the match")

    def _changed(self, **changes: Any) -> "Party":
        return replace(self, version=self.version + 1, **changes)


def new_code(rng: random.Random) -> str:
    """Draw a code."""
    return "".join(rng.choice(CODE_SIGNS) for _ in range(CODE_LENGTH))


def read_code(text: str) -> str:
    """Return a code as somebody typed it in the one way in which it is known. Raises `LobbyRefused` no_party."""
    code = text.upper().translate(str.maketrans("", "", " -"))
    if len(code) != CODE_LENGTH or not set(code) <= set(CODE_SIGNS):
        raise LobbyRefused(RefusedCode.NO_PARTY, f"a party's code has {CODE_LENGTH} of {CODE_SIGNS}")
    return code


def party_fields(party: Party) -> list[Any]:
    """Return a party as plain values, for the directory, without its code: that is its key."""
    call = party.call
    members = [text for member in party.members for text in (member.player, member.name)]
    return [party.version, party.search, call.number, call.request, call.match, call.at_ms, *members]


def party_of(code: str, fields: list[Any]) -> Party:
    """Return the party that `party_fields` took apart."""
    version, search, *rest = fields
    members = tuple(Member(*each) for each in zip(rest[4::2], rest[5::2], strict=True))
    return Party(code, members, search, PartyCall(*rest[:4]), version)
