"""Ratings move towards what matches show, and only then."""

import subprocess
import sys

from game_server.cluster.ratings import MU_FIRST, Rating, points, rated


def test_who_is_new_has_1500_points_and_nobody_has_less_than_none() -> None:
    assert Rating().points == 1500
    assert points(MU_FIRST + 1) == 1560
    assert points(-40.0) == 0


def test_the_winner_rises_the_loser_falls_and_both_are_better_known() -> None:
    [[winner], [loser]] = rated([[Rating()], [Rating()]])
    assert winner.mu > MU_FIRST > loser.mu
    assert winner.sigma < Rating().sigma and loser.sigma < Rating().sigma


def test_an_expected_win_moves_less_than_a_surprise() -> None:
    strong, weak = Rating(30.0, 4.0), Rating(20.0, 4.0)
    [[expected], _] = rated([[strong], [weak]])
    [[surprise], _] = rated([[weak], [strong]])
    assert surprise.mu - weak.mu > 2 * (expected.mu - strong.mu) > 0


def test_teams_of_any_size_are_rated_together_in_the_order_given() -> None:
    after = rated([[Rating(), Rating()], [Rating()], [Rating(), Rating(), Rating()]])
    assert [len(team) for team in after] == [2, 1, 3]
    assert after[0][0].mu > after[0][0].sigma
    assert after[0][0].mu > after[2][0].mu


def test_a_match_of_one_team_changes_nothing() -> None:
    assert rated([[Rating(26.0, 5.0)], []]) == [[Rating(26.0, 5.0)], []]
    assert rated([]) == []


def test_the_model_is_loaded_only_when_a_match_was_ranked() -> None:
    code = "import sys, game_server.cluster.matchmaker; print('openskill' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
