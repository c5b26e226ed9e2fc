"""Who is in a party, who leads it, and where it goes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.party import (
    CALL_LASTS_MS,
    CODE_SIGNS,
    Member,
    Party,
    PartyCall,
    new_code,
    party_fields,
    party_of,
    read_code,
)

ANN, BOB, CID = Member("ann", "Ann"), Member("bob", "Bob"), Member("cid", "Cid")
TRIO = Party("ACDEFG", (ANN, BOB, CID))


def test_the_oldest_member_leads_when_the_leader_leaves() -> None:
    assert TRIO.leader == "ann"
    assert TRIO.without({"ann"}).leader == "bob"
    assert TRIO.without({"ann", "bob", "cid"}).leader == ""


def test_who_comes_last_stands_last_and_a_repeat_keeps_the_place() -> None:
    party = Party("ACDEFG", (ANN,)).with_member(BOB, 4)
    assert party.players == ("ann", "bob")
    assert party.with_member(ANN, 2) is party
    assert party.with_member(Member("ann", "Anna"), 2).members == (Member("ann", "Anna"), BOB)


def test_a_party_is_never_larger_than_a_match() -> None:
    with pytest.raises(LobbyRefused, match="all 3 places in party ACDEFG are taken.*party_full"):
        TRIO.with_member(Member("dan", "Dan"), 3)


def test_a_party_is_never_larger_than_its_message_can_tell() -> None:
    party = Party("ACDEFG", tuple(Member(f"p{n}", "") for n in range(16)))
    with pytest.raises(LobbyRefused, match="all 16 places"):
        party.with_member(ANN, 1000)


def test_only_the_leader_searches() -> None:
    assert TRIO.searching("ann", "r1").search == "r1"
    with pytest.raises(LobbyRefused, match="Ann leads the party.*not_leader"):
        TRIO.searching("bob", "r1")
    with pytest.raises(LobbyRefused, match="no_party"):
        TRIO.searching("eve", "r1")


def test_a_search_ends_when_somebody_comes_or_goes() -> None:
    searching = TRIO.searching("ann", "r1")
    assert searching.without({"cid"}).search == ""
    assert searching.with_member(Member("dan", "Dan"), 8).search == ""
    assert searching.without({"nobody"}) is searching


def test_a_call_is_numbered_ends_the_search_and_a_repeat_is_the_same_call() -> None:
    called = TRIO.searching("ann", "r1").called("r1", "m-1", 1_000)
    assert called.call == PartyCall(1, "r1", "m-1", 1_000) and called.search == ""
    assert called.called("r1", "m-1", 2_000) is called
    assert called.called("r2", "m-2", 3_000).call.number == 2


def test_a_call_is_followed_while_its_seats_are_kept() -> None:
    call = PartyCall(1, "r1", "m-1", 1_000)
    assert call.is_fresh(999 + CALL_LASTS_MS)
    assert not call.is_fresh(1_000 + CALL_LASTS_MS)
    assert not PartyCall().is_fresh(0)


def test_every_change_has_a_higher_version() -> None:
    party = Party("ACDEFG", (ANN,))
    versions = [party.version]
    for change in (lambda p: p.with_member(BOB, 4), lambda p: p.searching("ann", "r"),
                   lambda p: p.called("r", "m", 1), lambda p: p.without({"ann"})):  # fmt: skip
        party = change(party)
        versions.append(party.version)
    assert versions == [1, 2, 3, 4, 5]


@given(st.integers())
def test_a_code_has_six_signs_that_do_not_look_alike(seed: int) -> None:
    code = new_code(random.Random(seed))
    assert len(code) == 6 and not set(code) & set("B8I1LO0S5Z2")
    assert read_code(f" {code[:3].lower()}-{code[3:]} ") == code


@pytest.mark.parametrize("text", ["", "ACDEF", "ACDEFGH", "ACDEF0", "ÄCDEFG", "{}:*AC"])
def test_what_is_no_code_is_refused_before_anyone_looks_for_it(text: str) -> None:
    with pytest.raises(LobbyRefused, match=f"6 of {CODE_SIGNS}.*no_party"):
        read_code(text)


def test_a_party_is_put_together_as_it_was_taken_apart() -> None:
    party = TRIO.searching("ann", "r1").called("r1", "m-1", 1_000)
    assert party_of("ACDEFG", party_fields(party)) == party
