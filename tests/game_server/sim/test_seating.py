"""Who comes and goes, without a tick: the rest is shown with whole matches in test_match_resume.py."""

from game_server.replication.audience import Audiences
from game_server.sim.clock import MatchClock
from game_server.sim.facts import Close, Effect, Greet, Join, Seated, Told
from game_server.sim.roster import Roster
from game_server.sim.seating import Leaving, Seating
from game_server.sim.statistics import MatchStatistics
from game_server.sim.world import World
from protocol.messages import Hello
from tests.game_server.sim.yard import RATE_HZ, Yard

HELLO = Hello(0, 0, -1, -1, 0, 0)


class Room:
    def __init__(self, grace_ticks: int = 10) -> None:
        self.game = Yard()
        self.game.seats = []
        self.effects: list[Effect] = []
        self.roster = Roster(2, 1, epoch=3)
        self.game.world = world = World(Yard.vocabulary, RATE_HZ)
        self.seating = Seating(
            self.game, self.roster, world, Audiences(RATE_HZ), MatchClock(0, 0, RATE_HZ), MatchStatistics(),
            self.effects.append,
        )  # fmt: skip
        self.seating.grace_ticks = grace_ticks


def test_who_is_let_in_gets_a_seat_a_greeting_and_the_games_attention() -> None:
    room = Room()
    room.seating.let_in(Join(7, "Ada", HELLO))
    assert [type(each) for each in room.effects] == [Seated, Greet, Told]
    assert room.game.log == ["join Ada"] and [seat.name for seat in room.game.seats] == ["Ada"]


def test_a_lost_place_is_kept_and_one_that_is_left_waits_only_for_its_turn() -> None:
    room = Room()
    room.seating.let_in(Join(7, "Ada", HELLO))
    room.seating.let_in(Join(8, "Bo", HELLO))
    assert room.seating.lose(7, 1006) is None and room.seating.lose(99, 1006) is None
    leaving = room.seating.lose(8, 1000)
    assert isinstance(leaving, Leaving) and leaving.why == "left"
    room.seating.let_go(leaving)
    assert [each.seat.name for each in room.roster] == ["Ada"] and room.game.log[-1] == "leave Bo"


def test_without_a_grace_time_every_lost_place_goes() -> None:
    room = Room(grace_ticks=0)
    room.seating.let_in(Join(7, "Ada", HELLO))
    leaving = room.seating.lose(7, 1006)
    assert leaving is not None and leaving.why == "closed"


def test_a_full_room_says_so() -> None:
    room = Room()
    for connection in range(3):
        room.seating.let_in(Join(connection, "Ada", HELLO))
    assert isinstance(room.effects[-1], Close) and room.effects[-1].code == 1013
