"""Key pairs and tokens for the tests of authenticators; drawn once a run, since RSA takes its time."""

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

SECRET = b"a secret of at least 32 bytes!!!"
AUDIENCE, ISSUER = "tickwire", "https://id.example"

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The RSA key called `number`."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """The P-256 key called `number`."""
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: Private) -> bytes:
    """The public half as a file holds it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: Private) -> bytes:
    """The private half, which no verifier should be given."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def jwk(key: Private, kid: str, **more: Any) -> dict[str, Any]:
    """The public half as an entry of a JWKS file."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    entry: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)  # type: ignore[attr-defined]
    return {**{name: value for name, value in entry.items() if name != "key_ops"}, "kid": kid, **more}


def claims(**changed: Any) -> dict[str, Any]:
    """Good claims, some `changed`; a claim that is set to None is missing."""
    now = int(time.time())
    good = {"sub": "ada-1", "name": "Ada", "exp": now + 60, "aud": AUDIENCE, "iss": ISSUER}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token as an identity provider makes it."""
    return jwt.encode(claims(**changed), key, algorithm, headers)


def encoded(part: bytes | dict[str, Any]) -> str:
    """A part of a token."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token_by_hand(header: bytes | dict[str, Any], payload: bytes | dict[str, Any], secret: bytes = SECRET) -> str:
    """A token as an attacker makes it: any header and payload, HMAC with any secret, which no library would sign."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"
