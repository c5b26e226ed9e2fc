"""What the queue keeps in Redis comes back as it was, or not at all."""

import pytest

from game_server.cluster.queue_ticket import Assigned, QueuedPlayer, QueueTicket
from game_server.shell.queue_records import (
    Answer,
    Cancelled,
    Found,
    opened_answer,
    opened_ticket,
    queue_keys,
    script,
    sealed_answer,
    sealed_ticket,
)
from protocol.errors import TickwireError
from tests.game_server.shell.queue_for_tests import TestSeals

SEALS = TestSeals()
PARTY = QueueTicket("r", (QueuedPlayer("ann", 26.5, 7.25), QueuedPlayer("bob")), 123, (("mode", "duel"),), 7)


def test_a_ticket_comes_back_with_the_time_of_the_directory() -> None:
    opened = opened_ticket(SEALS, "r", b"123:" + sealed_ticket(SEALS, PARTY))
    assert opened.players[0] == PARTY.players[0]
    assert (opened.since_ms, opened.filters, opened.schema_hash) == (123, (("mode", "duel"),), 7)
    assert opened.points == PARTY.points


@pytest.mark.parametrize("value", [b"", b"123:", b"123:forged", b":" + sealed_ticket(SEALS, PARTY)])
def test_what_is_no_ticket_is_refused(value: bytes) -> None:
    with pytest.raises(TickwireError):
        opened_ticket(SEALS, "r", value)


def test_a_ticket_under_another_id_is_refused() -> None:
    with pytest.raises(TickwireError, match="another's"):
        opened_ticket(SEALS, "other", b"123:" + sealed_ticket(SEALS, PARTY))


@pytest.mark.parametrize("answer", [Found(3, 8), Found(8, 8, "no room"), Assigned("m-1"), Cancelled()])
def test_an_answer_comes_back(answer: Answer) -> None:
    assert opened_answer(SEALS, sealed_answer(SEALS, answer)) == answer


def test_all_keys_of_a_queue_have_one_tag() -> None:
    assert {key.split("{")[1].split("}")[0] for key in queue_keys("Arena")} == {"lobby:Arena"}


def test_scripts_of_the_queue_begin_with_what_they_share() -> None:
    assert script("queue_take").source.startswith("-- Begins every script of the queue")
    assert not script("swap").source.startswith("-- Begins")
