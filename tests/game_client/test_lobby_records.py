from __future__ import annotations

from typing import Any

import pytest

from game_client.lobby_records import (
    Listing,
    LobbyRefused,
    Party,
    Presence,
    listing_of,
    pairs_of,
    party_of,
    presence_of,
)  # fmt: skip
from protocol.errors import PeerFault
from protocol.lobby_messages import Refused, Where


def test_a_row_of_matches_is_a_listing() -> None:
    assert listing_of(["m-1", 3, 8, 1, ["mode", "duel"]]) == Listing("m-1", 3, 8, 1, {"mode": "duel"})


def test_a_row_of_players_says_where_they_are() -> None:
    assert presence_of(["p-1", "Ada", 2, "m-1"]) == Presence("p-1", "Ada", Where.MATCH, "m-1")


def test_a_party_without_members_is_none() -> None:
    assert party_of("ABCD", [["p-1", "Ada"]]) == Party("ABCD", (("p-1", "Ada"),))
    assert party_of("ABCD", []) == Party()


@pytest.mark.parametrize("row", [7, [], ["m-1", 3, 8, 1], ["m-1", "3", 8, 1, []], ["m", 3, 8, 1, ["mode"]],
                                 ["m", 3, 8, 1, ["mode", 7]]])  # fmt: skip
def test_a_row_that_is_no_match_is_the_lobbys_fault(row: Any) -> None:
    with pytest.raises(PeerFault, match="is no match"):
        listing_of(row)


@pytest.mark.parametrize("row", [None, ["p", "Ada", 9, ""], ["p", "Ada", "2", ""], ["p", "Ada", 2]])
def test_a_row_that_is_no_player_is_the_lobbys_fault(row: Any) -> None:
    with pytest.raises(PeerFault, match="is no player"):
        presence_of(row)


def test_a_row_that_is_no_member_is_the_lobbys_fault() -> None:
    with pytest.raises(PeerFault, match="is no member"):
        party_of("ABCD", [["p-1"]])


def test_attributes_are_pairs_on_the_wire() -> None:
    assert pairs_of({"mode": "duel", "region": "eu"}) == ["mode", "duel", "region", "eu"]
    assert pairs_of(None) == []


def test_a_refusal_reads_as_its_sentence() -> None:
    refused = LobbyRefused.told(Refused("r", "full", "all 8 seats are taken", 500))
    assert (str(refused), refused.retry_after_ms) == ("all 8 seats are taken (full)", 500)
