"""The whole path in one process: a client's input to every other client's world."""

from random import Random
from typing import Any

import pytest

from game_server import Game, Input, Seat, replicated
from game_server.testing import LocalMatch, MatchFailed
from protocol.declare import Chat, Command, Entity


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


def joined(**options: Any) -> tuple[LocalMatch, Any, Any]:
    """A match of two whose first states have come."""
    local = LocalMatch(Boxes, **options)
    ada, bo = local.join("Ada"), local.join("Bo")
    local.step(5)
    return local, ada, bo


def test_a_cut_client_resumes_its_seat_by_one_delta_and_loses_no_command() -> None:
    local, ada, bo = joined()
    ada.send_command(Chat(text="one"))
    local.cut(ada)
    ada.send_command(Chat(text="two"))
    assert ada.status.phase == "reconnecting"
    local.step(3)
    assert (ada.status.phase, ada.seat, ada.stats.resumed, ada.stats.keyframes) == ("live", 0, 1, 1)
    assert [event.text for _, event in bo.take_events()] == ["one", "two"]
    assert [event.text for _, event in ada.take_events()] == ["one", "two"]
    assert (ada.stats.desyncs, ada.stats.resyncs, ada.commands_unacknowledged) == (0, 0, 0)


def test_a_cut_that_the_match_does_not_notice_ends_with_the_new_socket() -> None:
    local, ada, _ = joined()
    local.cut(ada, match_notices=False)
    local.step(3)
    assert (ada.status.phase, ada.stats.resumed) == ("live", 1)
    assert len(local.match.occupants) == 2


def test_a_lost_welcome_costs_nothing() -> None:
    local, ada, bo = joined()
    for _ in range(5):
        local.cut(ada)
        due_ns = ada.deadline_ns
        assert due_ns is not None
        local.now_ns = due_ns
        ada.advance(due_ns)
        local._run(ada)  # HELLO has been answered; the answer is lost with the socket
        local.cut(ada)
        ada.send_command(Chat(text="hi"))
        local.step(40)
    assert (ada.status.phase, ada.seat, ada.stats.resumed, ada.stats.rejoined) == ("live", 0, 5, 0)
    assert [event.text for _, event in bo.take_events()] == ["hi"] * 5


def test_a_seat_that_was_not_kept_is_joined_anew() -> None:
    local, ada, bo = joined(grace_s=0)
    local.cut(ada)
    ada.send_command(Chat(text="too late"))
    local.step(30)
    assert (ada.status.phase, ada.stats.rejoined, ada.stats.commands_lost) == ("live", 1, 1)
    assert len(bo.world.all("Box")) == 2


def test_a_proven_player_takes_the_kept_seat_over_and_goes_on_with_its_commands() -> None:
    local = LocalMatch(Boxes)
    ada = local.join("Ada", player="ada@1")
    local.step(5)
    ada.send_command(Chat(text="one"))
    local.step(2)
    ada._held.forget_token()
    local.cut(ada)
    ada.send_command(Chat(text="two"))
    local.step(10)
    assert (ada.status.phase, ada.stats.resumed_by_keyframe, ada.stats.commands_lost) == ("live", 1, 0)
    assert [event.text for _, event in ada.take_events()] == ["one", "two"]


def test_a_spectator_watches_and_resumes() -> None:
    local, _, _ = joined()
    watcher = local.join("Wu", spectator=True)
    local.step(5)
    assert (watcher.seat, len(watcher.world.all("Box"))) == (None, 2)
    local.cut(watcher)
    local.step(5)
    assert (watcher.status.phase, watcher.stats.resumed, watcher.stats.errors) == ("live", 1, 0)


def test_bots_that_are_cut_all_the_time_stay_in_step() -> None:
    local = LocalMatch(Boxes, seed=3)
    bots = [local.play(f"bot {n}", Pusher) for n in range(4)]
    rng = Random(5)
    for _ in range(120):
        local.step(rng.randint(1, 30))
        local.cut(rng.choice(bots), match_notices=rng.random() < 0.5)
    local.step(60)
    for bot in bots:
        stats = bot.stats
        assert (bot.status.phase, stats.desyncs, stats.errors, stats.rejoined) == ("live", 0, 0, 0)
        assert stats.resumed > 15 and stats.resumed_by_keyframe == 0


class Lean(Input):
    """Plain fields, as a game's first draft has them."""

    by: float = 0.0
    times: int = 0


class Give(Command):
    much: float
    many: int


class Scales(Game):
    """Adds up what players send, and would be infinite for all of them if one could send anything."""

    tick_rate_hz, seats_max, input, commands = 20, 8, Lean, (Give,)
    entities = (Box,)

    def on_start(self) -> None:
        self.box = self.world.spawn(Box())

    def on_input(self, seat: Seat, input: Lean) -> None:
        self.box.x = min(max(self.box.x, -50), 50) + input.by * input.times * self.dt_s / 1e6

    def on_command(self, seat: Seat, command: Give) -> None:
        self.box.x += command.much * command.many / 1e6


EXTREMES = [
    *((field, value) for field in ("by", "much") for value in (1e308, -1e308, 1e9 + 1, 2**63)),
    *((field, value) for field in ("times", "many") for value in (2**64 - 1, -(2**63), 2**31)),
]


@pytest.mark.parametrize(("field", "value"), EXTREMES)
def test_a_players_extreme_values_end_their_own_connection_and_not_the_match(field: str, value: float) -> None:
    local = LocalMatch(Scales)
    ada, bo = local.join("Ada"), local.join("Bo")
    local.step(10)
    if field in Lean.model_fields:
        ada.send_input(**{field: value})
    else:
        ada.send_command("Give", **({"much": 0.0, "many": 0} | {field: value}))
    local.step(40)
    assert local.ended is None and bo.status.phase == "live" and bo.tick > 40
    assert (ada.status.phase, ada.status.code) == ("closed", 1002) and f".{field}:" in ada.status.reason
    assert len(local.match.occupants) == 1


def test_the_largest_values_that_a_plain_field_takes_can_be_added_up() -> None:
    local = LocalMatch(Scales)
    ada, bo = local.join("Ada"), local.join("Bo")
    local.step(10)
    for sign in (1, -1):
        ada.send_input(by=sign * 1e9, times=2**31 - 1)
        ada.send_command("Give", much=sign * 1e9, many=-(2**31))
        local.step(40)
    assert local.ended is None and (ada.status.phase, bo.status.phase) == ("live", "live")
