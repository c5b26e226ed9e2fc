"""The games for measuring do what they say."""

from bench.games import Busy, Drifter, Quiet, Still
from game_server.sim.match import Match


def test_busy_moves_as_many_as_it_is_told_and_the_others_stand() -> None:
    match = Match(Busy(entities=10, moving=4), "1")
    match.advance(0)
    before = [(each.x, each.y) for each in match.game.world.all(Drifter)]
    match.advance(1_000_000_000)
    after = [(each.x, each.y) for each in match.game.world.all(Drifter)]
    moved = [one != other for one, other in zip(before, after, strict=True)]
    assert moved == [True] * 4 + [False] * 6


def test_quiet_has_nothing_and_many_seats() -> None:
    assert Quiet.entities == Still.entities == ()
    assert Quiet.seats_max == 1000
