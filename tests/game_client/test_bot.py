from random import Random
from typing import Any

from game_client.bot import BotView, play_turn
from game_client.replica import Replica
from protocol import Chat
from tests.game_client.frames import Steer


class FakePlayer:
    """A player that writes down what is done."""

    def __init__(self) -> None:
        self.world, self.seat, self.tick = Replica(), 3, 17
        self.done: list[Any] = []

    def take_events(self) -> list[tuple[int, Any]]:
        return [(16, "scored")]

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        self.done.append(record)

    def send_command(self, command: object, **fields: Any) -> None:
        self.done.append(command)


class Echo:
    """A behaviour that keeps its views."""

    def __init__(self, rng: Random) -> None:
        self.views: list[BotView] = []

    def act(self, view: BotView) -> list[Any]:
        self.views.append(view)
        return [Steer(dx=1), Chat(text="hi")]


def test_a_turn_shows_the_view_and_does_what_the_behaviour_says() -> None:
    player, echo = FakePlayer(), Echo(Random(1))
    play_turn(echo, player)
    assert player.done == [Steer(dx=1), Chat(text="hi")]
    view = echo.views[0]
    assert (view.world, view.seat, view.tick, list(view.events)) == (player.world, 3, 17, [(16, "scored")])
