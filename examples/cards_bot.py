"""A player for Tricks without a person: `tickwire bots URL --count 3 --behaviour examples.cards_bot:CardBot`."""

from collections.abc import Iterable
from random import Random
from typing import Any

from examples.cards import Play, may_play


class CardBot:
    """Plays any of its legal cards by lot, after a moment's thought."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._asked = (-1, -1)
        self._think_until: int | None = None

    def act(self, view: Any) -> Iterable[Play]:
        """Return the card to play in the state just seen, if it is the bot's turn."""
        tables = view.world.all("Table")
        hand = [card for card in view.world.all("HandCard") if card.owner == view.seat]
        if not tables or tables[0].turn != view.seat or not hand:
            self._think_until = None
            return []
        # A command is never lost, so each turn is answered once; the round and the size of the hand name the turn.
        turn = (tables[0].round_number, len(hand))
        if turn == self._asked:
            return []
        if self._think_until is None:
            self._think_until = view.tick + self._rng.randrange(3, 12)
        if view.tick < self._think_until:
            return []
        self._asked = turn
        self._think_until = None
        table = [] if tables[0].trick_over else view.world.all("TableCard")
        led = next((card.suit for card in table if card.place == 0), None)
        legal = [card for card in hand if may_play(card.suit, led, [each.suit for each in hand])]
        return [Play(card=self._rng.choice(legal).id)]
