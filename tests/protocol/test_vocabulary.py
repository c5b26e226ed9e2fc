"""Values by position become checked objects."""

from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import Field, field_validator

from protocol.declare import Chat, Command, Edge, Entity, Event, Input, Said
from protocol.errors import PeerFault, UsageFault
from protocol.vocabulary import Vocabulary


class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


class Steer(Input):
    dx: Annotated[int, Field(ge=-1, le=1)] = 0
    fast: bool = False
    mood: Mood = Mood.CALM
    jump: Edge = 0


class Buy(Command):
    price: float


VOCABULARY = Vocabulary(input=Steer, commands=(Buy, Chat), events=(Said,))


def test_an_input_survives_the_way_there_and_back() -> None:
    steer = Steer(dx=-1, fast=True, mood=Mood.WILD, jump=127)
    assert VOCABULARY.input is not None
    values = VOCABULARY.input.values(steer)
    assert values == [-1, True, "wild", 127]
    assert VOCABULARY.parse_input(values) == steer


@pytest.mark.parametrize(
    "values",
    [[2, False, "calm", 0], [0.5, False, "calm", 0], ["1", False, "calm", 0], [0, 1, "calm", 0],
     [0, False, "sad", 0], [0, False, "calm", 128], [0, False, "calm"], [0, False, "calm", 0, 0]],
)  # fmt: skip
def test_a_value_out_of_type_or_range_is_the_peers_fault_and_named(values: list[Any]) -> None:
    with pytest.raises(PeerFault, match="Steer"):
        VOCABULARY.parse_input(values)


class Secret(Command):
    mood: Mood = Mood.CALM
    text: Annotated[str, Field(pattern="^a*$", max_length=4000)] = ""
    whole: int = 0
    flag: bool = False
    odd: str = ""

    @field_validator("odd")
    @classmethod
    def check_odd(cls, value: str) -> str:
        """Raise what a game's own check may raise."""
        if value:
            raise ValueError(f"{value} is not odd")
        return value


@pytest.mark.parametrize("field", ["mood", "text", "whole", "flag", "odd"])
def test_a_refusal_names_the_field_and_never_repeats_the_value(field: str) -> None:
    vocabulary = Vocabulary(commands=(Secret,))
    secret = "hunter2" if field == "odd" else 500 * "hunter2"
    values = [secret if name == field else value for name, value in Secret().model_dump().items()]
    with pytest.raises(PeerFault, match=rf"^Secret\.{field}: ") as caught:
        vocabulary.parse_command(0, ["calm" if isinstance(each, Mood) else each for each in values])
    assert "hunter2" not in caught.value.reason and len(caught.value.reason) < 100
    assert caught.value.cause == "range"


def test_a_command_is_known_by_its_place() -> None:
    assert VOCABULARY.parse_command(1, ["hi"]) == Chat(text="hi")
    with pytest.raises(PeerFault, match="unknown"):
        VOCABULARY.parse_command(2, [])
    with pytest.raises(PeerFault, match="Buy"):
        VOCABULARY.parse_command(0, [float("inf")])
    assert VOCABULARY.command_values(Buy(price=1.5)) == (0, [1.5])


def test_an_undeclared_event_is_the_games_bug() -> None:
    class Boom(Event):
        size: int

    assert VOCABULARY.event_values(Said(seat=0, name="a", text="b")) == (0, [0, "a", "b"])
    with pytest.raises(UsageFault, match="add it to `events`"):
        VOCABULARY.event_values(Boom(size=1))


def test_a_field_of_another_type_fails_at_definition() -> None:
    class Odd(Command):
        many: list[int]

    with pytest.raises(UsageFault, match=r"Odd\.many"):
        Vocabulary(commands=(Odd,))


def test_a_game_without_input_refuses_input_frames() -> None:
    with pytest.raises(PeerFault, match="no per-tick input"):
        Vocabulary().parse_input([])


def test_what_a_client_could_not_be_told_fails_at_definition() -> None:
    class Pair(Enum):
        ONE = (1, 2)

    class Odd(Command):
        pair: Pair

    names = [f"f{n}" for n in range(65)]
    wide = type("Wide", (Input,), {"__annotations__": dict.fromkeys(names, int)} | dict.fromkeys(names, 0))
    first, second = type("Twin", (Entity,), {}), type("Twin", (Entity,), {})
    with pytest.raises(UsageFault, match="ints or strs"):
        Vocabulary(commands=(Odd,))
    with pytest.raises(UsageFault, match="split it"):
        Vocabulary(input=wide)
    with pytest.raises(UsageFault, match="rename one"):
        Vocabulary(entities=(first, second))
