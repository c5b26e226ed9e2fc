"""Every figure that README and docs quote is the one in bench/results/."""

import json

import pytest

from bench.table import DOCUMENTS, filled
from tests.tidy.tree import ROOT

# Figure, how it is written, and which pages quote it.
QUOTED = (
    ("two_matches_state_hz", "{:.2f} Hz", ("docs/performance.md",)),
    ("two_matches_tick_ms_p50", "| {:.2f} /", ("docs/performance.md",)),
    ("two_matches_tick_ms_p99", "/ {:.2f} ms |", ("docs/performance.md",)),
    ("two_matches_lateness_ms_p99", "| {:.2f} ms |", ("docs/performance.md",)),
    ("two_matches_server_cpu", "{:.1f} %", ("docs/performance.md", "docs/scaling.md", "README.md")),
    ("bytes_down", "| {:,.0f} | <= 3,500", ("docs/performance.md",)),
    ("bytes_down", "{:,.0f} B/s", ("docs/scaling.md",)),
    ("bytes_up", "| {:,.0f} | <= 650", ("docs/performance.md",)),
    ("bytes_hunters_down", "| {:,.0f} /", ("docs/performance.md",)),
    ("bytes_hunters_up", "/ {:,.0f} |", ("docs/performance.md",)),
    ("bytes_per_moving_entity", "| {:.2f} |", ("docs/performance.md",)),
    ("same_seed_frames_compared", "0 of {:,}", ("docs/performance.md",)),
    ("random_world_frames_checked", "({:,} frames)", ("docs/performance.md",)),
    ("flood_socket_frames_handled", "({:,} frames handled)", ("docs/performance.md",)),
    ("flood_socket_bystander_gap_ms_max", "| {:.1f} ms |", ("docs/performance.md",)),
    ("tick_us_32_players", "takes {:.0f} us", ("docs/performance.md",)),
)


@pytest.mark.parametrize(("figure", "written", "pages"), QUOTED, ids=[f"{row[0]} {row[2][0]}" for row in QUOTED])
def test_a_quoted_figure_is_the_measured_one(figure: str, written: str, pages: tuple[str, ...]) -> None:
    results = json.loads((ROOT / "bench/results/play.json").read_text())
    value = next(row["value"] for row in results["figures"] if row["figure"] == figure)
    for page in pages:
        assert written.format(value) in (ROOT / page).read_text(), f"{page} does not say {written.format(value)}"


@pytest.mark.parametrize("page", DOCUMENTS)
def test_the_tables_of_a_document_are_those_of_the_results(page: str) -> None:
    text = (ROOT / page).read_text()
    assert filled(text) == text, f"{page} is stale: run python -m bench.table"
