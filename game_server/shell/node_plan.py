"""What each process of `tickwire serve --nodes N` is started with: a command, and settings in its environment.

To test: `tests/game_server/shell/test_node_plan.py`.
"""

import hashlib
import json
import re
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from game_server.game import Game
from game_server.session.signing import KEY_BYTES_LEAST
from game_server.shell.settings import (
    METRICS_PORT_OFFSET,
    NO_METRICS,
    NODE_ID,
    Settings,
    has_secret,
    metrics_port_of,
    variable,
)
from protocol.errors import UsageFault

CONTAINER_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)
HOST_LENGTH_MAX = 15
"""With a dash and a process of seven digits this is a name of at most 24 letters."""
MARK_LENGTH = 4
PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One of the nodes. `boot` is not in the environment yet: each start has its own."""

    node: str
    environment: Mapping[str, str]


def default_node_id(port: int, hostname: str, process: int) -> str:
    """Return a node's name that no other node has: a container's id, or host and port, or host and process."""
    if CONTAINER_ID.fullmatch(hostname):
        return hostname
    return f"{_host_part(hostname)}-{port or f'p{process}'}"


def _host_part(hostname: str) -> str:
    cleaned = re.sub(r"[^a-z0-9]+", "-", hostname.lower(), flags=re.ASCII).strip("-") or "node"
    if len(cleaned) <= HOST_LENGTH_MAX:
        return cleaned
    # Hosts of one fleet differ in their last letters, and two nodes of one name end each other.
    mark = hashlib.sha256(cleaned.encode()).hexdigest()[:MARK_LENGTH]
    return f"{cleaned[: HOST_LENGTH_MAX - MARK_LENGTH - 1].rstrip('-')}-{mark}"


def plan_nodes(settings: Settings, redis_url: str, hostname: str | None = None) -> list[NodePlan]:
    """Return what the nodes are started with. Raises `UsageFault` for settings that no two nodes can share."""
    last_port = settings.port + settings.nodes - 1 + (METRICS_PORT_OFFSET if settings.metrics_port is None else 0)
    if settings.port and last_port > PORT_MAX:
        raise UsageFault(f"TICKWIRE_PORT={settings.port} leaves too few ports for {settings.nodes} nodes")
    shared = {variable(name): _text(getattr(settings, name)) for name in settings.model_fields_set}
    shared |= {variable("nodes"): "1", variable("redis_url"): redis_url}
    if not has_secret(settings):
        shared[variable("secret")] = f"drawn:{secrets.token_hex(KEY_BYTES_LEAST)}"
    host = hostname or socket.gethostname()
    return [_plan(settings, n, shared, host) for n in range(settings.nodes)]


def _plan(settings: Settings, n: int, shared: Mapping[str, str], host: str) -> NodePlan:
    port = settings.port + n if settings.port else 0
    node = f"{settings.node_id}-{n + 1}" if settings.node_id else f"{_host_part(host)}-{port or f'n{n + 1}'}"
    if NODE_ID.fullmatch(node) is None:
        raise UsageFault(f"TICKWIRE_NODE_ID={settings.node_id} is too long for {settings.nodes} nodes: {node}")
    metrics_port = metrics_port_of(settings)
    own = {
        "node_id": node,
        "port": str(port),
        "metrics_port": str(NO_METRICS if metrics_port is None else metrics_port + n if metrics_port else 0),
    }
    if settings.public_url:
        own["public_url"] = _next_port(settings.public_url, n)
    if settings.seed is not None:
        own["seed"] = str(settings.seed + n * settings.matches)
    return NodePlan(node, {**shared, **{variable(name): text for name, text in own.items()}})


def _next_port(url: str, n: int) -> str:
    parts = urlsplit(url)
    if parts.port is None:
        raise UsageFault(
            f"TICKWIRE_PUBLIC_URL={url}: with several nodes it needs a port, the first one's; or set TICKWIRE_GATEWAY=1"
        )
    return f"{parts.scheme}://{parts.netloc.rpartition(':')[0]}:{parts.port + n}"


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(int(value)) if isinstance(value, bool) else "" if value is None else str(value)


def command_of(game: type[Game], options: Mapping[str, Any]) -> list[str]:
    """Return the command that serves `game` in another process. Raises `UsageFault` where there can be none."""
    command = [sys.executable, "-m", "game_server", "serve", target_of(game)]
    for name, value in options.items():
        try:
            command += ["--option", f"{name}={json.dumps(value)}"]
        except TypeError:
            raise UsageFault(f"the option {name} cannot be handed to another process: {value!r}") from None
    return command


def target_of(game: type[Game]) -> str:
    """Return what the command line calls `game`. Raises `UsageFault` for one that was made within a function."""
    if "." in game.__qualname__:
        raise UsageFault(f"{game.__qualname__} stands in a function or class: with several nodes it must be on its own")
    module = sys.modules[game.__module__]
    file = getattr(module, "__file__", None)
    # What was started or loaded as a file has a name that another process does not know.
    by_file = game.__module__ == "__main__" or game.__module__.startswith("tickwire_game_")
    if by_file and file is None:
        raise UsageFault(f"{game.__name__} was typed in: with several nodes it must stand in a file")
    return f"{Path(str(file)).resolve() if by_file else game.__module__}:{game.__name__}"
