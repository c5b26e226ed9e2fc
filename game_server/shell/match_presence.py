"""Who of the proven players is in this node's matches: looked at four times a second, told to presence as it changes.

A player who is away, but whose seat is kept, is still in the match. On two devices in two matches the newer wins, as
far as the setting has it: the older connection is closed with 4001, its seat kept for the grace time.
To test: `tests/game_server/shell/test_match_presence.py`.
"""

import asyncio
from collections.abc import Iterator

from game_server.cluster.records import Presence
from game_server.shell.authenticators import unix_ms
from game_server.shell.match_runner import HostedMatch, MatchRunner
from game_server.shell.redis_presence import Presences
from game_server.sim.match import Match
from game_server.sim.occupant import Occupant
from protocol.lobby_messages import Where

LOOK_S = 0.25
REPLACED = 4001
REPLACED_SENTENCE = "you went on in another match on another device"


class MatchPresence:
    """Tells `presences` who is in the matches of `runner`, between `start` and `stop`."""

    def __init__(self, runner: MatchRunner, presences: Presences, node: str, boot: int) -> None:
        self._runner, self._presences, self._node, self._boot = runner, presences, node, boot
        self._told: dict[str, Presence] = {}
        self._seen: dict[str, tuple[Match, int, bool]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        self._presences.on_replaced = self.replaced
        self._look()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def look(self) -> None:
        """Tell what has changed since the last look; without a change that costs next to nothing."""
        seen = {
            name: (each.match, each.match.place_changes, each.match.ended) for name, each in self._runner.hosted.items()
        }
        if seen == self._seen:
            return
        self._seen = seen
        there = {self._session(hosted, occupant): (hosted, occupant) for hosted, occupant in self._proven()}
        for session, (hosted, occupant) in there.items():
            if session not in self._told:
                self._told[session] = presence = self._presence(session, hosted, occupant)
                self._presences.here(presence)
        for session in [each for each in self._told if each not in there]:
            self._presences.gone(self._told.pop(session).player, session)

    def replaced(self, session: str) -> None:
        """A player went on elsewhere: close what is left of it here."""
        for hosted, occupant in self._proven():
            if self._session(hosted, occupant) == session and occupant.connection in hosted.lines:
                self._runner.close(hosted.lines[occupant.connection], REPLACED, REPLACED_SENTENCE)

    def _look(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        self.look()

    def _proven(self) -> Iterator[tuple[HostedMatch, Occupant]]:
        # Who is in a match when it ends stays on its roster, and is nowhere.
        for hosted in [each for each in self._runner.hosted.values() if not each.match.ended]:
            for occupant in hosted.match.occupants:
                if occupant.player:
                    yield hosted, occupant

    def _session(self, hosted: HostedMatch, occupant: Occupant) -> str:
        role = "w" if occupant.spectator else "p"
        return f"{hosted.match.match_id}/{role}/{occupant.player}"

    def _presence(self, session: str, hosted: HostedMatch, occupant: Occupant) -> Presence:
        where = Where.SPECTATING if occupant.spectator else Where.MATCH
        match = hosted.match.match_id
        return Presence(
            occupant.player, occupant.seat.name, where, match, self._node, self._boot, session, unix_ms()
        )  # fmt: skip
