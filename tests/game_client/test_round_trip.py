from game_client.round_trip import ROUND_TRIPS_KEPT, RoundTrip

MS = 1_000_000


def test_one_ping_that_was_held_up_changes_nothing() -> None:
    trip = RoundTrip()
    for rtt_ms in (20, 900, 25):
        trip.measured(rtt_ms * MS)
    assert trip.ns == 20 * MS


def test_a_way_that_became_longer_is_believed_once_all_of_the_last_pings_say_so() -> None:
    trip = RoundTrip()
    trip.measured(20 * MS)
    for _ in range(ROUND_TRIPS_KEPT - 1):
        trip.measured(300 * MS)
    assert trip.ns == 20 * MS
    trip.measured(300 * MS)
    assert trip.ns == 300 * MS


def test_no_round_trip_counts_for_more_than_a_second() -> None:
    trip = RoundTrip()
    trip.measured(8_000 * MS)
    assert trip.ns == 1_000 * MS


def test_a_new_socket_keeps_the_old_round_trip_until_it_has_its_own() -> None:
    trip = RoundTrip()
    trip.measured(20 * MS)
    trip.begin_socket()
    assert trip.ns == 20 * MS
    trip.measured(200 * MS)
    assert trip.ns == 200 * MS


def test_silence_is_a_second_and_more_in_slow_matches_and_far_away() -> None:
    trip = RoundTrip()
    assert [trip.silence_ns(rate_hz, beside=True) for rate_hz in (0, 20, 2)] == [5_000 * MS, 1_000 * MS, 2_000 * MS]
    trip.measured(500 * MS)
    assert (trip.silence_ns(2, beside=True), trip.silence_ns(2, beside=False)) == (2_500 * MS, 5_000 * MS)
