"""`make demo`: a server, bots, and a window to play in; without a display a live view in the terminal.

    python -m demo_client.demo [--seconds N] [--nodes 3] [--bots 8] [--port 0]

With `--nodes` there are so many nodes, bots and player find their matches through the lobby, and the window opens in
it; the matches have fewer seats then, so that there are several. With `--seconds` it ends by itself, and the exit code
says whether all went well.
To test: `tests/demo_client/test_demo.py`.
"""

import argparse
import getpass
import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any

from rich.console import Console

from demo_client.children import BotsChild, ChildFailed, Children, ServerChild
from demo_client.demo_summary import Outcome, count_of, seats_of, summary
from demo_client.dialling import has_display
from demo_client.terminal import watch
from game_client import JoinRefused, LobbyRefused

GAME = "demo_game.arena:Arena"
GAME_OF_NODES = "demo_game.arena:Skirmish"
BEHAVIOUR = "demo_game.bots:Hunter"
BOTS_START_S = 12.0
"""Bots that have not finished so long after their time have failed."""
FOR_EVER_S = 1e7
BOTS, BOTS_PER_NODE, BOTS_MAX = 8, 7, 200
NODES_MAX = 16
HEALTH_EVERY_S = 0.4
DYING_S = 1.0
"""A process that was killed may still be seen for a moment."""


class Demo:
    """One run: the children, and what is known of them."""

    def __init__(self, server: ServerChild, bots: BotsChild, seconds: float | None, in_lobby: bool) -> None:
        self.server = server
        self.bots = bots
        self.in_lobby = in_lobby
        self._until = None if seconds is None else monotonic() + seconds + BOTS_START_S
        self._health: dict[str, Any] = {}

    def health(self) -> dict[str, Any]:
        """Ask the server how it is, and remember the answer as long as everybody plays. *Raises* `OSError`."""
        health = self.server.health()
        if not self._health or seats_of(health) >= seats_of(self._health):
            self._health = health
        return health

    @contextmanager
    def health_watched(self) -> Iterator[None]:
        """Ask now and then from a thread, while something else has the main one."""
        done = threading.Event()

        def ask() -> None:
            while not done.wait(HEALTH_EVERY_S):
                with suppress(OSError):
                    self.health()

        asking = threading.Thread(target=ask, name="health", daemon=True)
        asking.start()
        try:
            yield
        finally:
            done.set()
            asking.join()

    def is_over(self) -> bool:
        """Whether there is nothing more to watch: the bots have finished, or something died."""
        return not self.server.alive or not self.bots.alive or (self._until is not None and monotonic() > self._until)

    def wait_bots(self) -> None:
        """Wait until the bots have finished."""
        while not self.is_over():
            sleep(0.05)

    def outcome(self, cut_short: bool) -> Outcome:
        """Return how it went; bots that were cut short have nothing to say."""
        try:
            self.health()
        except OSError:
            self.server.wait(DYING_S)
        outcome = summary(self._health, self.bots.result(), self.server.errors_logged())
        faults = list(outcome.faults)
        if not self.server.alive:
            faults.append(str(self.server.failure()))
        if not cut_short and self.bots.result() is None:
            faults.append(str(self.bots.failure()))
        return Outcome(outcome.line, tuple(faults))


def run(seconds: float | None, bots: int, port: int, nodes: int | None = None) -> int:
    """Play; return the exit code."""
    console = Console()
    with Children() as children:
        try:
            if nodes is None:
                server = children.serve(GAME, port=port)
                where, told = server.url(), "Arena is served"
            else:
                server = children.serve_nodes(GAME_OF_NODES, nodes, port=port)
                where, told = server.lobby_url(), f"Arena is served by {count_of(nodes, 'node')}, with a lobby"
            swarm = children.bots(
                where, count=bots, seconds=FOR_EVER_S if seconds is None else seconds, behaviour=BEHAVIOUR
            )
            demo = Demo(server, swarm, seconds, nodes is not None)
            print(f"{told} at {where} with {bots} bots; Ctrl-C ends it.", flush=True)
            cut_short, faults = _play(demo, seconds, console)
        except ChildFailed as failure:
            print(f"demo: {failure}", file=sys.stderr)
            return 1
        outcome = demo.outcome(cut_short)
    print(outcome.line, flush=True)
    for fault in (*faults, *outcome.faults):
        print(f"demo: {fault}", file=sys.stderr)
    return 1 if faults or outcome.faults else 0


def _play(demo: Demo, seconds: float | None, console: Console) -> tuple[bool, list[str]]:
    """Show the match; tell whether the player ended it before its time, and what went wrong."""
    try:
        if has_display() and importlib.util.find_spec("pygame") is not None:
            opened = monotonic()
            code = _window(demo, seconds)
            if code is not None:
                closed_early = seconds is None or monotonic() - opened < seconds
                if not closed_early:
                    demo.wait_bots()
                return closed_early, [f"the window ended with {code}"] if code else []
        url = demo.server.lobby_url() if demo.in_lobby else demo.server.url()
        stats = watch(url, demo.health, demo.is_over, console)
        cut_short = seconds is None and demo.bots.alive
        return cut_short, [f"{stats.desyncs} desyncs in the view"] if stats.desyncs else []
    except (JoinRefused, LobbyRefused) as refused:
        return True, [f"the view could not join: {refused}"]
    except KeyboardInterrupt:
        return True, []


def _window(demo: Demo, seconds: float | None) -> int | None:
    """Open the window; None says that there is no way to open one."""
    import pygame

    from demo_client import app

    try:
        with demo.health_watched():
            return app.run(demo.server.lobby_url(), _player_name(), seconds=seconds, quick_play=not demo.in_lobby)
    except pygame.error as error:
        print(f"No window can be opened ({error}); here is the terminal's view.", file=sys.stderr)
        return None


def _player_name() -> str:
    try:
        return getpass.getuser()[:16] or "You"
    except (KeyError, OSError):  # A user without a name, as in some containers.
        return "You"


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments and play."""
    parser = argparse.ArgumentParser(prog="python -m demo_client.demo", description="Arena: a server, bots, a window.")
    parser.add_argument("--seconds", type=float, help="end by itself after so long and print a summary")
    parser.add_argument("--nodes", type=int, help="how many nodes there are, with a lobby (one node without)")
    parser.add_argument("--bots", type=int, help="how many bots play (8; 7 a node)")
    parser.add_argument("--port", type=int, default=0, help="the server's port, and from there up (any free one)")
    given = parser.parse_args(arguments)
    if given.seconds is not None and given.seconds <= 0:
        parser.error("--seconds must be more than 0")
    if given.nodes is not None and not 1 <= given.nodes <= NODES_MAX:
        parser.error(f"--nodes must be 1 to {NODES_MAX}")
    bots = given.bots if given.bots is not None else BOTS if given.nodes is None else BOTS_PER_NODE * given.nodes
    if given.nodes is None and not 1 <= bots <= 31:
        parser.error("--bots must be 1 to 31: one of Arena's 32 seats is yours")
    if not 1 <= bots <= BOTS_MAX:
        parser.error(f"--bots must be 1 to {BOTS_MAX}")
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    try:
        return run(given.seconds, bots, given.port, given.nodes)
    except KeyboardInterrupt:
        return 130


def _interrupt(number: int, frame: object) -> None:
    # As Ctrl-C: the `with` blocks end the children.
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
