"""`demo_client/lobby_link.py`."""

from demo_client.lobby_link import match_row, player_rows, trouble_of
from game_client.facts import Status
from tests.demo_client.fakes import listing, online


def test_a_listing_becomes_a_line_with_the_values_of_its_attributes() -> None:
    row = match_row(listing("m-1", 3, 8, spectators=2, attributes={"mode": "duel", "region": "eu"}))
    assert (row.match, row.seats, row.seats_max, row.spectators) == ("m-1", 3, 8, 2)
    assert tuple(row.attributes) == ("duel", "eu")


def test_oneself_stands_first_then_who_plays_by_name() -> None:
    rows = player_rows([online("zoe", 1), online("bob", 2, "m-1"), online("ann", 2, "m-1"), online("me", 1)], "me")
    assert [row.name for row in rows] == ["me", "ann", "bob", "zoe"]
    assert [row.mine for row in rows] == [True, False, False, False]
    assert rows[1].where == "plays in m-1"


def test_a_live_connection_is_no_trouble_and_others_say_what_they_wait_for() -> None:
    assert trouble_of(Status("live")) == ""
    assert trouble_of(Status("dialling")) == "Connecting to the lobby..."
    away = trouble_of(Status("reconnecting", 3, "directory unavailable, retry in 2 s"))
    assert away == "Connection lost, reconnecting, attempt 3: directory unavailable, retry in 2 s"
    assert "replaced" in trouble_of(Status("closed", 0, "replaced"))
    assert trouble_of(Status("closed")) == "The lobby is closed."
