"""`python -m bench AREA [--quick]`: measure one area; QUICK=1 in the environment is `--quick`."""

import argparse
import importlib
import os
import sys

from bench.report import Report

AREAS = {"play": "bench.play", "sessions": "bench.sessions", "cluster": "bench.cluster"}
"""Each names the module whose `measure(report)` tells the figures."""


def main(arguments: list[str] | None = None) -> int:
    """Measure; return 1 when a figure is not ok."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure one area of Tickwire.")
    parser.add_argument("area", choices=sorted(AREAS))
    parser.add_argument("--quick", action="store_true", help="a subset in less than a minute")
    given = parser.parse_args(arguments)
    quick = given.quick or os.environ.get("QUICK", "") not in ("", "0")
    command = f"make bench AREA={given.area}{' QUICK=1' if quick else ''}"
    report = Report(given.area, quick=quick, command=command)
    importlib.import_module(AREAS[given.area]).measure(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
