"""The doorkeeper: who may come in, as a node's settings have it. It reads the files that they name.

    settings -> signer, authenticators, origins, proxies
    upgrade request -> whose it is -> Entrant, or `Refused`

A resume token names its place; tickets and other credentials name a player. Nothing of a credential is ever logged: not
by us, and of an authenticator that fails only where it failed, since its message may repeat what it was given.
To test: `tests/game_server/shell/test_doorkeeper.py`.
"""

import asyncio
import inspect
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path

from websockets.http11 import Request

from game_server.session.addresses import Networks
from game_server.session.credentials import ResumeToken
from game_server.session.signing import KEY_BYTES_LEAST, Signer
from game_server.shell.authenticators import (
    Authenticator,
    Credentials,
    DevAuthenticator,
    JwtAuthenticator,
    Player,
    Refused,
    TicketAuthenticator,
    Upgrade,
)  # fmt: skip
from game_server.shell.forwarded import client_ip
from game_server.shell.jwt_keys import read_key_file
from game_server.shell.line import Entrant
from game_server.shell.log import get_log
from game_server.shell.origins import is_loopback_host, origin_passes, parse_origins
from game_server.shell.requests import Wish, host, origin
from game_server.shell.settings import Settings, authenticators_of, entries, variable
from game_server.sim.facts import Claim
from protocol.errors import UsageFault

FAILED_RETRY_AFTER_S = 5
FORWARDED = "forwarded"
"""Why a request is refused that came through a trusted proxy from nobody knows whom."""


class Doorkeeper:
    """Judges upgrade requests."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        origins: frozenset[str] = frozenset(),
        proxies: Networks | None = None,
        loopback_pages_only: bool = False,
    ) -> None:
        self.proxies = proxies or Networks()
        self._credentials, self._origins = credentials, origins
        self._loopback_pages_only = loopback_pages_only
        self._log = get_log()

    def client_ip(self, peer: str, request: Request) -> str:
        """Return whose request it is: the socket's other end, or whom a trusted proxy names. Raises `Refused`."""
        found = client_ip(peer, request.headers.get_all("X-Forwarded-For"), self.proxies)
        if found is None:
            sentence = "the proxy in front of this server must name its client in X-Forwarded-For"
            raise Refused(400, sentence, reason=FORWARDED)
        return found

    def check_origin(self, request: Request) -> None:
        """Let programs and our own pages pass. Raises `Refused`."""
        page, asked = origin(request), host(request)
        # Whoever believes every name must not believe Host: a page's own DNS can call this machine what it likes.
        rebound = self._loopback_pages_only and page is not None and not self._origins and not is_loopback_host(asked)
        if rebound or not origin_passes(page, asked, self._origins):
            raise Refused(403, "pages of this origin may not connect to this server", reason="origin")

    def judge(self, request: Request, wish: Wish, ip: str) -> "Entrant | asyncio.Future[Player]":
        """Return who comes in, or what to wait for and then `settle`. Raises `Refused`."""
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        upgrade = Upgrade(wish.match, wish.credential, ip, headers, wish.spectator)
        try:
            found = self._credentials.judge(upgrade)
            return asyncio.ensure_future(found) if inspect.isawaitable(found) else _entrant(found, wish)
        except Refused:
            raise
        except Exception as error:
            raise self._failed(error) from None

    def check_stray(self, wish: Wish) -> None:
        """Let pass who may be told where a match is that is not here. Raises `Refused`."""
        self._credentials.check_signature(wish.credential)

    def settle(self, answer: "asyncio.Future[Player]", wish: Wish) -> Entrant:
        """Return who comes in, by an `answer` that is there. Raises `Refused`."""
        try:
            return _entrant(answer.result(), wish)
        except Refused:
            raise
        except (Exception, asyncio.CancelledError) as error:
            # Cancelled by itself, that is: a socket that ends does not ask any more.
            raise self._failed(error) from None

    def _failed(self, error: BaseException) -> Refused:
        # Neither the message nor a traceback: both may hold the credential.
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else "unknown"
        self._log.error("authenticator_failed", error=type(error).__name__, where=where)
        sentence = "this server cannot check who you are; try again"
        return Refused(503, sentence, retry_after_s=FAILED_RETRY_AFTER_S, reason="authenticator_failed")


