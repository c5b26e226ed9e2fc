"""What a Game class may say, and what it is told otherwise."""

from typing import Any

import pytest
from pydantic import BaseModel

from game_server import Game, who_sees
from game_server.sim.seat import Seat
from protocol.declare import Chat, Command, Entity, Event, Said, can_see, replicated
from protocol.errors import UsageFault
from protocol.ids import SeatId


class Coin(Entity):
    worth: int = replicated(1)


class Flip(Command):
    pass


class Flipped(Event):
    heads: bool


class Options(BaseModel):
    coins: int = 3


class Coins(Game):
    options = Options


def test_a_vocabulary_is_found_in_the_module_of_the_game_chat_last() -> None:
    assert [book.cls for book in Coins.vocabulary.commands] == [Flip, Chat]
    assert [book.cls for book in Coins.vocabulary.events] == [Flipped, Said]
    assert Coins.vocabulary.entities == (Coin,)


def test_a_listed_vocabulary_is_taken_as_it_is() -> None:
    class Bare(Game):
        entities, commands, events = (), (), ()

    assert [book.cls for book in Bare.vocabulary.commands] == [Chat]
    assert Bare.vocabulary.entities == ()


def test_options_are_checked_and_defaulted() -> None:
    assert (Coins().options.coins, Coins(coins=9).options.coins) == (3, 9)
    with pytest.raises(UsageFault, match="coins"):
        Coins(coins="many")

    class Plain(Game):
        entities = ()

    with pytest.raises(UsageFault, match="no options"):
        Plain(coins=1)


@pytest.mark.parametrize(
    ("name", "value"), [("tick_rate_hz", 0), ("tick_rate_hz", 1000), ("tick_rate_hz", 20.0), ("seats_max", 0)]
)
def test_a_rate_or_size_out_of_range_fails_at_definition(name: str, value: float) -> None:
    with pytest.raises(UsageFault, match=name):
        type("Bad", (Game,), {name: value, "__module__": __name__})


def test_an_event_goes_to_everyone_a_seat_or_who_sees_an_entity_and_nothing_else() -> None:
    game, coin = Coins(), Coin()
    for to in (Seat(SeatId(0), "a"), who_sees(coin)):
        game.emit(Flipped(heads=True), to=to)
    game.emit(Flipped(heads=False))
    assert len(game.take_emitted()) == 3 and game.take_emitted() == []
    bad: list[Any] = ["Ada", 3, can_see]
    for to in bad:
        with pytest.raises(UsageFault, match="who_sees"):
            game.emit(Flipped(heads=True), to=to)


def test_importing_a_game_brings_no_sockets() -> None:
    import subprocess
    import sys

    names = ("uvloop", "websockets", "redis", "asyncio")
    code = f"import game_server, sys; print([m for m in {names} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_a_game_that_extends_one_of_another_module_keeps_its_vocabulary() -> None:
    from tests.game_server.other_module import Base

    class Faster(Base):
        tick_rate_hz = 60

    assert [each.__name__ for each in Faster.vocabulary.entities] == ["Elsewhere", "Coin"]


@pytest.mark.parametrize(
    "filters", [("mode", "mode"), ["mode"], ("a b",), ("a", "b", "c", "d"), (1,), ("x" * 33,)], ids=str
)
def test_filters_that_cannot_be_indexed_fail_where_they_are_written(filters: Any) -> None:
    with pytest.raises(UsageFault, match=r"\.filters = "):
        type("Found", (Game,), {"filters": filters, "__module__": __name__})


@pytest.mark.parametrize("wanted", [(0, 2), (3, 2), (2, 9), (2,)], ids=str)
def test_queue_seats_that_a_match_cannot_have_fail_where_they_are_written(wanted: Any) -> None:
    with pytest.raises(UsageFault, match=r"\.queue_seats = "):
        type("Queued", (Game,), {"queue_seats": wanted, "__module__": __name__})


def test_a_ranking_names_each_seat_once_and_leaves_strangers_out() -> None:
    game = Coins()
    ada, bob = Seat(SeatId(0), "Ada", player="ada"), Seat(SeatId(1), "Bob")
    game.rank([[ada], [bob]])
    assert game.take_ranked() == [(("ada",), ())] and not game.take_ranked()
    for bad in ([[ada], [ada]], [["ada"]]):
        with pytest.raises(UsageFault, match="each seat once"):
            game.rank(bad)
