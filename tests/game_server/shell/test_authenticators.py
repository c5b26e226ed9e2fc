"""Authenticators: who is let in, and who is not, whatever they write into a credential."""

import asyncio
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

import game_server
from game_server.session.credentials import TICKET_LIFETIME_MS, TICKET_SKEW_MS, Guest, ResumeToken, Ticket
from game_server.session.signing import Signer
from game_server.shell import authenticators
from game_server.shell.authenticators import (
    Credentials,
    DevAuthenticator,
    JwtAuthenticator,
    Player,
    Refused,
    TicketAuthenticator,
    Upgrade,
    issue_ticket,
)
from protocol.errors import UsageFault
from protocol.handshake import CREDENTIAL_LENGTH_MAX, GUEST_PREFIX, RESUME_PREFIX, TICKET_PREFIX
from tests.game_server.shell.upgrades import judged, refusal, upgrade
from tests.tidy.test_documents import python_blocks
from tests.tidy.tree import ROOT

SIGNER = Signer({"a": b"a" * 32}, "a")
NOW_MS = 1_800_000_000_000
TOKEN = ResumeToken("1", 3, "ada-1", "Ada", False, 2, 7)


# Development


def test_dev_believes_every_name_and_proves_none() -> None:
    dev = DevAuthenticator()
    assert dev.authenticate(upgrade("Zo%C3%AB%20L.")) == Player("", "Zoë L.")
    assert dev.authenticate(upgrade(None, spectator=True)) == Player("", "Guest", spectator=True)


@pytest.mark.parametrize("told", ["", "%20", "x" * 33, "a%0Ab", "%FF", "%E2%80%AE"])
def test_dev_refuses_a_name_that_cannot_be_shown(told: str) -> None:
    assert refusal(DevAuthenticator(), upgrade(told)) == (400, "name")


def test_dev_lets_strangers_in_only_when_told_to() -> None:
    stranger = upgrade("Ada", client_ip="192.0.2.1")
    assert refusal(DevAuthenticator(), stranger) == (403, "not_loopback")
    assert DevAuthenticator(loopback_only=False).authenticate(stranger).name == "Ada"
    assert DevAuthenticator().authenticate(upgrade("Ada", client_ip="::1")).name == "Ada"


# Tickets


