"""The wheel works outside the checkout: everything it needs is in it.

It is built from a copy, so that no `build/` is left behind and no old one is picked up; it is installed
into a folder of its own, which goes before the environment (and its editable install) on the path.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("protocol", "game_server", "game_client", "demo_game", "demo_client")
START_S_MAX = 20.0

# Building may download setuptools, and two workers of xdist should not build the same wheel.
pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what goes into it."""
    copy = tmp_path_factory.mktemp("checkout")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    # An environment whose setuptools can build it needs no network.
    isolation = [] if Version(metadata.version("setuptools")) < Version("77") else ["--no-build-isolation"]
    _pip("wheel", "--no-deps", *isolation, "--wheel-dir", copy / "dist", copy)
    (built,) = (copy / "dist").glob("tickwire-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which only the wheel is installed."""
    target = tmp_path_factory.mktemp("installed")
    _pip("install", "--no-deps", "--target", target, wheel)
    return target


def _pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _environment(installed: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(installed), "PYTHONUNBUFFERED": "1"}


def _run(installed: Path, cwd: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=_environment(installed), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_carries_types_documents_and_vectors(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert "protocol/PROTOCOL.md" in names
    vectors = {f"protocol/vectors/{path.name}" for path in (ROOT / "protocol/vectors").glob("*.json")}
    assert vectors and vectors <= names


def test_the_wheel_carries_every_script_that_redis_is_sent(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".lua")}
    scripts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "game_server").rglob("*.lua")}
    assert scripts and names == scripts


def test_the_wheel_carries_every_module_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    modules = {
        path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")
    }
    assert names == modules


def test_the_installed_packages_are_imported_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = f"import importlib as i; print(*[i.import_module(p).__file__ for p in {PACKAGES!r}], sep='\\n')"
    places = _run(installed, tmp_path, sys.executable, "-c", code).split()
    assert [Path(place).is_relative_to(installed) for place in places] == [True] * len(PACKAGES)


def test_module_and_command_tell_the_version(installed: Path, tmp_path: Path) -> None:
    assert "0.1.0" in _run(installed, tmp_path, sys.executable, "-m", "game_server", "--version")
    assert "0.1.0" in _run(installed, tmp_path, str(installed / "bin/tickwire"), "--version")


def test_the_installed_command_serves_and_stops_when_told(installed: Path, tmp_path: Path) -> None:
    port = _free_port()
    command = [sys.executable, "-m", "game_server", "serve", "demo_game.arena:Arena", "--port", str(port)]
    with open(tmp_path / "log", "w+", encoding="utf-8") as log:
        node = subprocess.Popen(command, cwd=tmp_path, env=_environment(installed), stdout=log, stderr=log)
        try:
            health = _wait_healthy(node, port)
            time.sleep(1.0)  # a node that only dies in its first ticks must not pass
            assert node.poll() is None, (tmp_path / "log").read_text()
            assert health["status"] == "ok"
            node.send_signal(signal.SIGTERM)
            assert node.wait(timeout=15) == 0, (tmp_path / "log").read_text()
        except AssertionError:
            print((tmp_path / "log").read_text())
            raise
        finally:
            node.kill()
            node.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_healthy(node: subprocess.Popen[bytes], port: int) -> dict[str, object]:
    give_up = time.monotonic() + START_S_MAX
    while time.monotonic() < give_up and node.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                return dict(json.load(answer))
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"no healthy node on port {port}; exit code {node.poll()}")
