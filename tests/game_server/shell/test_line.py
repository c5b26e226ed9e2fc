"""A line: facts between a socket, its session and its match. More of it in `test_match_runner.py`."""

from game_server.session.session import SessionState
from game_server.shell.line import Entrant
from protocol.codec import decode, encode
from protocol.messages import Refusal
from protocol.rows import Direction
from tests.game_server.shell.game_for_tests import HELLO
from tests.game_server.shell.test_match_runner import FakePeer, runner_of, until


async def test_hello_is_told_to_the_match_with_who_sent_it() -> None:
    runner = runner_of()
    peer = FakePeer()
    line = peer.line = runner.open_line("1", peer, Entrant("Ada", player="ada"))
    assert line.session.state is not SessionState.LIVE
    line.frame(encode(HELLO))
    runner.start()
    await until(lambda: line.session.state is SessionState.LIVE)
    runner.halt()
    (occupant,) = runner.hosted["1"].match.occupants
    assert (occupant.seat.name, occupant.seat.player) == ("Ada", "ada")


async def test_a_line_that_is_lost_twice_is_lost_once() -> None:
    runner = runner_of()
    peer = FakePeer()
    line = runner.open_line("1", peer, Entrant("Ada"))
    line.lost(1006)
    line.lost(1006)
    line.frame(encode(HELLO))
    assert not runner.lines and not peer.closes


async def test_a_match_says_farewell_with_an_error() -> None:
    line = runner_of().open_line("1", FakePeer(), Entrant("Ada"))
    farewell = decode(line.farewell(1013, "full", 5000), Direction.TO_CLIENT)
    assert farewell == Refusal(1013, "full", 5000)


async def test_a_line_has_a_deadline_until_hello_and_is_live_once_seated() -> None:
    runner = runner_of()
    peer = FakePeer()
    line = peer.line = runner.open_line("1", peer, Entrant("Ada"))
    assert line.deadline_ns is not None and not line.is_live
    line.frame(encode(HELLO))
    assert line.deadline_ns is None
    runner.start()
    await until(lambda: line.is_live)
    runner.halt()
