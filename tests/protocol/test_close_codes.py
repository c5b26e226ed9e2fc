"""The table of close codes."""

from protocol.close_codes import CLOSE_CODES, Return, close_code


def test_every_row_stands_under_its_code_and_in_a_legal_range() -> None:
    for code, row in CLOSE_CODES.items():
        assert code == row.code and (1000 <= code <= 1015 or 4000 <= code <= 4099)


def test_a_restart_brings_the_client_back_at_once_and_a_ban_never() -> None:
    assert close_code(1012).client is Return.AT_ONCE
    assert close_code(1006).client is Return.AT_ONCE
    assert close_code(1008).client is Return.NEVER
    assert close_code(4010).client is Return.NEVER


def test_an_unknown_code_brings_the_client_back_with_backoff() -> None:
    assert close_code(4999).client is Return.BACKOFF
