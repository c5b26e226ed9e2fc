"""Tricks: a card game with hidden hands, for 2 to 4 players. Run: `tickwire serve examples/cards.py:Cards`.

Each gets five cards. Whoever leads a trick plays any card, the others must follow its suit if they can; the
highest card of that suit takes the trick and leads the next. Most tricks win the round, then cards are dealt again.
A hand is made of entities that only their owner is sent, so no client can be made to show another player's cards.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from game_server import Command, Entity, Event, Game, Seat, owner, replicated, serve

HAND_CARDS = 5


class Suit(StrEnum):
    """A suit; values equal names, so that a client that knows only names compares alike."""

    CLUBS = "CLUBS"
    DIAMONDS = "DIAMONDS"
    HEARTS = "HEARTS"
    SPADES = "SPADES"


class HandCard(Entity):
    """A card in a hand; only its owner is sent it."""

    audience = owner
    suit: Suit = replicated(Suit.CLUBS)
    rank: int = replicated(2, min=2, max=14)


class TableCard(Entity):
    """A card played in this trick, for everyone to see; place 0 led it."""

    suit: Suit = replicated(Suit.CLUBS)
    rank: int = replicated(2, min=2, max=14)
    place: int = replicated(0, min=0, max=3)


class Place(Entity):
    """A player at the table, as everyone sees it; places play in the order in which they were taken."""

    name: str = replicated("", max_length=16)
    cards: int = replicated(0, min=0, max=HAND_CARDS)
    tricks: int = replicated(0, min=0, max=HAND_CARDS)
    rounds_won: int = replicated(0, min=0, max=9999)
    dealt_in: bool = replicated(False)


class Table(Entity):
    """Whose turn it is; -1 while the table waits for a second player."""

    turn: int = replicated(-1, min=-1, max=127)
    round_number: int = replicated(0, min=0, max=9999)
    trick_over: bool = replicated(True)  # its cards still lie there, for all to see, until the next one is led


class Play(Command):
    """Play the card that has this entity id in the player's own hand."""

    card: Annotated[int, Field(ge=0)]


class Refused(Event):
    """Sent to a player whose command broke a rule; nothing happened."""

    reason: str


class TrickTaken(Event):
    """A trick went to a seat."""

    seat: int


class RoundWon(Event):
    """A round is over; a tie goes to whoever took the last trick."""

    seat: int
    tricks: int


def may_play(suit: Suit, led: Suit | None, hand: list[Suit]) -> bool:
    """Return whether a card of `suit` may be played by whoever holds `hand` when `led` was led."""
    return led is None or suit == led or led not in hand


def best_card(trick: list[tuple[Suit, int]]) -> int:
    """Return the place in `trick` (first card first) of the card that takes it."""
    led = trick[0][0]
    ranks = [rank if suit == led else 0 for suit, rank in trick]
    return ranks.index(max(ranks))


class Cards(Game):
    """Deals, checks each card against the rules, counts tricks; nothing happens between commands."""

    tick_rate_hz, seats_max, input = 10, 4, None

    def on_start(self) -> None:
        """Set up an empty table."""
        self.world.spawn(Table())

    def on_join(self, seat: Seat) -> None:
        """Seat the newcomer: dealt in at the next round, or at once if the table was waiting."""
        self.world.spawn(Place(name=seat.name[:16]), owner=seat)
        if self._table.turn == -1:
            self._deal(seat.id)

    def on_leave(self, seat: Seat) -> None:
        """Clear the leaver's place; if they were in the round, deal a new one."""
        place = self.world.owned(seat, Place)
        self.world.despawn(place)
        if place.dealt_in:
            self._deal(self._after(seat.id))

    def on_command(self, seat: Seat, command: Play) -> None:
        """Play a card, or say why not."""
        table = self._table
        hand = self.world.all_owned(seat, HandCard)
        card = next((each for each in hand if each.id == command.card), None)
        led = None if table.trick_over else self.world.all(TableCard)[0].suit
        if seat.id != table.turn:
            self.emit(Refused(reason="it is not your turn"), to=seat)
        elif card is None:
            self.emit(Refused(reason="that card is not in your hand"), to=seat)
        elif not may_play(card.suit, led, [each.suit for each in hand]):
            self.emit(Refused(reason="you must follow suit"), to=seat)
        else:
            self._lay(seat, card)
            table.turn = self._after(seat.id)
            if len(self.world.all(TableCard)) == len(self._playing()):
                self._end_trick()

    @property
    def _table(self) -> Table:
        return self.world.all(Table)[0]

    def _playing(self) -> list[Place]:
        return [place for place in self.world.all(Place) if place.dealt_in]

    def _after(self, seat_id: int) -> int:
        """Return the seat whose turn comes after that of `seat_id`, who may have left."""
        playing: list[int] = [place.owner for place in self._playing() if place.owner is not None]
        place = playing.index(seat_id) + 1 if seat_id in playing else 0
        return playing[place % len(playing)] if playing else -1

    def _lay(self, seat: Seat, card: HandCard) -> None:
        if self._table.trick_over:
            self._table.trick_over = False
            for old in self.world.all(TableCard):
                self.world.despawn(old)
        self.world.despawn(card)
        place = len(self.world.all(TableCard))
        self.world.spawn(TableCard(suit=card.suit, rank=card.rank, place=place), owner=seat)
        self.world.owned(seat, Place).cards -= 1

    def _end_trick(self) -> None:
        trick = self.world.all(TableCard)
        taker = trick[best_card([(card.suit, card.rank) for card in trick])].owner
        winner = next(place for place in self._playing() if place.owner == taker)
        assert taker is not None, "every card on the table was spawned with its player's seat"
        winner.tricks += 1
        self._table.turn = taker
        self._table.trick_over = True
        self.emit(TrickTaken(seat=taker))
        if winner.cards == 0:
            self._end_round(winner)

    def _end_round(self, last: Place) -> None:
        best = max(self._playing(), key=lambda place: (place.tricks, place is last))
        assert best.owner is not None, "a place belongs to its player's seat"
        best.rounds_won = min(best.rounds_won + 1, 9999)
        self.emit(RoundWon(seat=best.owner, tricks=best.tricks))
        self._deal(best.owner)

    def _deal(self, leader: int) -> None:
        """Begin a round with everyone at the table, or wait for a second player; `leader` leads."""
        table, places = self._table, self.world.all(Place)
        for card in self.world.all(HandCard):
            self.world.despawn(card)
        enough = len(places) >= 2
        deck = [(suit, rank) for suit in Suit for rank in range(2, 15)]
        self.rng.shuffle(deck)
        for place in places:
            place.dealt_in, place.tricks, place.cards = enough, 0, HAND_CARDS if enough else 0
            seat = next(each for each in self.seats if each.id == place.owner)
            for _ in range(place.cards):
                suit, rank = deck.pop()
                self.world.spawn(HandCard(suit=suit, rank=rank), owner=seat)
        table.turn = leader if enough else -1
        table.round_number = table.round_number % 9999 + 1
        table.trick_over = True


if __name__ == "__main__":
    serve(Cards)
