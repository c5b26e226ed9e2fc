"""Which of some nodes gets a match."""

from collections import Counter
from dataclasses import replace
from random import Random

from game_server.cluster.placement import choose, free_places, next_epoch
from game_server.cluster.records import NodeRecord

NODE = NodeRecord("n", 1, "", "Arena", "1", 7, 0, 10, 0, 0, False)


def nodes(*matches: int) -> list[NodeRecord]:
    return [replace(NODE, node=f"n{n}", matches=each) for n, each in enumerate(matches)]


def test_of_two_the_emptier_is_taken() -> None:
    for seed in range(20):
        chosen = choose(nodes(5, 2), Random(seed))
        assert chosen is not None and chosen.node == "n1"


def test_what_was_placed_since_a_node_told_counts() -> None:
    for seed in range(20):
        chosen = choose(nodes(2, 2), Random(seed), placed={"n0": 1})
        assert chosen is not None and chosen.node == "n1"
        assert chosen.matches == 2, "the record is returned as it was"


def test_a_burst_on_old_values_fills_all_nodes_also_one_that_has_more_players() -> None:
    told = [replace(NODE, node="lobby", players=50), *nodes(0, 0)]
    for seed in range(50):
        rng, got = Random(seed), Counter[str]()
        for _ in range(12):
            chosen = choose(told, rng, placed=got)
            assert chosen is not None
            got[chosen.node] += 1
        assert len(got) == 3 and max(got.values()) <= 6


def test_full_draining_and_excluded_nodes_are_not_candidates() -> None:
    full, free, leaving = nodes(10, 3, 0)
    leaving = replace(leaving, draining=True)
    assert free_places(leaving) == 0
    assert choose([full, free, leaving], Random(1)) == free
    assert choose([full, free, leaving], Random(1), exclude=["n1"]) is None
    assert choose([], Random(1)) is None


def test_a_larger_node_with_the_same_share_taken_is_as_good_and_fewer_seats_decide() -> None:
    small = replace(NODE, node="small", matches=5, matches_max=10, seats=40)
    large = replace(NODE, node="large", matches=50, matches_max=100, seats=10)
    chosen = choose([small, large], Random(3))
    assert chosen == large


def test_many_choices_on_old_values_still_spread() -> None:
    rng, told = Random(4), nodes(*[0] * 10)
    got = Counter(choice.node for _ in range(1000) if (choice := choose(told, rng)))
    assert len(got) == 10 and max(got.values()) < 200


def test_an_epoch_is_above_all_that_were_seen_and_starts_no_lower_after_a_loss() -> None:
    assert next_epoch(0, 1000) == 1001
    assert next_epoch(1001, 1000) == 1002
    assert next_epoch(5000, 1000) == 5001
