"""The keys that verify JSON Web Tokens: one secret, one public key, or a JWKS file that is read again when it changes.

Each key has the one algorithm that it is for, so that a token's header has nothing to choose. HMAC secrets and public
keys are never held together: everybody has a public key, and who could have it taken for a secret could sign with it.
*Source*: RFC 7517 (JWK sets), RFC 7518 sections 3.2 to 3.4 (least sizes, the curve), RFC 8725 section 3.1.
To test: `tests/game_server/shell/test_jwt_keys.py`.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWK, PyJWTError

from game_server.shell.log import get_log
from protocol.errors import UsageFault

HMAC, PUBLIC = ("HS256",), ("RS256", "ES256")
SECRET_BYTES_LEAST = 32
RSA_BITS_LEAST = 2048
KEYS_BYTES_MAX = 256 * 1024
RETRY_NS = 1_000_000_000
_PRIVATE_MARK = b"PRIVATE KEY"
_KINDS = {"RSA": "RS256", "EC": "ES256"}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key and the algorithm that it is for."""

    algorithm: str
    key: bytes | RSAPublicKey | EllipticCurvePublicKey

    def __repr__(self) -> str:
        return f"VerifyingKey({self.algorithm})"  # an HMAC key is a secret


class Keys(Protocol):
    """Some keys."""

    def find(self, kid: str | None) -> VerifyingKey | None:
        """Return the key that a token with this `kid` can have been signed with."""


class OneKey:
    """A single secret or public key: it is tried whatever `kid` a token names."""

    def __init__(self, key: VerifyingKey) -> None:
        self._key = key

    def find(self, kid: str | None) -> VerifyingKey:
        """Return the key."""
        return self._key


class JwksFile:
    """The public keys of a JWKS file, read again whenever the file is another one.

    A file that cannot be read or is not a JWKS leaves the keys as they were: whoever writes it gets time to mend it. It
    is tried again a second later, since a read can also fail for want of a file descriptor.
    """

    def __init__(
        self, path: Path, algorithms: tuple[str, ...], *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._path, self._algorithms, self._clock_ns = path, algorithms, clock_ns
        self._read_stamp = self._stamp()
        self._failed_stamp: tuple[int, int, int] | None = None
        self._retry_at_ns = 0
        self._keys = self._read()

    def find(self, kid: str | None) -> VerifyingKey | None:
        """Return the key called `kid`; a token without one means the only key that there is."""
        self._look()
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _look(self) -> None:
        stamp, now_ns = self._stamp(), self._clock_ns()
        if stamp is None or stamp == self._read_stamp:
            return
        if stamp == self._failed_stamp and now_ns < self._retry_at_ns:
            return
        try:
            self._keys = self._read()
            self._read_stamp = stamp
            get_log().info("jwks_read", keys=len(self._keys))
        except UsageFault as fault:
            if stamp != self._failed_stamp:
                get_log().warning("jwks_not_read", problem=str(fault))
            self._failed_stamp, self._retry_at_ns = stamp, now_ns + RETRY_NS

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> dict[str, VerifyingKey]:
        try:
            entries = json.loads(read_key_file(self._path))["keys"]
            found = [named for entry in entries if (named := self._key(entry)) is not None]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UsageFault(f"{self._path} is not a JWKS file: {type(error).__name__}") from None
        keys = dict(found)
        if len(keys) != len(found):
            raise UsageFault(f"{self._path}: two keys have the same kid")
        if not keys:
            raise UsageFault(f"{self._path} has no key to verify {' or '.join(self._algorithms)} with")
        return keys

    def _key(self, entry: dict[str, Any]) -> tuple[str, VerifyingKey] | None:
        """Return a key of the set with its kid; None for one of another use, which a set may well have."""
        kid, algorithm = str(entry.get("kid", "")), _KINDS.get(entry["kty"])
        what = f"{self._path}: key {kid[:32]!r}"
        if algorithm not in self._algorithms or entry.get("alg", algorithm) != algorithm:
            return None
        if entry.get("use", "sig") != "sig":
            return None
        if "d" in entry:
            raise UsageFault(f"{what} is a private key; a verifier needs, and should have, none")
        try:
            return kid, public_key(PyJWK(entry, algorithm).key, what)
        except PyJWTError as error:
            raise UsageFault(f"{what} cannot be used: {type(error).__name__}") from None


def read_key_file(path: Path) -> bytes:
    """Return what is in a file of keys. Raises `UsageFault`."""
    try:
        with open(path, "rb") as file:
            data = file.read(KEYS_BYTES_MAX + 1)
    except OSError as error:
        raise UsageFault(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > KEYS_BYTES_MAX:
        raise UsageFault(f"{path} is larger than {KEYS_BYTES_MAX} bytes: that is no file of keys")
    return data


def secret_key(secret: bytes) -> VerifyingKey:
    """Return the key for HS256. Raises `UsageFault` for one that is short, or no secret at all."""
    if b"-----BEGIN" in secret or secret.lstrip().startswith((b"{", b"ssh-", b"ecdsa-")):
        raise UsageFault("HS256 wants a random secret, and this is the file of a public or private key")
    if len(secret) < SECRET_BYTES_LEAST:
        raise UsageFault(f"the secret for HS256 has {len(secret)} bytes; {SECRET_BYTES_LEAST} are the least (RFC 7518)")
    return VerifyingKey("HS256", secret)


def pem_key(pem: bytes) -> VerifyingKey:
    """Return the public key in `pem`. Raises `UsageFault`."""
    if _PRIVATE_MARK in pem:
        raise UsageFault("that is a private key; a verifier needs the public one: `openssl pkey -in key.pem -pubout`")
    try:
        return public_key(load_pem_public_key(pem), "the key")
    except (ValueError, UnsupportedAlgorithm):
        raise UsageFault("the key is not a public key in PEM: it begins with `-----BEGIN PUBLIC KEY-----`") from None


def public_key(key: Any, what: str) -> VerifyingKey:
    """Return `key` with the algorithm that it is for. Raises `UsageFault` if there is none."""
    match key:
        case RSAPublicKey() if key.key_size >= RSA_BITS_LEAST:
            return VerifyingKey("RS256", key)
        case RSAPublicKey():
            raise UsageFault(f"{what} has {key.key_size} bits; RFC 7518 asks for {RSA_BITS_LEAST} or more")
        case EllipticCurvePublicKey() if isinstance(key.curve, SECP256R1):
            return VerifyingKey("ES256", key)
        case _:
            raise UsageFault(f"{what} is neither RSA (RS256) nor on the curve P-256 (ES256)")
