"""Floods, slow handshakes, forged credentials and foreign pages, in small."""

import secrets
from collections import Counter
from random import Random

import pytest

from bench import hostile_clients
from bench.hostile_clients import (
    TicketAuthenticator,
    Tried,
    forge,
    forge_in_process,
    replay_in_process,
    tell_refusals,
    ticket,
)
from bench.raw_clients import SlowHandshake
from bench.report import Report
from game_server.session.signing import Signer
from tests.bench.told import misses, value


def test_a_flood_costs_only_its_sender(silent_report: Report) -> None:
    hostile_clients.flooder(silent_report, seconds=1.0, neighbours=3)
    assert misses(silent_report, "flooder_neighbours_state_hz_share") == []
    assert value(silent_report, "flooder_recorded_1008") >= 1
    assert value(silent_report, "flooder_close_code_seen") in (1008, 1006)


@pytest.mark.slow
def test_slow_handshakes_vanish_and_honest_ones_do_not_wait(silent_report: Report) -> None:
    hostile_clients.slow_handshakes(silent_report, slow=20, honest=5)
    assert misses(silent_report) == []
    assert value(silent_report, "slow_handshakes_gone_s") > 3


def test_no_forged_and_no_used_ticket_gets_in(silent_report: Report) -> None:
    hostile_clients.tickets(silent_report, forged=300, replayed=50, sample=8)
    assert misses(silent_report) == []
    assert value(silent_report, "tickets_http_good_accepted") == 8


def test_a_forged_ticket_is_never_the_signed_one() -> None:
    signed, rng = ticket().sign(Signer.drawn(secrets.token_bytes(32))), Random(1)
    assert all(forge(signed, rng) != signed for _ in range(200))


def test_an_authenticator_that_believes_everything_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TicketAuthenticator, "authenticate", lambda self, upgrade: None)
    signer = Signer.drawn(secrets.token_bytes(32))
    assert forge_in_process(signer, 10, seed=1).accepted == 10
    assert replay_in_process(signer, 10).accepted == 10


def test_pages_of_others_are_refused_and_the_own_one_is_not(silent_report: Report) -> None:
    hostile_clients.origins(silent_report)
    assert misses(silent_report) == []
    assert value(silent_report, "origins_forged_answered_403") == 12


def test_slow_handshakes_that_were_never_made_are_not_ok(
    silent_report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: SlowHandshake) -> None:
        raise OSError("no route")

    monkeypatch.setattr(SlowHandshake, "dial", fail)
    hostile_clients.slow_handshakes(silent_report, slow=2, honest=1)
    assert [each.figure for each in misses(silent_report)] == ["slow_handshakes_made"]


@pytest.mark.parametrize("answers", [{403: 9, 101: 1}, {403: 9, 0: 1}, {403: 9, 500: 1}])
def test_a_ticket_that_was_let_in_or_not_refused_in_words_is_not_ok(
    silent_report: Report, answers: dict[int, int]
) -> None:
    tell_refusals(silent_report, "forged", Tried(10, 0, Counter(answers)))
    assert misses(silent_report) != []


def test_forged_and_unknown_are_both_refusals_and_named(silent_report: Report) -> None:
    tell_refusals(silent_report, "forged", Tried(50, 0, Counter({403: 46, 409: 4})))
    assert misses(silent_report) == []
    assert (value(silent_report, "forged_answered_403"), value(silent_report, "forged_answered_409")) == (46, 4)
