from game_client.stats import SAMPLES_MAX, ClientStats

SECOND_NS = 1_000_000_000


def test_rates_are_those_of_the_last_second() -> None:
    stats = ClientStats()
    stats.roll(5 * SECOND_NS)
    stats.bytes_down, stats.bytes_up = 3000, 500
    stats.roll(5 * SECOND_NS + SECOND_NS // 2)
    assert stats.bytes_down_per_s == 0
    stats.roll(6 * SECOND_NS)
    assert (stats.bytes_down_per_s, stats.bytes_up_per_s) == (3000, 500)
    stats.roll(8 * SECOND_NS)
    assert stats.bytes_down_per_s == 0


def test_the_longest_gap_is_kept_though_samples_are_bounded() -> None:
    stats = ClientStats()
    stats.gap(900_000_000)
    for _ in range(SAMPLES_MAX):
        stats.gap(50_000_000)
    assert len(stats.state_gap_ms) == SAMPLES_MAX
    assert max(stats.state_gap_ms) == 50
    assert stats.state_gap_max_ms == 900


def test_forgetting_samples_keeps_the_counts() -> None:
    stats = ClientStats(states=7)
    stats.gap(1)
    stats.round_trip(2_000_000)
    stats.forget_samples()
    assert (stats.states, stats.rtt_ms, list(stats.rtts_ms), list(stats.state_gap_ms)) == (7, 2.0, [], [])
    assert stats.state_gap_max_ms == 0


def test_a_return_is_counted_by_how_it_went_and_a_resume_is_timed() -> None:
    stats = ClientStats()
    stats.came_back(True, True, 40_000_000)
    stats.came_back(True, False, 60_000_000)
    stats.came_back(False, False, 10_000_000)
    assert (stats.resumed, stats.resumed_by_keyframe, stats.rejoined) == (1, 1, 1)
    assert list(stats.resume_ms) == [40, 60]


def test_what_came_to_nothing_is_added_up() -> None:
    stats = ClientStats()
    stats.came_to_nothing(2, 0)
    stats.came_to_nothing(1, 5)
    assert (stats.commands_lost, stats.events_lost) == (3, 5)
