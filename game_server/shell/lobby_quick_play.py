"""Quick play: the fullest match with free seats that meets the filters, fewer of them as time passes, else a new one.

    all filters -> without the last preferred -> ... -> the required ones -> a match is made, or shared in the making

The directory gives the same match to the same claim for a while, so that a repeat finds its own; one that turns out to
be full, gone or of another version is left out of the next question.
To test: `tests/game_server/shell/test_lobby_quick_play.py`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.lobby_match import match_id
from game_server.cluster.queue_ticket import ticket_id
from game_server.cluster.records import Attributes, MatchSpec
from game_server.shell.lobby_search import Search, Visitor
from game_server.shell.lobby_seating import Seating
from protocol.lobby_messages import RefusedCode, SeatFound

if TYPE_CHECKING:
    from game_server.shell.redis_directory import Directory

LOOK_AGAIN_S = 0.5
MATCHES_TRIED = 8
RETRY_MS = 2_000
PASSED_OVER = (RefusedCode.FULL, RefusedCode.NO_MATCH, RefusedCode.NOT_READY, RefusedCode.VERSION)


class QuickSearch:
    """One request for quick play. `stages` are the filters, most first; the last are the ones that must be met."""

    def __init__(
        self,
        directory: "Directory",
        seating: Seating,
        visitor: Visitor,
        search: Search,
        together: Sequence[str],
        stages: Sequence[Attributes],
        seats_max: int,
        *,
        widen_after_s: float = 0.0,
        look_again_s: float = LOOK_AGAIN_S,
    ) -> None:
        self._directory, self._seating = directory, seating
        self._visitor, self._search, self._together, self._stages = visitor, search, together, stages
        self._seats_max = seats_max
        self._widen_after_s, self._look_again_s = widen_after_s, look_again_s
        self._claim = ticket_id(visitor.player, search.request)
        self._passed_over: list[str] = []
        self._refused: LobbyRefused | None = None

    async def run(self) -> SeatFound:
        """Return a seat. Raises `LobbyRefused` no_capacity, version, timeout, cancelled and `DirectoryUnavailable`."""
        try:
            for filters in self._stages[:-1]:
                seat = await self._look(filters)
                if seat is not None:
                    return seat
            return await self._find_or_make()
        except BaseException:
            with suppress(DirectoryUnavailable):
                await self._directory.drop_claim(self._claim, self._together)
            raise

    async def _look(self, filters: Attributes) -> SeatFound | None:
        """Look for a match until it is time to widen."""
        clock = asyncio.get_running_loop().time
        until_s = clock() + self._widen_after_s
        while True:
            left_s = until_s - clock()
            sentence = f"looking for a match with {_spelled(filters)}"
            self._search.tell(len(self._together), len(self._together), sentence, round(max(0.0, left_s) * 1000))
            tried = len(self._passed_over)
            seat = await self._try(filters, None)
            if seat is not None:
                return seat
            left_s = until_s - clock()
            if left_s <= 0:
                return None
            if tried == len(self._passed_over):
                await self._search.pause(min(left_s, self._look_again_s))

    async def _find_or_make(self) -> SeatFound:
        self._search.tell(len(self._together), len(self._together), "looking for any match, or making one")
        for attempt in range(MATCHES_TRIED):
            match = match_id(self._visitor.player, self._search.request, attempt)
            seat = await self._try(self._stages[-1], MatchSpec(match, self._stages[0]))
            if seat is not None:
                return seat
        raise LobbyRefused(RefusedCode.TIMEOUT, "no match with a free seat was found in time: try again", RETRY_MS)

    async def _try(self, filters: Attributes, spec: MatchSpec | None) -> SeatFound | None:
        """Ask for a match and try to sit down in it; None when there is none, or it was not to be had."""
        self._search.check()
        claimed = await self._directory.claim(
            self._claim, self._together, filters, spec, self._passed_over,
            seats_max=self._seats_max, schema_hash=self._visitor.schema_hash,
        )  # fmt: skip
        if claimed is None:
            return None
        if claimed.create:
            assert spec is not None, "who gives no spec is not asked to make a match"
            await self._make(spec if spec.match == claimed.match else MatchSpec(claimed.match, spec.attributes))
        try:
            return await self._seating.seat(
                self._visitor, self._search, claimed.match, self._together, unborn=not claimed.create
            )
        except LobbyRefused as refused:
            if refused.code not in PASSED_OVER:
                raise
            if refused.code is RefusedCode.NO_MATCH and not claimed.create:
                # It was not made after all. If no match could be, all who wait for one need not try in turn.
                await self._seating.check_capacity(self._visitor.schema_hash)
            self._passed_over.append(claimed.match)
            return None

    async def _make(self, spec: MatchSpec) -> None:
        try:
            await self._seating.make(spec, self._visitor.schema_hash, self._search)
        except BaseException:
            # Who waits for it with us looks elsewhere at once.
            with suppress(DirectoryUnavailable):
                await self._directory.abandon_pending(spec.match)
            raise


def _spelled(filters: Attributes) -> str:
    return ", ".join(f"{key} {value}" for key, value in filters) or "a free seat"
