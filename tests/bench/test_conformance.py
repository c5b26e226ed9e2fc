"""The harness around kosoku; the cases themselves are in `tests/conformance/`."""

import pytest

from bench.conformance import EXPECTED, Conformance, conformance
from demo_client.children import ChildFailed


def case(name: str, behavior: str = "OK", close: str = "OK") -> dict[str, str]:
    return {"id": name, "behavior": behavior, "close": close, "why": "because"}


def test_a_few_cases_run_against_the_echo() -> None:
    result = conformance(["1.1.*", "7.1.5"])
    assert result.cases == 9 and not result.complaints
    assert set(result.failed) == set(EXPECTED) and not result.unexpected


def test_only_what_nothing_explains_is_unexpected() -> None:
    result = Conformance()
    for each in (case("1.1.1"), case("7.1.5", "FAILED"), case("2.1", close="WRONG CODE"), case("6.4.1", "NON-STRICT")):
        result.add(each)
    assert result.cases == 4 and result.verdicts == {"OK": 2, "FAILED": 1, "NON-STRICT": 1}
    assert list(result.failed) == ["7.1.5", "2.1"]
    assert list(result.unexpected) == ["2.1"]


def test_a_kosoku_that_runs_nothing_is_no_success() -> None:
    with pytest.raises(ChildFailed):
        conformance(["no.such.case"])
