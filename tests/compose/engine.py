"""A Docker engine, if there is one, and the shipped docker-compose.yml on it as a project of its own."""

import json
import os
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ("python:3.11-slim", "redis:8-alpine", "nginx:stable-alpine")
ENGINE_S = 20
BUILD_S = 500


@cache
def why_not() -> str:
    """Why the compose file cannot be tried on this machine, "" if it can."""
    if shutil.which("docker") is None:
        return "there is no docker here: install Docker, or set PATH"
    if compose_command() is None:
        return "there is neither `docker compose` nor docker-compose here"
    where = os.environ.get("DOCKER_HOST", "its usual socket")
    found = _run(["docker", "info", "--format", "{{.OSType}}"], ENGINE_S)
    if found.returncode or found.stdout.strip() != "linux":
        return f"no Docker engine with Linux containers answers this user at {where}"
    missing = [name for name in IMAGES if not _has_image(name)]
    return f"the engine has no {', '.join(missing)} and cannot pull them" if missing else ""


@cache
def compose_command() -> tuple[str, ...] | None:
    """`docker compose`, or the older docker-compose."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) and _run([*command, "version"], ENGINE_S).returncode == 0:
            return command
    return None


def _has_image(name: str) -> bool:
    if _run(["docker", "image", "inspect", name], ENGINE_S).returncode == 0:
        return True
    return _run(["docker", "pull", "--quiet", name], BUILD_S).returncode == 0


def _run(command: list[str], timeout_s: float, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **more}
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "timed out")


def free_port() -> int:
    """A TCP port of this machine that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def free_network() -> str:
    """The first three bytes of a network that the engine has not made yet."""
    names = _run(["docker", "network", "ls", "--quiet"], ENGINE_S).stdout.split()
    used = _run(["docker", "network", "inspect", *names], ENGINE_S).stdout
    return next(found for n in range(80, 250) if (found := f"10.213.{n}") not in used)


@dataclass
class Project:
    """`docker compose` with the shipped file, under a name, a port and a network of its own."""

    files: tuple[Path, ...] = ()
    name: str = field(default_factory=lambda: f"tickwire-test-{secrets.token_hex(3)}")
    port: int = field(default_factory=free_port)
    network: str = field(default_factory=free_network)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Host and port of the gateway."""
        return f"127.0.0.1:{self.port}"

    def compose(self, *arguments: str, timeout_s: float = 120) -> str:
        """Run `docker compose` and return what it prints; it must succeed."""
        command = compose_command()
        assert command is not None
        files = [part for file in (ROOT / "docker-compose.yml", *self.files) for part in ("-f", str(file))]
        more = {"GATEWAY_PUBLISH": self.address, "GATEWAY_NETWORK": self.network, **self.environment}
        done = _run(
            [*command, "-p", self.name, "--project-directory", str(ROOT), *files, *arguments], timeout_s, **more
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self, nodes: int, *more: str, profile: str = "") -> None:
        """Bring it up with so many nodes, as an operator does."""
        profiles = ("--profile", profile) if profile else ()
        self.compose(*profiles, "up", "--detach", "--scale", f"node={nodes}", *more, timeout_s=BUILD_S)

    def down(self) -> None:
        """Remove all of it."""
        self.compose("--profile", "demo", "--profile", "load", "down", "--volumes", "--timeout", "15")

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, whole."""
        return self.compose("ps", "--quiet", service).split()

    def nodes(self) -> list[str]:
        """The nodes' names: their containers' short ids."""
        return sorted(each[:12] for each in self.containers("node"))


def inspect(container: str) -> dict[str, Any]:
    """All that the engine knows about a container."""
    found: list[dict[str, Any]] = json.loads(_run(["docker", "inspect", container], ENGINE_S).stdout)
    return found[0]


def inside(container: str, *command: str, timeout_s: float = ENGINE_S) -> "subprocess.CompletedProcess[str]":
    """Run a command in a container that runs."""
    return _run(["docker", "exec", container, *command], timeout_s)


def engine(*arguments: str) -> str:
    """Run `docker` and return what it prints; it must succeed."""
    done = _run(["docker", *arguments], ENGINE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needs_engine() -> None:
    """Skip the test, and say why, where the compose file cannot be tried."""
    if reason := why_not():
        pytest.skip(reason)
