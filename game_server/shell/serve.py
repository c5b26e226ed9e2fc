"""A node, from its first line of log to its exit code: matches, listener, signals.

To test: `tests/game_server/shell/test_serve.py`; with a process and sockets, `tests/integration/test_serve.py`.
"""

import asyncio
import errno
import ipaddress
import secrets
import signal
import sys
from collections.abc import Callable
from typing import Any

from game_server.game import Game
from game_server.shell.garbage import IdleCollector
from game_server.shell.load import load_game
from game_server.shell.log import configure_log, get_log
from game_server.shell.match_runner import SECOND_NS, MatchRunner, clock_ns
from game_server.shell.ops_http import version
from game_server.shell.settings import Settings, read_settings
from game_server.shell.websocket_server import WebSocketServer
from game_server.sim.match import Match
from protocol.errors import NodeFault, UsageFault

__all__ = ["Node", "load_game", "serve"]

RESTART = 1012
FIRST_TICK_AFTER_NS = 100_000_000
"""The port is open before the first tick is due, so that no match begins late."""
STOP_SENTENCE = "the server is stopping: come back in a moment"


def serve(game: type[Game], *, options: dict[str, Any] | None = None, **overrides: Any) -> None:
    """Run `game` until SIGTERM or SIGINT.

    `overrides` are fields of `Settings` and win over TICKWIRE_* in the environment; `options` are the game's own.
    Raises `UsageFault` for a wrong setting or option, `NodeFault` when the port cannot be opened.
    """
    settings = read_settings(**overrides)
    configure_log(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve_until_stopped(Node(game, settings, options)))
    except KeyboardInterrupt:
        # A Ctrl-C before the signal handlers stood: nobody had joined yet.
        return


class Node:
    """One process's worth of matches behind one port."""

    def __init__(self, game: type[Game], settings: Settings, options: dict[str, Any] | None = None) -> None:
        self.settings = settings
        self.game = game
        self._collector = IdleCollector()
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        games = [game(**(options or {})) for _ in range(settings.matches)]
        now_ns = clock_ns() + FIRST_TICK_AFTER_NS
        period_ns = SECOND_NS // game.tick_rate_hz
        self.runner = MatchRunner(
            [
                Match(each, str(n + 1), seed=self.seed + n, start_ns=now_ns + n * period_ns // settings.matches)
                for n, each in enumerate(games)
            ],
            collector=self._collector,
            hello_within_ns=int(settings.handshake_seconds * SECOND_NS),
        )
        self.server = WebSocketServer(self.runner, settings)

    async def start(self) -> None:
        """Open the port and begin to tick. Raises `NodeFault`."""
        try:
            await self.server.listen()
        except (OSError, OverflowError) as error:
            raise NodeFault(_why_not_listening(error, self.settings)) from None
        self.runner.start()
        self._collector.start()

    async def stop(self) -> None:
        """Close every client with 1012, wait for them at most `shutdown_seconds`, then close the port."""
        # The port stays open meanwhile, so that /healthz can say 503; matches are refused.
        self.runner.stop(RESTART, STOP_SENTENCE)
        cut = await self.server.drain(self.settings.shutdown_seconds)
        if cut:
            get_log().warning("connections_cut", count=cut, after_s=self.settings.shutdown_seconds)
        self.runner.halt()
        self.server.stop_listening()
        self._collector.stop()

    def url(self, match_id: str = "1") -> str:
        """Return where a client of this machine finds a match."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.server.port}/v1/match/{match_id}"


async def _serve_until_stopped(node: Node) -> None:
    log = get_log()
    stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, _stop_by, stopped, each)
    await node.start()
    log.info(
        "serving", url=node.url(), game=node.game.__name__, matches=node.settings.matches, seed=node.seed,
        tick_rate_hz=node.game.tick_rate_hz, version=version(), loop=type(asyncio.get_running_loop()).__module__,
    )  # fmt: skip
    if not _is_loopback(node.settings.host):
        log.warning(
            "anyone_may_join", host=node.settings.host,
            why="the development authenticator believes every name, and this address is not loopback",
        )  # fmt: skip
    log.info("stopping", by=await stopped)
    await node.stop()
    log.info("stopped")


def _stop_by(stopped: "asyncio.Future[str]", by: signal.Signals) -> None:
    # A second signal changes nothing: the node is stopping, within shutdown_seconds.
    if not stopped.done():
        stopped.set_result(by.name)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _why_not_listening(error: OSError | OverflowError, settings: Settings) -> str:
    where = f"{settings.host}:{settings.port}"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"{where} is taken: another server listens there; stop it or choose another port with --port"
        case errno.EACCES | errno.EPERM:
            return f"{where} may not be opened by this user; ports below 1024 belong to root"
        case errno.EADDRNOTAVAIL:
            return f"{settings.host} is no address of this machine; 127.0.0.1 is itself, 0.0.0.0 every interface"
        case _:
            return f"{where} cannot be listened on: {error}"


def check_options(game: type[Game], options: dict[str, Any]) -> None:
    """Raise `UsageFault`, in plain words, when `game` does not take `options`."""
    try:
        game(**options)
    except TypeError as error:
        raise UsageFault(f"options of {game.__name__}: {error}") from None
