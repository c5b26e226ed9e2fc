"""Identifiers are plain values at run time."""

from protocol.ids import NO_SEAT, EntityId, SeatId, Tick


def test_an_id_is_its_number_and_no_seat_is_none_of_them() -> None:
    assert (Tick(3), EntityId(4), SeatId(5)) == (3, 4, 5)
    assert NO_SEAT < 0
