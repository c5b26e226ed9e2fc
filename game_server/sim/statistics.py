"""What a match counts: plain sums that the shell turns into logs and metrics."""

from dataclasses import dataclass, field

from protocol.messages import KeyframeReason

SLACK_BUCKETS = 160
"""One bucket per 1/8 tick of slack, the first of them for -32."""


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
    slack_eighths: list[int] = field(default_factory=lambda: [0] * SLACK_BUCKETS)
    commands: int = 0
    commands_double: int = 0
    events: int = 0
    events_resent: int = 0
    events_forgotten: int = 0
    resyncs: int = 0
    states: int = 0
    states_merged: int = 0
    keyframes: int = 0
    keyframes_by_reason: list[int] = field(default_factory=lambda: [0] * len(KeyframeReason))
    resumes_by_delta: int = 0
    resumes_by_keyframe: int = 0
    resumes_refused: dict[str, int] = field(default_factory=dict)
    takeovers: int = 0
    grace_expired: int = 0
    slow_blocked: int = 0
    slow_window: int = 0
    slow_paced: int = 0
    slow_cut: int = 0
    from_strangers: int = 0

    def refused_resume(self, reason: str) -> None:
        """Count a resume that was refused; reasons are few and ours."""
        self.resumes_refused[reason] = self.resumes_refused.get(reason, 0) + 1
