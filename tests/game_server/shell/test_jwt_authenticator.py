"""The JWT authenticator, and every way of forging a token that is in the books (RFC 8725, and the attacks after it)."""

import json
import time
from dataclasses import replace
from random import Random
from typing import Any

import jwt
import pytest

from game_server.shell.authenticators import JwtAuthenticator, Player, showable_name
from protocol.errors import UsageFault
from tests.game_server.shell.jwt_for_tests import (
    AUDIENCE,
    ISSUER,
    SECRET,
    claims,
    ec_key,
    encoded,
    jwk,
    private_pem,
    public_pem,
    rsa_key,
    token,
    token_by_hand,
)
from tests.game_server.shell.upgrades import refusal, upgrade

HS256_HEADER = {"alg": "HS256", "typ": "JWT"}


def by_secret(**more: Any) -> JwtAuthenticator:
    return JwtAuthenticator(["HS256"], **{"key": SECRET, "audience": AUDIENCE, "issuer": ISSUER, **more})


def by_public_key(algorithm: str = "RS256") -> JwtAuthenticator:
    key = public_pem(rsa_key() if algorithm == "RS256" else ec_key())
    return JwtAuthenticator([algorithm], key=key, audience=AUDIENCE, issuer=ISSUER)


def test_a_good_token_of_each_algorithm_names_its_player() -> None:
    ada = Player("ada-1", "Ada")
    assert by_secret().authenticate(upgrade(token())) == ada
    assert by_public_key().authenticate(upgrade(token(rsa_key(), "RS256"))) == ada
    assert by_public_key("ES256").authenticate(upgrade(token(ec_key(), "ES256"))) == ada
    assert by_secret().authenticate(upgrade(token(), spectator=True)) == replace(ada, spectator=True)


def test_without_a_token_the_answer_is_401() -> None:
    assert refusal(by_secret(), upgrade(None)) == (401, "no_credential")


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"exp": 1}, 401, "expired"),
        ({"exp": None}, 403, "claims"),
        ({"nbf": 2**40}, 401, "not_yet"),
        ({"iat": 2**40}, 401, "not_yet"),
        ({"aud": "another"}, 403, "claims"),
        ({"aud": None}, 403, "claims"),
        ({"iss": "https://evil.example"}, 403, "claims"),
        ({"iss": None}, 403, "claims"),
        ({"sub": None}, 403, "claims"),
        ({"sub": ""}, 403, "claims"),
        ({"sub": 7}, 403, "claims"),
        ({"sub": "x" * 65}, 403, "claims"),
        ({"sub": "a\nb"}, 403, "claims"),
        ({"sub": "\ud800"}, 403, "claims"),
        ({"exp": "soon"}, 403, "forged"),
        ({"exp": float("inf")}, 403, "forged"),
        ({"exp": float("nan")}, 403, "forged"),
        ({"exp": [1]}, 403, "forged"),
    ],
)
def test_a_token_that_does_not_say_what_it_must_is_refused(changed: dict[str, Any], status: int, reason: str) -> None:
    assert refusal(by_secret(), upgrade(token(**changed))) == (status, reason)


def test_the_edges_of_a_tokens_time_are_softened_by_the_leeway_and_no_more() -> None:
    now = time.time()
    door = by_secret(leeway_s=100)
    assert door.authenticate(upgrade(token(exp=int(now) - 90, nbf=int(now) + 90)))
    assert refusal(door, upgrade(token(exp=int(now) - 110))) == (401, "expired")
    assert refusal(door, upgrade(token(nbf=int(now) + 110))) == (401, "not_yet")
    assert refusal(by_secret(leeway_s=0), upgrade(token(exp=int(now) - 1))) == (401, "expired")


def test_a_token_for_another_audience_is_refused_even_where_none_is_configured() -> None:
    open_door = JwtAuthenticator(["HS256"], key=SECRET)
    assert open_door.authenticate(upgrade(token(aud=None, iss=None))).id == "ada-1"
    assert refusal(open_door, upgrade(token())) == (403, "claims")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
