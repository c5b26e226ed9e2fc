"""The tally: by which word an ending is counted."""

import pytest

from game_server.shell.tally import CAUSES, Ending, NoTally, ending_by_close, ending_by_network
from protocol.close_codes import CLOSE_CODES


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (None, "eof"),
        (ConnectionResetError(), "reset"),
        (BrokenPipeError(), "reset"),
        (TimeoutError(110, "timed out"), "timeout"),
        (OSError(113, "no route"), "network"),
    ],
)
def test_a_socket_that_nobody_closed_ends_with_1006_and_what_the_kernel_said(
    error: Exception | None, cause: str
) -> None:
    assert ending_by_network(error) == Ending(1006, cause, "network")


def test_every_code_that_a_server_closes_with_has_a_word() -> None:
    assert set(CAUSES) <= set(CLOSE_CODES)
    assert ending_by_close(1008) == Ending(1008, "policy", "server")
    assert ending_by_close(4099) == Ending(4099, "closed", "server")


def test_a_server_that_nobody_counts_for_runs_all_the_same() -> None:
    tally = NoTally()
    tally.disconnected(1000, "left", 1.0, 2, 3)
    tally.upgrade_refused(403, "origin")
    tally.violation("frame")
