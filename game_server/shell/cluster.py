"""A node's part in the cluster, put together: the link to Redis, the directory, presence, the lobby and its parts.

    link to Redis -> directory, presence, queue, parties, ratings -> what ties this node to them, the lobby

To test: `tests/game_server/shell/test_cluster.py`; with whole nodes, `tests/integration/test_serve_nodes.py`.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from game_server.cluster.errors import DirectoryUnavailable
from game_server.cluster.matchmaker import queue_rules
from game_server.cluster.records import MatchSpec
from game_server.cluster.sealed import Sealer
from game_server.game import Game
from game_server.session.signing import Signer
from game_server.shell.cluster_link import ClusterLink, ClusterTally, MakeMatch, NodeIdentity, unix_ms
from game_server.shell.line import SECOND_NS
from game_server.shell.lobby import LobbyParts, make_lobby
from game_server.shell.lobby_seating import Seating
from game_server.shell.match_presence import MatchPresence
from game_server.shell.match_runner import MatchRunner
from game_server.shell.node_plan import default_node_id
from game_server.shell.ops_http import version
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_matchmaker import Matchmaker
from game_server.shell.redis_party import Parties
from game_server.shell.redis_presence import Presences
from game_server.shell.redis_queue import MatchQueue
from game_server.shell.redis_ratings import Ratings
from game_server.shell.settings import WILDCARDS, Settings, is_alone
from protocol.lobby_messages import PARTY_MAX

SEALS = "directory"
LEAVE_S = 3.0


def make_identity(game: type[Game], settings: Settings) -> NodeIdentity:
    """Return who this node is; where clients reach it is told by `address_of` once its port is open."""
    return NodeIdentity(
        node=settings.node_id or default_node_id(settings.port, socket.gethostname(), os.getpid()),
        boot=settings.boot or unix_ms(),
        address="",
        game=game.__name__,
        build=version(),
        schema_hash=game.vocabulary.schema.hash,
        matches_max=settings.matches_max,
        alone=is_alone(settings.model_dump()),
    )


def address_of(settings: Settings, port: int) -> str:
    """Return the beginning of this node's urls; "" where a client's way to the lobby is the way to this node too."""
    if settings.public_url:
        return settings.public_url
    if settings.gateway or is_alone(settings.model_dump()):
        return ""
    assert settings.host not in WILDCARDS, "the settings have been checked together"
    scheme = "wss" if settings.tls_cert_file else "ws"
    return f"{scheme}://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{port}"


class Cluster:
    """What a node has of the cluster between `connect` and `close`."""

    def __init__(
        self,
        game: type[Game],
        identity: NodeIdentity,
        settings: Settings,
        signer: Signer,
        runner: MatchRunner,
        make_match: MakeMatch,
        tally: ClusterTally,
        redis_url: str,
        players: Callable[[], int] | None = None,
        on_violation: Callable[[str], None] = lambda cause: None,
    ) -> None:
        self._settings = settings
        self.redis = RedisLink(redis_url)
        self.sealer = Sealer(signer.derived(SEALS))
        self.directory = Directory(self.redis, identity.game, self.sealer)
        self.link = ClusterLink(
            identity, self.redis, self.directory, runner, make_match, tally,
            freezes=settings.on_redis_loss == "freeze", empty_s=settings.empty_seconds, players=players,
        )  # fmt: skip
        node, boot = identity.node, identity.boot
        self.presences = Presences(
            self.redis, identity.game, node, boot, self.sealer, devices=settings.devices
        )  # fmt: skip
        self.ratings = Ratings(self.redis, identity.game, self.sealer)
        self._match_presence = MatchPresence(runner, self.presences, node, boot)
        # A standing match has the same id after each start; a result of it must not count as one of an earlier start.
        runner.on_ranked = lambda match, teams: self.ratings.apply_soon(f"{match}@{boot}", teams)
        self.lobby = make_lobby(
            self.directory, signer, game, node, boot, self._lobby_parts(game, signer, f"{node}|{boot}"),
            hello_within_ns=int(settings.handshake_seconds * SECOND_NS), limited=bool(settings.rate_limit_factor),
            on_violation=on_violation,
        )  # fmt: skip

    def _lobby_parts(self, game: type[Game], signer: Signer, leader: str) -> LobbyParts:
        seating, rules = Seating(self.directory, signer), queue_rules(game.queue_seats, game.seats_max)

        async def create(spec: MatchSpec, schema_hash: int) -> object:
            return await seating.make(spec, schema_hash)

        matchmaker = Matchmaker(self.redis, game.__name__, self.sealer, rules, create, leader=leader)
        queue = MatchQueue(self.redis, game.__name__, self.sealer, rules, matchmaker)
        parties = Parties(
            self.redis, game.__name__, self.sealer, size_max=min(PARTY_MAX, game.seats_max),
            on_search_over=queue.cancel,
        )  # fmt: skip
        return LobbyParts(queue=queue, ratings=self.ratings, parties=parties, presences=self.presences)

    async def connect(self) -> None:
        """Make the first contact with Redis. Raises `NodeFault`."""
        await self.redis.connect()

    async def start(self, port: int) -> None:
        """Join the cluster; clients reach this node on `port`."""
        self.link.identity = replace(self.link.identity, address=address_of(self._settings, port))
        self._match_presence.start()
        self.presences.start()
        self.ratings.start()
        self.lobby.start()
        await self.link.start()

    async def leave(self) -> None:
        """Leave it, so that nobody is sent here any more; the lobby's sockets are closed with 1012."""
        self.link.drain()
        await self.lobby.stop()
        self._match_presence.stop()
        await self.presences.stop()
        with suppress(DirectoryUnavailable, TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self.presences.depart()
        await self.ratings.stop()
        await self.link.stop()

    async def close(self) -> None:
        """Hang up."""
        await self.redis.close()
