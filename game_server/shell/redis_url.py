"""The URL of a Redis, of any set-up, taken apart.

    redis://[user:password@]host[:port][/database]          one server; rediss:// with TLS
    unix://[user:password@]/path/of/socket[?db=1]           one server on this machine
    redis+sentinel://[..@]host[:port],host../service[/db]   the master that Sentinels name; rediss+sentinel://
    redis+cluster://[..@]host[:port],host..                 Redis Cluster, from any of its servers; rediss+cluster://

`valkey` may be written for `redis` everywhere.
To test: `tests/game_server/shell/test_redis_url.py`.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisError

from protocol.errors import UsageFault

SetUp = Literal["single", "sentinel", "cluster"]
Address = tuple[str, int]
"""Host and port; of a Unix socket its path and 0."""

PORTS: dict[SetUp, int] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs")
SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
NAME = "tickwire"

_URL = re.compile(
    r"(?P<kind>rediss?(?:\+sentinel|\+cluster)?|unix)://(?:(?P<login>[^/@]*)@)?(?P<hosts>[^/?#]*)"
    r"(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where a Redis is, and how its servers are spoken to. `shown` names it without a password."""

    set_up: SetUp
    addresses: tuple[Address, ...]
    shown: str
    service: str = ""
    _options: dict[str, Any] = field(default_factory=dict, repr=False)
    _sentinel_login: dict[str, str] = field(default_factory=dict, repr=False)
    _kind: type[AbstractConnection] = Connection
    _tls: Any = None

    def connection(self, address: Address) -> AbstractConnection:
        """Return an unopened connection to one of its servers."""
        return self._make(address, self._options)

    def sentinel_connection(self, address: Address) -> AbstractConnection:
        """Return an unopened connection to a Sentinel, which has a login of its own and no databases."""
        tls = {name: value for name, value in self._options.items() if name.startswith("ssl_")}
        return self._make(address, tls | self._sentinel_login)

    def _make(self, address: Address, options: dict[str, Any]) -> AbstractConnection:
        where = {"path": address[0]} if not address[1] else {"host": address[0], "port": address[1]}
        connection = self._kind(**where, **options, client_name=NAME, socket_timeout=None, protocol=2)
        if isinstance(connection, SSLConnection):
            # One for all: to make one reads the system's certificates, which takes longer than a tick may wait.
            connection.ssl_context = self._tls or connection.ssl_context
        return connection


def parse_redis_url(url: str) -> RedisUrl:
    """Take a URL apart and read its certificates. Raises `UsageFault` that says what is wrong, without a password."""
    match = _URL.fullmatch(re.sub(r"^valkey", "redis", url.strip()))
    if match is None:
        raise UsageFault(
            "a Redis URL is redis://HOST:PORT, rediss://, unix:///PATH, redis+sentinel://HOST,HOST/SERVICE or "
            f"redis+cluster://HOST,HOST; this one begins with {url.split('@')[-1].split('?')[0][:40]!r}"
        )
    kind, path, options = match["kind"], match["path"] or "", _login(match["login"])
    query = dict(parse_qsl(match["query"] or "", keep_blank_values=True))
    set_up: SetUp = "sentinel" if "sentinel" in kind else "cluster" if "cluster" in kind else "single"
    database, service = query.pop("db", ""), ""
    if kind == "unix":
        addresses: tuple[Address, ...] = ((unquote(path), 0),)
        if not path or match["hosts"]:
            raise UsageFault("a Redis URL of a Unix socket has three slashes: unix:///PATH")
    else:
        addresses = _addresses(match["hosts"], set_up)
        service, database = _path(path, set_up, database)
    options |= {"db": _database(database, set_up)} if database else {}
    sentinel_login = {
        name.removeprefix("sentinel_"): query.pop(name)
        for name in SENTINEL_OPTIONS
        if set_up == "sentinel" and name in query
    }
    with_tls = kind.startswith("rediss")
    options |= _tls_options(query, with_tls)
    shown = ", ".join(_shown(address) for address in addresses) + (f" ({set_up} {service})" if service else "")
    chosen = UnixDomainSocketConnection if kind == "unix" else SSLConnection if with_tls else Connection
    tls = _tls_context(options) if with_tls else None
    return RedisUrl(set_up, addresses, shown, service, options, sentinel_login, chosen, tls)


def _login(text: str | None) -> dict[str, Any]:
    user, _, password = (text or "").partition(":")
    named = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in named.items() if value}


def _addresses(hosts: str, set_up: SetUp) -> tuple[Address, ...]:
    listed = [host.strip() for host in (hosts or "localhost").split(",") if host.strip()]
    if set_up == "single" and len(listed) != 1:
        raise UsageFault("a Redis URL with several hosts is redis+sentinel://.. or redis+cluster://..")
    return tuple(_address(host, PORTS[set_up]) for host in listed)


def _address(text: str, port: int) -> Address:
    match = re.fullmatch(r"(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?", text)
    if match is None or not 0 < int(match["port"] or port) < 65_536:
        raise UsageFault(f"the Redis URL has a host that is none: {text!r}")
    return match["six"] or unquote(match["host"]), int(match["port"] or port)


def _path(path: str, set_up: SetUp, database: str) -> tuple[str, str]:
    parts = [unquote(part) for part in path.split("/") if part]
    service = ""
    if set_up == "sentinel":
        if not parts:
            raise UsageFault("a Redis URL of Sentinels names the service: redis+sentinel://HOST,HOST/SERVICE")
        service = parts.pop(0)
    if len(parts) > 1:
        raise UsageFault(f"the Redis URL has more path than a database's number: /{'/'.join(parts)}")
    return service, parts[0] if parts else database


def _database(text: str, set_up: SetUp) -> int:
    if not text.isascii() or not text.isdigit():
        raise UsageFault(f"the database in the Redis URL is no number: {text!r}")
    if set_up == "cluster" and int(text):
        raise UsageFault("Redis Cluster has no databases but 0: leave the number out of the URL")
    return int(text)


def _tls_options(query: dict[str, str], with_tls: bool) -> dict[str, Any]:
    known = TLS_OPTIONS if with_tls else ()
    for name in query:
        if name not in known:
            hint = ", ".join(known) or "db; ssl_ options go with rediss://"
            raise UsageFault(f"the Redis URL has an unknown option {name!r}; known ones: {hint}")
    options: dict[str, Any] = dict(query)
    if "ssl_check_hostname" in query:
        options["ssl_check_hostname"] = query["ssl_check_hostname"].lower() not in ("0", "false", "no", "f", "n")
    return options


def _tls_context(options: dict[str, Any]) -> Any:
    """The TLS context of all connections, with its files read."""
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    try:
        context = SSLConnection(**tls).ssl_context
        context.get()
    except (RedisError, OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = ", ".join(f"{name}={value}" for name, value in tls.items()) or "the system's certificates"
        raise UsageFault(f"the Redis URL's TLS options do not do: {error} ({files})") from None
    return context


def _shown(address: Address) -> str:
    host, port = address
    return host if not port else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
