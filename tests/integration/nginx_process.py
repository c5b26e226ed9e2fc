"""A real nginx with a configuration that `deploy/` ships, on a free port, as long as a test lasts."""

import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.game_server.shell.game_for_tests import until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
WRITTEN = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def free_port(address: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind((address, 0))
        port: int = sock.getsockname()[1]
        return port


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """The text with each old passage replaced; every one must be there, so that a test cannot miss a change."""
    for old, new in replacements.items():
        assert old in text, f"the configuration has no {old!r}"
        text = text.replace(old, new)
    return text


def temporary(at: Path) -> str:
    """The folders that nginx wants to write to, below `at`, for the http block."""
    return " ".join(f"{name}_temp_path {at}/{name};" for name in WRITTEN)


@asynccontextmanager
async def nginx_process(nginx: str, configuration: str, at: Path, port: int) -> AsyncIterator[None]:
    """Run nginx with a whole configuration until the block ends; it answers on `port` when the block begins."""
    (at / "nginx.conf").write_text(configuration)
    errors = at / "error.log"
    command = [nginx, "-p", str(at), "-c", str(at / "nginx.conf"), "-e", str(errors)]
    process = subprocess.Popen([*command, "-g", "daemon off; master_process off;"])
    try:
        await until(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        yield
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    """Whether somebody listens on this port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
