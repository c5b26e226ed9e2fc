"""Nobody plays twice, parties stay whole, filters and spreads are kept, whatever tickets there are."""

import random
import time
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from game_server.cluster.matchmaker import Group, Matchmaking, QueueRules, explain, match_up, queue_rules
from game_server.cluster.queue_ticket import QueuedPlayer, QueueTicket, spread_after
from game_server.cluster.ratings import MU_FIRST, POINTS_FIRST, POINTS_PER_MU
from game_server.cluster.records import Attributes
from protocol.errors import UsageFault

NOW_MS = 1_000_000
DUEL, EU, DUEL_EU = (("mode", "duel"),), (("region", "eu"),), (("mode", "duel"), ("region", "eu"))


def ticket(
    request: str, points: int = 1500, waited_ms: int = 0, seats: int = 1, filters: Attributes = (), schema_hash: int = 0
) -> QueueTicket:
    mu = MU_FIRST + (points - POINTS_FIRST) / POINTS_PER_MU
    players = tuple(QueuedPlayer(f"{request}/{n}", mu) for n in range(seats))
    return QueueTicket(request, players, NOW_MS - waited_ms, filters, schema_hash)


def requests(groups: tuple[Group, ...]) -> list[set[str]]:
    return [set(group.requests) for group in groups]


def test_a_full_match_is_formed_and_the_rest_is_told_how_many_it_found() -> None:
    outcome = match_up([ticket(name) for name in "abcde"], QueueRules(2, 4), NOW_MS)
    assert requests(outcome.groups) == [{"a", "b", "c", "d"}]
    assert outcome.found == {"e": 1}


def test_those_nearest_in_rating_play_together() -> None:
    tickets = [ticket("a", 1500), ticket("far", 1590), ticket("near", 1510)]
    assert requests(match_up(tickets, QueueRules(2, 2), NOW_MS).groups) == [{"a", "near"}]


def test_a_spread_holds_for_both_sides() -> None:
    """Who has waited long accepts a new one, who does not accept them yet."""
    tickets = [ticket("old", 1700, waited_ms=20_000), ticket("new", 1500)]
    assert not match_up(tickets, QueueRules(2, 2), NOW_MS).groups
    both = [ticket("old", 1700, waited_ms=20_000), ticket("other", 1500, waited_ms=10_000)]
    assert requests(match_up(both, QueueRules(2, 2), NOW_MS).groups) == [{"old", "other"}]


def test_a_spread_holds_between_all_and_not_only_towards_the_first() -> None:
    """The old one accepts both others; these do not accept each other."""
    tickets = [
        ticket("old", 1500, waited_ms=20_000),
        ticket("below", 1420, waited_ms=10_000),
        ticket("above", 1590),
    ]
    assert not match_up(tickets, QueueRules(3, 3), NOW_MS).groups
    tickets[2] = ticket("above", 1520)
    assert match_up(tickets, QueueRules(3, 3), NOW_MS).groups


def test_after_a_minute_any_two_will_do() -> None:
    tickets = [ticket("a", 100, waited_ms=60_000), ticket("b", 3000, waited_ms=60_000)]
    assert requests(match_up(tickets, QueueRules(2, 2), NOW_MS).groups) == [{"a", "b"}]


def test_after_the_limit_a_smaller_match_begins_with_all_who_fit() -> None:
    rules = QueueRules(2, 8)
    early = [ticket("a", waited_ms=29_999), ticket("b"), ticket("c")]
    assert match_up(early, rules, NOW_MS).found == {"a": 3, "b": 3, "c": 3}
    late = [ticket("a", waited_ms=30_000), ticket("b"), ticket("c")]
    assert requests(match_up(late, rules, NOW_MS).groups) == [{"a", "b", "c"}]
    assert match_up([ticket("alone", waited_ms=90_000)], rules, NOW_MS).found == {"alone": 1}


def test_whole_matches_are_formed_before_smaller_ones() -> None:
    tickets = [ticket("old", 1500, waited_ms=30_000), *(ticket(f"n{n}", 1500 + n) for n in range(3))]
    assert requests(match_up(tickets, QueueRules(2, 4), NOW_MS).groups) == [{"old", "n0", "n1", "n2"}]


def test_parties_stay_together_and_are_packed_to_a_whole_match() -> None:
    """The nearest, 2 and 2, leave a place that nobody fills; 2 and 3 fill the match."""
    tickets = [ticket("two", 1500, waited_ms=1, seats=2), ticket("pair", 1501, seats=2), ticket("three", 1550, seats=3)]
    assert requests(match_up(tickets, QueueRules(2, 5), NOW_MS).groups) == [{"two", "three"}]


def test_pairs_cannot_fill_an_odd_match_and_are_told_so() -> None:
    outcome = match_up([ticket(f"p{n}", seats=2) for n in range(50)], QueueRules(2, 5), NOW_MS)
    assert not outcome.groups
    assert set(outcome.found.values()) == {4}


def test_who_leaves_a_filter_out_meets_everybody_and_the_match_is_what_the_pickiest_wants() -> None:
    tickets = [ticket("any"), ticket("duel", filters=DUEL), ticket("both", filters=DUEL_EU)]
    (group,) = match_up(tickets, QueueRules(2, 3), NOW_MS).groups
    assert group.filters == DUEL_EU


def test_filters_that_differ_keep_apart() -> None:
    assert not match_up([ticket("a", filters=DUEL), ticket("b", filters=EU)], QueueRules(2, 2), NOW_MS).groups


def test_versions_of_a_game_do_not_meet_but_who_takes_any_meets_both() -> None:
    assert not match_up([ticket("a", schema_hash=1), ticket("b", schema_hash=2)], QueueRules(2, 2), NOW_MS).groups
    (group,) = match_up([ticket("a", schema_hash=1), ticket("b")], QueueRules(2, 2), NOW_MS).groups
    assert group.schema_hash == 1


