"""Results as tables in documents: `python -m bench.table` writes each anew, a tidy test fails when one is stale.

A document says where with two lines; between them stands what this module writes.

    <!-- figures: sessions -->
    <!-- end of figures -->

To test: `tests/bench/test_table.py`; that the documents are fresh, `tests/tidy/test_figures.py`.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from bench.report import RESULTS, ROOT, settings_line

_PLACE = re.compile(r"(<!-- figures: (?P<area>\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
DOCUMENTS = ("docs/reliability.md", "docs/scaling.md")


def table(results: dict[str, Any]) -> str:
    """Return the table of one area's results: command, machine and commit above it, the settings below."""
    machine = results["machine"]
    lines = [
        f"`{results['command']}`, {results['date'][:10]}, commit `{results['commit']}`, "
        f"{machine['cores']} cores of {machine['cpu']}, {machine['python']}, {machine['kernel']}.",
        "",
        "| figure | measured | target | ok | n | spread |",
        "|---|--:|--:|:-:|--:|--:|",
    ]
    for each in results["figures"]:
        ok = {True: "yes", False: "**no**", None: "left out"}[each["ok"]]
        shown = "" if each["value"] is None else f"{_number(each['value'])} {each['unit']}"
        spread = "" if each["spread"] is None else _number(each["spread"])
        target, verdict = (each["target"], ok) if each["target"] else ("", "")
        lines.append(f"| {each['figure']} | {shown} | {target} | {verdict} | {each['n']:,} | {spread} |")
    settings = results.get("settings", {})
    if settings:
        lines += ["", "Settings, where they are not the defaults, and the load of each section:", ""]
        lines += [f"- {section}: {settings_line(given)}" for section, given in settings.items()]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def filled(text: str, folder: Path = RESULTS) -> str:
    """Return a document's text with its tables made anew from the results in `folder`; without results one stays."""

    def place(found: re.Match[str]) -> str:
        path = folder / f"{found['area']}.json"
        if not path.exists():
            return found[0]
        results = json.loads(path.read_text(encoding="utf-8"))
        return f"{found[1]}{table(results)}{found[3]}"

    return _PLACE.sub(place, text)


def main() -> int:
    """Write the tables of all documents."""
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
