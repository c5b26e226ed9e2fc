"""The whole path in one process: a client's input to every other client's world."""

from random import Random
from typing import Any

import pytest

from game_server import Game, Input, Seat, replicated
from game_server.testing import LocalMatch, MatchFailed
from protocol.declare import Chat, Entity


class Push(Input):
    dx: int = 0


class Box(Entity):
    x: float = replicated(0.0, step=0.1)


class Boxes(Game):
    tick_rate_hz, seats_max, input = 30, 4, Push
    entities = (Box,)

    def on_join(self, seat: Seat) -> None:
        self.world.spawn(Box(), owner=seat)

    def on_input(self, seat: Seat, input: Push) -> None:
        box = self.world.owned(seat, Box)
        box.x += input.dx * self.dt_s
        if box.x > 9:
            raise RuntimeError("over the edge")

    def on_leave(self, seat: Seat) -> None:
        self.world.despawn(self.world.owned(seat, Box))


class Pusher:
    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def act(self, view: Any) -> Any:
        return [Push(dx=self.rng.choice((-1, 1)))]


def test_an_input_reaches_every_other_clients_world() -> None:
    local = LocalMatch(Boxes)
    ada, bo = local.join("Ada"), local.join("Bo")
    local.step(2)
    ada.send_input(dx=1)
    local.step(60)
    assert ada.seat is not None
    seen = bo.world.owned(ada.seat, "Box")
    assert seen is not None and 1.5 < seen.x <= 2.0
    assert (ada.stats.desyncs, bo.stats.desyncs, ada.stats.errors) == (0, 0, 0)


def test_bots_play_for_a_minute_without_a_desync() -> None:
    local = LocalMatch(Boxes, seed=3, first_tick=200_000)
    bots = [local.play(f"bot {n}", Pusher) for n in range(4)]
    local.step(1800)
    assert local.match.tick == 201_800
    for bot in bots:
        assert bot.stats.desyncs == bot.stats.resyncs == bot.stats.errors == 0
        assert bot.stats.states > 1700


def test_the_same_seed_gives_the_same_bytes_through_the_whole_path() -> None:
    def frames() -> list[tuple[int, bytes]]:
        local = LocalMatch(Boxes, seed=3)
        for n in range(3):
            local.play(f"bot {n}", Pusher, seed=7)
        local.step(300)
        return local.frames

    first = frames()
    assert len(first) > 800 and frames() == first


def test_chat_comes_as_an_event_and_a_leaver_is_gone() -> None:
    local = LocalMatch(Boxes)
    ada, bo = local.join("Ada"), local.join("Bo")
    local.step(2)
    ada.send_command(Chat(text="hello"))
    local.step(2)
    assert [(event.kind, event.name, event.text) for _, event in bo.take_events()] == [("Said", "Ada", "hello")]
    local.leave(ada)
    local.step(2)
    assert len(bo.world.all("Box")) == 1


def test_a_failing_game_shows_its_traceback() -> None:
    local = LocalMatch(Boxes)
    ada = local.join("Ada")
    local.step(2)
    ada.send_input(dx=1)
    with pytest.raises(MatchFailed, match="over the edge"):
        local.step(600)
