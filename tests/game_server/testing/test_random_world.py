"""The checker itself; `tests/simulation/` runs it over many seeds."""

from game_server.testing.random_world import run_seed


def test_a_seed_plays_the_same_game_every_time() -> None:
    assert run_seed(4, ticks=60) == run_seed(4, ticks=60) > 50
