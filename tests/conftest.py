"""What every test shares: Hypothesis profiles, and one seed for the run that is always printed.

`TEST_SEED=123` repeats a run's seeded tests; `HYPOTHESIS_PROFILE=thorough` looks further.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.redis_servers"]

# A window must never open in a test. A test that wants a real surface gets SDL's dummy one.
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

_SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile(
    "fast", max_examples=50, deadline=None, print_blob=True, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile("thorough", settings.get_profile("fast"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_configure(config: pytest.Config) -> None:
    """Draw the run's seed before xdist starts its workers, which inherit it with the environment."""
    os.environ.setdefault("TEST_SEED", str(random.SystemRandom().randrange(2**31)))


def pytest_report_header(config: pytest.Config) -> str:
    """Print the seed at the top."""
    return f"TEST_SEED={os.environ['TEST_SEED']}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Print the seed beside a failure as well, for the test that used it."""
    report = yield
    if report.failed and "seed" in getattr(item, "fixturenames", ()):
        report.sections.append(("seed", f"repeat with TEST_SEED={os.environ['TEST_SEED']}"))
    return report


@pytest.fixture
def seed() -> int:
    """The run's seed: `random.Random(seed)` gives a test its own generator."""
    return int(os.environ["TEST_SEED"])
