"""A node, from its first line of log to its exit code: matches, listener, signals.

To test: `tests/game_server/shell/test_serve.py`; with a process and sockets, `tests/integration/test_serve.py`.
"""

import asyncio
import errno
import secrets
import signal
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from game_server.cluster.records import MatchSpec, Owner
from game_server.game import Game
from game_server.session.credentials import ResumeToken
from game_server.session.signing import Signer
from game_server.shell.authenticators import Authenticator
from game_server.shell.cluster import Cluster, make_identity
from game_server.shell.cluster_link import NodeIdentity, standing_prefix
from game_server.shell.doorkeeper import Doorkeeper, make_doorkeeper, make_signer
from game_server.shell.embedded_redis import EmbeddedRedis
from game_server.shell.file_limit import check_file_limit, raise_file_limit
from game_server.shell.garbage import IdleCollector
from game_server.shell.line import SECOND_NS, Entrant, clock_ns
from game_server.shell.load import load_game
from game_server.shell.log import configure_log, get_log
from game_server.shell.match_runner import MatchRunner
from game_server.shell.metrics import Metrics
from game_server.shell.metrics_http import MetricsServer
from game_server.shell.node_plan import command_of, plan_nodes
from game_server.shell.ops_http import version
from game_server.shell.settings import (
    NO_REDIS,
    Settings,
    authenticators_of,
    has_secret,
    is_local,
    metrics_port_of,
    read_settings,
)
from game_server.shell.supervisor import Supervisor
from game_server.shell.tls import make_tls
from game_server.shell.websocket_server import WebSocketServer
from game_server.sim.facts import Claim
from game_server.sim.match import Match
from protocol.errors import NodeFault, UsageFault
from protocol.handshake import LOBBY_PATH, MATCH_PATH

__all__ = ["Node", "load_game", "serve"]

RESTART = 1012
USAGE = 2
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
    if settings.nodes > 1:
        _serve_many(game, settings, options or {}, authenticator)
        return
    identity = make_identity(game, settings)
    configure_log(settings.log_level, settings.log_format, node="" if identity.alone else identity.node)
    check_file_limit(settings.connections_max, raise_file_limit())
    with _redis_of(settings) as redis_url:
        node = Node(game, settings, options, authenticator, redis_url=redis_url, identity=identity)
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve_until_stopped(node))
        except KeyboardInterrupt:
            # A Ctrl-C before the signal handlers stood: nobody had joined yet.
            return


def _serve_many(
    game: type[Game], settings: Settings, options: dict[str, Any], authenticator: Authenticator | None
) -> None:
    if authenticator is not None:
        raise UsageFault("an authenticator of your own cannot be handed to other processes: run one node in each")
    configure_log(settings.log_level, settings.log_format)
    command = command_of(game, options)
    with _redis_of(settings) as redis_url:
        supervisor = Supervisor(plan_nodes(settings, redis_url), command, stop_s=settings.shutdown_seconds)
        code = supervisor.run()
    if code:
        raise (UsageFault if code == USAGE else NodeFault)("a node did not start: what it said stands above")


@contextmanager
def _redis_of(settings: Settings) -> Iterator[str]:
    """Yield the URL of the Redis to use, "" for none; one of this process' own lives as long as this."""
    if settings.redis_url:
        yield "" if settings.redis_url == NO_REDIS else settings.redis_url
        return
    embedded = EmbeddedRedis()
    try:
        yield embedded.start()
    finally:
        embedded.stop()


