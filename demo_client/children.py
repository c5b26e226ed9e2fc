"""Processes that a launcher starts and never leaves behind: the server, the bots.

    with Children() as children:
        server = children.serve("demo_game.arena:Arena")
        bots = children.bots(server.url(), count=8, seconds=15)

Each child leads a process group of its own, so that Ctrl-C reaches the launcher alone, which then ends them in order.
To test: `tests/demo_client/test_children.py`.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from demo_client.demo_summary import merged
from protocol.handshake import LOBBY_PATH, MATCH_PATH

START_S = 20.0
"""A server that does not answer after so long has failed."""
STOP_S = 8.0
"""A child that lives on after so long is killed."""
POLL_S = 0.05


class ChildFailed(Exception):
    """A child ended, or never began to answer; the message ends with the last lines of its log."""


class Child:
    """One process; its standard output and its log (standard error) are files."""

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        self._out = folder / f"{name}.out"
        self._log = folder / f"{name}.log"
        with self._out.open("wb") as out, self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=os.name == "posix",
            )

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def output(self) -> str:
        """Return what it printed."""
        return self._out.read_text(encoding="utf-8", errors="replace")

    def log(self) -> str:
        """Return what it logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def failure(self) -> ChildFailed:
        """Return an error that says how it ended."""
        ended = "has not answered" if self.alive else f"ended with {self.process.returncode}"
        tail = "\n".join((self.log() + self.output()).splitlines()[-12:])
        return ChildFailed(f"the {self.name} {ended}\n{tail}".rstrip())

    def wait(self, within_s: float) -> bool:
        """Wait until it has ended, at most so long; tell whether it has."""
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def ask_to_stop(self) -> None:
        """Ask it, and whatever it started, to end."""
        self._signal(signal.SIGTERM)

    def stop(self, within_s: float = STOP_S) -> None:
        """Make sure that it has ended."""
        self.ask_to_stop()
        if not self.wait(within_s):
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
            self.process.wait()

    def _signal(self, number: int) -> None:
        if not self.alive:
            return
        if os.name != "posix":
            self.process.terminate()
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass  # It ended between the question and the signal.


class ServerChild(Child):
    """A running server: one node, or a supervisor with several."""

    def __init__(self, name: str, arguments: list[str], folder: Path, nodes: int | None = None) -> None:
        super().__init__(name, arguments, folder)
        self._nodes = nodes
        self.addresses: dict[str, str] = {}
        """Where each node listens, by its name."""

    @property
    def address(self) -> str:
        """Where its first node listens."""
        return self.addresses[min(self.addresses)]

    def url(self, match_id: str = "1") -> str:
        """Return where a match of its first node is joined."""
        return f"ws://{self.address}{MATCH_PATH}{match_id}"

    def lobby_url(self) -> str:
        """Return where its lobby is; any node's would do."""
        return f"ws://{self.address}{LOBBY_PATH}"

    def health(self) -> dict[str, Any]:
        """Return what /healthz says, of several nodes as if they were one. *Raises* `OSError`."""
        if self._nodes is None:
            return self._health(self.address)
        told = {}
        for node, address in self.addresses.items():
            with suppress(OSError):  # A node that is being started again has nothing to say.
                told[node] = self._health(address)
        if not told:
            raise OSError("no node answers")
        return merged(told)

    @staticmethod
    def _health(address: str) -> dict[str, Any]:
        with urlopen(f"http://{address}/healthz", timeout=2.0) as answer:
            health: dict[str, Any] = json.load(answer)
        return health

    def errors_logged(self) -> int:
        """Return how many errors stand in its log."""
        return sum(each.get("level") in ("error", "critical") for each in self._lines())

    def wait_serving(self) -> None:
        """Wait until all of its nodes say where they listen. *Raises* `ChildFailed`."""
        until = monotonic() + START_S
        while monotonic() < until and self.alive:
            serving = [line for line in self._lines() if line.get("event") == "serving"]
            self.addresses = {str(each.get("node", "")): str(each["url"]).split("/")[2] for each in serving}
            if len(self.addresses) >= (self._nodes or 1):
                return
            sleep(POLL_S)
        raise self.failure()

    def _lines(self) -> list[dict[str, Any]]:
        found = []
        for line in (self.log() + self.output()).splitlines():
            try:
                parsed = json.loads(line)
            except ValueError:
                continue  # A traceback of an interpreter that could not start, or a line half written.
            if isinstance(parsed, dict):
                found.append(parsed)
        return found


class BotsChild(Child):
    """A swarm of bots."""

    def result(self) -> dict[str, Any] | None:
        """Return what they measured, None as long as they have not said so."""
        for line in reversed(self.output().splitlines()):
            if line.startswith("{") and line.endswith("}"):
                result: dict[str, Any] = json.loads(line)
                return result
        return None


class Children:
    """All processes of one launcher; leaving the `with` block, or the interpreter, ends them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tickwire-")
        self._path = Path(self._folder.name)
        self._running: list[Child] = []

    def __enter__(self) -> Self:
        atexit.register(self.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._folder.cleanup()
        atexit.unregister(self.stop)

    def serve(self, game: str, *, port: int = 0, matches: int = 1, module: str = "game_server") -> ServerChild:
        """Start a server and wait until it listens. *Raises* `ChildFailed`."""
        arguments = [module, "serve", game, "--port", str(port), "--matches", str(matches), "--log-format", "json"]
        return self.start_server(arguments)

    def serve_nodes(self, game: str, nodes: int, *, port: int = 0) -> ServerChild:
        """Start a supervisor with so many nodes, on ports from `port` up, and wait for all. *Raises* `ChildFailed`."""
        arguments = ["game_server", "serve", game, "--nodes", str(nodes), "--port", str(port), "--log-format", "json"]
        return self.start_server(arguments, nodes)

    def start_server(self, arguments: list[str], nodes: int | None = None) -> ServerChild:
        """Start any module that logs `serving` as the server does, and wait for that line. *Raises* `ChildFailed`."""
        server = ServerChild("server", arguments, self._path, nodes)
        self._running.append(server)
        server.wait_serving()
        return server

    def bots(self, url: str, *, count: int, seconds: float, behaviour: str, seed: int = 1) -> BotsChild:
        """Start bots; `url` may be several, separated by commas."""
        arguments = ["game_server", "bots", url, "--count", str(count), "--seconds", str(seconds)]
        arguments += ["--behaviour", behaviour, "--seed", str(seed), "--json"]
        bots = BotsChild("bots", arguments, self._path)
        self._running.append(bots)
        return bots

    def stop(self) -> None:
        """End every child, the youngest first: bots that leave in order make no noise in the server's log."""
        while self._running:
            self._running.pop().stop()
