"""Where players are: who is shown when one has several devices, which of them gives way, what watchers are told.

A player is on a device by a session, and a device may have several at once: one in the lobby, one in a match. Rivals
are two in the lobby, two that play, two that watch: under the rule `newest` the older gives way, under `both` it stays.
To test: `tests/game_server/cluster/test_presence.py`.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Literal

from game_server.cluster.records import Presence
from protocol.lobby_messages import Where

Devices = Literal["newest", "both"]

REFRESH_NS = 20_000_000_000
"""A presence is written again after this long, whether or not it changed; its record lives three times as long."""
GONE_MAX = 10_000
"""While the directory is away players come and go: of more that went the oldest is forgotten; its record expires."""


def shown(sessions: Iterable[Presence]) -> Presence | None:
    """Return what is shown of a player: playing before watching before the lobby, then the newest."""
    return max(sessions, key=_rank, default=None)


def gives_way(session: Presence, sessions: Iterable[Presence], devices: Devices) -> bool:
    """Return whether a session must end because a newer rival is there. The same match is no rival."""
    if devices == "both":
        return False
    return any(
        other.where is session.where
        and _age(other) > _age(session)
        and not (session.match and other.match == session.match)  # its node sees to that: the seat is taken over
        for other in sessions
        if other.session != session.session
    )


def nowhere(player: str) -> Presence:
    """Return what is shown of a player who is not online."""
    return Presence(player, "", Where.NOWHERE, "", "", 0, "", 0)


def _rank(presence: Presence) -> tuple[int, int, str]:
    order = (Where.NOWHERE, Where.LOBBY, Where.SPECTATING, Where.MATCH)
    return order.index(presence.where), *_age(presence)


def _age(presence: Presence) -> tuple[int, str]:
    return presence.since_ms, presence.session


@dataclass(slots=True)
class Writes:
    """What is to be written: sessions that are here (`changed`: others want to know), and those that went."""

    here: list[Presence]
    changed: set[str]
    gone: list[Presence]


class PresenceBook:
    """The sessions of one node, and which of them the directory has yet to be told of."""

    def __init__(self) -> None:
        self._sessions: dict[str, Presence] = {}
        self._of_player: dict[str, set[str]] = {}
        self._changed: set[str] = set()
        self._again: set[str] = set()
        self._gone: dict[str, Presence] = {}
        self._written_ns: dict[str, int] = {}  # in the order of writing, so that the oldest comes first

    def __len__(self) -> int:
        return len(self._sessions)

    def here(self, presence: Presence) -> None:
        """A session is there, or is somewhere else now."""
        if self._sessions.get(presence.session) == presence:
            return
        self._sessions[presence.session] = presence
        self._of_player.setdefault(presence.player, set()).add(presence.session)
        self._changed.add(presence.session)
        self._gone.pop(presence.session, None)

    def gone(self, player: str, session: str) -> None:
        """A session has ended; once more, or one that never was, is ignored."""
        presence = self._sessions.pop(session, None)
        if presence is None:
            return
        sessions = self._of_player[player]
        sessions.discard(session)
        if not sessions:
            del self._of_player[player]
        self._changed.discard(session)
        self._again.discard(session)
        self._written_ns.pop(session, None)
        self._note_gone(presence)

    def _note_gone(self, presence: Presence) -> None:
        self._gone[presence.session] = presence
        if len(self._gone) > GONE_MAX:
            del self._gone[next(iter(self._gone))]

    def sessions_of(self, player: str) -> list[Presence]:
        """The player's sessions on this node."""
        return [self._sessions[session] for session in self._of_player.get(player, ())]

    def sessions(self) -> list[Presence]:
        """All sessions of this node that the directory may know, those that went but are not yet written among them."""
        return [*self._sessions.values(), *self._gone.values()]

    def look_again(self, players: Iterable[str]) -> None:
        """Another node changed something about these players: read them with the next writing."""
        for player in players:
            self._again |= self._of_player.get(player, set())

    def forget_written(self) -> None:
        """The directory lost what it knew: everything is to be written."""
        self._written_ns.clear()
        self._again = set(self._sessions)

    @property
    def waits(self) -> bool:
        """Whether a change waits to be told."""
        return bool(self._changed or self._gone)

    def take(self, now_ns: int, most: int = sys.maxsize) -> Writes:
        """Return at most so many of those that are to be written now, and of those that went; `put_back` what was not.

        Whether there is more: `waits`, or the next answer is not empty.
        """
        due: list[str] = []
        for session, written_ns in self._written_ns.items():
            if written_ns + REFRESH_NS > now_ns or len(due) >= most:
                break
            due.append(session)
        wanted = dict.fromkeys(islice(chain(self._changed, self._again, due), most))
        gone = list(islice(self._gone, most))
        writes = Writes(
            [self._sessions[session] for session in wanted], self._changed & wanted.keys(),
            [self._gone.pop(session) for session in gone],
        )  # fmt: skip
        self._changed -= wanted.keys()
        self._again -= wanted.keys()
        for session in wanted:
            self._written_ns.pop(session, None)
            self._written_ns[session] = now_ns
        return writes

    def put_back(self, writes: Writes) -> None:
        """These could not be written."""
        for presence in writes.here:
            if presence.session in self._sessions:
                (self._changed if presence.session in writes.changed else self._again).add(presence.session)
        for presence in writes.gone:
            if presence.session not in self._sessions:
                self._note_gone(presence)


@dataclass(slots=True)
class Told:
    """What one watcher was told of the players that it watches."""

    players: frozenset[str] = frozenset()
    _known: dict[str, Presence] = field(default_factory=dict)

    def watch(self, players: Iterable[str]) -> None:
        """Replace the list; what was told of those that stay is not told again."""
        self.players = frozenset(players)
        self._known = {player: known for player, known in self._known.items() if player in self.players}

    def changes(self, now: Mapping[str, Presence]) -> list[Presence]:
        """Return what the watcher is to be told, having read of some players where they are (or that they are not)."""
        found = []
        for player in sorted(self.players & now.keys()):
            known, present = self._known.get(player), now[player]
            if known is None or _told_of(known) != _told_of(present):
                self._known[player] = present
                found.append(present)
        return found


def _told_of(presence: Presence) -> tuple[Where, str, str]:
    return presence.where, presence.match, presence.name
