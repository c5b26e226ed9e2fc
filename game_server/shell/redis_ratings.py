"""Players' ratings in Redis, and the results that move them: each match once for all of its players, whatever fails.

    tw1:{player:<id>}:rating:<game>   sealed: mu, sigma, the last matches that count in it; 90 days after the last one
    tw1:{match:<id>}:ranked:<game>    sealed: `begun` with everybody's rating before it, then `done`; one day

Whoever brings a result first writes down the ratings from which it is computed; after that every repeat, here or on
another node, computes the same changes, and a player's record names the matches that are in it already. Results that
came in between move a player as well: changes are added up.
To test: `tests/game_server/shell/test_redis_ratings.py`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.ratings import Rating, rated
from game_server.shell.lasting import lasting
from game_server.shell.redis_link import Call, RedisLink
from game_server.shell.sealed_value import SCALE, Change, SealedValues, Seals, rating_fields, ratings_of

RATING_LIVES_MS = 90 * 24 * 3_600_000
RANKED_LIVES_MS = 24 * 3_600_000
REMEMBERED_MATCHES = 8
RETRY_S = 1.0
PENDING_MAX = 1_000
SIGMA_LEAST = 0.1

Teams = Sequence[Sequence[str]]
"""The players of each team, the best team first."""


class Ratings:
    """The ratings of one game's players. All but `apply_soon` may raise `DirectoryUnavailable`.

    `applied` counts results that were written here, `dropped` those for which there was no room while Redis was away.
    """

    def __init__(self, link: RedisLink, game: str, seals: Seals) -> None:
        self._link, self._game = link, game
        self._players = SealedValues(link, seals, f"rating in {game}")
        self._matches = SealedValues(link, seals, f"ranking in {game}")
        self._pending: dict[str, Teams] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.applied = self.dropped = 0

    @property
    def unsealed(self) -> int:
        """How many values were found that nobody with the secret wrote."""
        return self._players.unsealed + self._matches.unsealed

    async def rating(self, player: str) -> Rating:
        """Return a player's rating; a new player's if none is known."""
        return (await self.ratings([player]))[player]

    async def ratings(self, players: Iterable[str]) -> dict[str, Rating]:
        """Return the ratings of several players, in one round trip."""
        names = list(dict.fromkeys(players))
        keys = [self._player_key(name) for name in names]
        values = await self._link.pipeline([Call(None, (key,), ("GET", key)) for key in keys])
        return {
            name: _rating(self._players.opened(name, value or b"")) for name, value in zip(names, values, strict=True)
        }

    async def apply(self, match: str, teams: Teams) -> bool:
        """Let a match move its players' ratings, the best team first; tell whether it did, or had done so before.

        `match` is a name that is never used again: that of a standing match is made one by its node's boot. The first
        result of a match counts, others are ignored.
        """
        teams = _each_once(teams)
        if len(teams) < 2:
            return False
        before = await self.ratings(player for team in teams for player in team)
        begun = [0, *_ranked_fields(teams, before)]
        record = await self._matches.change(
            self._match_key(match), match, lambda fields, _: None if fields else Change(begun, RANKED_LIVES_MS)
        )
        assert record is not None, "it was there, or has just been written"
        if record[0]:
            return False
        changes = _changes(record[1:])
        await asyncio.gather(*(self._move(player, match, old, new) for player, (old, new) in changes.items()))
        await self._matches.change(self._match_key(match), match, lambda _, __: Change([1], RANKED_LIVES_MS))
        self.applied += 1
        return True

    def apply_soon(self, match: str, teams: Teams) -> None:
        """Apply a result from `start` on, as often as it takes while Redis is away; at most a thousand wait."""
        if len(self._pending) >= PENDING_MAX and match not in self._pending:
            self.dropped += 1
            return
        self._pending.setdefault(match, teams)
        self._wake.set()

    def start(self) -> None:
        """Begin to apply what `apply_soon` is given, in the running loop."""
        self._task = lasting(self._run, "ratings")

    async def stop(self) -> None:
        """Try what still waits once more, then end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        try:
            await self._flush()
        except DirectoryUnavailable:
            self.dropped += len(self._pending)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._flush()
            except DirectoryUnavailable:
                self._wake.set()
                await asyncio.sleep(RETRY_S)

    async def _flush(self) -> None:
        while self._pending:
            match, teams = next(iter(self._pending.items()))
            await self.apply(match, teams)
            del self._pending[match]

    async def _move(self, player: str, match: str, old: Rating, new: Rating) -> None:
        """Write one player's change, unless it is written."""

        def decide(fields: list[Any] | None, _: int) -> Change | None:
            matches = fields[2:] if fields else []
            if match in matches:
                return None
            now = _rating(fields)
            # From what it is now: another match may have ended since.
            moved = Rating(now.mu + new.mu - old.mu, max(SIGMA_LEAST, now.sigma * new.sigma / old.sigma))
            remembered = [*matches, match][-REMEMBERED_MATCHES:]
            return Change([*rating_fields("", moved.mu, moved.sigma)[1:], *remembered], RATING_LIVES_MS)

        await self._players.change(self._player_key(player), player, decide)

    def _player_key(self, player: str) -> str:
        return f"tw1:{{player:{player}}}:rating:{self._game}"

    def _match_key(self, match: str) -> str:
        return f"tw1:{{match:{match}}}:ranked:{self._game}"


def _rating(fields: list[Any] | None) -> Rating:
    return Rating(fields[0] / SCALE, fields[1] / SCALE) if fields else Rating()


def _each_once(teams: Teams) -> list[list[str]]:
    """The teams without empty ones; who is named twice counts where named first."""
    seen: set[str] = set()
    kept = []
    for team in teams:
        players = [player for player in dict.fromkeys(team) if player not in seen]
        seen.update(players)
        kept.append(players)
    return [team for team in kept if team]


def _ranked_fields(teams: Teams, before: dict[str, Rating]) -> list[Any]:
    """How many teams, their sizes, then everybody's rating."""
    ratings: list[Any] = []
    for player in (player for team in teams for player in team):
        ratings += rating_fields(player, before[player].mu, before[player].sigma)
    return [len(teams), *(len(team) for team in teams), *ratings]


def _changes(fields: list[Any]) -> dict[str, tuple[Rating, Rating]]:
    """Everybody's rating before and after a match, from its `_ranked_fields`."""
    count = fields[0]
    rows = iter(ratings_of(fields[1 + count :]))
    named = [[next(rows) for _ in range(size)] for size in fields[1 : 1 + count]]
    before = [[Rating(mu, sigma) for _, mu, sigma in team] for team in named]
    after = rated(before)
    return {
        row[0]: (old, new)
        for team, olds, news in zip(named, before, after, strict=True)
        for row, old, new in zip(team, olds, news, strict=True)
    }