def _entrant(found: Player | ResumeToken, wish: Wish) -> Entrant:
    match found:
        case ResumeToken():
            claim = Claim(found.place, found.player, found.epoch, found.n)
            return Entrant(found.name, found.player, found.spectator, wish.attempt, claim)
        case Player(player, name, spectator):
            # Not what the wish says: whether somebody watches or plays is the authenticator's to decide.
            return Entrant(name, player, spectator, wish.attempt)
        case _:
            raise TypeError(f"an authenticator returned a {type(found).__name__} instead of a Player")


def make_doorkeeper(
    settings: Settings,
    signer: Signer,
    own: Authenticator | None = None,
    *,
    node: str = "",
    generation_of: Callable[[str], int | None] = lambda match: None,
) -> Doorkeeper:
    """Return the doorkeeper that `settings` describe; `own` is the developer's authenticator. Raises `UsageFault`.

    A lobby's tickets are always good, for matches of `node` that have the ticket's generation.
    """
    names = authenticators_of(settings)
    ticket = TicketAuthenticator(signer, node=node, generation_of=generation_of, unbound="ticket" in names)
    return Doorkeeper(
        Credentials(signer, ticket=ticket, other=_other(settings, names, own)),
        origins=parse_origins(settings.allowed_origins),
        proxies=Networks(settings.trusted_proxies),
        loopback_pages_only="dev" in names,
    )


def _other(settings: Settings, names: tuple[str, ...], own: Authenticator | None) -> Authenticator | None:
    if ("own" in names) != (own is not None):
        raise UsageFault("TICKWIRE_AUTH=own goes with serve(..., authenticator=...): one is there without the other")
    if own is not None:
        return own
    if "jwt" in names:
        return _jwt(settings)
    if "dev" in names or "dev-anywhere" in names:
        return DevAuthenticator(loopback_only="dev-anywhere" not in names)
    return None


def _jwt(settings: Settings) -> JwtAuthenticator:
    try:
        return JwtAuthenticator(
            entries(settings.jwt_algorithms),
            key_file=settings.jwt_key_file or None,
            jwks_file=settings.jwt_jwks_file or None,
            audience=settings.jwt_audience or None,
            issuer=settings.jwt_issuer or None,
            leeway_s=settings.jwt_leeway_seconds,
        )
    except UsageFault as fault:
        named = variable("jwt_jwks_file" if settings.jwt_jwks_file else "jwt_key_file")
        fix = "; for a secret set TICKWIRE_JWT_ALGORITHMS=HS256" if _holds_a_secret(settings) else ""
        with_algorithms = f"with {variable('jwt_algorithms')}={settings.jwt_algorithms}"
        raise UsageFault(f"{named} {with_algorithms}: {fault}{fix}") from None


def _holds_a_secret(settings: Settings) -> bool:
    """Tell whether the key file looks like the secret of HS256 where a public key is wanted."""
    if not settings.jwt_key_file or "HS256" in entries(settings.jwt_algorithms):
        return False
    try:
        return b"-----BEGIN" not in read_key_file(Path(settings.jwt_key_file))
    except UsageFault:
        return False


def make_signer(settings: Settings) -> Signer:
    """Return the signer of `secret` or `secret_file`, or one that only this process knows. Raises `UsageFault`."""
    text = settings.secret.get_secret_value()
    if settings.secret_file:
        text = read_file("secret_file", settings.secret_file)
    if not text and not settings.secret_file:
        return Signer.drawn(secrets.token_bytes(KEY_BYTES_LEAST))
    try:
        return Signer.read(text)
    except UsageFault as fault:
        raise UsageFault(f"{variable('secret_file' if settings.secret_file else 'secret')}: {fault}") from None


def read_file(setting: str, path: str) -> str:
    """Return the text of the file that a setting names. Raises `UsageFault`."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageFault(f"{variable(setting)}={path} cannot be read: {why}") from None
