"""What a watcher is told: the difference, merged."""

from game_server.cluster.lobby_view import CHANGES_MAX, LobbyView
from game_server.cluster.records import Listing

DUEL = (("mode", "duel"),)


def listing(match: str, seats: int = 0, mode: str = "duel") -> Listing:
    return Listing(match, "n1", 1, seats, 4, 0, (("mode", mode),))


def test_a_view_shows_only_what_it_asks_for() -> None:
    table = {"a": listing("a"), "b": listing("b", mode="ffa")}
    view = LobbyView(DUEL, table)
    assert [each.match for each in view.take(table).changed] == ["a"]
    assert not view.waits and not view.take(table)


def test_many_changes_of_one_match_are_told_as_one() -> None:
    table = {"a": listing("a")}
    view = LobbyView((), table)
    view.take(table)
    for seats in range(1, 4):
        table["a"] = listing("a", seats)
        view.touch(["a"])
    assert [(each.match, each.seats) for each in view.take(table).changed] == [("a", 3)]


def test_what_came_and_went_unseen_is_not_told() -> None:
    table = {"a": listing("a")}
    view = LobbyView((), {})
    view.take({})
    view.touch(["a"])
    del table["a"]
    view.touch(["a"])
    assert not view.take(table)


def test_a_match_that_meets_the_filters_no_more_is_gone() -> None:
    table = {"a": listing("a")}
    view = LobbyView(DUEL, table)
    view.take(table)
    table["a"] = listing("a", mode="ffa")
    view.touch(["a"])
    assert view.take(table).gone == ("a",)


def test_what_exceeds_one_message_is_told_by_the_next() -> None:
    table = {f"{n}": listing(f"{n}") for n in range(CHANGES_MAX + 5)}
    view = LobbyView((), table)
    assert len(view.take(table).changed) == CHANGES_MAX
    assert view.waits
    assert len(view.take(table).changed) == 5
