"""The limit of file descriptors: raised as far as may be, and told when that is not enough."""

import resource
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from game_server.shell.file_limit import RESERVE, check_file_limit, raise_file_limit


@pytest.fixture
def low() -> Iterator[int]:
    """A soft limit below the hard one; the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_becomes_the_hard_one(low: int) -> None:
    assert raise_file_limit() == low
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (low, low)


def test_a_limit_that_cannot_be_raised_stays_as_it_is(low: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed")

    with monkeypatch.context() as patch:
        patch.setattr(resource, "setrlimit", refuse)
        assert raise_file_limit() == 512


def test_too_few_are_told_and_enough_are_not() -> None:
    with capture_logs() as logs:
        check_file_limit(1000, 1000 + RESERVE)
        check_file_limit(1000, resource.RLIM_INFINITY)
    assert not logs
    with capture_logs() as logs:
        check_file_limit(1000, 1000 + RESERVE - 1)
    assert [(each["event"], each["log_level"]) for each in logs] == [("too_few_file_descriptors", "warning")]
    assert logs[0]["needed"] == 1000 + RESERVE and "TICKWIRE_CONNECTIONS_MAX=1000" in logs[0]["why"]
