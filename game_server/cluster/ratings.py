"""Ratings of skill: OpenSkill's Plackett-Luce model, for any number of teams of any size.

A rating is `mu`, the skill as it is believed, and `sigma`, how unsure that is. Shown are points: 1500 for who is new,
60 for each unit of `mu`.
*Source*: Weng and Lin, A Bayesian Approximation Method for Online Ranking (JMLR 12, 2011); the `openskill` package.
To test: `tests/game_server/cluster/test_ratings.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MU_FIRST, SIGMA_FIRST = 25.0, 25.0 / 3.0
POINTS_FIRST, POINTS_PER_MU = 1500, 60


@dataclass(frozen=True, slots=True)
class Rating:
    """What is believed of a player in one game."""

    mu: float = MU_FIRST
    sigma: float = SIGMA_FIRST

    @property
    def points(self) -> int:
        """The number that people see."""
        return points(self.mu)


def points(mu: float) -> int:
    """Return the number that people see: 1500 for who is new, never below 0."""
    return max(0, round(POINTS_FIRST + POINTS_PER_MU * (mu - MU_FIRST)))


def rated(teams: Sequence[Sequence[Rating]]) -> list[list[Rating]]:
    """Return the ratings after a match, the best team first. Fewer than two teams change nothing."""
    # Imported when a match was ranked: who writes a game must not wait for it.
    from openskill.models import PlackettLuce

    if sum(1 for team in teams if team) < 2:
        return [list(team) for team in teams]
    model = PlackettLuce(mu=MU_FIRST, sigma=SIGMA_FIRST)
    playing = [[model.rating(mu=each.mu, sigma=each.sigma) for each in team] for team in teams if team]
    after = iter(model.rate(playing))
    return [[Rating(each.mu, each.sigma) for each in next(after)] if team else [] for team in teams]
