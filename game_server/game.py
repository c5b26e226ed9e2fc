"""Game: what a developer extends. Every hook runs inside a tick; see the README for the smallest whole game.

To test a game: `game_server.testing.LocalMatch` runs it without sockets or waiting.
"""

import sys
from random import Random
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from game_server.sim.hooks import Emitted
from game_server.sim.seat import Seat
from game_server.sim.world import World
from protocol.codec import pack
from protocol.declare import Audience, Chat, Command, Entity, Event, Input, Record, Said, everyone
from protocol.errors import UsageFault
from protocol.vocabulary import Vocabulary

C = TypeVar("C", bound=type)
FILTERS_MAX = 3
"""Keys by which matches are found: the directory keeps an index for each set of them."""


def who_sees(entity: Entity) -> Entity:
    """Address an event to the seats that see `entity`: `self.emit(Hit(), to=who_sees(ship))`."""
    return entity


class Game:
    """A game: its rate, its seats, its vocabulary and its rules.

    `entities`, `commands` and `events` are found in the module that defines the game (imported ones too) unless they
    are listed. `options` is a pydantic model whose fields all have defaults; `self.options` is one of it.
    `filters` are the keys, at most three, by which players look for a match in the lobby; `self.attributes` holds what
    this match was created with. `queue_seats` is how few and how many the skill queue puts together (least, most);
    unset, it waits for `seats_max` and makes do with two.
    """

    tick_rate_hz: int = 20
    seats_max: int = 8
    input: ClassVar[type[Input] | None] = None
    options: Any = None
    filters: ClassVar[tuple[str, ...]] = ()
    queue_seats: ClassVar[tuple[int, int] | None] = None
    entities: ClassVar[tuple[type[Entity], ...]]
    commands: ClassVar[tuple[type[Command], ...]]
    events: ClassVar[tuple[type[Event], ...]]
    vocabulary: Vocabulary

    world: World
    rng: Random
    seats: list[Seat]
    tick: int
    dt_s: float
    attributes: dict[str, str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, most in (("tick_rate_hz", 240), ("seats_max", 1000)):
            value = getattr(cls, name)
            if type(value) is not int or not 1 <= value <= most:
                raise UsageFault(f"{cls.__name__}.{name} = {value!r}: give a whole number from 1 to {most}")
        _check_lobby(cls)
        modules = [each.__module__ for each in reversed(cls.__mro__) if issubclass(each, Game) and each is not Game]
        scope = {key: value for module in modules for key, value in vars(sys.modules[module]).items()}
        entities = _listed_or_found(cls, "entities", Entity, scope)
        commands = _listed_or_found(cls, "commands", Command, scope)
        events = _listed_or_found(cls, "events", Event, scope)
        commands = [*(each for each in commands if each is not Chat), Chat]
        events = [*(each for each in events if each is not Said), Said]
        cls.vocabulary = Vocabulary(entities, cls.input, commands, events)

    def __init__(self, **options: Any) -> None:
        model = type(self).options
        if isinstance(model, type) and issubclass(model, BaseModel):
            try:
                self.options = model(**options)
            except ValidationError as error:
                raise UsageFault(f"options of {type(self).__name__}: {_in_words(error)}") from None
        elif options:
            raise UsageFault(f"{type(self).__name__} has no options, {', '.join(options)} was given")
        self.ended = False
        self.attributes = {}
        self._emitted: list[Emitted] = []
        self._ranked: list[tuple[tuple[str, ...], ...]] = []

    def emit(self, event: Event, to: Seat | Audience | Entity = everyone) -> None:
        """Send a reliable fact to everyone, to one seat, or to `who_sees(entity)`."""
        if to not in (everyone,) and not isinstance(to, Seat | Entity):
            raise UsageFault(f"emit(..., to={to!r}): give everyone, a seat, or who_sees(entity)")
        kind, values = self.vocabulary.event_values(event)
        try:
            pack(values)
        except (OverflowError, ValueError) as error:
            raise UsageFault(f"{event!r} cannot be carried: {error}") from error
        self._emitted.append((kind, values, to))

    def end(self) -> None:
        """Finish the match after this tick; clients are closed with 1000."""
        self.ended = True

    def rank(self, teams: list[list[Seat]]) -> None:
        """Tell who won, the best team first; `[[seat] for seat in order]` without teams. Ratings follow from it.

        Once per match. Seats of players who proved nothing are left out; those who left count where they are named.
        """
        seen = [seat for team in teams for seat in team]
        if len(set(map(id, seen))) != len(seen) or not all(isinstance(seat, Seat) for seat in seen):
            raise UsageFault(f"rank({teams!r}): give lists of seats, each seat once")
        self._ranked.append(tuple(tuple(seat.player for seat in team if seat.player) for team in teams))

    def take_ranked(self) -> list[tuple[tuple[str, ...], ...]]:
        """Return the rankings told since the last call: each team's proven players, the best team first."""
        ranked, self._ranked = self._ranked, []
        return ranked

    def take_emitted(self) -> list[Emitted]:
        """Return the events emitted since the last call: kind, values, and whom they reach."""
        emitted, self._emitted = self._emitted, []
        return emitted

    def asked_command(self, seat: Seat, command: Record) -> None:
        """Pass a command to `on_chat` or `on_command`."""
        if isinstance(command, Chat):
            self.on_chat(seat, command.text)
        else:
            self.on_command(seat, command)

    def on_start(self) -> None:
        """The match begins: spawn what is there before anyone joins."""

    def on_join(self, seat: Seat) -> None:
        """A player sat down."""

    def on_input(self, seat: Seat, input: Any) -> None:
        """One tick of one seat's control; called every tick for every seat."""

    def on_command(self, seat: Seat, command: Any) -> None:
        """A player's reliable act, once, in the order in which the player sent them."""

    def on_chat(self, seat: Seat, text: str) -> None:
        """A line of chat; by default everyone is told."""
        self.emit(Said(seat=seat.id, name=seat.name, text=text))

    def on_tick(self, tick: int) -> None:
        """One step of the rules, after all inputs of the tick."""

    def on_disconnect(self, seat: Seat) -> None:
        """A player's connection was lost or answers nothing; the seat is kept, and its input soon becomes neutral."""

    def on_reconnect(self, seat: Seat) -> None:
        """A player who was lost came back to the seat."""

    def on_leave(self, seat: Seat) -> None:
        """A player left, or was away for the grace time. What the seat still owns after this is despawned."""

    def on_stop(self) -> None:
        """The match ends in order."""

    def can_see(self, seat: Seat, entity: Entity) -> bool:
        """Tell whether `seat` sees `entity`, whose audience is `can_see`; asked every tick."""
        return True


def _check_lobby(cls: type[Game]) -> None:
    keys = cls.filters
    if not isinstance(keys, tuple) or not all(isinstance(each, str) and each.isidentifier() for each in keys):
        raise UsageFault(f'{cls.__name__}.filters = {keys!r}: give a tuple of words, ("mode", "region")')
    if len(keys) > FILTERS_MAX or len({*keys}) != len(keys) or any(len(each) > 32 for each in keys):
        raise UsageFault(f"{cls.__name__}.filters = {keys!r}: give at most {FILTERS_MAX} different words of 32 letters")
    wanted = cls.queue_seats
    if wanted is not None and not (len(wanted) == 2 and 1 <= wanted[0] <= wanted[1] <= cls.seats_max):
        raise UsageFault(f"{cls.__name__}.queue_seats = {wanted!r}: give (least, most), both from 1 to seats_max")


def _listed_or_found(cls: type[Game], name: str, base: type, scope: dict[str, Any]) -> list[Any]:
    listed = getattr(cls, name, None)
    if listed is not None:
        return list(listed)
    found = [
        value
        for value in scope.values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ != "protocol.declare"
    ]
    return list(dict.fromkeys(found))


def _in_words(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, each['loc'])) or 'all'}: {each['msg']}" for each in error.errors(include_url=False)
    )
