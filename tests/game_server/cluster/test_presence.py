"""Where players are: the rules for several devices, a node's book of sessions, what watchers were told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from game_server.cluster.presence import REFRESH_NS, PresenceBook, Told, gives_way, nowhere, shown
from game_server.cluster.records import Presence
from protocol.lobby_messages import Where


def at(session: str, where: Where = Where.LOBBY, since_ms: int = 0, match: str = "", player: str = "ann") -> Presence:
    return Presence(player, player.title(), where, match, "a", 1, session, since_ms)


LOBBY, OLD_LOBBY = at("l", since_ms=9), at("k", since_ms=1)
PLAYS, WATCHES = at("p", Where.MATCH, 2, "m-1"), at("w", Where.SPECTATING, 8, "m-2")


def test_playing_is_shown_before_watching_and_watching_before_the_lobby() -> None:
    assert shown([LOBBY, PLAYS, WATCHES]) is PLAYS
    assert shown([LOBBY, WATCHES]) is WATCHES
    assert shown([OLD_LOBBY, LOBBY]) is LOBBY
    assert shown([]) is None


def test_of_two_sessions_that_began_at_once_the_same_one_is_shown_everywhere() -> None:
    one, two = at("1"), at("2")
    assert shown([one, two]) is shown([two, one])
    assert gives_way(one, [one, two], "newest") != gives_way(two, [one, two], "newest")


def test_the_newest_of_a_kind_stays_and_the_older_ones_give_way() -> None:
    everything = [LOBBY, OLD_LOBBY, PLAYS]
    assert gives_way(OLD_LOBBY, everything, "newest")
    assert not gives_way(LOBBY, everything, "newest")
    assert not gives_way(PLAYS, everything, "newest"), "the lobby is no rival of a match"
    assert not gives_way(OLD_LOBBY, everything, "both")


def test_playing_in_another_match_later_ends_playing_but_the_same_match_and_watching_do_not() -> None:
    later = at("q", Where.MATCH, 5, "m-2")
    assert gives_way(PLAYS, [PLAYS, later], "newest")
    assert not gives_way(PLAYS, [PLAYS, replace(later, match="m-1")], "newest"), "the seat is taken over there"
    assert not gives_way(PLAYS, [PLAYS, WATCHES], "newest")


def test_a_change_is_written_once_and_again_when_it_is_old() -> None:
    book = PresenceBook()
    book.here(LOBBY)
    assert book.waits
    writes = book.take(0)
    assert (writes.here, writes.changed, writes.gone) == ([LOBBY], {"l"}, [])
    assert not book.waits and book.take(REFRESH_NS - 1).here == []
    again = book.take(REFRESH_NS)
    assert (again.here, again.changed) == ([LOBBY], set()), "nobody needs to be told of a refresh"
    assert book.take(REFRESH_NS + 1).here == []
    book.here(LOBBY)
    assert not book.waits, "it was no change"


def test_who_goes_is_written_once_and_may_come_back() -> None:
    book = PresenceBook()
    book.here(LOBBY)
    book.take(0)
    book.gone("ann", "l")
    book.gone("ann", "l")
    book.gone("bob", "never there")
    assert len(book) == 0 and book.sessions_of("ann") == []
    assert book.take(1).gone == [LOBBY]
    assert book.take(2).gone == []
    book.here(LOBBY)
    book.gone("ann", "l")
    book.here(LOBBY)
    writes = book.take(3)
    assert (writes.here, writes.gone) == ([LOBBY], [])


def test_what_could_not_be_written_is_tried_again_unless_it_is_past() -> None:
    book = PresenceBook()
    book.here(LOBBY)
    book.here(PLAYS)
    first = book.take(0)
    book.gone("ann", "p")
    book.put_back(first)
    second = book.take(1)
    assert (second.here, second.changed, second.gone) == ([LOBBY], {"l"}, [PLAYS])
    book.here(PLAYS)
    book.put_back(second)
    third = book.take(2)
    assert {presence.session for presence in third.here} == {"l", "p"} and third.gone == []


def test_a_thousand_are_written_in_portions() -> None:
    book = PresenceBook()
    for n in range(10):
        book.here(replace(LOBBY, player=f"p{n}", session=f"s{n}"))
    assert [len(book.take(0, 4).here) for _ in range(4)] == [4, 4, 2, 0]
    assert [len(book.take(REFRESH_NS, 4).here) for _ in range(4)] == [4, 4, 2, 0]
    for n in range(6):
        book.gone(f"p{n}", f"s{n}")
    assert len(book.sessions()) == 10
    assert [len(book.take(REFRESH_NS, 4).gone) for _ in range(3)] == [4, 2, 0]


def test_of_those_who_come_and_go_while_the_directory_is_away_only_so_many_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("game_server.cluster.presence.GONE_MAX", 3)
    book = PresenceBook()
    for n in range(10):
        book.here(replace(LOBBY, player=f"p{n}", session=f"s{n}"))
        book.gone(f"p{n}", f"s{n}")
    assert [each.session for each in book.take(0).gone] == ["s7", "s8", "s9"]


def test_players_that_another_node_changed_are_read_again() -> None:
    book = PresenceBook()
    book.here(LOBBY)
    book.here(at("b", player="bob"))
    book.take(0)
    book.look_again(["ann", "nobody here"])
    writes = book.take(1)
    assert (writes.here, writes.changed) == ([LOBBY], set())


def test_everything_is_written_again_when_the_directory_lost_it() -> None:
    book = PresenceBook()
    for n in range(3):
        book.here(at(f"s{n}", player=f"p{n}"))
    book.take(0)
    book.forget_written()
    assert len(book.take(1).here) == 3
    assert book.take(2).here == []


def test_a_watcher_is_told_everything_once_and_then_what_changed() -> None:
    told = Told()
    told.watch(["ann", "bob"])
    assert told.changes({"ann": LOBBY, "bob": nowhere("bob"), "eve": at("e", player="eve")}) == [LOBBY, nowhere("bob")]
    assert told.changes({"ann": at("other", since_ms=50), "bob": nowhere("bob")}) == [], "another session, same place"
    assert told.changes({"ann": PLAYS}) == [PLAYS]
    assert told.changes({"ann": replace(PLAYS, match="m-2")}) == [replace(PLAYS, match="m-2")]
    told.watch(["ann", "eve"])
    assert told.changes({"ann": replace(PLAYS, match="m-2"), "eve": nowhere("eve")}) == [nowhere("eve")]


@pytest.mark.parametrize("where", [Where.LOBBY, Where.MATCH, Where.SPECTATING])
def test_nowhere_is_less_than_anywhere(where: Where) -> None:
    assert shown([nowhere("ann"), at("a", where)]) == at("a", where)
