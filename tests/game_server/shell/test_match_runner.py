"""The runner: ticks on time, facts carried, a failing match kept to itself."""

import asyncio
import gc
from typing import Any

import pytest

from game_server.shell.garbage import IdleCollector
from game_server.shell.line import Entrant, Line, clock_ns
from game_server.shell.match_runner import MatchRunner
from game_server.sim import facts
from game_server.sim.match import Match
from protocol.codec import decode, encode
from protocol.messages import Ack, Keyframe, Message, State, Welcome
from protocol.rows import Direction
from tests.game_server.shell.game_for_tests import EXPLODE, HELLO, Dots

PERIOD_NS = 20_000_000


class FakePeer:
    """A socket that writes into a list, and blocks when told to."""

    def __init__(self) -> None:
        self.queued: list[bytes] = []
        self.written: list[list[bytes]] = []
        self.closes: list[tuple[int, str]] = []
        self.line: Line | None = None
        self.blocks_next = False
        self.raises = False
        self.aborted: tuple[int, str] | None = None

    def send(self, frame: bytes) -> None:
        self.queued.append(frame)

    def flush(self) -> None:
        if self.raises:
            raise OSError("this socket is broken")
        self.written.append(self.queued)
        self.queued = []
        if self.blocks_next and self.line is not None:
            self.blocks_next = False
            self.line.blocked(True)

    def close(self, code: int, sentence: str) -> None:
        if self.raises:
            raise OSError("this socket is broken")
        self.closes.append((code, sentence))

    def abort(self, code: int, cause: str, sentence: str = "") -> None:
        self.aborted = (code, cause)

    def messages(self) -> list[Message]:
        return [decode(frame, Direction.TO_CLIENT) for frames in self.written for frame in frames]