def test_a_token_without_a_signature_is_refused(alg: str) -> None:
    payload = json.dumps(claims()).encode()
    bare = f"{encoded({'alg': alg, 'typ': 'JWT'})}.{encoded(payload)}."
    for door in (by_secret(), by_public_key(), by_public_key("ES256")):
        assert refusal(door, upgrade(bare)) == (403, "forged")
        assert refusal(door, upgrade(token_by_hand({"alg": alg}, payload))) == (403, "forged")


def test_the_public_key_is_no_secret() -> None:
    for door, pem in ((by_public_key(), public_pem(rsa_key())), (by_public_key("ES256"), public_pem(ec_key()))):
        for secret in (pem, pem.strip(), pem.replace(b"\n", b"")):
            assert refusal(door, upgrade(token_by_hand(HS256_HEADER, claims(), secret))) == (403, "forged")
            lied = token_by_hand({"alg": "RS256"}, claims(), secret)
            assert refusal(door, upgrade(lied)) == (403, "forged")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_strength_than_the_configured_one_is_refused(algorithm: str) -> None:
    long_secret = SECRET * 2
    assert refusal(by_secret(key=long_secret), upgrade(token(long_secret, algorithm))) == (403, "forged")
    assert refusal(by_public_key(), upgrade(token(rsa_key(), "RS512"))) == (403, "forged")
    assert refusal(by_public_key(), upgrade(token(rsa_key(), "PS256"))) == (403, "forged")


@pytest.mark.parametrize(
    "kid", ["../../../../dev/null", "a' UNION SELECT 'x", "\x00", "http://evil.example/jwks", "x" * 500]
)
def test_a_kid_opens_no_file_and_brings_no_key(kid: str, tmp_path: Any) -> None:
    # An empty or well-known file as the "secret" is what the attack hopes for.
    forged = [token_by_hand({**HS256_HEADER, "kid": kid}, claims(), secret) for secret in (b"", b"x" * 32)]
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk(rsa_key(), "a")]}))
    from_file = JwtAuthenticator(["RS256"], jwks_file=tmp_path / "jwks.json", audience=AUDIENCE, issuer=ISSUER)
    for each in forged:
        assert refusal(by_secret(), upgrade(each)) == (403, "forged")
        assert refusal(from_file, upgrade(each)) == (403, "key")


def test_a_token_brings_no_key_of_its_own() -> None:
    attacker = rsa_key(1)
    headers = {
        "jwk": jwk(attacker, "mine"),
        "jku": "https://evil.example/jwks.json",
        "x5u": "https://evil.example/cert.pem",
        "x5c": ["AAAA"],
        "kid": "mine",
    }
    assert refusal(by_public_key(), upgrade(token(attacker, "RS256", headers))) == (403, "forged")


def test_headers_that_must_be_understood_are_not_ignored() -> None:
    assert refusal(by_secret(), upgrade(token_by_hand({**HS256_HEADER, "crit": ["x"], "x": 1}, claims())))[0] == 403
    assert refusal(by_secret(), upgrade(token_by_hand({**HS256_HEADER, "b64": False}, claims())))[0] == 403


@pytest.mark.parametrize(
    "credential",
    [
        *("", ".", "..", "a.b.c", "é.é.é", "\ud800.a.b", "x" * 4096),
        *(f"{encoded(each)}.e30.AAAA" for each in (b"[" * 3000, b"[]", b"null", b"{", b'{"alg":["HS256"]}')),
        encoded(b'{"alg":"HS256","kid":7}') + ".e30.AAAA",
        encoded(b'{"alg":"HS256"}') + ".e30.%%%%",
    ],
)
def test_noise_is_refused_and_raises_nothing_else(credential: str) -> None:
    for door in (by_secret(), by_public_key(), by_public_key("ES256")):
        assert refusal(door, upgrade(credential)) == (403, "forged")


@pytest.mark.parametrize(
    "payload", [b"[" * 2000, b"[]", b"7", b"{", b"\xff", b'{"sub":"a","exp":1e999,"aud":"tickwire"}']
)
def test_well_signed_noise_is_refused_as_well(payload: bytes) -> None:
    assert refusal(by_secret(), upgrade(token_by_hand(HS256_HEADER, payload)))[0] == 403


