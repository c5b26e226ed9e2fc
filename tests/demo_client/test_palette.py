"""`demo_client/palette.py`."""

from __future__ import annotations

from demo_client.palette import BAD, GOOD, OWN, WARN, health_colour, mix, ship_colour


def test_no_other_ship_has_the_colour_of_the_own_one() -> None:
    for seat in range(32):
        assert ship_colour(seat, mine=True) == OWN
        assert sum(abs(a - b) for a, b in zip(ship_colour(seat), OWN, strict=True)) > 60


def test_neighbouring_seats_are_told_apart() -> None:
    for seat in range(31):
        here, there = ship_colour(seat), ship_colour(seat + 1)
        assert sum(abs(a - b) for a, b in zip(here, there, strict=True)) > 60


def test_mixing_stays_between_its_ends() -> None:
    assert mix((0, 0, 0), (100, 200, 50), 0.5) == (50, 100, 25)
    assert mix((0, 0, 0), (100, 200, 50), 7.0) == (100, 200, 50)


def test_health_goes_from_green_over_amber_to_red() -> None:
    assert (health_colour(1.0), health_colour(0.5), health_colour(0.0)) == (GOOD, WARN, BAD)
