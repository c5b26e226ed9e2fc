"""Authenticators: who knocks, by the credential in the upgrade request. Three are shipped; a game may bring its own.

| authenticator | credential | believes |
|---|---|---|
| `DevAuthenticator` | a percent-encoded name, or none | everybody; by default on loopback only |
| `JwtAuthenticator` | a JSON Web Token | whoever holds one that a configured key signed (`jwt_keys.py`) |
| `TicketAuthenticator` | a ticket of a lobby | whoever brings an unused one for this match, role and node |

`Credentials` looks at how a credential begins and asks the right one; resume tokens and guests it verifies itself. A
refusal names its reason for the metrics and says in a sentence what the client can do; it never repeats the credential.
To test: `tests/game_server/shell/test_authenticators.py`.
"""

import base64
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import jwt
from jwt.exceptions import InvalidSubjectError

from game_server.session.addresses import is_loopback
from game_server.session.credentials import (
    NAME_LENGTH_MAX,
    NONCE_BYTES,
    PLAYER_BYTES_MAX,
    TICKET_LIFETIME_MS,
    Guest,
    ResumeToken,
    Ticket,
    UsedTickets,
)  # fmt: skip
from game_server.session.signing import Forged, Signer, UnknownKey
from game_server.shell.jwt_keys import (
    HMAC,
    PUBLIC,
    JwksFile,
    Keys,
    OneKey,
    VerifyingKey,
    pem_key,
    read_key_file,
    secret_key,
)  # fmt: skip
from protocol.errors import UsageFault
from protocol.handshake import CREDENTIAL_LENGTH_MAX, GUEST_PREFIX, RESUME_PREFIX, TICKET_PREFIX

NAME_UNTOLD = "Guest"
NAME_UNSHOWABLE = "Player"
CLAIM_FAULTS = (
    jwt.MissingRequiredClaimError, jwt.InvalidAudienceError, jwt.InvalidIssuerError, InvalidSubjectError
)  # fmt: skip
ASK_AGAIN = "ask for a new one and come again"


def unix_ms() -> int:
    """Return the time by which tickets expire."""
    return time.time_ns() // 1_000_000


