"""A game that keeps books about the wire: every command numbered by its client, every one answered by an event.

A command that is lost, doubled or out of order shows on the account, which everybody sees; an event that is, at the
client. Something moves every tick, so that every resume has a gap to cover. An input leans, so that there are inputs to
be late.
To test: `tests/bench/test_ledger.py`.
"""

from typing import Annotated

from pydantic import Field

from game_server import Command, Entity, Event, Game, Input, Seat, replicated

COUNT_MAX = 2**31 - 1


class Lean(Input):
    """Which way the payer leans; nothing comes of it."""

    way: Annotated[int, Field(ge=-1, le=1)] = 0


class Pay(Command):
    """The client's next payment: numbers go 1, 2, 3, ..."""

    number: Annotated[int, Field(ge=1, le=COUNT_MAX)]


class Paid(Event):
    """A payment was booked: which one, and how many there are."""

    number: int
    booked: int


class Account(Entity):
    """One seat's books."""

    booked: int = replicated(0, min=0, max=COUNT_MAX)
    last: int = replicated(0, min=0, max=COUNT_MAX)
    irregular: int = replicated(0, min=0, max=COUNT_MAX)


class Pendulum(Entity):
    """Moves every tick."""

    x: float = replicated(0.0, step=0.01)


class Ledger(Game):
    """Books payments."""

    tick_rate_hz, seats_max = 30, 64
    entities, commands, events, input = (Account, Pendulum), (Pay,), (Paid,), Lean

    def on_start(self) -> None:
        """Hang up the pendulums."""
        for _ in range(10):
            self.world.spawn(Pendulum())

    def on_join(self, seat: Seat) -> None:
        """Open an account."""
        self.world.spawn(Account(), owner=seat)

    def on_command(self, seat: Seat, command: Pay) -> None:
        """Book a payment, and take note if it is not the next one."""
        account = self.world.owned(seat, Account)
        account.irregular += command.number != account.last + 1
        account.booked += 1
        account.last = command.number
        self.emit(Paid(number=command.number, booked=account.booked), to=seat)

    def on_tick(self, tick: int) -> None:
        """Swing."""
        for pendulum in self.world.all(Pendulum):
            pendulum.x = (tick % 100) * 0.25
