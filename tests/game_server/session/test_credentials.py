"""Resume tokens and tickets: what they say, how long, how often."""

from dataclasses import replace

import pytest

from game_server.session.credentials import (
    PLAYER_BYTES_MAX,
    TICKET_LIFETIME_MS,
    TICKET_SKEW_MS,
    Guest,
    ResumeToken,
    Ticket,
    UsedTickets,
)
from game_server.session.signing import Forged, Signer
from protocol.errors import UsageFault
from protocol.handshake import GUEST_PREFIX, RESUME_PREFIX, TICKET_PREFIX

SIGNER = Signer({"a": b"a" * 32}, "a")
TOKEN = ResumeToken("arena", 3, "ada-1", "Ada", False, 2, 7)
EXPIRES_MS = 1_000_000
TICKET = Ticket("arena", "ada-1", "Ada", False, "node-1", 2, EXPIRES_MS, bytes(16))


def numbered(n: int, expires_ms: int = EXPIRES_MS) -> Ticket:
    return replace(TICKET, nonce=n.to_bytes(16, "big"), expires_ms=expires_ms)


@pytest.mark.parametrize("token", [TOKEN, replace(TOKEN, player="", spectator=True, place=64)])
def test_a_resume_token_says_what_it_said(token: ResumeToken) -> None:
    assert ResumeToken.verify(SIGNER, token.sign(SIGNER)) == token


@pytest.mark.parametrize("ticket", [TICKET, replace(TICKET, spectator=True, node="", epoch=0)])
def test_a_ticket_says_what_it_said(ticket: Ticket) -> None:
    assert Ticket.verify(SIGNER, ticket.sign(SIGNER)) == ticket


def test_neither_is_taken_for_the_other() -> None:
    with pytest.raises(Forged):
        Ticket.verify(SIGNER, TOKEN.sign(SIGNER))
    with pytest.raises(Forged):
        ResumeToken.verify(SIGNER, TICKET.sign(SIGNER))
    with pytest.raises(Forged):
        ResumeToken.verify(SIGNER, RESUME_PREFIX + TICKET.sign(SIGNER).removeprefix(TICKET_PREFIX))


@pytest.mark.parametrize(
    "fields",
    [[], ["arena"], ["arena", 3, "ada-1", "Ada", 2, 2, 7], ["arena", "3", "ada-1", "Ada", 0, 2, 7],
     [b"arena", 3, "ada-1", "Ada", 0, 2, 7], ["arena", 3, "ada-1", "Ada", 0, 2, 7, 8]],
)  # fmt: skip
def test_a_token_that_another_version_signed_is_forged(fields: list[int | str | bytes]) -> None:
    with pytest.raises(Forged):
        ResumeToken.verify(SIGNER, SIGNER.sign(RESUME_PREFIX, fields))


def test_the_longest_names_fit() -> None:
    signer = Signer({"k" * 16: b"a" * 32}, "k" * 16)
    match, player, name = "m" * 64, "p" * PLAYER_BYTES_MAX, "\U0001f600" * 32
    ResumeToken(match, 65_535, player, name, True, 2**32 - 1, 2**32 - 1).sign(signer)
    Ticket(match, player, name, True, "n" * 24, 2**32 - 1, 2**42, bytes(16)).sign(signer)


def test_a_nonce_has_sixteen_bytes() -> None:
    with pytest.raises(UsageFault, match="16"):
        replace(TICKET, nonce=b"short").sign(SIGNER)
    fields: list[int | str | bytes] = ["arena", "ada-1", "Ada", 0, "node-1", 2, EXPIRES_MS, b"short"]
    with pytest.raises(Forged):
        Ticket.verify(SIGNER, SIGNER.sign(TICKET_PREFIX, fields))


def test_a_ticket_expires_after_its_time_and_the_skew() -> None:
    last_ms = EXPIRES_MS + TICKET_SKEW_MS
    assert not TICKET.expired(last_ms)
    assert TICKET.expired(last_ms + 1)