class Node:
    """One process's worth of matches behind one port. Raises `UsageFault` for settings that cannot be followed."""

    def __init__(
        self,
        game: type[Game],
        settings: Settings,
        options: dict[str, Any] | None = None,
        authenticator: Authenticator | None = None,
        *,
        redis_url: str = "",
        identity: NodeIdentity | None = None,
    ) -> None:
        self.settings = settings
        self.signer = make_signer(settings)
        # A wall clock, once: a later start must have a higher epoch, whatever ran before it.
        self.epoch = int(time.time())
        self.game, self._options = game, options or {}
        self.identity = identity or make_identity(game, settings)
        self._collector = IdleCollector()
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self._created = 0
        self.metrics = Metrics()
        self.runner = MatchRunner(
            self._standing_matches(),
            collector=self._collector,
            hello_within_ns=int(settings.handshake_seconds * SECOND_NS),
            limits_factor=settings.rate_limit_factor,
            sign=token_signer(self.signer),
            observer=self.metrics,
        )
        self.cluster = self._make_cluster(redis_url) if redis_url else None
        self.server = WebSocketServer(
            self.runner, settings, self._make_doorkeeper(authenticator), tally=self.metrics, tls=make_tls(settings),
            cluster=None if self.cluster is None else self.cluster.link,
            lobby=None if self.cluster is None else self.cluster.lobby,
        )  # fmt: skip
        self.metrics.watch(self.runner, self.server.connections)
        port = metrics_port_of(settings)
        self.metrics_server = None if port is None else MetricsServer(self.metrics, settings.metrics_host, port)

    def _standing_matches(self) -> list[Match]:
        count = self.settings.matches
        prefix = "" if self.identity.alone else standing_prefix(self.identity.node)
        games = [self.game(**self._options) for _ in range(count)]
        now_ns = clock_ns() + FIRST_TICK_AFTER_NS
        period_ns = SECOND_NS // self.game.tick_rate_hz
        return [
            self._match(each, f"{prefix}{n + 1}", self.seed + n, now_ns + n * period_ns // count, self.epoch)
            for n, each in enumerate(games)
        ]

    def _match(self, game: Game, match_id: str, seed: int, start_ns: int, epoch: int) -> Match:
        settings = self.settings
        return Match(
            game, match_id, seed=seed, start_ns=start_ns, epoch=epoch,
            grace_s=settings.grace_seconds, spectators_max=settings.spectators_max,
        )  # fmt: skip

    def _ordered_match(self, spec: MatchSpec, owner: Owner) -> Match:
        """Return a match that the lobby wants to be run here."""
        game = self.game(**self._options)
        game.attributes = dict(spec.attributes)
        seed = secrets.randbits(32) if self.settings.seed is None else self.seed + zlib.crc32(spec.match.encode())
        # Steps of the golden ratio spread any number of matches over a tick's period.
        self._created += 1
        phase_ns = self._created * 618_033_989 % SECOND_NS // self.game.tick_rate_hz
        return self._match(game, spec.match, seed, clock_ns() + phase_ns, owner.epoch)

    def _make_cluster(self, redis_url: str) -> Cluster:
        cluster = Cluster(
            self.game, self.identity, self.settings, self.signer, self.runner, self._ordered_match, self.metrics,
            redis_url, on_violation=self.metrics.violation,
        )  # fmt: skip
        self.metrics.watch_cluster(cluster.link)
        return cluster

    def _make_doorkeeper(self, authenticator: Authenticator | None) -> Doorkeeper:
        if self.cluster is None:
            return make_doorkeeper(self.settings, self.signer, authenticator)
        return make_doorkeeper(
            self.settings, self.signer, authenticator,
            node=self.identity.node, generation_of=self.cluster.link.generation_of,
        )  # fmt: skip

    async def start(self) -> None:
        """Open the ports, join the cluster and begin to tick. Raises `NodeFault`."""
        if self.cluster is not None:
            await self.cluster.connect()
        try:
            await self._open_ports()
        except NodeFault:
            if self.cluster is not None:
                await self.cluster.close()
            raise
        if self.cluster is not None:
            await self.cluster.start(self.server.port)
        self.runner.start()
        self._collector.start()

    async def _open_ports(self) -> None:
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

    async def stop(self) -> None:
        """Close every client with 1012, wait for them at most `shutdown_seconds`, then close the port."""
        # The port stays open meanwhile, so that /healthz can say 503; matches are refused.
        self.runner.stop(RESTART, STOP_SENTENCE)
        leaving = asyncio.ensure_future(self.cluster.leave()) if self.cluster is not None else None
        cut = await self.server.drain(self.settings.shutdown_seconds)
        if leaving is not None:
            await leaving
        if cut:
            get_log().warning("connections_cut", count=cut, after_s=self.settings.shutdown_seconds)
        self.runner.halt()
        self.server.stop_listening()
        if self.metrics_server is not None:
            self.metrics_server.stop()
        self._collector.stop()
        if self.cluster is not None:
            await self.cluster.close()

    def url(self, match_id: str | None = None) -> str:
        """Return where a client of this machine finds a match: the first one, or the lobby, if none is named."""
        match_id = match_id or next(iter(self.runner.hosted), None)
        path = LOBBY_PATH if match_id is None else f"{MATCH_PATH}{match_id}"
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        scheme = "wss" if self.settings.tls_cert_file else "ws"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.server.port}{path}"


async def _serve_until_stopped(node: Node) -> None:
    log = get_log()
    stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, _stop_by, stopped, each)
    superseded: list[int] = []
    if node.cluster is not None:
        node.cluster.link.on_step_down = lambda boot: _step_down(stopped, superseded, boot)
    await node.start()
    log.info(
        "serving", url=node.url(), node=node.identity.node, boot=node.identity.boot,
        game=node.game.__name__, matches=node.settings.matches, seed=node.seed,
        tick_rate_hz=node.game.tick_rate_hz, version=version(), loop=type(asyncio.get_running_loop()).__module__,
        metrics=None if node.metrics_server is None else node.metrics_server.url,
        redis=None if node.cluster is None else node.cluster.redis.shown,
    )  # fmt: skip
    if "dev-anywhere" in authenticators_of(node.settings) and not is_local(node.settings.host):
        log.warning("anyone_may_join", host=node.settings.host, why="TICKWIRE_AUTH=dev-anywhere believes every name")
    if not has_secret(node.settings):
        log.info("secret_drawn", why="no secret is set: resume tokens of this process end with it")
    log.info("stopping", by=await stopped)
    await node.stop()
    log.info("stopped")
    if superseded:
        raise NodeFault(f"another process has the name {node.identity.node}: give each its own TICKWIRE_NODE_ID")


def _step_down(stopped: "asyncio.Future[str]", superseded: list[int], boot: int) -> None:
    superseded.append(boot)
    if not stopped.done():
        stopped.set_result("a later start of this node")


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
