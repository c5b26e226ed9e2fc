"""`make demo`: a server, bots, and a window to play in; without a display a live view in the terminal.

    python -m demo_client.demo [--seconds N] [--bots 8] [--port 0]

With `--seconds` it ends by itself, and the exit code says whether all went well.
To test: `tests/demo_client/test_demo.py`.
"""

import argparse
import getpass
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from rich.console import Console

from demo_client.children import BotsChild, ChildFailed, Children, ServerChild
from demo_client.terminal import watch
from game_client import JoinRefused

GAME = "demo_game.arena:Arena"
BEHAVIOUR = "demo_game.bots:Hunter"
BOTS_START_S = 12.0
"""Bots that have not finished so long after their time have failed."""
FOR_EVER_S = 1e7
HEALTH_EVERY_S = 0.4
DYING_S = 1.0
"""A process that was killed may still be seen for a moment."""
NEVER_PLAYED = "nothing was measured"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a demo went: the line to print, and what was wrong."""

    line: str
    faults: tuple[str, ...]


def has_display(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Return whether a window can be opened where anybody sees it."""
    if environment.get("SDL_VIDEODRIVER") == "dummy":
        return False
    seen = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    return platform in ("win32", "darwin") or bool(seen)


def summary(health: Mapping[str, Any], bots: Mapping[str, Any] | None, errors_logged: int) -> Outcome:
    """Return the one line that a demo ends with. `health` was asked while everybody still played."""
    match = next(iter(health.get("matches", ())), None)
    if match is None:
        return Outcome(NEVER_PLAYED, ("the server has no match",))
    parts = [
        f"{match['tick']:,} ticks",
        f"{match['seats']} players",
        f"tick {match['tick_ms_p50']:.2f} ms p50 {match['tick_ms_p99']:.2f} ms p99",
    ]
    faults = []
    if bots is not None:
        parts.append(f"{bots['state_hz']:.1f} states/s")
        parts.append(f"{bots['bytes_down_per_client_s']:,.0f} B/s down per client")
        parts.append(f"{bots['desyncs']} desyncs")
        if bots["desyncs"]:
            faults.append(f"{bots['desyncs']} desyncs")
        if bots["errors"]:
            faults.append(f"{bots['errors']} bots failed: {bots.get('error')}")
    errors = errors_logged + (bots["errors"] if bots is not None else 0)
    parts.append(f"{errors} errors")
    if errors_logged:
        faults.append(f"{errors_logged} errors in the server's log")
    if match["ended"]:
        faults.append("the match ended by itself")
    return Outcome(", ".join(parts), tuple(faults))


class Demo:
    """One run: the children, and what is known of them."""

    def __init__(self, server: ServerChild, bots: BotsChild, seconds: float | None) -> None:
        self.server = server
        self.bots = bots
        self._until = None if seconds is None else monotonic() + seconds + BOTS_START_S
        self._health: dict[str, Any] = {}

    def health(self) -> dict[str, Any]:
        """Ask the server how it is, and remember the answer as long as everybody plays. *Raises* `OSError`."""
        health = self.server.health()
        if not self._health or _seats(health) >= _seats(self._health):
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


def _seats(health: dict[str, Any]) -> int:
    return sum(match["seats"] for match in health["matches"])


def run(seconds: float | None, bots: int, port: int) -> int:
    """Play; return the exit code."""
    console = Console()
    with Children() as children:
        try:
            server = children.serve(GAME, port=port)
            swarm = children.bots(
                server.url(), count=bots, seconds=FOR_EVER_S if seconds is None else seconds, behaviour=BEHAVIOUR
            )
            demo = Demo(server, swarm, seconds)
            print(f"Arena is served at {server.url()} with {bots} bots; Ctrl-C ends it.", flush=True)
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
        stats = watch(demo.server.url(), demo.health, demo.is_over, console)
        cut_short = seconds is None and demo.bots.alive
        return cut_short, [f"{stats.desyncs} desyncs in the view"] if stats.desyncs else []
    except JoinRefused as refused:
        return True, [f"the view could not join: {refused}"]
    except KeyboardInterrupt:
        return True, []


def _window(demo: Demo, seconds: float | None) -> int | None:
    """Open the window; None says that there is no way to open one."""
    import pygame

    from demo_client import app

    try:
        with demo.health_watched():
            return app.run(demo.server.url(), _player_name(), seconds=seconds)
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
    parser.add_argument("--bots", type=int, default=8, help="how many bots play (8)")
    parser.add_argument("--port", type=int, default=0, help="the server's port (any free one)")
    given = parser.parse_args(arguments)
    if given.seconds is not None and given.seconds <= 0:
        parser.error("--seconds must be more than 0")
    if not 1 <= given.bots <= 31:
        parser.error("--bots must be 1 to 31: one of Arena's 32 seats is yours")
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    try:
        return run(given.seconds, given.bots, given.port)
    except KeyboardInterrupt:
        return 130


def _interrupt(number: int, frame: object) -> None:
    # As Ctrl-C: the `with` blocks end the children.
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