def test_a_ticket_of_a_lobby_whose_clock_is_far_ahead_lives_too_long() -> None:
    issued_ms = EXPIRES_MS - TICKET_LIFETIME_MS
    assert not TICKET.lives_too_long(issued_ms - TICKET_SKEW_MS)
    assert TICKET.lives_too_long(issued_ms - TICKET_SKEW_MS - 1)


def test_a_ticket_is_used_once() -> None:
    used = UsedTickets()
    assert used.take(TICKET, 0)
    assert not any(used.take(TICKET, now_ms) for now_ms in range(0, EXPIRES_MS + TICKET_SKEW_MS, 10_000))
    assert used.take(numbered(1), 0)


def test_a_used_ticket_is_remembered_until_it_has_expired() -> None:
    used = UsedTickets()
    used.take(numbered(1), 0)
    used.take(numbered(2, EXPIRES_MS + 10), 0)
    assert used.take(numbered(3), EXPIRES_MS + TICKET_SKEW_MS) and len(used) == 3
    used.full(EXPIRES_MS + TICKET_SKEW_MS + 1)
    assert len(used) == 1


def test_a_clock_that_is_set_back_revives_no_ticket() -> None:
    used = UsedTickets()
    used.take(TICKET, 0)
    assert not used.full(EXPIRES_MS + 3_600_000) and len(used) == 0
    assert not used.take(TICKET, 0)
    assert used.take(numbered(2, EXPIRES_MS + 1), 0), "one that expires later cannot have been forgotten"


def test_tickets_from_before_the_start_are_refused() -> None:
    used = UsedTickets(known_from_ms=EXPIRES_MS + 1)
    assert not used.take(TICKET, 0)
    assert used.take(numbered(1, EXPIRES_MS + 1), 0)


def test_when_full_a_new_ticket_is_refused_and_no_used_one_forgotten() -> None:
    used = UsedTickets(tickets_max=3)
    assert all(used.take(numbered(n), 0) for n in range(3))
    assert used.full(0) and not used.take(numbered(3), 0) and len(used) == 3
    assert not any(used.take(numbered(n), 0) for n in range(3))
    later_ms = EXPIRES_MS + TICKET_SKEW_MS + 1
    assert used.take(numbered(3, later_ms), later_ms) and len(used) == 1


def test_a_guest_is_who_they_were() -> None:
    guest = Guest("guest-0123456789abcdef", "Ada")
    text = guest.sign(SIGNER)
    assert text.startswith(GUEST_PREFIX)
    assert Guest.verify(SIGNER, text) == guest


def test_a_guest_is_no_ticket_and_no_resume_token() -> None:
    text = Guest("ada-1", "Ada").sign(SIGNER)
    for other, prefix in ((Ticket, TICKET_PREFIX), (ResumeToken, RESUME_PREFIX)):
        with pytest.raises(Forged):
            other.verify(SIGNER, text)
        with pytest.raises(Forged):
            other.verify(SIGNER, prefix + text.removeprefix(GUEST_PREFIX))
    with pytest.raises(Forged):
        Guest.verify(SIGNER, GUEST_PREFIX + TICKET.sign(SIGNER).removeprefix(TICKET_PREFIX))


@pytest.mark.parametrize("fields", [[], ["ada-1"], ["ada-1", 3], ["ada-1", "Ada", 0]])
def test_a_guest_that_another_version_signed_is_forged(fields: list[int | str | bytes]) -> None:
    with pytest.raises(Forged):
        Guest.verify(SIGNER, SIGNER.sign(GUEST_PREFIX, fields))


def test_a_guest_of_the_longest_names_fits() -> None:
    signer = Signer({"k" * 16: b"a" * 32}, "k" * 16)
    Guest("p" * PLAYER_BYTES_MAX, "\U0001f600" * 32).sign(signer)
