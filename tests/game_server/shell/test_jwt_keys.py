"""Keys for JSON Web Tokens: which are taken, and a JWKS file that changes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from game_server.shell import jwt_keys
from game_server.shell.jwt_keys import (
    KEYS_BYTES_MAX,
    PUBLIC,
    RETRY_NS,
    JwksFile,
    pem_key,
    read_key_file,
    secret_key,
)  # fmt: skip
from protocol.errors import UsageFault
from tests.game_server.shell.jwt_for_tests import SECRET, ec_key, jwk, private_pem, public_pem, rsa_key

WriteJwks = Callable[..., Path]


@pytest.fixture
def write_jwks(tmp_path: Path) -> WriteJwks:
    moments = iter(range(1_000_000_000, 2_000_000_000))

    def write(*entries: Any, text: str | None = None) -> Path:
        path = tmp_path / "jwks.json"
        path.write_text(json.dumps({"keys": entries}) if text is None else text)
        # Every version has a time of its own, however fast the test and coarse the file system's clock.
        moment = next(moments)
        os.utime(path, (moment, moment))
        return path

    return write


def test_a_secret_is_for_hs256_and_is_not_shown() -> None:
    key = secret_key(SECRET)
    assert key.algorithm == "HS256" and SECRET.decode() not in repr(key)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(UsageFault, match="31 bytes"):
        secret_key(SECRET[:31])


@pytest.mark.parametrize(
    "make",
    [
        lambda: public_pem(rsa_key()),
        lambda: private_pem(ec_key()),
        lambda: json.dumps(jwk(ec_key(), "a")).encode(),
        lambda: b"ssh-rsa AAAA" + SECRET,
    ],
)
def test_a_key_that_others_have_is_no_secret(make: Callable[[], bytes]) -> None:
    with pytest.raises(UsageFault, match="random secret"):
        secret_key(make())


def test_a_public_key_is_for_the_algorithm_of_its_kind() -> None:
    assert pem_key(public_pem(rsa_key())).algorithm == "RS256"
    assert pem_key(public_pem(ec_key())).algorithm == "ES256"


def test_a_private_key_is_refused_with_the_way_to_the_public_one() -> None:
    with pytest.raises(UsageFault, match="-pubout"):
        pem_key(private_pem(rsa_key()))


@pytest.mark.parametrize("pem", [b"", b"junk", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_what_is_no_pem_is_refused(pem: bytes) -> None:
    with pytest.raises(UsageFault, match="PEM"):
        pem_key(pem)


def test_keys_of_other_kinds_and_small_ones_are_refused() -> None:
    others = [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()]
    for key in others:
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(UsageFault, match="neither"):
            pem_key(pem)
    with pytest.raises(UsageFault, match="1024 bits"):
        pem_key(public_pem(rsa_key(bits=1024)))


def test_a_file_of_keys_finds_by_kid(write_jwks: WriteJwks) -> None:
    keys = JwksFile(write_jwks(jwk(rsa_key(), "a"), jwk(ec_key(), "b")), PUBLIC)
    first, second = keys.find("a"), keys.find("b")
    assert first is not None and first.algorithm == "RS256"
    assert second is not None and second.algorithm == "ES256"
    assert keys.find("c") is None and keys.find("../../../dev/null") is None
    assert keys.find(None) is None, "without a kid two keys are too many"


def test_the_only_key_needs_no_kid(write_jwks: WriteJwks) -> None:
    assert JwksFile(write_jwks(jwk(ec_key(), "a")), PUBLIC).find(None) is not None


def test_keys_of_other_uses_kinds_and_algorithms_are_passed_over(write_jwks: WriteJwks) -> None:
    entries = [
        jwk(rsa_key(), "good", use="sig", alg="RS256"),
        jwk(rsa_key(), "encrypts", use="enc"),
        jwk(rsa_key(), "other-hash", alg="RS512"),
        jwk(ec_key(), "not-configured"),
        {"kty": "oct", "kid": "secret", "k": "AAAA"},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "AAAA"},
    ]
    keys = JwksFile(write_jwks(*entries), ("RS256",))
    assert keys.find("good") is not None
    assert [keys.find(each["kid"]) for each in entries[1:]] == [None] * 5


def test_a_file_is_read_again_when_it_changes(write_jwks: WriteJwks) -> None:
    keys = JwksFile(write_jwks(jwk(ec_key(0), "old")), PUBLIC)
    write_jwks(jwk(ec_key(0), "old"), jwk(ec_key(1), "new"))
    assert keys.find("old") is not None and keys.find("new") is not None
    write_jwks(jwk(ec_key(1), "new"))
    assert keys.find("old") is None and keys.find("new") is not None


@pytest.mark.parametrize("entries", ["7", "[]", '[{"kty": "RSA"}]', "[7]", "[{}]", "[" * 100_000, "[null]", ""])
def test_a_broken_file_changes_no_key_and_stops_no_client(write_jwks: WriteJwks, entries: str) -> None:
    path = write_jwks(jwk(ec_key(), "a"))
    keys = JwksFile(path, PUBLIC)
    write_jwks(text=f'{{"keys": {entries}}}')
    assert keys.find("a") is not None
    with pytest.raises(UsageFault):
        JwksFile(path, PUBLIC)
    path.unlink()
    assert keys.find("a") is not None


def test_a_read_that_failed_is_tried_again_once_a_second_and_told_once(
    write_jwks: WriteJwks, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns, reads = 0, []

    def read(path: Path) -> bytes:
        reads.append(path)
        if now_ns < 2 * RETRY_NS:
            raise UsageFault("cannot be read: Too many open files")
        return read_key_file(path)

    keys = JwksFile(write_jwks(jwk(ec_key(0), "old")), PUBLIC, clock_ns=lambda: now_ns)
    monkeypatch.setattr(jwt_keys, "read_key_file", read)
    write_jwks(jwk(ec_key(1), "new"))
    with capture_logs() as log:
        for at_ns, tries in ((0, 1), (RETRY_NS - 1, 1), (RETRY_NS, 2), (2 * RETRY_NS - 1, 2)):
            now_ns = at_ns
            assert keys.find("new") is None and keys.find("old") is not None and len(reads) == tries
        now_ns = 2 * RETRY_NS
        assert keys.find("new") is not None and keys.find("old") is None and len(reads) == 3
    assert [each["event"] for each in log] == ["jwks_not_read", "jwks_read"]


def test_a_file_that_was_mended_is_read_at_once(write_jwks: WriteJwks) -> None:
    keys = JwksFile(write_jwks(jwk(ec_key(0), "old")), PUBLIC, clock_ns=lambda: 0)
    write_jwks(text="{")
    assert keys.find("new") is None
    write_jwks(jwk(ec_key(1), "new"))
    assert keys.find("new") is not None


def test_private_keys_and_kids_given_twice_are_refused(write_jwks: WriteJwks) -> None:
    with pytest.raises(UsageFault, match="private"):
        JwksFile(write_jwks(jwk(ec_key(), "a", d="AAAA")), PUBLIC)
    with pytest.raises(UsageFault, match="same kid"):
        JwksFile(write_jwks(jwk(ec_key(0), "a"), jwk(ec_key(1), "a")), PUBLIC)


def test_an_unchanged_file_is_not_read_again(write_jwks: WriteJwks, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = JwksFile(write_jwks(jwk(ec_key(), "a")), PUBLIC)
    monkeypatch.setattr("game_server.shell.jwt_keys.read_key_file", lambda _: pytest.fail("it was read"))
    assert keys.find("a") is not None


def test_a_key_file_must_be_there_and_small(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="cannot be read"):
        read_key_file(tmp_path / "none")
    (tmp_path / "big").write_bytes(b"x" * (KEYS_BYTES_MAX + 1))
    with pytest.raises(UsageFault, match="larger"):
        read_key_file(tmp_path / "big")