def test_the_match_of_a_group_has_one_id_whoever_forms_it() -> None:
    a, b = ticket("a"), ticket("b")
    assert Group((a, b), (), 0).match == Group((b, a), (), 0).match != Group((a,), (), 0).match
    assert len(Group((a, b), (), 0).match) == 18


def test_what_is_waited_for_is_explained() -> None:
    waiting = explain(ticket("a", waited_ms=7_000), 3, QueueRules(2, 8), NOW_MS)
    assert waiting.sentence == "3 of 8 found, +-150 now, widening in 3 s"


def test_rules_that_nobody_could_keep_are_refused() -> None:
    with pytest.raises(UsageFault, match="the least and the most"):
        QueueRules(3, 2)


def test_a_game_says_how_many_play_or_else_its_seats_are_filled() -> None:
    assert queue_rules(None, 8) == QueueRules(2, 8)
    assert queue_rules(None, 1) == QueueRules(1, 1)
    assert queue_rules((4, 6), 8) == QueueRules(4, 6)
    with pytest.raises(UsageFault, match="a match has 8 seats"):
        queue_rules((4, 10), 8)


def test_a_round_can_be_run_a_step_at_a_time() -> None:
    making = Matchmaking([ticket(f"{n}") for n in range(9)], QueueRules(2, 4), NOW_MS)
    steps = 1
    while making.step():
        steps += 1
    assert steps > 3
    assert making.outcome() == match_up([ticket(f"{n}") for n in range(9)], QueueRules(2, 4), NOW_MS)


VALUES = [(), DUEL, EU, DUEL_EU, (("mode", "ffa"),)]
TICKETS = st.lists(
    st.builds(
        lambda points, waited, seats, filters, version: (points, waited, seats, filters, version),
        st.one_of(st.integers(46, 54).map(lambda n: 30 * n), st.integers(1200, 1800), st.integers(0, 3000)),
        st.sampled_from([0, 0, 1_000, 4_999, 12_000, 29_999, 30_000, 45_000, 60_000, 100_000]),
        st.sampled_from([1, 1, 1, 2, 3, 5]),
        st.sampled_from([(), (), (), *VALUES]),
        st.sampled_from([0, 0, 0, 0, 7, 8]),
    ),
    max_size=40,
).map(lambda rows: [ticket(f"t{n}", *row) for n, row in enumerate(rows)])
RULES = st.tuples(st.integers(1, 4), st.integers(0, 8)).map(lambda pair: QueueRules(pair[0], 5 + pair[1]))


@settings(max_examples=300, deadline=None)
@given(TICKETS, RULES, st.randoms(use_true_random=False))
def test_whatever_waits_the_rules_are_kept(tickets: list[QueueTicket], rules: QueueRules, rng: random.Random) -> None:
    outcome = match_up(tickets, rules, NOW_MS)
    names = [name for group in outcome.groups for name in group.requests]
    # Nobody twice, nobody forgotten, and tickets come out as they went in: no party was split.
    assert sorted([*names, *outcome.found]) == sorted(each.request for each in tickets)
    assert {each for group in outcome.groups for each in group.tickets} <= set(tickets)
    for group in outcome.groups:
        _check_group(group, rules)
    for each in tickets:
        if each.request in outcome.found:
            assert each.seats <= outcome.found[each.request] <= max(each.seats, rules.most - 1)
    shuffled = rng.sample(tickets, len(tickets))
    assert match_up(shuffled, rules, NOW_MS) == outcome


def _check_group(group: Group, rules: QueueRules) -> None:
    whole = group.seats == rules.most
    patient = any(NOW_MS - each.since_ms >= rules.smaller_after_ms for each in group.tickets)
    assert whole or (patient and rules.least <= group.seats < rules.most)
    for a, b in product(group.tickets, group.tickets):
        spread = min(spread_after(NOW_MS - each.since_ms) for each in (a, b))
        assert abs(a.points - b.points) <= spread
    for each in group.tickets:
        assert set(each.filters) <= set(group.filters)
        assert each.schema_hash in (0, group.schema_hash)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1000, 2000), max_size=30), st.integers(2, 6))
def test_single_players_are_left_only_if_no_whole_match_of_them_is_within_the_spread(
    ratings: list[int], most: int
) -> None:
    tickets = [ticket(f"t{n:02}", points) for n, points in enumerate(ratings)]
    outcome = match_up(tickets, QueueRules(2, most), NOW_MS)
    left = sorted(each.points for each in tickets if each.request in outcome.found)
    for low, high in zip(left, left[most - 1 :], strict=False):
        assert high - low > 100


def _crowd(count: int, seed: int, patient: bool) -> list[QueueTicket]:
    rng, longest_ms = random.Random(seed), 70_000 if patient else 4_000
    return [
        ticket(f"t{n}", int(rng.gauss(1500, 300)), rng.randrange(longest_ms), rng.choice([1, 1, 1, 2, 3]))
        for n in range(count)
    ]


def _seconds(tickets: list[QueueTicket], rules: QueueRules) -> float:
    began = time.process_time()
    match_up(tickets, rules, NOW_MS)
    return time.process_time() - began


@pytest.mark.parametrize("patient", [False, True])
def test_five_thousand_tickets_are_grouped_in_a_moment_and_twice_as_many_in_twice_that(patient: bool) -> None:
    rules = QueueRules(2, 8)
    costs = [min(_seconds(_crowd(count, 7, patient), rules) for _ in range(3)) for count in (2_500, 5_000, 10_000)]
    assert costs[1] < 1.5, "about 0.1 s on an idle machine"
    assert all(more < 3.2 * less for less, more in pairwise(costs)), costs
