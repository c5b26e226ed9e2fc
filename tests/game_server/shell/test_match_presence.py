"""Who is in a match is told once, and once more when gone."""

from typing import Any, cast

from game_server.cluster.records import Presence
from game_server.shell.line import Entrant
from game_server.shell.match_presence import MatchPresence
from game_server.shell.match_runner import MatchRunner
from game_server.shell.redis_presence import Presences
from game_server.sim.match import Match
from protocol.codec import encode
from protocol.lobby_messages import Where
from tests.game_server.shell.game_for_tests import HELLO, Dots
from tests.game_server.shell.test_match_runner import FakePeer


class Book:
    """What presence is told."""

    def __init__(self) -> None:
        self.here_told: list[Presence] = []
        self.gone_told: list[tuple[str, str]] = []
        self.on_replaced: Any = None

    def here(self, presence: Presence) -> None:
        self.here_told.append(presence)

    def gone(self, player: str, session: str) -> None:
        self.gone_told.append((player, session))


def there() -> tuple[MatchRunner, Book, MatchPresence]:
    runner, book = MatchRunner([Match(Dots(), "m")]), Book()
    return runner, book, MatchPresence(runner, cast(Presences, book), "n0", 7)


def enter(runner: MatchRunner, name: str, player: str = "", *, spectator: bool = False) -> FakePeer:
    peer = FakePeer()
    peer.line = runner.open_line("m", peer, Entrant(name, player, spectator))
    peer.line.frame(encode(HELLO))
    hosted = runner.hosted["m"]
    hosted.match.advance(hosted.match.deadline_ns or 0)
    runner._carry_out(hosted, hosted.match.effects())
    return peer


def test_proven_players_and_watchers_are_told_once_and_strangers_never() -> None:
    runner, book, presence = there()
    enter(runner, "Ada", "ada")
    enter(runner, "Wes", "wes", spectator=True)
    enter(runner, "Nobody")
    presence.look()
    presence.look()
    assert [(each.player, each.name, each.where, each.match, each.node, each.boot) for each in book.here_told] == [
        ("ada", "Ada", Where.MATCH, "m", "n0", 7), ("wes", "Wes", Where.SPECTATING, "m", "n0", 7)
    ]  # fmt: skip
    assert not book.gone_told


def test_who_left_is_gone_and_whose_seat_is_kept_is_not() -> None:
    runner, book, presence = there()
    left, away = enter(runner, "Ada", "ada"), enter(runner, "Bob", "bob")
    presence.look()
    assert left.line is not None and away.line is not None
    away.line.lost(1006)
    left.line.lost(1000)
    hosted = runner.hosted["m"]
    hosted.match.advance(hosted.match.deadline_ns or 0)
    presence.look()
    assert [player for player, _ in book.gone_told] == ["ada"]


def test_everybody_of_a_removed_match_is_gone() -> None:
    runner, book, presence = there()
    enter(runner, "Ada", "ada")
    presence.look()
    runner.remove("m")
    presence.look()
    assert [player for player, _ in book.gone_told] == ["ada"]


def test_everybody_of_a_standing_match_that_has_ended_is_gone() -> None:
    runner, book, presence = there()
    enter(runner, "Ada", "ada")
    presence.look()
    runner.hosted["m"].match.end(1000, "the match is over")
    presence.look()
    assert [player for player, _ in book.gone_told] == ["ada"]


def test_a_session_that_gives_way_is_closed_with_4001() -> None:
    runner, book, presence = there()
    ada, bob = enter(runner, "Ada", "ada"), enter(runner, "Bob", "bob")
    presence.look()
    presence.replaced(book.here_told[0].session)
    assert [code for code, _ in ada.closes] == [4001] and not bob.closes
