"""A `LocalMatch` played by given behaviours, which keeps the events that every bot was shown."""

from collections.abc import Iterable
from typing import Any

from game_client.bot import Behaviour, BotView
from game_server.game import Game
from game_server.testing.local_match import LocalClient, LocalMatch
from protocol.declare import Command, Input


class Watched:
    """A behaviour that also notes the events it is shown, as objects of the game's own classes."""

    def __init__(self, behaviour: Behaviour, game: type[Game]) -> None:
        self.behaviour = behaviour
        self.events: list[Any] = []
        self._books = {book.kind.name: book for book in game.vocabulary.events}

    def act(self, view: BotView) -> Iterable[Input | Command]:
        for _, event in view.events:
            book = self._books[event.kind]
            self.events.append(book.parse([event[each.name] for each in book.kind.fields]))
        return self.behaviour.act(view)


class BotMatch(LocalMatch):
    """A match, its bots and its time."""

    def seat(self, behaviour: Behaviour) -> LocalClient:
        """Seat a bot at the next tick."""
        watched = Watched(behaviour, type(self.game))
        return self.join(f"bot {self._connections + 1}", lambda _: watched)

    def kind(self, kind: type[Any]) -> list[Any]:
        """Return the entities of a kind on the server."""
        found: list[Any] = self.match.world.all(kind)
        return found


def events_of(client: LocalClient) -> list[Any]:
    """Return the events that a bot was shown."""
    assert isinstance(client.behaviour, Watched)
    return client.behaviour.events


def behaviour_of(client: LocalClient) -> Any:
    """Return the behaviour that was seated."""
    assert isinstance(client.behaviour, Watched)
    return client.behaviour.behaviour