def runner_of(count: int = 1) -> MatchRunner:
    now = clock_ns()
    return MatchRunner([Match(Dots(), str(n + 1), seed=n, start_ns=now + n * PERIOD_NS // count) for n in range(count)])


def seated(runner: MatchRunner, match_id: str = "1") -> FakePeer:
    peer = FakePeer()
    peer.line = runner.open_line(match_id, peer, Entrant("Ada"))
    peer.line.frame(encode(HELLO))
    return peer


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_hello_becomes_a_seat_and_a_stream_of_states() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.start()
    await until(lambda: sum(isinstance(each, State) for each in peer.messages()) >= 3)
    runner.halt()
    kinds = [type(each) for each in peer.messages()]
    assert kinds[:2] == [Welcome, Keyframe]
    assert peer.line is not None and peer.line.session.seat == 0


async def test_what_one_tick_sends_a_connection_is_written_at_once() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.start()
    await until(lambda: len(peer.written) >= 3)
    runner.halt()
    assert len(peer.written[0]) == 2
    assert all(len(frames) == 1 for frames in peer.written[1:])


async def test_ticks_come_at_their_deadlines_and_are_measured() -> None:
    runner = runner_of(4)
    runner.start()
    begun = clock_ns()
    await asyncio.sleep(0.5)
    spent_ns = clock_ns() - begun
    runner.halt()
    for hosted in runner.hosted.values():
        assert abs(hosted.match.tick - spent_ns / PERIOD_NS) <= 3
        assert hosted.lateness_ns.percentile(50) < 3_000_000
        assert 0 < hosted.tick_ns.percentile(50) < PERIOD_NS


async def test_a_socket_that_blocks_while_it_is_written_is_skipped_until_it_does_not() -> None:
    runner = runner_of()
    peer = seated(runner)
    assert peer.line is not None
    runner.start()
    await until(lambda: len(peer.written) >= 3)
    peer.blocks_next = True
    await until(lambda: not peer.blocks_next)
    stuck = len(peer.written)
    await asyncio.sleep(0.1)
    assert len(peer.written) == stuck
    peer.line.blocked(False)
    await until(lambda: len(peer.written) > stuck)
    runner.halt()
    (first,) = [decode(frame, Direction.TO_CLIENT) for frame in peer.written[stuck]]
    assert isinstance(first, State) and first.base_back >= 4


async def test_a_game_that_raises_closes_its_own_clients_with_4010_and_no_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runner = runner_of(2)
    victim, neighbour = seated(runner, "1"), seated(runner, "2")
    runner.start()
    await until(lambda: len(victim.written) > 2 and len(neighbour.written) > 2)
    assert victim.line is not None
    victim.line.frame(encode(EXPLODE))
    await until(lambda: victim.closes)
    ticks = runner.hosted["2"].match.tick
    await until(lambda: runner.hosted["2"].match.tick > ticks + 3)
    runner.halt()
    assert victim.closes[0][0] == 4010
    assert not neighbour.closes
    assert list(runner.lines) == [neighbour.line.number] if neighbour.line else False
    assert "RuntimeError: boom" in capsys.readouterr().out


async def test_a_machine_of_ours_that_raises_ends_its_match_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = runner_of(2)
    victim, neighbour = seated(runner, "1"), seated(runner, "2")

    def broken(now_ns: int) -> None:
        raise AssertionError("a bug of ours")

    monkeypatch.setattr(runner.hosted["1"].match, "advance", broken)
    runner.start()
    await until(lambda: victim.closes and len(neighbour.written) > 3)
    runner.halt()
    assert victim.closes[0][0] == 1011
    assert not neighbour.closes


class BrokenLog:
    """A log whose every line raises."""

    def _raise(self, event: str, **fields: Any) -> None:
        raise BrokenPipeError(event)

    info = warning = error = _raise


async def test_a_log_that_raises_ends_no_match(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = runner_of(3)
    monkeypatch.setattr(runner, "_log", BrokenLog())
    peers = [seated(runner, match_id) for match_id in "123"]
    runner.start()
    await until(lambda: all(len(peer.written) > 2 for peer in peers))

    def broken(now_ns: int) -> None:
        raise AssertionError("a bug of ours")

    monkeypatch.setattr(runner.hosted["1"].match, "advance", broken)
    assert peers[1].line is not None
    peers[1].line.frame(encode(EXPLODE))
    await until(lambda: peers[0].closes and peers[1].closes)
    ticks = runner.hosted["3"].match.tick
    await until(lambda: runner.hosted["3"].match.tick > ticks + 3)
    runner.halt()
    assert [peer.closes and peer.closes[0][0] for peer in peers] == [1011, 4010, []]
    assert [hosted.match.ended for hosted in runner.hosted.values()] == [True, True, False]


async def test_a_socket_that_raises_is_cut_and_the_others_of_its_match_are_written() -> None:
    runner = runner_of()
    broken, good = seated(runner), seated(runner)
    runner.start()
    await until(lambda: len(broken.written) > 2)
    broken.raises = True
    await until(lambda: broken.aborted)
    written = len(good.written)
    await until(lambda: len(good.written) > written + 3)
    runner.halt()
    assert list(runner.lines.values()) == [good.line]
    assert [each.reachable for each in runner.hosted["1"].match.occupants] == [False, True]


async def test_a_socket_that_raises_when_it_is_closed_does_not_keep_the_others_open() -> None:
    runner = runner_of()
    broken, good = seated(runner), seated(runner)
    runner.start()
    await until(lambda: len(good.written) > 2)
    broken.raises = True
    runner.stop(1012, "restart")
    runner.halt()
    assert broken.aborted and good.closes == [(1012, "restart")]
    assert not runner.lines


async def test_a_match_that_is_too_broken_to_end_stops_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = runner_of(2)
    victim, neighbour = seated(runner, "1"), seated(runner, "2")

    def broken(*_: Any) -> None:
        raise AssertionError("a bug of ours")

    for door in ("advance", "end", "effects"):
        monkeypatch.setattr(runner.hosted["1"].match, door, broken)
    runner.start()
    await until(lambda: victim.closes and len(neighbour.written) > 3)
    runner.halt()
    assert victim.closes[0][0] == 1011
    assert not neighbour.closes


async def test_the_scheduler_wakes_again_whatever_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = runner_of(2)
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)

    def broken() -> None:
        raise AssertionError("a bug of ours")

    monkeypatch.setattr(runner, "_collect_garbage", broken)
    runner.start()
    await until(lambda: all(hosted.match.tick > 3 for hosted in runner.hosted.values()))
    runner.halt()


async def test_when_every_match_has_ended_no_timer_is_left_and_garbage_is_pythons_own_affair() -> None:
    now, collector = clock_ns(), IdleCollector()
    runner = MatchRunner([Match(Dots(), each, start_ns=now) for each in "12"], collector=collector)
    runner.start()
    collector.start()
    try:
        await until(lambda: runner.hosted["1"].match.tick > 2)
        runner.tell_match(runner.hosted["1"], facts.Stop(1000, "over"))
        ticks = runner.hosted["2"].match.tick
        await until(lambda: runner.hosted["2"].match.tick > ticks + 2)
        assert runner._timer is not None and not gc.isenabled()
        runner.tell_match(runner.hosted["2"], facts.Stop(1000, "over"))
        assert runner._timer is None and gc.isenabled()
        await asyncio.sleep(0.05)
        assert runner._timer is None
    finally:
        collector.stop()
        runner.halt()


async def test_a_lost_line_leaves_its_seat() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.start()
    await until(lambda: len(peer.written) > 2)
    assert peer.line is not None
    peer.line.lost(1000)
    peer.line.lost(1000)
    await until(lambda: not runner.hosted["1"].match.occupants)
    runner.halt()
    assert not runner.lines and not runner.hosted["1"].lines


async def test_a_session_that_refuses_closes_the_socket_and_tells_the_match() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.start()
    await until(lambda: len(peer.written) > 2)
    assert peer.line is not None
    peer.line.text(b"hello")
    await until(lambda: not runner.hosted["1"].match.occupants)
    runner.halt()
    assert [code for code, _ in peer.closes] == [1003]


async def test_stop_closes_everyone_and_ends_every_match() -> None:
    runner = runner_of(2)
    peers = [seated(runner, "1"), seated(runner, "2")]
    runner.start()
    await until(lambda: all(len(peer.written) > 2 for peer in peers))
    runner.stop(1012, "restart")
    runner.halt()
    assert [peer.closes for peer in peers] == [[(1012, "restart")]] * 2
    assert all(hosted.match.ended for hosted in runner.hosted.values())
    assert not runner.lines


async def test_a_greeting_carries_the_token_that_was_signed_for_its_claim() -> None:
    signed: list[tuple[str, facts.Claim, Entrant]] = []

    def sign(match_id: str, claim: facts.Claim, entrant: Entrant) -> str:
        signed.append((match_id, claim, entrant))
        return f"token-{claim.n}"

    runner = MatchRunner([Match(Dots(), "1", epoch=7, start_ns=clock_ns())], sign=sign)
    peer = FakePeer()
    runner.open_line("1", peer, Entrant("Ada", "ada-1")).frame(encode(HELLO))
    runner.start()
    await until(lambda: any(isinstance(each, Welcome) for each in peer.messages()))
    runner.halt()
    (welcome,) = (each for each in peer.messages() if isinstance(each, Welcome))
    assert welcome.resume_token == "token-1"
    assert signed == [("1", facts.Claim(0, "ada-1", 7, 1), Entrant("Ada", "ada-1"))]


async def test_a_claim_brings_a_connection_back_to_its_seat_without_waiting_for_a_tick() -> None:
    runner = runner_of()
    first = seated(runner)
    runner.start()
    await until(lambda: any(isinstance(each, State) for each in first.messages()))
    runner.halt()
    assert first.line is not None
    first.line.lost(1006)
    again = FakePeer()
    again.line = runner.open_line("1", again, Entrant("Ada", attempt=2, claim=facts.Claim(0, "", 1, 1)))
    again.line.frame(encode(HELLO))
    runner.flush()
    assert [type(each) for each in again.messages()] == [Welcome, Keyframe]


async def test_a_silent_client_is_aborted_and_its_seat_is_kept() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.start()
    await until(lambda: any(isinstance(each, Keyframe) for each in peer.messages()))
    hosted = runner.hosted["1"]
    (occupant,) = hosted.match.occupants
    occupant.silent_since_ns = clock_ns() - 6_000_000_000
    await until(lambda: peer.aborted is not None)
    runner.halt()
    assert peer.aborted == (4008, "silent") and not runner.lines
    assert hosted.match.occupants == [occupant] and occupant.away_ticks is not None


class Counted:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.ticks: list[tuple[int, int]] = []
        self.round_trips: list[float] = []
        self.violations: list[str] = []

    def tick(self, duration_ns: int, lateness_ns: int) -> None:
        self.ticks.append((duration_ns, lateness_ns))

    def round_trip(self, seconds: float) -> None:
        self.round_trips.append(seconds)

    def violation(self, cause: str) -> None:
        self.violations.append(cause)


async def test_an_observer_is_told_of_ticks_round_trips_and_violations() -> None:
    counted = Counted()
    runner = MatchRunner([Match(Dots(), "1", start_ns=clock_ns())], observer=counted)
    peer = seated(runner)
    runner.start()
    await until(lambda: any(isinstance(each, State) for each in peer.messages()))
    runner.halt()
    assert peer.line is not None
    peer.line.round_trip(50_000_000)
    peer.line.frame(b"\xc1")
    assert all(duration > 0 for duration, _ in counted.ticks) and len(counted.ticks) >= 2
    assert (counted.round_trips, counted.violations) == ([0.05], ["malformed"])


async def test_who_sends_too_much_is_closed_and_loses_the_seat() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.start()
    await until(lambda: any(isinstance(each, State) for each in peer.messages()))
    assert peer.line is not None
    for _ in range(1000):
        peer.line.frame(encode(Ack(0)))
    await until(lambda: not runner.hosted["1"].match.occupants)
    runner.halt()
    assert [code for code, _ in peer.closes] == [1008]


async def test_what_came_while_the_process_stood_still_is_no_flood() -> None:
    runner = runner_of()
    peer = seated(runner)
    runner.start()
    await until(lambda: any(isinstance(each, State) for each in peer.messages()))
    assert peer.line is not None
    runner.awake_ns -= 8_000_000_000
    for _ in range(1000):
        peer.line.frame(encode(Ack(0)))
    assert peer.closes == [] and runner.awake_ns > clock_ns() - 1_000_000_000
    runner.halt()
