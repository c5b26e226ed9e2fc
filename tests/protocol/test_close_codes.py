"""The table of close codes."""

from protocol.close_codes import CLOSE_CODES, SEAT_GONE, Return, close_code


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


def test_a_seat_is_kept_for_whoever_may_return_and_for_a_page_that_was_closed() -> None:
    for row in CLOSE_CODES.values():
        may_return = row.client is not Return.NEVER and row.code != SEAT_GONE
        assert row.keeps_seat == (may_return or row.code in (1001, 4001)), row


def test_who_leaves_or_breaks_a_rule_gives_the_seat_up() -> None:
    assert not any(close_code(code).keeps_seat for code in (1000, 1002, 1003, 1008, 1009))
