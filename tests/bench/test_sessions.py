"""The area `sessions`: every section is there, and what is not measured says so."""

import pytest

from bench import __main__ as command
from bench import sessions
from bench.conformance import Conformance
from bench.fuzz import FuzzResult
from bench.report import Report
from tests.bench.told import figure, misses

SECTIONS = (
    "random_cuts", "never_readers", "never_readers_through_nginx", "slow_reader", "flooder", "slow_handshakes", "storm",
    "client_storm", "idle", "tickets", "origins", "fuzz", "conform", "watchers",
)  # fmt: skip
LEFT_OUT_QUICKLY = {"never_readers", "never_readers_through_nginx", "idle", "conform"}


@pytest.mark.parametrize("quick", [False, True])
def test_every_section_is_measured_once(silent_report: Report, quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    for name in SECTIONS:
        monkeypatch.setattr(sessions, name, lambda *given, name=name, **named: measured.append(name))
    silent_report.quick = quick
    sessions.measure(silent_report)
    assert len(measured) == len(set(measured))
    assert set(measured) == set(SECTIONS) - (LEFT_OUT_QUICKLY if quick else set())
    assert misses(silent_report) == []
    left_out = {each.figure for each in silent_report.figures if each.ok is None}
    assert ("idle_rss_kib_each" in left_out) == quick


def test_a_section_that_fails_is_not_ok_and_the_others_run(
    silent_report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **named: object) -> None:
        raise RuntimeError("broken")

    for name in SECTIONS:
        monkeypatch.setattr(sessions, name, fail)
    sessions.measure(silent_report)
    assert len(misses(silent_report)) == len(SECTIONS) - len(LEFT_OUT_QUICKLY)
    assert silent_report.finish() == 1


def test_what_the_fuzzers_found_is_told(silent_report: Report) -> None:
    silent_report.quick = False
    result = FuzzResult(frames=10, escapes=1, rss_bytes_per_frame=0.5)
    sessions._tell_fuzz(silent_report, "fuzz_in_process", result, 10)
    assert [each.figure for each in misses(silent_report)] == ["fuzz_in_process_escapes"]
    assert figure(silent_report, "fuzz_in_process_rss_bytes_per_frame").ok
    silent_report.quick = True
    sessions._tell_fuzz(silent_report, "fuzz_live", result, 10)
    assert figure(silent_report, "fuzz_live_rss_bytes_per_frame").ok is None


def test_the_area_is_known_to_the_command() -> None:
    assert command.AREAS["sessions"] == "bench.sessions"


def test_cases_that_did_not_run_and_complaints_of_the_server_are_not_ok(
    silent_report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "conformance", lambda: Conformance(cases=1, complaints=["an error in the log"]))
    sessions.conform(silent_report)
    assert [each.figure for each in misses(silent_report)] == ["conformance_cases", "conformance_complaints"]
