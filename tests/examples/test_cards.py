"""The example card game Tricks, and its bot."""

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from examples.cards import (
    HAND_CARDS,
    Cards,
    HandCard,
    Place,
    Play,
    Refused,
    RoundWon,
    Suit,
    Table,
    TableCard,
    TrickTaken,
    best_card,
    may_play,
)
from examples.cards_bot import CardBot
from game_server.testing.local_match import LocalClient
from tests.demo_game.bot_match import BotMatch, Watched, behaviour_of, events_of

H, S = Suit.HEARTS, Suit.SPADES


class Asks:
    """Plays what the test puts in its hands, once."""

    def __init__(self) -> None:
        self.next: list[Play] = []

    def act(self, view: Any) -> Iterable[Play]:
        acts, self.next = self.next, []
        return acts


def table_of(count: int) -> tuple[BotMatch, list[LocalClient]]:
    match = BotMatch(Cards, seed=5)
    clients = [match.seat(Asks()) for _ in range(count)]
    match.step(2)
    return match, clients


def refusals(client: LocalClient) -> list[str]:
    return [event.reason for event in events_of(client) if isinstance(event, Refused)]


def test_a_leader_may_play_anything_others_follow_suit_if_they_can() -> None:
    assert may_play(H, None, [H, S])
    assert may_play(S, S, [H, S])
    assert not may_play(H, S, [H, S])
    assert may_play(H, S, [H, H])


def test_the_highest_card_of_the_led_suit_takes_the_trick() -> None:
    assert best_card([(H, 5), (S, 14), (H, 9)]) == 2
    assert best_card([(H, 5), (S, 14)]) == 0


def test_a_player_sees_only_their_own_hand() -> None:
    _, clients = table_of(2)
    for client in clients:
        hand = client.world.all("HandCard")
        assert [card.owner for card in hand] == [client.seat] * HAND_CARDS


def test_nobody_is_dealt_in_alone() -> None:
    match, _ = table_of(1)
    assert match.kind(Table)[0].turn == -1
    assert match.kind(HandCard) == []


def test_a_command_out_of_turn_is_refused_in_words() -> None:
    match, clients = table_of(2)
    waiting = clients[1 - match.kind(Table)[0].turn]
    behaviour_of(waiting).next = [Play(card=waiting.world.all("HandCard")[0].id)]
    match.step(8)
    assert refusals(waiting) == ["it is not your turn"]


def test_a_card_of_another_hand_is_refused() -> None:
    match, clients = table_of(2)
    turn = match.kind(Table)[0].turn
    behaviour_of(clients[turn]).next = [Play(card=clients[1 - turn].world.all("HandCard")[0].id)]
    match.step(8)
    assert refusals(clients[turn]) == ["that card is not in your hand"]
    assert refusals(clients[1 - turn]) == []


def test_a_card_that_does_not_follow_suit_is_refused() -> None:
    match, clients = table_of(2)
    world = match.game.world
    leader = world.all(Table)[0].turn
    cards = world.all(HandCard)
    for card in cards:
        card.suit = H
    other = [card for card in cards if card.owner != leader]
    other[0].suit = S
    behaviour_of(clients[leader]).next = [Play(card=next(card.id for card in cards if card.owner == leader))]
    match.step(8)
    behaviour_of(clients[1 - leader]).next = [Play(card=other[0].id)]
    match.step(8)
    assert refusals(clients[1 - leader]) == ["you must follow suit"]


def test_the_taken_trick_stays_on_the_table_until_the_next_is_led() -> None:
    match, _ = table_of(2)
    world = match.game.world
    for client in match.clients.values():
        assert isinstance(client.behaviour, Watched)
        client.behaviour.behaviour = CardBot(Random(client.connection))
    while not any(isinstance(event, TrickTaken) for event in events_of(match.clients[1])):
        match.step(1)
    assert [card.place for card in world.all(TableCard)] == [0, 1]
    assert world.all(Table)[0].trick_over


def test_of_equals_whoever_took_the_last_trick_wins_the_round() -> None:
    match, _ = table_of(2)
    world = match.match.world
    first, second = world.all(Place)
    table = world.all(Table)[0]
    first.cards, first.tricks = 1, 3
    second.cards, second.tricks = 1, 2
    for card in world.all(HandCard):
        card.suit, card.rank = H, 9 if card.owner == second.owner else 5
    for seat in match.game.seats:
        table.turn = seat.id
        match.game.on_command(seat, Play(card=world.all_owned(seat, HandCard)[0].id))
    assert (first.rounds_won, second.rounds_won) == (0, 1)
    assert table.turn == second.owner


def test_a_leaver_in_the_round_means_a_new_deal() -> None:
    match, clients = table_of(3)
    before = match.kind(Table)[0].round_number
    match.leave(clients[0])
    match.step(1)
    table = match.kind(Table)[0]
    assert table.round_number == before + 1
    assert table.turn in (1, 2)
    assert len(match.kind(HandCard)) == 2 * HAND_CARDS


def test_the_last_player_at_the_table_waits() -> None:
    match, clients = table_of(2)
    match.leave(clients[0])
    match.step(1)
    assert match.kind(Table)[0].turn == -1
    assert match.kind(HandCard) == []


def test_a_newcomer_waits_for_the_next_round() -> None:
    match, _ = table_of(2)
    match.seat(Asks())
    match.step(1)
    assert [place.dealt_in for place in match.kind(Place)] == [True, True, False]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_bots_play_rounds_without_one_illegal_card(count: int) -> None:
    match = BotMatch(Cards, seed=9)
    clients = [match.seat(CardBot(Random(number))) for number in range(count)]
    match.step(5 * 60 * 10)
    events = events_of(clients[0])
    rounds = [event for event in events if isinstance(event, RoundWon)]
    assert len(rounds) >= 5
    assert sum(isinstance(event, TrickTaken) for event in events) // HAND_CARDS == len(rounds)
    assert not [reason for client in clients for reason in refusals(client)]
    assert sum(place.rounds_won for place in match.kind(Place)) == len(rounds)


def test_bots_go_on_through_comings_and_goings(seed: int) -> None:
    rng = Random(seed)
    match = BotMatch(Cards, seed=seed)
    for number in range(3):
        match.seat(CardBot(Random(number)))
    for number in range(40):
        match.step(rng.randrange(10, 100))
        if len(match.clients) > 2 or (match.clients and rng.random() < 0.3):
            match.leave(rng.choice(list(match.clients.values())))
        else:
            match.seat(CardBot(Random(number)))
    while len(match.clients) < 3:
        match.seat(CardBot(Random(99)))
    before = len(events_of(match.clients[max(match.clients)]))
    match.step(600)
    assert len(events_of(match.clients[max(match.clients)])) > before
    # A card that was on its way when somebody left meets a new deal; to break the rules there is no excuse.
    reasons = [reason for client in match.clients.values() for reason in refusals(client)]
    assert "you must follow suit" not in reasons
