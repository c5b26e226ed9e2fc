"""What tests of bench areas share."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.report import Report


@pytest.fixture
def silent_report(tmp_path: Path) -> Report:
    """A report that prints nowhere and writes into the test's own folder."""
    return Report("sessions", quick=True, out=StringIO(), console=Console(file=StringIO()), folder=tmp_path)
