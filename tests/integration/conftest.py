"""What the tests of the shipped nginx files share: where nginx is."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def nginx() -> str:
    """Where nginx is. Without it the test is skipped, but not where continuous integration has to have it."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        assert not os.environ.get("CI"), "CI is set and there is no nginx: .ci/run installs it"
        pytest.skip("there is no nginx here: apt install nginx-light")
    return found
