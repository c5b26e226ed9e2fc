"""Results as tables in documents."""

import json
from pathlib import Path
from typing import Any

from bench.table import filled

FIGURE = {
    "area": "a", "figure": "cut_ms", "value": 1234.5, "unit": "ms", "target": "<= 2000", "ok": True, "n": 1000,
    "spread": None,
}  # fmt: skip
RESULTS: dict[str, Any] = {
    "area": "a", "command": "make bench AREA=a", "date": "2026-11-25T10:00:00+00:00", "commit": "abc",
    "machine": {"cpu": "a CPU", "cores": 2, "python": "CPython 3.11.7", "kernel": "Linux 6"},
}  # fmt: skip
BEFORE = "# A\n\n<!-- figures: a -->\nold\n<!-- end of figures -->\n\nAfter.\n"


def document(folder: Path, **changes: Any) -> str:
    (folder / "a.json").write_text(json.dumps(RESULTS | {"figures": [FIGURE | changes]}))
    return filled(BEFORE, folder)


def test_a_table_replaces_what_stood_between_its_marks_and_nothing_else(tmp_path: Path) -> None:
    text = document(tmp_path)
    assert text.startswith("# A\n\n<!-- figures: a -->\n`make bench AREA=a`, 2026-11-25, commit `abc`, 2 cores")
    assert text.endswith("<!-- end of figures -->\n\nAfter.\n") and "old" not in text
    assert "| cut_ms | 1,234 ms | <= 2000 | yes | 1,000 |  |" in text
    assert filled(text, tmp_path) == text


def test_what_failed_what_was_left_out_and_what_has_no_target_look_different(tmp_path: Path) -> None:
    assert "| **no** |" in document(tmp_path, ok=False)
    assert "| cut_ms |  | <= 2000 | left out |" in document(tmp_path, ok=None, value=None)
    assert "| cut_ms | 0.5 ms |  |  | 1,000 | 0.25 |" in document(tmp_path, target=None, value=0.5, spread=0.25)


def test_below_the_table_stands_a_line_of_settings_for_each_section(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps(RESULTS | {"figures": [FIGURE], "settings": {"storm": {"clients": 5000, "max": 10}, "origins": {}}})
    )
    text = filled(BEFORE, tmp_path)
    assert "\n\n- storm: clients 5000, max 10\n- origins: defaults\n<!-- end of figures -->" in text


def test_a_place_without_results_stays_as_it_is(tmp_path: Path) -> None:
    assert filled(BEFORE, tmp_path) == BEFORE
