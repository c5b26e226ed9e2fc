"""The doorkeeper: which settings make which authenticators, and what their answers become."""

import asyncio
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from game_server.session.credentials import ResumeToken
from game_server.session.signing import Signer
from game_server.shell.authenticators import Player, Refused, Upgrade, issue_ticket
from game_server.shell.doorkeeper import Doorkeeper, make_doorkeeper, make_signer
from game_server.shell.line import Entrant
from game_server.shell.requests import Wish
from game_server.shell.settings import read_settings
from game_server.sim.facts import Claim
from protocol.errors import UsageFault

SECRET = "k1:" + "ab" * 32


def keeper(own: Any = None, **settings: Any) -> tuple[Doorkeeper, Signer]:
    found = read_settings({}, **settings)
    signer = make_signer(found)
    return make_doorkeeper(found, signer, own), signer


def request(**headers: str) -> Request:
    return Request("/v1/match/1", Headers({name.replace("_", "-"): value for name, value in headers.items()}))


def judged(door: Doorkeeper, credential: str | None, *, ip: str = "127.0.0.1", spectator: bool = False) -> Entrant:
    found = door.judge(request(), Wish("1", credential, 3, spectator), ip)
    assert isinstance(found, Entrant)
    return found


def test_a_development_node_believes_names_of_its_own_machine_only() -> None:
    door, _ = keeper()
    assert judged(door, "Ada") == Entrant("Ada", "", False, 3)
    assert judged(door, None, spectator=True) == Entrant("Guest", "", True, 3)
    with pytest.raises(Refused) as caught:
        judged(door, "Ada", ip="192.0.2.7")
    assert caught.value.status == 403
    anywhere, _ = keeper(auth="dev-anywhere", host="0.0.0.0")
    assert judged(anywhere, "Ada", ip="192.0.2.7").name == "Ada"


def test_a_ticket_lets_in_whom_it_names() -> None:
    door, signer = keeper(auth="ticket", secret=SECRET)
    # Tickets from before the start are refused, since another process may have taken them.
    ticket = issue_ticket(signer, "1", "player-7", "Ada", now_ms=_unix_ms() + 1000)
    assert judged(door, ticket) == Entrant("Ada", "player-7", False, 3)
    with pytest.raises(Refused) as caught:
        judged(door, ticket)
    assert (caught.value.status, caught.value.reason) == (409, "used")
    with pytest.raises(Refused) as caught:
        judged(door, None)
    assert (caught.value.status, caught.value.reason) == (401, "no_credential")


def _unix_ms() -> int:
    import time

    return time.time_ns() // 1_000_000


def test_a_json_web_token_names_a_player(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef0123456789abcdef")
    door, _ = keeper(auth="jwt", jwt_key_file=str(key), jwt_algorithms="HS256", jwt_audience="tickwire")
    claims = {"sub": "player-7", "name": "Ada", "exp": _unix_ms() // 1000 + 60, "aud": "tickwire"}
    token = jwt.encode(claims, key.read_bytes(), "HS256")
    assert judged(door, token, ip="192.0.2.7") == Entrant("Ada", "player-7", False, 3)
    with pytest.raises(Refused):
        judged(door, jwt.encode({**claims, "aud": "other"}, key.read_bytes(), "HS256"))


def test_a_resume_token_becomes_a_claim_whatever_else_is_asked_for() -> None:
    door, signer = keeper(auth="ticket", secret=SECRET)
    token = ResumeToken("1", 2, "player-7", "Ada", True, 99, 4).sign(signer)
    assert judged(door, token) == Entrant("Ada", "player-7", True, 3, Claim(2, "player-7", 99, 4))


def test_without_a_secret_one_is_drawn_and_another_process_knows_it_not() -> None:
    (door, signer), (_, other) = keeper(), keeper()
    token = ResumeToken("1", 0, "", "Ada", False, 1, 1)
    assert judged(door, token.sign(signer)).claim is not None
    with pytest.raises(Refused):
        judged(door, token.sign(other))


def test_secrets_come_from_a_file_and_all_of_them_verify(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("new:" + "cd" * 32 + "\n" + SECRET + "\n")
    signer = make_signer(read_settings({}, secret_file=str(file)))
    old = make_signer(read_settings({}, secret=SECRET))
    token = ResumeToken("1", 0, "", "Ada", False, 1, 1)
    assert ResumeToken.verify(signer, token.sign(old)) == token
    assert token.sign(signer).split(".")[1] == "new"


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"secret_file": "/nowhere/secrets"}, "TICKWIRE_SECRET_FILE=/nowhere/secrets cannot be read"),
        ({"secret": "k1:abcd"}, "TICKWIRE_SECRET: .*32 random ones are the least"),
        ({"secret": "nonsense"}, "kid:hex"),
        ({"auth": "jwt", "jwt_key_file": "/nowhere/key"}, "TICKWIRE_JWT_KEY_FILE .*: /nowhere/key cannot be read"),
        ({"auth": "jwt", "jwt_jwks_file": "/nowhere/jwks"}, "TICKWIRE_JWT_JWKS_FILE .*: /nowhere/jwks cannot be read"),
        ({"auth": "own"}, "TICKWIRE_AUTH=own goes with"),
    ],
)
def test_what_cannot_be_followed_is_told_before_the_port_opens(settings: dict[str, str], match: str) -> None:
    with pytest.raises(UsageFault, match=match) as caught:
        keeper(**settings)
    assert "abcd" not in str(caught.value)