def test_two_thousand_mutations_of_a_token_are_refused(seed: int) -> None:
    random, door = Random(seed), by_secret()
    good = token()
    # The last character of the signature spells four bits and two that a decoder drops: those change nothing.
    for _ in range(2000):
        at = random.randrange(len(good) - 1)
        changed = random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
        mutated = good[:at] + changed + good[at + 1 :]
        if mutated != good:
            assert refusal(door, upgrade(mutated))[0] == 403


def test_keys_rotate_by_the_jwks_file(tmp_path: Any) -> None:
    path = tmp_path / "jwks.json"
    old, new = token(ec_key(0), "ES256", {"kid": "old"}), token(ec_key(1), "ES256", {"kid": "new"})
    path.write_text(json.dumps({"keys": [jwk(ec_key(0), "old")]}))
    door = JwtAuthenticator(["ES256"], jwks_file=path, audience=AUDIENCE, issuer=ISSUER)
    assert door.authenticate(upgrade(old)).id == "ada-1" and refusal(door, upgrade(new)) == (403, "key")
    path.write_text(json.dumps({"keys": [jwk(ec_key(0), "old"), jwk(ec_key(1), "new")]}))
    assert door.authenticate(upgrade(old)) == door.authenticate(upgrade(new))
    path.write_text(json.dumps({"keys": [jwk(ec_key(1), "new")]}))
    assert refusal(door, upgrade(old)) == (403, "key") and door.authenticate(upgrade(new)).id == "ada-1"
    swapped = token(ec_key(0), "ES256", {"kid": "new"})
    assert refusal(door, upgrade(swapped)) == (403, "forged")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_in_a_file_may_end_with_a_line(ending: str, tmp_path: Any) -> None:
    (tmp_path / "key").write_bytes(SECRET + ending.encode())
    door = JwtAuthenticator(["HS256"], key_file=tmp_path / "key", audience=AUDIENCE)
    assert door.authenticate(upgrade(token())).id == "ada-1"


def test_a_configuration_that_would_let_strangers_in_does_not_start(tmp_path: Any) -> None:
    pem, empty = public_pem(rsa_key()), tmp_path / "jwks.json"
    empty.write_text(json.dumps({"keys": [jwk(rsa_key(), "a")]}))
    bad: list[tuple[list[str], dict[str, Any], str]] = [
        ([], {"key": SECRET}, "algorithms"),
        (["none"], {"key": SECRET}, "algorithms"),
        (["HS256", "RS256"], {"key": pem}, "not mixed"),
        (["HS256", "ES256"], {"jwks_file": empty}, "not mixed"),
        (["HS256"], {"key": pem}, "random secret"),
        (["HS256"], {"key": b"short"}, "5 bytes"),
        (["HS256"], {"jwks_file": empty}, "public keys"),
        (["RS256"], {"key": SECRET}, "PEM"),
        (["RS256"], {"key": private_pem(rsa_key())}, "private"),
        (["ES256"], {"key": pem}, "RS256"),
        (["ES256"], {"jwks_file": empty}, "no key"),
        (["RS256"], {}, "one of"),
        (["RS256"], {"key": pem, "jwks_file": empty}, "one of"),
        (["RS256"], {"key_file": tmp_path / "none"}, "cannot be read"),
    ]
    for algorithms, given, words in bad:
        with pytest.raises(UsageFault, match=words):
            JwtAuthenticator(algorithms, **given)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("Ada", "Ada"),
        ("  Ada \t L. ", "Ada L."),
        ("x" * 40, "x" * 32),
        ("a" * 31 + " b", "a" * 31),
        ("\u202eadA", "adA"),
        ("\n\x00", "Player"),
        ("", "Player"),
        ("\ud800", "Player"),
        ("<b>", "<b>"),
    ],
)
def test_a_name_is_cleaned_to_32_printable_characters(told: str, shown: str) -> None:
    assert showable_name(told) == shown


@pytest.mark.parametrize("name", [None, 7, ["Ada"], {"a": 1}])
def test_without_a_name_the_sub_is_the_name(name: Any) -> None:
    assert by_secret().authenticate(upgrade(token(name=name))).name == "ada-1"


def test_the_library_verifies_what_it_is_told_to_verify() -> None:
    # What everything above stands on: without options PyJWT would believe a token that never expires.
    forever = token(exp=None)
    assert jwt.decode(forever, SECRET, ["HS256"], audience=AUDIENCE)["sub"] == "ada-1"
