"""`demo_client/lobby_scene.py`."""

import pytest

from demo_client.lobby_scene import (
    LobbyScene,
    MatchRow,
    Refusal,
    Search,
    seconds_text,
    short_match,
    where_text,
)
from protocol.lobby_messages import Where


def test_a_long_name_of_a_match_is_shown_by_its_beginning() -> None:
    assert short_match("m-3fa9c0d1e2b34455") == "m-3fa9c0"
    assert short_match("1") == "1"
    assert short_match("arena-7777-1") == "arena-7777-1"


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (Where.LOBBY, "in the lobby"),
        (Where.MATCH, "plays in m-3fa9c0"),
        (Where.SPECTATING, "watches m-3fa9c0"),
        (Where.NOWHERE, "away"),
        (77, "away"),
    ],
)
def test_where_a_player_is_reads_as_words(where: int, words: str) -> None:
    assert where_text(where, "m-3fa9c0d1e2b34455") == words


def test_a_wait_is_told_in_whole_seconds_and_never_as_none() -> None:
    assert [seconds_text(each) for each in (0.0, 0.2, 1.0, 1.01, 5.0)] == ["1 s", "1 s", "1 s", "2 s", "5 s"]


def test_nothing_can_be_asked_while_searching_or_waiting_or_without_a_connection() -> None:
    assert LobbyScene().can_ask
    assert LobbyScene(refusal=Refusal("full")).can_ask
    assert not LobbyScene(search=Search("...")).can_ask
    assert not LobbyScene(trouble="away").can_ask
    assert not LobbyScene(refusal=Refusal("later", retry_s=1.0)).can_ask


def test_a_match_is_full_when_no_seat_is_free() -> None:
    assert not MatchRow("1", 31, 32).full
    assert MatchRow("1", 32, 32).full
