"""The lobby's table: its tags, its round trips, its vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocol
from protocol.codec import decode, decode_lobby, encode
from protocol.errors import PeerFault
from protocol.lobby_messages import LOBBY_TABLE, WATCHED_PLAYERS_MAX, LobbyHello, RefusedCode, WatchPlayers
from protocol.messages import TABLE
from protocol.rows import Direction
from tests.protocol.samples import any_lobby_row, message_of

VECTORS = json.loads((Path(protocol.__file__).parent / "vectors" / "lobby_messages.json").read_text())
ROWS = {row.name: row for row in LOBBY_TABLE}


def test_tags_are_unique_one_byte_and_never_a_match_s() -> None:
    tags = [row.tag for row in (*TABLE, *LOBBY_TABLE)]
    assert len(set(tags)) == len(tags) and all(0 <= tag < 128 for tag in tags)
    for row in LOBBY_TABLE:
        assert (row.tag < 64) == (row.direction is Direction.TO_SERVER)


@given(st.data())
def test_every_message_survives_the_wire(data: Any) -> None:
    row = data.draw(any_lobby_row)
    message = data.draw(message_of(row))
    assert decode_lobby(encode(message), row.direction) == message


def test_a_lobby_message_on_a_match_s_socket_is_no_message() -> None:
    with pytest.raises(PeerFault, match="tag 32 is no message"):
        decode(encode(LobbyHello(0)), Direction.TO_SERVER)


def test_codes_fit_their_field() -> None:
    assert all(len(code) <= 32 for code in RefusedCode)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: each["name"])
def test_vectors_hold(vector: dict[str, Any]) -> None:
    row = ROWS[vector["name"]]
    message = row.cls(**vector["message"])
    assert encode(message).hex() == vector["hex"]
    assert decode_lobby(bytes.fromhex(vector["hex"]), row.direction) == message


def test_every_message_has_a_vector() -> None:
    assert {each["name"] for each in VECTORS} == set(ROWS)


def test_as_many_players_as_can_be_watched_pass_the_codec() -> None:
    message = WatchPlayers([f"guest-{n:016x}" for n in range(WATCHED_PLAYERS_MAX)])
    assert decode_lobby(encode(message), Direction.TO_SERVER) == message