def test_a_secret_where_a_public_key_is_wanted_is_told_with_the_fix(tmp_path: Path) -> None:
    key, fix = tmp_path / "key", "for a secret set TICKWIRE_JWT_ALGORITHMS=HS256"
    key.write_bytes(b"x" * 32)
    with pytest.raises(UsageFault, match=f"TICKWIRE_JWT_KEY_FILE with TICKWIRE_JWT_ALGORITHMS=RS256,ES256: .*{fix}"):
        keeper(auth="jwt", jwt_key_file=str(key))
    key.write_bytes(b"-----BEGIN PUBLIC KEY-----\nnonsense")
    with pytest.raises(UsageFault) as caught:
        keeper(auth="jwt", jwt_key_file=str(key))
    assert fix not in str(caught.value)


def test_an_empty_file_of_secrets_is_no_wish_for_a_drawn_one(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("")
    with pytest.raises(UsageFault, match="TICKWIRE_SECRET_FILE: no secret is given"):
        make_signer(read_settings({}, secret_file=str(tmp_path / "secrets")))


class Own:
    """A developer's own authenticator."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Upgrade] = []

    def authenticate(self, upgrade: Upgrade) -> Any:
        self.asked.append(upgrade)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_an_authenticator_of_ones_own_sees_what_the_request_brought() -> None:
    own = Own(Player("id", "Ada"))
    door, _ = keeper(own, auth="own")
    door.judge(request(X_Tenant="blue"), Wish("1", "secret", 0, False), "192.0.2.7")
    (upgrade,) = own.asked
    assert (upgrade.match, upgrade.credential, upgrade.client_ip) == ("1", "secret", "192.0.2.7")
    assert upgrade.headers["x-tenant"] == "blue"
    assert "secret" not in repr(upgrade)


@pytest.mark.parametrize("answer", [KeyError("my-credential"), None, "Ada", ValueError()])
def test_an_authenticator_that_fails_is_503_and_its_words_are_not_logged(
    answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    door, _ = keeper(Own(answer), auth="own")
    with pytest.raises(Refused) as caught:
        judged(door, "my-credential")
    assert (caught.value.status, caught.value.reason) == (503, "authenticator_failed")
    assert caught.value.retry_after_s
    told = capsys.readouterr()
    assert "authenticator_failed" in told.out + told.err
    assert "my-credential" not in told.out + told.err


async def test_an_answer_that_must_be_waited_for_is_settled_in_the_same_way() -> None:
    async def answer(found: Any) -> Any:
        if isinstance(found, BaseException):
            raise found
        return found

    wish = Wish("1", "x", 5, False)
    for found, wanted in (
        (Player("id", "Ada"), Entrant("Ada", "id", False, 5)),
        (Refused(403, "not you", reason="banned"), "banned"),
        (KeyError("x"), "authenticator_failed"),
        (asyncio.CancelledError(), "authenticator_failed"),
    ):
        door, _ = keeper(Own(answer(found)), auth="own")
        waiting = door.judge(request(), wish, "127.0.0.1")
        assert isinstance(waiting, asyncio.Future)
        await asyncio.wait([waiting])
        if isinstance(wanted, Entrant):
            assert door.settle(waiting, wish) == wanted
        else:
            with pytest.raises(Refused) as caught:
                door.settle(waiting, wish)
            assert caught.value.reason == wanted


def test_the_origins_and_proxies_of_the_settings_are_used() -> None:
    door, _ = keeper(allowed_origins="https://game.example", trusted_proxies="10.0.0.0/8")
    door.check_origin(request(Origin="https://game.example", Host="x"))
    with pytest.raises(Refused) as caught:
        door.check_origin(request(Origin="https://x", Host="x"))
    assert (caught.value.status, caught.value.reason) == (403, "origin")
    assert door.client_ip("10.0.0.1", request(X_Forwarded_For="192.0.2.7")) == "192.0.2.7"


def test_a_jwks_file_serves_as_well(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [{**public, "kid": "a", "alg": "ES256", "use": "sig"}]}))
    door, _ = keeper(auth="jwt", jwt_jwks_file=str(file))
    token = jwt.encode({"sub": "p", "exp": _unix_ms() // 1000 + 60}, key, "ES256", headers={"kid": "a"})
    assert judged(door, token).player == "p"
