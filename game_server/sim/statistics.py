"""What a match counts: plain sums that the shell turns into logs and metrics."""

from dataclasses import dataclass


@dataclass(slots=True)
class MatchStatistics:
    """Counts since the match began."""

    ticks: int = 0
    rebases: int = 0
    inputs: int = 0
    inputs_late: int = 0
    inputs_early: int = 0
    inputs_double: int = 0
    inputs_stale_clock: int = 0
    substitutions: int = 0
    commands: int = 0
    commands_double: int = 0
    resyncs: int = 0
    keyframes: int = 0
    states: int = 0
    from_strangers: int = 0
