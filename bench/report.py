"""What a bench area says: one JSON line per figure, a table for people, a file of results.

    {"area": "play", "figure": "two_matches_state_hz", "value": 30.0, "unit": "Hz",
     "target": ">= 29.5", "ok": true, "n": 60, "spread": null}

`n` is how much stands behind a value (seconds, seeds, frames, runs); `spread` is largest minus smallest of several
runs. A figure without a target is for information, and ok; one that was left out, or could not fail, has `ok` null.
The file also says under which settings each section was measured.
To test: `tests/bench/test_report.py`.
"""

import json
import os
import platform
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must keep: at most, at least, or exactly a number."""

    sign: str
    limit: float

    def holds(self, value: float) -> bool:
        """Tell whether `value` keeps it."""
        match self.sign:
            case "<=":
                return value <= self.limit
            case ">=":
                return value >= self.limit
            case _:
                return value == self.limit

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}"


def at_most(limit: float) -> Target:
    """Return the target `<= limit`."""
    return Target("<=", limit)


def at_least(limit: float) -> Target:
    """Return the target `>= limit`."""
    return Target(">=", limit)


def exactly(limit: float) -> Target:
    """Return the target `== limit`."""
    return Target("==", limit)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    area: str
    figure: str
    value: float | None
    unit: str
    target: str | None
    ok: bool | None
    n: int
    spread: float | None


class Report:
    """Collects the figures of one area and tells each as soon as it is there."""

    def __init__(
        self,
        area: str,
        *,
        quick: bool = False,
        command: str = "",
        out: TextIO | None = None,
        console: Console | None = None,
        folder: Path = RESULTS,
    ) -> None:
        self.area = area
        self.quick = quick
        self.figures: list[Figure] = []
        self._settings: dict[str, dict[str, Any]] = {}
        self._command = command
        self._out = out or sys.stdout
        self._console = console or _console()
        self._folder = folder
        self._failed_sections: list[str] = []

    def add(
        self,
        figure: str,
        value: float,
        unit: str,
        target: Target | None = None,
        *,
        n: int = 1,
        spread: float | None = None,
    ) -> None:
        """Tell a measured figure."""
        ok = target is None or target.holds(value)
        shown = None if target is None else str(target)
        rounded_spread = None if spread is None else round(spread, 4)
        self._tell(Figure(self.area, figure, round(value, 4), unit, shown, ok, n, rounded_spread))

    def leave_out(self, figure: str, unit: str, target: Target | None = None) -> None:
        """Tell that a figure was not measured this time."""
        self._tell(Figure(self.area, figure, None, unit, None if target is None else str(target), None, 0, None))

    def settings(self, section: str, given: dict[str, Any]) -> None:
        """Tell with which settings a section is measured; they stand in the results, and under their table."""
        self._settings[section] = dict(given)
        self.note(f"{section}: {settings_line(given)}")

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Announce what is measured next; a section that fails is a figure that is not ok, and the next one begins."""
        self._console.print(f"[grey62]{self.area}: {name} ...[/]")
        try:
            yield
        except Exception:
            self._console.print(traceback.format_exc(), markup=False)
            self._tell(Figure(self.area, f"{name}: measured", 0.0, "bool", str(exactly(1)), False, 0, None))

    def note(self, text: str) -> None:
        """Tell a person something that is no figure."""
        self._console.print(text, markup=False)

    def finish(self) -> int:
        """Write the results and the table; return the exit code: 1 when a figure is not ok."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # A quick run must not replace the figures that the documents cite.
        path = self._folder / f"{self.area}{'.quick' if self.quick else ''}.json"
        path.write_text(json.dumps(self._results(), indent=1) + "\n", encoding="utf-8")
        self._console.print(self._table())
        return 1 if any(each.ok is False for each in self.figures) else 0

    def _tell(self, figure: Figure) -> None:
        self.figures.append(figure)
        print(json.dumps(asdict(figure)), file=self._out, flush=True)

    def _results(self) -> dict[str, Any]:
        return {
            "area": self.area,
            "quick": self.quick,
            "command": self._command,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "machine": machine(),
            "settings": self._settings,
            "figures": [asdict(each) for each in self.figures],
        }

    def _table(self) -> Table:
        table = Table(title=f"{self.area}{' (quick)' if self.quick else ''}", title_justify="left")
        for name in ("figure", "value", "unit", "target", "ok", "n", "spread"):
            table.add_column(name, justify="left" if name in ("figure", "unit", "target") else "right", no_wrap=True)
        for each in self.figures:
            ok = {True: "[green]yes[/]", False: "[bold red]NO[/]", None: "[grey50]left out[/]"}[each.ok]
            value = "" if each.value is None else f"{each.value:,.10g}"
            spread = "" if each.spread is None else f"{each.spread:,.10g}"
            table.add_row(each.figure, value, each.unit, each.target or "", ok, f"{each.n:,}", spread)
        return table


def _console() -> Console:
    console = Console(stderr=True)
    # A log has no width of its own; the table needs this one.
    return console if console.is_terminal else Console(stderr=True, width=120)


def settings_line(given: dict[str, Any]) -> str:
    """Return settings as one line: `name value, name value`."""
    return ", ".join(f"{name} {value}" for name, value in given.items()) or "defaults"


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kernel": f"{platform.system()} {platform.release()}",
    }


def commit() -> str:
    """Return the commit that is checked out, with a plus sign if files differ from it."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        # The results of earlier runs are no change of what is measured.
        return head + ("+" if _git("status", "--porcelain", "--", ".", ":!bench/results") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # No Linux.
    return platform.processor() or platform.machine()
