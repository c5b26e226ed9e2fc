"""A second host on this machine: a network namespace at the other end of a virtual cable that can be unplugged.

Needs root and iproute2. Where they are missing a test is skipped, unless CI says that it must not be.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Host:
    """The other host."""

    def __init__(self, number: int) -> None:
        self.name = f"tickwire-{number}"
        self.here, self.there = f"198.18.{number % 256}.1", f"198.18.{number % 256}.2"
        self._near, self._far = f"tw{number % 100_000}a", f"tw{number % 100_000}b"

    def plug_in(self) -> None:
        """Make the host and its cable."""
        ip("netns", "add", self.name)
        ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self.name)
        ip("addr", "add", f"{self.here}/24", "dev", self._near)
        ip("link", "set", self._near, "up")
        ip("-n", self.name, "addr", "add", f"{self.there}/24", "dev", self._far)
        ip("-n", self.name, "link", "set", self._far, "up")

    def unplug(self) -> None:
        """Let every packet vanish, both ways; no socket is told."""
        ip("-n", self.name, "link", "set", self._far, "down")

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a program on the other host."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *command], stdout=subprocess.DEVNULL)

    def remove(self) -> None:
        """Take it away, the cable with it."""
        subprocess.run(["ip", "link", "del", self._near], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


def ip(*arguments: str) -> None:
    """Run `ip`, or fail with what it said."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@contextmanager
def other_host() -> Iterator[Host]:
    """Have another host for a while."""
    if shutil.which("ip", path=f"{os.defpath}:/usr/sbin:/sbin") is None or os.geteuid() != 0:
        missing = "network namespaces need root and the Debian package iproute2"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    host = Host(os.getpid())
    try:
        host.plug_in()
        yield host
    finally:
        host.remove()
