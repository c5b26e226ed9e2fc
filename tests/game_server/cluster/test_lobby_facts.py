"""Facts and effects of the lobby's session cover the messages that a client may send."""

from typing import get_args

from game_server.cluster.lobby_facts import Request, SeatRequest
from protocol.lobby_messages import LOBBY_TABLE, Cancel, LobbyHello, WatchMatches, WatchPlayers
from protocol.rows import Direction


def test_every_message_of_a_client_is_a_request_or_known_by_name() -> None:
    sent = {row.cls for row in LOBBY_TABLE if row.direction is Direction.TO_SERVER}
    assert sent == {*get_args(Request), LobbyHello, Cancel, WatchMatches, WatchPlayers}
    assert set(get_args(SeatRequest)) < set(get_args(Request))
