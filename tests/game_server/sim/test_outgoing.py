"""What one tick sends, in which order and to whom."""

from game_server import Game, Seat, who_sees
from game_server.sim.outgoing import QUIET_NS
from protocol.declare import Entity, Event, owner, replicated
from protocol.messages import EventFrame, Keyframe, State
from tests.game_server.sim.peers import Table


class Lamp(Entity):
    lit: bool = replicated(False)


class Pocket(Entity):
    audience = owner
    coins: int = replicated(0)


class Rang(Event):
    times: int


class Lamps(Game):
    tick_rate_hz, seats_max = 20, 4
    entities, commands, events = (Lamp, Pocket), (), (Rang,)
    ring: object = None

    def on_start(self) -> None:
        self.world.spawn(Lamp())

    def on_join(self, seat: Seat) -> None:
        self.world.spawn(Pocket(), owner=seat)

    def on_tick(self, tick: int) -> None:
        if self.ring == "last":
            lamp = self.world.all(Lamp)[0]
            self.emit(Rang(times=3), to=who_sees(lamp))
            self.world.despawn(lamp)
        if self.ring == "lamp":
            self.emit(Rang(times=1), to=who_sees(self.world.all(Lamp)[0]))
        if self.ring == "pocket":
            self.emit(Rang(times=2), to=who_sees(self.world.all(Pocket)[0]))
        self.ring = None


def lamps() -> Table:
    table = Table(Lamps())
    table.join(0)
    table.join(1)
    table.step()
    return table


def ring(table: Table, what: str) -> None:
    game = table.match.game
    assert isinstance(game, Lamps)
    game.ring = what
    table.step()


def test_an_event_reaches_those_who_see_its_entity() -> None:
    table = lamps()
    ring(table, "lamp")
    ring(table, "pocket")
    assert [each.values for each in table.got(0, EventFrame)] == [[1], [2]]
    assert [each.values for each in table.got(1, EventFrame)] == [[1]]


def test_an_event_reaches_those_who_saw_its_entity_die() -> None:
    table = lamps()
    ring(table, "last")
    assert [each.values for each in table.got(1, EventFrame)] == [[3]]


def test_an_event_comes_after_the_state_of_its_tick() -> None:
    table = lamps()
    game = table.match.game
    assert isinstance(game, Lamps)
    game.world.all(Lamp)[0].lit = True
    ring(table, "lamp")
    assert [type(each) for each in table.inbox[1][-2:]] == [State, EventFrame]


def test_who_joins_an_idle_match_gets_a_keyframe_and_then_a_sign_of_life() -> None:
    table = lamps()
    table.step(QUIET_NS // 50_000_000)
    assert [type(each) for each in table.inbox[0][1:]] == [Keyframe, State]
    assert table.got(0, State)[0].changed == []
