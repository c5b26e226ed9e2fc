"""A node's settings: arguments first, then TICKWIRE_* in the environment, then the defaults here.

What each means alone is checked by its field, what they mean together by `check_together`; files are read by
`doorkeeper.py`, before the port opens.
To test: `tests/game_server/shell/test_settings.py`; that `docs/operating.md` names each is a tidy test.
"""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from game_server.session.addresses import Networks, is_loopback
from game_server.shell.origins import parse_origins
from game_server.shell.redis_url import parse_redis_url
from protocol.errors import UsageFault

PREFIX = "TICKWIRE_"
AUTHENTICATORS = ("dev", "dev-anywhere", "jwt", "ticket", "own")
METRICS_PORT_OFFSET = 1000
NO_METRICS = -1
NO_REDIS = "none"
NODE_ID = re.compile(r"[a-z0-9-]{1,24}", re.ASCII)
PUBLIC_URL = re.compile(r"wss?://[^/?#@\s]+", re.ASCII)
WILDCARDS = ("0.0.0.0", "::")


class Settings(BaseSettings):
    """What an operator may choose. Each is TICKWIRE_<NAME> in the environment, and a keyword of `serve`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on; 0.0.0.0 is every interface.")
    port: int = Field(7777, ge=0, le=65_535, description="The TCP port; 0 takes any free one.")
    redis_url: str = Field(
        "", repr=False, description="Where nodes find each other; empty: a server of this process' own; none: nowhere."
    )
    nodes: int = Field(1, ge=1, le=64, description="How many nodes to run, one process each, on ports from `port` up.")
    node_id: str = Field("", description="This node's name among all nodes: at most 24 of a-z, 0-9 and -.")
    boot: int | None = Field(
        None, ge=1, lt=2**53, description="Tells this start from every other one of the node: Unix milliseconds."
    )
    public_url: str = Field("", description="Where clients reach this node: ws://host:port or wss://host:port.")
    gateway: bool = Field(False, description="A gateway in front sends /n/<node>/ to the node of that name.")
    matches: int = Field(
        default_factory=lambda known: 1 if is_alone(known) else 0,
        ge=0, le=1000, description="How many matches run from the start on; players create others in the lobby.",
    )  # fmt: skip
    matches_max: int = Field(100, ge=1, le=10_000, description="How many matches this node runs at once.")
    empty_seconds: float = Field(
        30.0, ge=0, le=86_400, description="How long a match of the lobby may be empty before it is removed."
    )
    on_redis_loss: Literal["freeze", "continue"] = Field(
        default_factory=lambda known: "continue" if is_alone(known) else "freeze",
        description="What matches do once this node can no longer be sure that they are its own.",
    )
    devices: Literal["newest", "both"] = Field(
        "newest", description="Of two devices of one player, whether the newest replaces the other."
    )
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="The seed of match 1, the next one's is one more; unset, one is drawn."
    )
    grace_seconds: float = Field(
        30.0, ge=0, le=3600, description="How long a seat is kept for a player whose socket was cut."
    )
    spectators_max: int = Field(100, ge=0, le=100_000, description="How many may watch one match.")
    connections_max: int = Field(
        5000, ge=1, le=1_000_000, description="Sockets held at once; beyond it a request is answered 503."
    )
    connections_per_ip_max: int = Field(
        64, ge=1, le=1_000_000, description="Sockets of one address at once; beyond it a request is answered 429."
    )
    handshakes_per_second_max: int = Field(
        1000, ge=1, le=1_000_000, description="New sockets a second, all addresses together; beyond it 503."
    )
    handshakes_per_ip_per_second_max: int = Field(
        20, ge=1, le=1_000_000, description="New sockets a second from one address; beyond it 429."
    )
    unauthenticated_max: int = Field(
        512, ge=1, le=1_000_000, description="Sockets that have proven nothing yet; the oldest gives way to a new one."
    )
    unlimited_networks: str = Field(
        "127.0.0.0/8,::1/128", description="Networks whose addresses have no limits of their own, with commas."
    )
    trusted_proxies: str = Field(
        "", description="Networks of proxies, with commas, whose X-Forwarded-For tells the client's address."
    )
    allowed_origins: str = Field(
        "", description="Web origins that may connect, with commas; * is any, empty the one that Host names."
    )
    auth: str = Field(
        "dev", description="How players prove who they are: ticket, and one of dev, dev-anywhere, jwt, own."
    )
    jwt_key_file: str = Field("", description="The key that JSON Web Tokens are signed with: PEM, or an HMAC secret.")
    jwt_jwks_file: str = Field("", description="A JSON Web Key Set, instead of one key.")
    jwt_algorithms: str = Field("RS256,ES256", description="Accepted signatures: RS256 and ES256, or HS256 alone.")
    jwt_audience: str = Field("", description="The audience that a token must name; empty: none is asked for.")
    jwt_issuer: str = Field("", description="The issuer that a token must name; empty: none is asked for.")
    jwt_leeway_seconds: int = Field(5, ge=0, le=300, description="How far the clocks of issuer and node may differ.")
    secret: SecretStr = Field(
        SecretStr(""), description="Signs tickets and resume tokens: kid:hex with commas; the first signs, all verify."
    )
    secret_file: str = Field("", description="The same in a file, one kid:hex a line. Without either one is drawn.")
    tls_cert_file: str = Field("", description="A PEM certificate chain: the port speaks TLS 1.2 or newer.")
    tls_key_file: str = Field("", description="The certificate's key, if it is not in the same file.")
    metrics_host: str = Field("127.0.0.1", min_length=1, description="The address on which metrics are served.")
    metrics_port: int | None = Field(
        None, ge=NO_METRICS, le=65_535, description="Their port; unset: port + 1000, or any if port is 0; -1: none."
    )
    rate_limit_factor: float = Field(
        1.0, ge=0, le=1000, description="Multiplies what a client may send in a second; 0 lifts the limits."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is written to the log."
    )
    log_format: Literal["auto", "pretty", "json"] = Field(
        "auto", description="How the log is written; auto is pretty on a terminal and JSON lines otherwise."
    )
    handshake_seconds: float = Field(
        5.0, gt=0, le=60, description="How long a socket may take until it is upgraded, and from there to its HELLO."
    )
    ping_seconds: float = Field(
        4.0, gt=0, le=600, description="How often a client is pinged; two pings without an answer end its socket."
    )
    close_seconds: float = Field(
        2.0, gt=0, le=60, description="How long a client may take to answer a close frame before its socket is cut."
    )
    shutdown_seconds: float = Field(
        10.0, gt=0, le=600, description="How long a stopping node waits for its clients to go; then it cuts them off."
    )


def is_alone(known: Mapping[str, Any]) -> bool:
    """Tell whether settings, as far as they are `known`, are those of one node that shares its Redis with nobody."""
    return known.get("redis_url", "") in ("", NO_REDIS) and known.get("nodes", 1) == 1


def read_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Return the settings. Raises `UsageFault` naming what is wrong: an unknown TICKWIRE_ name is no silent default."""
    environment = os.environ if environment is None else environment
    known = {variable(name) for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise UsageFault(f"the environment has {name}, which is no setting{_nearest(name.upper(), known)}")
    for name in sorted(given.keys() - Settings.model_fields.keys()):
        raise UsageFault(f"{name} is no setting{_nearest(name, set(Settings.model_fields))}")
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise UsageFault(_in_words(error, set(given))) from None
    check_together(settings)
    return settings


def variable(name: str) -> str:
    """Return how an operator types the setting that is called `name` here."""
    return f"{PREFIX}{name.upper()}"


def check_together(settings: Settings) -> None:
    """Raise `UsageFault` for settings that are sound alone and wrong together."""
    authenticators = authenticators_of(settings)
    if "dev" in authenticators and not is_local(settings.host):
        raise UsageFault(
            f"TICKWIRE_AUTH=dev believes every name, and TICKWIRE_HOST={settings.host} is not loopback: choose "
            "TICKWIRE_AUTH=jwt or ticket, or dev-anywhere where strangers may join under any name"
        )
    if "ticket" in authenticators and not has_secret(settings):
        raise UsageFault(
            "TICKWIRE_AUTH=ticket needs the secret that tickets are signed with: set TICKWIRE_SECRET_FILE or "
            "TICKWIRE_SECRET"
        )
    if settings.secret.get_secret_value() and settings.secret_file:
        raise UsageFault("TICKWIRE_SECRET and TICKWIRE_SECRET_FILE are both set: choose one")
    if "jwt" in authenticators and not (settings.jwt_key_file or settings.jwt_jwks_file):
        raise UsageFault(
            "TICKWIRE_AUTH=jwt needs the key that tokens are checked with: set TICKWIRE_JWT_KEY_FILE or "
            "TICKWIRE_JWT_JWKS_FILE"
        )
    if settings.jwt_key_file and settings.jwt_jwks_file:
        raise UsageFault("TICKWIRE_JWT_KEY_FILE and TICKWIRE_JWT_JWKS_FILE are both set: choose one")
    if settings.tls_key_file and not settings.tls_cert_file:
        raise UsageFault(
            "TICKWIRE_TLS_KEY_FILE is set without TICKWIRE_TLS_CERT_FILE, the certificate that it belongs to"
        )
    _check_cluster(settings)
    _parse("unlimited_networks", Networks, settings)
    _parse("trusted_proxies", Networks, settings)
    _parse("allowed_origins", parse_origins, settings)
    metrics_port_of(settings)


def _check_cluster(settings: Settings) -> None:
    url, shares = settings.redis_url, not is_alone(settings.__dict__)
    if settings.node_id and NODE_ID.fullmatch(settings.node_id) is None:
        raise UsageFault(f"TICKWIRE_NODE_ID={settings.node_id}: give at most 24 of the letters a-z, digits and -")
    if settings.public_url and PUBLIC_URL.fullmatch(settings.public_url) is None:
        raise UsageFault(f"TICKWIRE_PUBLIC_URL={settings.public_url}: give ws://host:port or wss://host:port, no path")
    if settings.matches > settings.matches_max:
        raise UsageFault(
            f"TICKWIRE_MATCHES={settings.matches} is more than TICKWIRE_MATCHES_MAX={settings.matches_max} allows"
        )
    if url == NO_REDIS and settings.nodes > 1:
        raise UsageFault("TICKWIRE_NODES: nodes find each other in a Redis, and TICKWIRE_REDIS_URL=none is none")
    if url not in ("", NO_REDIS):
        parse_redis_url(url)
        if not has_secret(settings):
            raise UsageFault(
                "TICKWIRE_REDIS_URL needs the secret that all nodes share: set TICKWIRE_SECRET_FILE, or "
                "TICKWIRE_SECRET to a name, a colon and what `openssl rand -hex 32` prints"
            )
    if shares and settings.host in WILDCARDS and not (settings.public_url or settings.gateway):
        raise UsageFault(
            f"TICKWIRE_HOST={settings.host} does not tell where clients reach this node: set TICKWIRE_PUBLIC_URL, or "
            "TICKWIRE_GATEWAY=1 where a gateway routes /n/<node>/ to it"
        )


def _parse(name: str, parse: Callable[[str], object], settings: Settings) -> None:
    try:
        parse(getattr(settings, name))
    except UsageFault as fault:
        raise UsageFault(f"{variable(name)}: {fault}") from None


def authenticators_of(settings: Settings) -> tuple[str, ...]:
    """Return the names in `auth`. Raises `UsageFault`."""
    names = entries(settings.auth)
    for name in names:
        if name not in AUTHENTICATORS:
            raise UsageFault(
                f"TICKWIRE_AUTH={settings.auth}: there is no {name!r}; there are {', '.join(AUTHENTICATORS)}"
            )
    if len({*names} - {"ticket"}) > 1:
        raise UsageFault(
            f"TICKWIRE_AUTH={settings.auth}: besides ticket there can be only one, or nobody knew which to ask"
        )
    if not names:
        raise UsageFault(f"TICKWIRE_AUTH is empty, so that nobody could join; there are {', '.join(AUTHENTICATORS)}")
    return names


def is_local(host: str) -> bool:
    """Tell whether only this machine can reach a node that listens on `host`."""
    return host == "localhost" or is_loopback(host)


def has_secret(settings: Settings) -> bool:
    """Tell whether the operator gave a secret, which outlives the process and is shared with whoever signs tickets."""
    return bool(settings.secret.get_secret_value() or settings.secret_file)


def metrics_port_of(settings: Settings) -> int | None:
    """Return the port of the metrics, 0 for any free one, None for no metrics. Raises `UsageFault`."""
    if settings.metrics_port is not None:
        return None if settings.metrics_port == NO_METRICS else settings.metrics_port
    if settings.port == 0:
        return 0
    port = settings.port + METRICS_PORT_OFFSET
    if port > 65_535:
        raise UsageFault(
            f"TICKWIRE_PORT={settings.port} leaves no port {port} for the metrics: set TICKWIRE_METRICS_PORT, "
            "-1 for none"
        )
    return port


def entries(text: str) -> tuple[str, ...]:
    """Return the entries of a comma list."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())


def _nearest(name: str, known: set[str]) -> str:
    # Without the prefix, which would make every name resemble every other.
    plain = {each.removeprefix(PREFIX): each for each in sorted(known)}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), plain, 1, 0.5)
    return f"; did you mean {plain[close[0]]}?" if close else f"; there are {', '.join(sorted(known))}"


def _in_words(error: ValidationError, given: set[str]) -> str:
    lines = []
    for each in error.errors(include_url=False):
        name = str(each["loc"][0]) if each["loc"] else "settings"
        shown = name if name in given else variable(name)
        value = "(hidden)" if name in ("secret", "redis_url") else repr(each["input"])
        lines.append(f"{shown} = {value}: {each['msg'][0].lower()}{each['msg'][1:]}")
    return "; ".join(lines)
