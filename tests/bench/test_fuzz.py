"""Fuzzing in this process, in short; `tests/fuzz/` throws more."""

import pytest

import bench.fuzz_targets
from bench.fuzz import FINDINGS_MAX, FuzzResult, fuzz_in_process, phases_of


def test_every_phase_gets_its_share_and_nothing_escapes(seed: int) -> None:
    result = fuzz_in_process(4500, seed)
    assert result.clean, result.findings
    assert result.frames >= 4500 and set(result.phases) == {phase.name for phase in phases_of(seed)}
    assert min(result.phases.values()) >= 400


def test_an_escape_is_counted_told_and_survived(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    def broken(*_: object) -> object:
        raise RecursionError("deep")

    monkeypatch.setattr(bench.fuzz_targets.DecoderTarget, "take", broken)
    result = fuzz_in_process(900, seed)
    assert result.escapes == result.phases["decode client -> server"] + result.phases["decode server -> client"] > 0
    assert not result.clean
    assert "RecursionError" in result.findings[0] and "decode" in result.findings[0]


def test_findings_are_few() -> None:
    result = FuzzResult()
    for n in range(100):
        result.find(str(n))
    assert len(result.findings) == FINDINGS_MAX