class Refused(Exception):
    """A request that is answered with a status and a sentence. `reason` is a word that metrics count by."""

    def __init__(
        self, status: int, sentence: str, *, retry_after_s: int | None = None, reason: str = "refused"
    ) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence, self.retry_after_s, self.reason = status, sentence, retry_after_s, reason


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a client asks for: a match ("" is the lobby), as a player or to watch; with which credential, from where.

    `headers` are the request's, of which some repeat the credential: an authenticator must not log them.
    """

    match: str
    credential: str | None
    client_ip: str
    headers: Mapping[str, str]
    spectator: bool

    def __repr__(self) -> str:
        # The generated one would carry the credential into a traceback.
        return f"Upgrade(match={self.match!r}, client_ip={self.client_ip!r}, spectator={self.spectator})"


@dataclass(frozen=True, slots=True)
class Player:
    """Who was let in. `id` is the proven identity, by which a seat is found again; "" if nothing is proven.

    Raises `UsageFault` for what no resume token could carry: better here, where it costs one upgrade, than in WELCOME.
    """

    id: str
    name: str
    spectator: bool = False

    def __post_init__(self) -> None:
        if not is_identity(self.id):
            raise UsageFault(f"a player's id is at most {PLAYER_BYTES_MAX} bytes of printable text")
        if not is_name(self.name):
            raise UsageFault(
                f"a player's name is 1 to {NAME_LENGTH_MAX} printable characters; showable_name cleans one"
            )


class Authenticator(Protocol):
    """Tells who an upgrade comes from."""

    def authenticate(self, upgrade: Upgrade) -> Player | Awaitable[Player]:
        """Return the player. Raises `Refused`; anything else is a fault of the server, answered with 503."""


class DevAuthenticator:
    """Believes every name, and lets who tells none in as Guest. For development: it proves nothing."""

    def __init__(self, loopback_only: bool = True) -> None:
        self._loopback_only = loopback_only

    def authenticate(self, upgrade: Upgrade) -> Player:
        """Return a player of that name, unproven. Raises `Refused`."""
        if self._loopback_only and not is_loopback(upgrade.client_ip):
            raise Refused(403, "this server lets clients of its own machine in only", reason="not_loopback")
        if upgrade.credential is None:
            return Player("", NAME_UNTOLD, upgrade.spectator)
        try:
            name = unquote(upgrade.credential, errors="strict")
        except UnicodeDecodeError:
            raise Refused(400, "the player's name must be UTF-8, percent-encoded", reason="name") from None
        if not is_name(name):
            sentence = f"a player's name has 1 to {NAME_LENGTH_MAX} printable characters, percent-encoded"
            raise Refused(400, sentence, reason="name")
        return Player("", name, upgrade.spectator)


class JwtAuthenticator:
    """Lets in whoever holds a JSON Web Token that one of its keys signed: `sub` is the player, `name` the name.

    `algorithms` are HS256 alone, with `key` (the secret's bytes) or `key_file`; or RS256 and ES256, with a PEM public
    key as `key` or `key_file`, or with `jwks_file`. A token must have `exp` and `sub`; `nbf` and `iat` are checked if
    it has them, `aud` and `iss` if they are configured, and a token with an `aud` is refused if none is.
    Raises `UsageFault` for a configuration that could let a stranger in.
    """

    def __init__(
        self,
        algorithms: Sequence[str],
        *,
        key: bytes | str | None = None,
        key_file: str | Path | None = None,
        jwks_file: str | Path | None = None,
        audience: str | None = None,
        issuer: str | None = None,
        leeway_s: float = 5,
    ) -> None:
        self._keys = _jwt_keys(tuple(algorithms), key, key_file, jwks_file)
        self._audience, self._issuer, self._leeway_s = audience or None, issuer or None, leeway_s
        self._required = ["exp", "sub", *(["aud"] if audience else []), *(["iss"] if issuer else [])]

    def authenticate(self, upgrade: Upgrade) -> Player:
        """Return whom the token names. Raises `Refused`: 401 without a token or with an expired one, else 403."""
        if upgrade.credential is None:
            raise Refused(401, "a token is needed, as `Authorization: Bearer <token>`", reason="no_credential")
        claims = self._claims(upgrade.credential)
        player = claims["sub"]
        if not player.strip() or not is_identity(player):
            sentence = f"the token's sub must be 1 to {PLAYER_BYTES_MAX} bytes of printable text"
            raise Refused(403, sentence, reason="claims")
        name = claims.get("name")
        return Player(player, showable_name(name if isinstance(name, str) else player), upgrade.spectator)

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            key = self._keys.find(_kid(token))
            if key is None:
                raise Refused(403, "the token names a key that this server does not have", reason="key")
            return self._decode(token, key)
        except jwt.ExpiredSignatureError:
            raise Refused(401, f"the token has expired: {ASK_AGAIN}", reason="expired") from None
        except jwt.ImmatureSignatureError:
            raise Refused(401, "the token is not good yet", reason="not_yet") from None
        except CLAIM_FAULTS:
            sentence = f"the token must have {', '.join(self._required)}, and they must name this server"
            raise Refused(403, sentence, reason="claims") from None
        except jwt.InvalidAlgorithmError:
            raise Refused(403, "this server takes no token signed by that algorithm", reason="forged") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            # The last four are what hostile JSON can still bring out of a parser: Infinity as exp, a thousand brackets.
            raise Refused(
                403, "the token is malformed, or not signed by a key of this server", reason="forged"
            ) from None

    def _decode(self, token: str, key: VerifyingKey) -> dict[str, Any]:
        return jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway_s,
            options={"require": self._required},
        )


class TicketAuthenticator:
    """Lets each ticket in once, to the match, as the role and on the node that it names.

    A lobby's ticket names the node and the generation of the match's ledger, as `generation_of` tells it; an `unbound`
    one, which a developer's own backend issues, names neither ("" and 0). Unbound tickets that were issued before this
    process began are refused, since another may have taken them: it cannot know which.
    """

    def __init__(
        self,
        signer: Signer,
        *,
        node: str = "",
        generation_of: Callable[[str], int | None] = lambda match: None,
        unbound: bool = True,
        clock_ms: Callable[[], int] = unix_ms,
    ) -> None:
        self._signer, self._node, self._generation_of, self._unbound = signer, node, generation_of, unbound
        self._clock_ms = clock_ms
        self._used_unbound = UsedTickets(known_from_ms=clock_ms() + TICKET_LIFETIME_MS)
        # No earlier process had this generation.
        self._used_bound = UsedTickets()

    def authenticate(self, upgrade: Upgrade) -> Player:
        """Return whom the ticket names, and use it up. Raises `Refused`: 401 without one, 403 forged, 409 stale."""
        ticket = self._read(upgrade.credential)
        now_ms = self._clock_ms()
        self._check(ticket, upgrade, now_ms)
        used = self._used_unbound if _is_unbound(ticket) else self._used_bound
        if used.full(now_ms):
            raise Refused(503, "this node remembers as many tickets as it can", retry_after_s=5, reason="full")
        # Last of all: whatever is refused above leaves the ticket good for where it belongs.
        if not used.take(ticket, now_ms):
            raise Refused(409, f"this ticket has been used: {ASK_AGAIN}", reason="used")
        return Player(ticket.player, showable_name(ticket.name), ticket.spectator)

    def _read(self, credential: str | None) -> Ticket:
        if credential is None:
            raise Refused(401, "a ticket is needed, as `Authorization: Bearer <ticket>`", reason="no_credential")
        try:
            return Ticket.verify(self._signer, credential)
        except Forged as forged:
            raise _unverified(forged, "ticket") from None

    def _check(self, ticket: Ticket, upgrade: Upgrade, now_ms: int) -> None:
        if ticket.match != upgrade.match:
            raise Refused(409, f"this ticket is for another match: {ASK_AGAIN}", reason="wrong_match")
        if ticket.spectator != upgrade.spectator:
            role = "to watch" if ticket.spectator else "to play"
            raise Refused(409, f"this ticket is {role}: {ASK_AGAIN}", reason="wrong_role")
        if not self._is_for_here(ticket):
            sentence = f"this ticket is for another node, or its reservation was lost: {ASK_AGAIN}"
            raise Refused(409, sentence, reason="wrong_node")
        if ticket.expired(now_ms):
            raise Refused(409, f"this ticket has expired: {ASK_AGAIN}", reason="expired")
        if ticket.lives_too_long(now_ms):
            sentence = f"this ticket lives longer than {TICKET_LIFETIME_MS // 1000} s, or its lobby's clock is wrong"
            raise Refused(409, sentence, reason="lifetime")
        if not is_identity(ticket.player):
            sentence = f"the ticket's player must be at most {PLAYER_BYTES_MAX} bytes of printable text"
            raise Refused(403, sentence, reason="claims")

    def _is_for_here(self, ticket: Ticket) -> bool:
        if _is_unbound(ticket):
            return self._unbound
        return (ticket.node, ticket.epoch) == (self._node, self._generation_of(ticket.match))


def _is_unbound(ticket: Ticket) -> bool:
    return (ticket.node, ticket.epoch) == ("", 0)


class Credentials:
    """Gives each credential to who can judge it: tickets, resume tokens, and all others.

    Resume tokens are always good: whoever was let in may come back. Without an authenticator for a kind, that kind is
    refused; `other` also judges requests that bring no credential.
    """

    def __init__(
        self, signer: Signer, *, ticket: Authenticator | None = None, other: Authenticator | None = None
    ) -> None:
        if ticket is None and other is None:
            raise UsageFault("nobody could ever join: give an authenticator for tickets or for other credentials")
        self._signer, self._ticket, self._other = signer, ticket, other

    def judge(self, upgrade: Upgrade) -> Player | ResumeToken | Awaitable[Player]:
        """Return who comes: a player, or the holder of a token for a place in this match. Raises `Refused`.

        Nothing is waited for here: what the authenticator has to ask somebody else is returned as it is.
        """
        credential = upgrade.credential
        if credential is not None and len(credential) > CREDENTIAL_LENGTH_MAX:
            raise Refused(400, f"a credential has at most {CREDENTIAL_LENGTH_MAX} characters", reason="length")
        if credential is not None and credential.startswith(RESUME_PREFIX):
            return self._resume(upgrade, credential)
        if credential is not None and credential.startswith(TICKET_PREFIX):
            if self._ticket is None:
                raise Refused(403, "this server takes no tickets", reason="kind")
            return self._ticket.authenticate(upgrade)
        if credential is not None and credential.startswith(GUEST_PREFIX):
            return self._guest(upgrade, credential)
        if self._other is not None:
            return self._other.authenticate(upgrade)
        if credential is None:
            raise Refused(401, "a ticket is needed, as `Authorization: Bearer <ticket>`", reason="no_credential")
        raise Refused(403, "this server takes nothing but tickets", reason="kind")

    def check_signature(self, credential: str | None) -> None:
        """Refuse a credential that cannot be good anywhere, or that is missing where one is needed. Uses nothing up.

        For who is told where a match is, and proves there who they are. Raises `Refused`.
        """
        if credential is None:
            if not isinstance(self._other, DevAuthenticator):
                raise Refused(401, "a credential is needed, as `Authorization: Bearer <...>`", reason="no_credential")
            return
        kinds: tuple[tuple[str, type[ResumeToken | Ticket], str], ...] = (
            (RESUME_PREFIX, ResumeToken, "resume token"), (TICKET_PREFIX, Ticket, "ticket"),
        )  # fmt: skip
        for prefix, kind, what in kinds:
            if credential.startswith(prefix):
                try:
                    kind.verify(self._signer, credential)
                except Forged as forged:
                    raise _unverified(forged, what) from None

    def _guest(self, upgrade: Upgrade, credential: str) -> Player:
        if not isinstance(self._other, DevAuthenticator):
            raise Refused(403, "this server takes no guests", reason="kind")
        if upgrade.match:
            raise Refused(403, "a guest's credential opens the lobby, which gives tickets to matches", reason="kind")
        try:
            guest = Guest.verify(self._signer, credential)
        except Forged as forged:
            raise _unverified(forged, "guest's credential") from None
        # Whom it lets in at all, it lets in as this guest.
        self._other.authenticate(replace(upgrade, credential=None))
        return Player(guest.player, showable_name(guest.name))

    def _resume(self, upgrade: Upgrade, credential: str) -> ResumeToken:
        try:
            token = ResumeToken.verify(self._signer, credential)
        except Forged as forged:
            raise _unverified(forged, "resume token") from None
        if token.match != upgrade.match:
            raise Refused(409, "this resume token is for another match: join anew", reason="wrong_match")
        return token


def issue_ticket(
    signer: Signer,
    match: str,
    player: str,
    name: str,
    *,
    spectator: bool = False,
    node: str = "",
    epoch: int = 0,
    now_ms: int | None = None,
) -> str:
    """Return a ticket for `player`, good once and for 30 s: what a lobby, or a developer's own backend, hands out.

    Raises `UsageFault` for a name or player that cannot be carried.
    """
    Player(player, name)
    expires_ms = (unix_ms() if now_ms is None else now_ms) + TICKET_LIFETIME_MS
    nonce = secrets.token_bytes(NONCE_BYTES)
    return Ticket(match, player, name, spectator, node, epoch, expires_ms, nonce).sign(signer)


def is_name(text: str) -> bool:
    """Tell whether `text` may be a player's name."""
    return len(text) <= NAME_LENGTH_MAX and text.isprintable() and bool(text.strip())


def is_identity(text: str) -> bool:
    """Tell whether `text` may be a player's id; "" may."""
    return text.isprintable() and len(text.encode()) <= PLAYER_BYTES_MAX


def showable_name(text: str) -> str:
    """Return `text` as a name: its printable characters, single spaces between, at most 32."""
    printable = "".join(each if each.isprintable() else " " for each in text[: 8 * NAME_LENGTH_MAX])
    return " ".join(printable.split())[:NAME_LENGTH_MAX].strip() or NAME_UNSHOWABLE


def _kid(token: str) -> str | None:
    """Return the key that `token` names, unverified: it only chooses among ours. Raises `ValueError`.

    PyJWT's own reader takes the whole token apart for it, and looks at each character; that is done once, later.
    """
    part = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    kid = header.get("kid") if isinstance(header, dict) else 0
    if kid is not None and not isinstance(kid, str):
        raise ValueError("a header that is no header")
    return kid


def _jwt_keys(
    algorithms: tuple[str, ...], key: bytes | str | None, key_file: str | Path | None, jwks_file: str | Path | None
) -> Keys:
    """Return the keys that a configuration names. Raises `UsageFault`."""
    unknown = [each for each in algorithms if each not in HMAC + PUBLIC]
    if unknown or not algorithms:
        raise UsageFault(f"the algorithms for tokens are some of {', '.join(HMAC + PUBLIC)}, not {unknown or 'none'}")
    if len({each in HMAC for each in algorithms}) > 1:
        raise UsageFault("HS256 is not mixed with RS256 or ES256: who has the public key could sign with it")
    if sum(each is not None for each in (key, key_file, jwks_file)) != 1:
        raise UsageFault("tokens are verified with one of: a key, a key file, a JWKS file")
    if jwks_file is not None:
        if algorithms == HMAC:
            raise UsageFault("a JWKS file holds public keys; HS256 wants a key file with a secret")
        return JwksFile(Path(jwks_file), algorithms)
    if key_file is not None:
        # The line end with which an editor or `openssl rand` closes a file is no part of a secret.
        data = read_key_file(Path(key_file)).rstrip(b"\r\n")
    else:
        data = key.encode() if isinstance(key, str) else key or b""
    found = secret_key(data) if algorithms == HMAC else pem_key(data)
    if found.algorithm not in algorithms:
        raise UsageFault(f"the key is for {found.algorithm}, but the algorithms are {', '.join(algorithms)}")
    return OneKey(found)


def _unverified(forged: Forged, what: str) -> Refused:
    """Return the refusal: 409 sends an honest client for a new one after a key was removed, 403 sends it nowhere."""
    if isinstance(forged, UnknownKey):
        return Refused(409, f"this {what} is signed with a key that this server lacks: {ASK_AGAIN}", reason="key")
    return Refused(403, f"this {what} was not signed here", reason="forged")