class Clock:
    """Unix time that stands still."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tickets(clock: Clock) -> TicketAuthenticator:
    return TicketAuthenticator(SIGNER, node="node-1", generation_of={"1": 2}.get, clock_ms=clock)


def ticket(signer: Signer = SIGNER, now_ms: int = NOW_MS, **changed: Any) -> str:
    told: dict[str, Any] = {"match": "1", "player": "ada-1", "name": "Ada", "node": "node-1", "epoch": 2, **changed}
    return issue_ticket(signer, now_ms=now_ms, **told)


def test_a_ticket_lets_its_player_in_once(tickets: TicketAuthenticator) -> None:
    asked = upgrade(ticket())
    assert tickets.authenticate(asked) == Player("ada-1", "Ada")
    assert [refusal(tickets, asked) for _ in range(1000)] == [(409, "used")] * 1000


def test_two_tickets_for_one_player_are_two(tickets: TicketAuthenticator) -> None:
    assert tickets.authenticate(upgrade(ticket())) == tickets.authenticate(upgrade(ticket()))


def test_without_a_ticket_the_answer_is_401(tickets: TicketAuthenticator) -> None:
    assert refusal(tickets, upgrade(None)) == (401, "no_credential")


@pytest.mark.parametrize(
    ("changed", "asked", "reason"),
    [
        ({"match": "2"}, {}, "wrong_match"),
        ({}, {"match": "2"}, "wrong_match"),
        ({"spectator": True}, {}, "wrong_role"),
        ({}, {"spectator": True}, "wrong_role"),
        ({"node": "node-2"}, {}, "wrong_node"),
        ({"node": ""}, {}, "wrong_node"),
        ({"epoch": 1}, {}, "wrong_node"),
        ({"epoch": 3}, {}, "wrong_node"),
    ],
)
def test_a_ticket_is_good_for_what_it_names_alone(
    tickets: TicketAuthenticator, changed: dict[str, Any], asked: dict[str, Any], reason: str
) -> None:
    assert refusal(tickets, upgrade(ticket(**changed), **asked)) == (409, reason)


def test_a_ticket_that_was_refused_is_not_used_up(tickets: TicketAuthenticator) -> None:
    credential = ticket()
    assert refusal(tickets, upgrade(credential, match="2")) == (409, "wrong_match")
    assert tickets.authenticate(upgrade(credential)).name == "Ada"


def test_a_spectators_ticket_lets_a_spectator_in(tickets: TicketAuthenticator) -> None:
    player = tickets.authenticate(upgrade(ticket(spectator=True), spectator=True))
    assert player == Player("ada-1", "Ada", spectator=True)


def test_the_clocks_of_lobby_and_node_may_lie_five_seconds_apart(tickets: TicketAuthenticator, clock: Clock) -> None:
    start_ms = clock.now_ms = NOW_MS + 100_000
    early, late = start_ms - TICKET_LIFETIME_MS - TICKET_SKEW_MS, start_ms + TICKET_SKEW_MS
    assert tickets.authenticate(upgrade(ticket(now_ms=early)))
    assert refusal(tickets, upgrade(ticket(now_ms=early - 1))) == (409, "expired")
    assert tickets.authenticate(upgrade(ticket(now_ms=late)))
    assert refusal(tickets, upgrade(ticket(now_ms=late + 1))) == (409, "lifetime")


def test_a_used_ticket_stays_used_when_the_clock_is_set_back(tickets: TicketAuthenticator, clock: Clock) -> None:
    asked = upgrade(ticket())
    tickets.authenticate(asked)
    clock.now_ms += 3_600_000
    assert tickets.authenticate(upgrade(ticket(now_ms=clock.now_ms)))
    clock.now_ms = NOW_MS
    assert refusal(tickets, asked) == (409, "used")


def test_a_ticket_from_before_the_start_is_refused_as_another_process_may_have_taken_it(clock: Clock) -> None:
    credential = ticket(node="", epoch=0)
    clock.now_ms += 1
    restarted = TicketAuthenticator(SIGNER, node="node-1", generation_of={"1": 2}.get, clock_ms=clock)
    assert refusal(restarted, upgrade(credential)) == (409, "used")
    assert restarted.authenticate(upgrade(ticket(now_ms=clock.now_ms, node="", epoch=0))).name == "Ada"
    # The generation of a ledger is younger than the process, whatever the clock of the lobby says.
    assert restarted.authenticate(upgrade(ticket(now_ms=clock.now_ms - 1))).name == "Ada"


def test_a_backends_ticket_is_good_only_where_the_settings_ask_for_tickets(clock: Clock) -> None:
    lobbys = TicketAuthenticator(SIGNER, node="node-1", generation_of={"1": 2}.get, unbound=False, clock_ms=clock)
    assert refusal(lobbys, upgrade(ticket(node="", epoch=0))) == (409, "wrong_node")
    assert lobbys.authenticate(upgrade(ticket())).name == "Ada"


def test_a_lobbys_ticket_is_bound_to_the_ledgers_generation_of_its_match(clock: Clock) -> None:
    generations = {"1": 2}
    tickets = TicketAuthenticator(SIGNER, node="node-1", generation_of=generations.get, clock_ms=clock)
    credential = ticket()
    generations["1"] = 3
    assert refusal(tickets, upgrade(credential)) == (409, "wrong_node")
    del generations["1"]
    assert refusal(tickets, upgrade(credential)) == (409, "wrong_node")


@pytest.mark.parametrize(
    ("credential", "status"),
    [
        (None, 401), ("a JSON Web Token, perhaps", 0), (TICKET_PREFIX + "x", 403), (RESUME_PREFIX + "x", 403),
        (ticket(), 0), (ticket(match="2"), 0), (ticket(Signer({"b": b"b" * 32}, "b")), 409),
    ],
)  # fmt: skip
def test_who_is_sent_to_another_node_needs_a_credential_that_may_be_good_there(
    credential: str | None, status: int
) -> None:
    credentials = Credentials(SIGNER, ticket=Judge())
    if not status:
        credentials.check_signature(credential)
        return
    with pytest.raises(Refused) as caught:
        credentials.check_signature(credential)
    assert caught.value.status == status


def test_who_believes_every_name_sends_anybody_to_another_node() -> None:
    Credentials(SIGNER, other=DevAuthenticator()).check_signature(None)


def test_when_no_more_tickets_can_be_remembered_none_is_let_in(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("game_server.session.credentials.UsedTickets.full", lambda *_: True)
    assert refusal(TicketAuthenticator(SIGNER, clock_ms=clock), upgrade(ticket(node="", epoch=0))) == (503, "full")


def test_two_thousand_mutated_tickets_are_refused(tickets: TicketAuthenticator, seed: int) -> None:
    random, good = Random(seed), ticket()
    for _ in range(2000):
        at = random.randrange(len(good))
        mutated = good[:at] + random.choice("ABCDEFGHabcdefgh0123456789-_.~ ") + good[at + random.randrange(2) :]
        if mutated != good:
            assert refusal(tickets, upgrade(mutated)) in ((403, "forged"), (409, "key"))
    assert tickets.authenticate(upgrade(good)).name == "Ada", "the one that was not mutated is still good"


def test_keys_of_tickets_rotate(clock: Clock) -> None:
    new = b"n" * 32
    both = TicketAuthenticator(
        Signer({"b": new, "a": b"a" * 32}, "b"), node="node-1", generation_of={"1": 2}.get, clock_ms=clock
    )
    alone = TicketAuthenticator(Signer({"b": new}, "b"), node="node-1", generation_of={"1": 2}.get, clock_ms=clock)
    assert both.authenticate(upgrade(ticket())).name == "Ada"
    assert alone.authenticate(upgrade(ticket(Signer({"b": new}, "b")))).name == "Ada"
    assert refusal(alone, upgrade(ticket())) == (409, "key")
    assert refusal(alone, upgrade(ticket(Signer({"b": b"x" * 32}, "b")))) == (403, "forged")


def test_a_resume_token_is_no_ticket(tickets: TicketAuthenticator) -> None:
    token_text = TOKEN.sign(SIGNER)
    assert refusal(tickets, upgrade(token_text)) == (403, "forged")
    assert refusal(tickets, upgrade(TICKET_PREFIX + token_text.removeprefix(RESUME_PREFIX))) == (403, "forged")


def test_issued_tickets_expire_in_thirty_seconds_and_differ() -> None:
    first, second = (Ticket.verify(SIGNER, issue_ticket(SIGNER, "1", "ada-1", "Ada")) for _ in range(2))
    assert abs(first.expires_ms - TICKET_LIFETIME_MS - time.time() * 1000) < 5000
    assert first.nonce != second.nonce and len(first.nonce) == 16


@pytest.mark.parametrize(
    "changed", [{"name": ""}, {"name": " "}, {"name": "x" * 33}, {"name": "a\n"}, {"player": "é" * 33}]
)
def test_a_ticket_that_no_client_could_use_is_not_issued(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageFault):
        ticket(**changed)


def test_a_foreign_backends_ticket_is_cleaned_or_refused(tickets: TicketAuthenticator) -> None:
    def signed(player: str, name: str) -> str:
        return Ticket("1", player, name, False, "node-1", 2, NOW_MS + TICKET_LIFETIME_MS, bytes(16)).sign(SIGNER)

    assert refusal(tickets, upgrade(signed("x" * 65, "Ada"))) == (403, "claims")
    assert refusal(tickets, upgrade(signed("a\nb", "Ada"))) == (403, "claims")
    assert tickets.authenticate(upgrade(signed("", "x" * 99 + "\n"))) == Player("", "x" * 32)


# Which authenticator


class Judge:
    """Remembers whom it judged; waits before it answers if it is told to."""

    def __init__(self, waits: bool = False) -> None:
        self.waits = waits
        self.judged: list[str | None] = []

    def authenticate(self, asked: Upgrade) -> Any:
        self.judged.append(asked.credential)
        return self._later() if self.waits else Player("x", "X")

    async def _later(self) -> Player:
        await asyncio.sleep(0)
        return Player("x", "X")


async def test_a_credential_goes_to_who_can_judge_it() -> None:
    by_ticket, others = Judge(), Judge(waits=True)
    credentials = Credentials(SIGNER, ticket=by_ticket, other=others)
    assert await judged(credentials, upgrade(TICKET_PREFIX + "x")) == Player("x", "X")
    assert await judged(credentials, upgrade("Ada")) == Player("x", "X")
    assert await judged(credentials, upgrade(None)) == Player("x", "X")
    assert await judged(credentials, upgrade(TOKEN.sign(SIGNER))) == TOKEN
    assert (by_ticket.judged, others.judged) == ([TICKET_PREFIX + "x"], ["Ada", None])


@pytest.mark.parametrize(
    ("credential", "match", "answer"),
    [
        (TOKEN.sign(SIGNER), "2", (409, "wrong_match")),
        (TOKEN.sign(Signer({"b": b"b" * 32}, "b")), "1", (409, "key")),
        (TOKEN.sign(Signer({"a": b"b" * 32}, "a")), "1", (403, "forged")),
        (RESUME_PREFIX, "1", (403, "forged")),
        (TICKET_PREFIX + "x", "1", (403, "kind")),
        ("x" * (CREDENTIAL_LENGTH_MAX + 1), "1", (400, "length")),
    ],
)
async def test_what_cannot_be_good_is_refused_by_itself(credential: str, match: str, answer: tuple[int, str]) -> None:
    others = Judge()
    with pytest.raises(Refused) as caught:
        await judged(Credentials(SIGNER, other=others), upgrade(credential, match=match))
    assert (caught.value.status, caught.value.reason) == answer and others.judged == []


async def test_where_only_tickets_are_taken_nothing_else_is() -> None:
    credentials = Credentials(SIGNER, ticket=Judge())
    for credential, answer in ((None, (401, "no_credential")), ("Ada", (403, "kind"))):
        with pytest.raises(Refused) as caught:
            await judged(credentials, upgrade(credential))
        assert (caught.value.status, caught.value.reason) == answer


def test_somebody_must_judge() -> None:
    with pytest.raises(UsageFault, match="nobody"):
        Credentials(SIGNER)


@pytest.mark.parametrize("bad", [("x" * 65, "Ada"), ("é" * 33, "Ada"), ("a\n", "Ada"), ("\ud800", "Ada"), ("a", ""),
                                 ("a", "x" * 33), ("a", " "), ("a", "b\u202e")])  # fmt: skip
def test_a_player_that_no_token_could_carry_is_not_made(bad: tuple[str, str]) -> None:
    with pytest.raises(UsageFault):
        Player(*bad)


def test_nothing_that_may_be_printed_shows_a_credential() -> None:
    asked = upgrade("secret-credential", headers={"Authorization": "Bearer secret-credential"})
    assert "secret" not in repr(asked)


def test_the_public_names_are_there_when_asked_for() -> None:
    for name in ("Authenticator", "Upgrade", "Player", "Refused", "JwtAuthenticator", "TicketAuthenticator"):
        assert getattr(game_server, name) is getattr(authenticators, name)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        game_server.nothing_like_it  # noqa: B018


# docs/authentication.md

DOCUMENT = (ROOT / "docs/authentication.md").read_text(encoding="utf-8")


def run_block(containing: str, **instead: str) -> dict[str, Any]:
    """Execute the one Python block of the document that contains a text; return its names. `instead` replaces words."""
    (block,) = (each for each in python_blocks(DOCUMENT) if containing in each)
    for word, other in instead.items():
        assert word in block, word
        block = block.replace(word, other)
    names: dict[str, Any] = {"__name__": "documented"}
    exec(compile(block, "docs/authentication.md", "exec", dont_inherit=True), names)
    return names


async def test_the_documented_authenticator_works() -> None:
    names = run_block("class SiteSessions")
    credentials = Credentials(SIGNER, other=names["SiteSessions"](names["InMemoryStore"]()))
    assert await judged(credentials, upgrade("s-81c2", spectator=True)) == Player("17", "Ada", spectator=True)
    for credential, answer in (
        (None, (401, "no_credential")),
        ("s-99", (403, "unknown_session")),
        ("s-0f", (403, "banned")),
    ):
        with pytest.raises(Refused) as caught:
            await judged(credentials, upgrade(credential))
        assert (caught.value.status, caught.value.reason) == answer


def test_the_documented_ticket_lets_its_player_in() -> None:
    # A second before, so that the ticket cannot be from before the start.
    tickets = TicketAuthenticator(run_block("issue_ticket")["signer"], clock_ms=lambda: int(time.time() * 1000) - 1000)
    assert tickets.authenticate(upgrade(run_block("issue_ticket")["ticket"])) == Player("account-17", "Ada")


def test_the_documented_ticket_to_watch_is_no_ticket_to_play() -> None:
    signer = run_block("issue_ticket")["signer"]
    for spectator in (True, False):
        tickets = TicketAuthenticator(signer, clock_ms=lambda: int(time.time() * 1000) - 1000)
        ticket = issue_ticket(signer, "1", "account-17", "Ada", spectator=spectator)
        with pytest.raises(Refused) as caught:
            tickets.authenticate(upgrade(ticket, spectator=not spectator))
        assert (caught.value.status, caught.value.reason) == (409, "wrong_role")
        assert tickets.authenticate(upgrade(ticket, spectator=spectator)).spectator is spectator


def test_the_documented_token_for_trying_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "jwt-secret"
    secret.write_text(32 * "5c" + "\n")
    run_block("jwt.encode", **{"/etc/tickwire/jwt-secret": str(secret)})
    token = capsys.readouterr().out.strip()
    verifier = JwtAuthenticator(["HS256"], key_file=secret, audience="my-game", issuer="https://id.example")
    assert verifier.authenticate(upgrade(token)) == Player("account-17", "Ada")


async def test_the_documented_client_brings_its_token_in_three_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token.txt").write_text("from a file\n")
    lobby = tmp_path / "ask-lobby"
    lobby.write_text('#!/bin/sh\necho "for match $1"\n')
    lobby.chmod(0o755)
    names = run_block("by_coroutine")
    assert await names["by_text"]._credential() == "eyJhbGciOiJIUzI1NiIs..."
    assert await names["by_function"]._credential() == "from a file"
    assert await names["by_coroutine"]._credential() == "for match 1"


def test_the_documented_vector_is_a_ticket() -> None:
    (vector,) = (line for line in DOCUMENT.splitlines() if line.startswith(TICKET_PREFIX) and "<" not in line)
    signer = Signer({"2026a": bytes(range(32))}, "2026a")
    expected = Ticket("1", "ada-1", "Ada", False, "", 0, 1_800_000_030_000, bytes(range(16)))
    assert Ticket.verify(signer, vector) == expected and expected.sign(signer) == vector


# Guests, in the lobby, whose match is ""


GUEST = Guest("guest-0123456789abcdef", "Ada")


async def test_a_guest_is_known_again_in_the_lobby() -> None:
    credentials = Credentials(SIGNER, other=DevAuthenticator())
    assert await judged(credentials, upgrade(GUEST.sign(SIGNER), match="")) == Player(GUEST.player, "Ada")


@pytest.mark.parametrize(
    ("credential", "match", "client_ip", "answer"),
    [
        (GUEST.sign(SIGNER), "1", "127.0.0.1", (403, "kind")),
        (GUEST.sign(SIGNER), "", "192.0.2.1", (403, "not_loopback")),
        (GUEST_PREFIX + "x", "", "127.0.0.1", (403, "forged")),
        (GUEST.sign(Signer({"a": b"b" * 32}, "a")), "", "127.0.0.1", (403, "forged")),
        (GUEST.sign(Signer({"b": b"b" * 32}, "b")), "", "127.0.0.1", (409, "key")),
    ],
    ids=["into a match", "from elsewhere", "malformed", "forged", "key"],
)  # fmt: skip
async def test_a_guest_comes_into_the_lobby_and_no_further(
    credential: str, match: str, client_ip: str, answer: tuple[int, str]
) -> None:
    credentials = Credentials(SIGNER, other=DevAuthenticator())
    with pytest.raises(Refused) as caught:
        await judged(credentials, upgrade(credential, match=match, client_ip=client_ip))
    assert (caught.value.status, caught.value.reason) == answer


@pytest.mark.parametrize("other", [True, False], ids=["who proves players", "who takes tickets only"])
async def test_where_players_prove_who_they_are_there_are_no_guests(other: bool) -> None:
    judge = Judge()
    credentials = Credentials(SIGNER, ticket=Judge(), other=judge if other else None)
    with pytest.raises(Refused) as caught:
        await judged(credentials, upgrade(GUEST.sign(SIGNER), match=""))
    assert (caught.value.status, caught.value.reason) == (403, "kind") and judge.judged == []
