"""Names of matches that players make."""

import pytest

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.lobby_match import match_code, match_id, read_match_code


def test_a_request_determines_the_id() -> None:
    assert match_id("ann", "1") == match_id("ann", "1")
    assert len({match_id("ann", "1"), match_id("ann", "2"), match_id("ben", "1"), match_id("ann", "1", 1)}) == 4
    assert match_id("ann", "1").startswith("m-") and len(match_id("ann", "1")) == 18


def test_a_code_has_no_look_alikes_and_can_be_computed_again() -> None:
    codes = {match_code(f"secret {n}") for n in range(200)}
    assert len(codes) == 200 and not set("".join(codes)) & set("0O1IL5S2Z8B")
    assert match_code("s") == match_code("s") != match_code("s", 1)


def test_a_code_is_read_as_people_type_it() -> None:
    code = match_code("s")
    assert read_match_code(f" {code[:3].lower()}-{code[3:]}") == code
    with pytest.raises(LobbyRefused):
        read_match_code("O0O0O0")
