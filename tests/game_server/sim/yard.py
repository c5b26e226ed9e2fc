"""A match of carts and bells for tests of cuts and slow clients."""

from typing import Any

from game_server.game import Game
from game_server.sim.seat import Seat
from protocol.declare import Command, Entity, Event, Input, everyone, replicated
from tests.game_server.sim.peers import Table

RATE_HZ = 20
NOTE = "." * 100


class Push(Input):
    dx: int = 0


class Cart(Entity):
    x: int = replicated(0)


class Bell(Command):
    times: int = 1


class Rang(Event):
    times: int
    note: str


class Yard(Game):
    tick_rate_hz, seats_max, input = RATE_HZ, 2, Push
    entities, commands, events = (Cart,), (Bell,), (Rang,)

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.rings = 0

    def on_join(self, seat: Seat) -> None:
        self.log.append(f"join {seat.name}")
        self.world.spawn(Cart(), owner=seat)

    def on_disconnect(self, seat: Seat) -> None:
        self.log.append(f"disconnect {seat.name}")

    def on_reconnect(self, seat: Seat) -> None:
        self.log.append(f"reconnect {seat.name}")

    def on_leave(self, seat: Seat) -> None:
        self.log.append(f"leave {seat.name}")

    def on_command(self, seat: Seat, command: Any) -> None:
        self.log.append(f"bell {command.times}")

    def on_tick(self, tick: int) -> None:
        for cart in self.world.all(Cart):
            cart.x += 1
        for _ in range(self.rings):
            self.emit(Rang(times=tick, note=NOTE), to=everyone)
        self.rings = 0


def yard(players: int = 1, **options: Any) -> Table:
    table = Table(Yard(), **options)
    for connection in range(players):
        table.join(connection, "AB"[connection])
    table.step(5)
    return table


def log(table: Table) -> list[str]:
    game = table.match.game
    assert isinstance(game, Yard)
    return game.log


def ring(table: Table, times: int = 1) -> None:
    game = table.match.game
    assert isinstance(game, Yard)
    game.rings = times
    table.step()
