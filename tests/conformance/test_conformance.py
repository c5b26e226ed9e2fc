"""RFC 6455, by Autobahn's cases, on the transport that the product uses."""

import pytest

from bench.conformance import EXPECTED, conformance

EXPECTED_MOST = 5
CASES = 301
"""All but those of compression."""


@pytest.mark.slow
def test_every_case_passes_but_the_expected_exceptions() -> None:
    result = conformance()
    assert not result.complaints
    assert not result.unexpected
    assert set(result.failed) == set(EXPECTED), "what passes again must leave the list of exceptions"
    assert result.cases == CASES


def test_the_exceptions_are_few_and_each_has_its_reason() -> None:
    assert len(EXPECTED) <= EXPECTED_MOST
    assert all(len(reason) > 20 for reason in EXPECTED.values())
