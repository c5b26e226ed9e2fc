"""How a ticket's spread grows while it waits, and what it says about that."""

import pytest

from game_server.cluster.queue_ticket import (
    ANYONE,
    QueuedPlayer,
    QueueTicket,
    explained,
    spread_after,
    ticket_id,
    widens_in_ms,
)
from protocol.errors import UsageFault


@pytest.mark.parametrize(
    ("waited_ms", "spread", "widens_ms"),
    [(-5, 100, 5000), (0, 100, 5000), (4_999, 100, 1), (5_000, 150, 5000), (59_999, 650, 1), (60_000, ANYONE, 0)],
)
def test_the_spread_grows_by_fifty_every_five_seconds_until_anyone_will_do(
    waited_ms: int, spread: int, widens_ms: int
) -> None:
    assert (spread_after(waited_ms), widens_in_ms(waited_ms)) == (spread, widens_ms)


@pytest.mark.parametrize(
    ("waited_ms", "sentence"),
    [
        (5_000, "3 of 8 found, +-150 now, widening in 5 s"),
        (9_500, "3 of 8 found, +-150 now, widening in 1 s"),
        (55_000, "3 of 8 found, +-650 now, any rating in 5 s"),
        (60_000, "3 of 8 found, any rating now"),
    ],
)
def test_a_sentence_says_what_is_waited_for(waited_ms: int, sentence: str) -> None:
    assert explained(3, 8, waited_ms).sentence == sentence


def test_the_rating_of_a_party_is_the_mean_of_its_members() -> None:
    players = (QueuedPlayer("a", mu=25.0), QueuedPlayer("b", mu=30.0))
    assert QueueTicket("r", players, 0).points == 1650


def test_a_ticket_of_nobody_is_refused() -> None:
    with pytest.raises(UsageFault, match="at least one player"):
        QueueTicket("r", (), 0)


def test_two_players_who_choose_the_same_request_have_two_tickets() -> None:
    assert ticket_id("ann", "1") == ticket_id("ann", "1") != ticket_id("bob", "1")
    assert len(ticket_id("ann", "1")) == 24
