"""What the directory's errors say."""

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from protocol.lobby_messages import RefusedCode


def test_an_unreachable_directory_says_when_to_try_again_and_not_where_it_is() -> None:
    error = DirectoryUnavailable("connection refused by 10.0.0.7", 3)
    assert str(error) == "directory unavailable, retry in 3 s"
    assert error.why == "connection refused by 10.0.0.7"


def test_a_refusal_has_a_code_and_a_sentence() -> None:
    refused = LobbyRefused(RefusedCode.FULL, "all 8 seats are taken", 1000)
    assert str(refused) == "all 8 seats are taken (full)"
    assert refused.retry_after_ms == 1000
