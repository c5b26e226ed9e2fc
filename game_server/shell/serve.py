"""A node, from its first line of log to its exit code: matches, listener, signals.

To test: `tests/game_server/shell/test_serve.py`; with a process and sockets, `tests/integration/test_serve.py`.
"""

import asyncio
import errno
import secrets
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from game_server.game import Game
from game_server.session.credentials import ResumeToken
from game_server.session.signing import Signer
from game_server.shell.authenticators import Authenticator
from game_server.shell.doorkeeper import make_doorkeeper, make_signer
from game_server.shell.file_limit import check_file_limit, raise_file_limit
from game_server.shell.garbage import IdleCollector
from game_server.shell.load import load_game
from game_server.shell.log import configure_log, get_log
from game_server.shell.match_runner import SECOND_NS, Entrant, MatchRunner, clock_ns
from game_server.shell.metrics import Metrics
from game_server.shell.metrics_http import MetricsServer
from game_server.shell.ops_http import version
from game_server.shell.settings import Settings, authenticators_of, has_secret, is_local, metrics_port_of, read_settings
from game_server.shell.tls import make_tls
from game_server.shell.websocket_server import WebSocketServer
from game_server.sim.facts import Claim
from game_server.sim.match import Match
from protocol.errors import NodeFault, UsageFault

__all__ = ["Node", "load_game", "serve"]

RESTART = 1012
FIRST_TICK_AFTER_NS = 100_000_000
"""The port is open before the first tick is due, so that no match begins late."""
STOP_SENTENCE = "the server is stopping: come back in a moment"


def serve(
    game: type[Game],
    *,
    options: dict[str, Any] | None = None,
    authenticator: Authenticator | None = None,
    **overrides: Any,
) -> None:
    """Run `game` until SIGTERM or SIGINT.

    `overrides` are fields of `Settings` and win over TICKWIRE_* in the environment; `options` are the game's own. An
    `authenticator` of your own is asked about every credential that is neither a ticket nor a resume token.
    Raises `UsageFault` for a wrong setting or option, `NodeFault` when the port cannot be opened.
    """
    if authenticator is not None:
        overrides.setdefault("auth", "own")
    settings = read_settings(**overrides)
    configure_log(settings.log_level, settings.log_format)
    check_file_limit(settings.connections_max, raise_file_limit())
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve_until_stopped(Node(game, settings, options, authenticator)))
    except KeyboardInterrupt:
        # A Ctrl-C before the signal handlers stood: nobody had joined yet.
        return


class Node:
    """One process's worth of matches behind one port. Raises `UsageFault` for settings that cannot be followed."""

    def __init__(
        self,
        game: type[Game],
        settings: Settings,
        options: dict[str, Any] | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self.settings = settings
        self.signer = make_signer(settings)
        # A wall clock, once: a later start must have a higher epoch, whatever ran before it.
        self.epoch = int(time.time())
        self.game = game
        self._collector = IdleCollector()
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        games = [game(**(options or {})) for _ in range(settings.matches)]
        self.metrics = Metrics()
        now_ns = clock_ns() + FIRST_TICK_AFTER_NS
        period_ns = SECOND_NS // game.tick_rate_hz
        self.runner = MatchRunner(
            [
                Match(
                    each,
                    str(n + 1),
                    seed=self.seed + n,
                    start_ns=now_ns + n * period_ns // settings.matches,
                    epoch=self.epoch,
                    grace_s=settings.grace_seconds,
                    spectators_max=settings.spectators_max,
                )
                for n, each in enumerate(games)
            ],
            collector=self._collector,
            hello_within_ns=int(settings.handshake_seconds * SECOND_NS),
            limits_factor=settings.rate_limit_factor,
            sign=token_signer(self.signer),
            observer=self.metrics,
        )
        self.server = WebSocketServer(
            self.runner, settings, make_doorkeeper(settings, self.signer, authenticator),
            tally=self.metrics, tls=make_tls(settings),
        )  # fmt: skip
        self.metrics.watch(self.runner, self.server.connections)
        port = metrics_port_of(settings)
        self.metrics_server = None if port is None else MetricsServer(self.metrics, settings.metrics_host, port)

    async def start(self) -> None:
        """Open the ports and begin to tick. Raises `NodeFault`."""
        try:
            await self.server.listen()
        except (OSError, OverflowError) as error:
            raise NodeFault(_why_not_listening(error, self.settings)) from None
        try:
            if self.metrics_server is not None:
                self.metrics_server.start()
        except NodeFault:
            self.server.stop_listening()
            raise
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
        if self.metrics_server is not None:
            self.metrics_server.stop()
        self._collector.stop()

    def url(self, match_id: str = "1") -> str:
        """Return where a client of this machine finds a match."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        scheme = "wss" if self.settings.tls_cert_file else "ws"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.server.port}/v1/match/{match_id}"


async def _serve_until_stopped(node: Node) -> None:
    log = get_log()
    stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, _stop_by, stopped, each)
    await node.start()
    log.info(
        "serving", url=node.url(), game=node.game.__name__, matches=node.settings.matches, seed=node.seed,
        tick_rate_hz=node.game.tick_rate_hz, version=version(), loop=type(asyncio.get_running_loop()).__module__,
        metrics=None if node.metrics_server is None else node.metrics_server.url,
    )  # fmt: skip
    if "dev-anywhere" in authenticators_of(node.settings) and not is_local(node.settings.host):
        log.warning("anyone_may_join", host=node.settings.host, why="TICKWIRE_AUTH=dev-anywhere believes every name")
    if not has_secret(node.settings):
        log.info("secret_drawn", why="no secret is set: resume tokens of this process end with it")
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


def token_signer(signer: Signer) -> Callable[[str, Claim, Entrant], str]:
    """Return what makes the resume token of a WELCOME: for which match, what it claims, who was let in."""

    def sign(match_id: str, claim: Claim, entrant: Entrant) -> str:
        token = ResumeToken(match_id, claim.place, claim.player, entrant.name, entrant.spectator, claim.epoch, claim.n)
        return token.sign(signer)

    return sign


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
