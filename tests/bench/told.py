"""What a report was told, for tests of bench areas."""

from bench.report import Figure, Report


def figure(report: Report, name: str) -> Figure:
    """Return the one figure of that name."""
    (found,) = [each for each in report.figures if each.figure == name]
    return found


def value(report: Report, name: str) -> float:
    """Return its value."""
    told = figure(report, name).value
    assert told is not None, f"{name} was left out"
    return told


def misses(report: Report, *but: str) -> list[Figure]:
    """Return the figures that missed their targets, those named in `but` aside."""
    return [each for each in report.figures if each.ok is False and each.figure not in but]
