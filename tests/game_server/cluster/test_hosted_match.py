"""A hosted match as the directory is told of it."""

from game_server.cluster.hosted_match import HostedMatch
from game_server.cluster.node_facts import Counted
from game_server.cluster.records import Ledger, Listing, MatchSpec, Owner

SPEC = MatchSpec("m-1", (("mode", "duel"),), True, "ABCD")


def hosted(taken: int = 0, players: tuple[str, ...] = (), spectators: int = 0) -> HostedMatch:
    counted = Counted("m-1", taken, players, spectators)
    return HostedMatch(SPEC, 4, 77, Owner("m-1", "a", 5, 9), False, counted)


def test_its_ledger_has_the_owners_epoch_and_the_generation() -> None:
    match = hosted(2, ("p",))
    assert match.ledger() == Ledger("m-1", 9, 77, 4, 2, ("p",), known=False)
    match.known = True
    assert match.ledger().known


def test_one_that_is_to_be_removed_says_that_it_is_full() -> None:
    match = hosted(0)
    match.removing = True
    assert match.ledger().taken == 4


def test_reserved_seats_count_in_the_listing_but_not_beyond_all_seats() -> None:
    match = hosted(2, ("p",), 3)
    match.note_reserved(("p", "q"))
    assert match.reserved == ("q",)
    assert match.listing("a", 5) == Listing("m-1", "a", 5, 3, 4, 3, (("mode", "duel"),), True, "ABCD")
    match.note_reserved(("q", "r", "s"))
    assert match.listing("a", 5).seats == 4


def test_a_match_is_empty_without_seats_spectators_and_reservations() -> None:
    match = hosted()
    assert match.empty and not hosted(1).empty and not hosted(spectators=1).empty
    match.note_reserved(("q",))
    assert not match.empty


def test_it_is_empty_since_the_first_moment_of_this_emptiness() -> None:
    match = hosted()
    match.note_emptiness(10)
    match.note_emptiness(20)
    assert match.empty_since_ns == 10
    match.counted = Counted("m-1", 1)
    match.note_emptiness(30)
    assert match.empty_since_ns is None
