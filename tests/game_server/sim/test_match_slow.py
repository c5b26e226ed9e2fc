"""Who only watches, and who reads slowly or not at all: never harmed, never a burden."""

from game_server.sim.event_queue import EVENTS_BYTES_MAX
from game_server.sim.facts import Blocked, RoundTrip, Unblocked
from protocol.declare import Chat
from protocol.messages import Ack, EventFrame, Keyframe, Role, State, Welcome
from tests.game_server.sim.yard import RATE_HZ, log, ring, yard

# --- spectators


def test_a_spectator_sees_and_hears_what_everyone_does_and_takes_no_seat() -> None:
    table = yard(players=2)
    table.watch(7)
    table.step()
    (welcome,) = table.got(7, Welcome)
    assert (welcome.seat, welcome.role) == (-1, Role.SPECTATOR)
    ring(table)
    assert table.got(7, Keyframe) and table.got(7, State) and table.got(7, EventFrame)
    assert log(table) == ["join A", "join B"] and len(table.match.game.seats) == 2


def test_a_spectator_is_resumed_like_a_player() -> None:
    table = yard()
    table.watch(7)
    table.step()
    table.lose(7)
    table.step(10)
    table.resume(7, 8)
    table.step()
    assert table.got(8, State) and not table.got(8, Keyframe)


def test_a_spectator_who_commands_is_sent_away() -> None:
    table = yard()
    table.watch(7)
    table.step()
    table.command(7, 1, Chat(text="hello"))
    assert table.closed[7][0] == 1008


def test_spectators_have_a_limit_of_their_own() -> None:
    table = yard(spectators_max=1)
    table.watch(7)
    table.watch(8)
    table.step()
    assert 7 not in table.closed and table.closed[8][0] == 1013


def test_a_spectator_who_only_watches_is_never_cut_nor_sent_less() -> None:
    table = yard()
    table.watch(7)
    table.step(60 * RATE_HZ)
    assert not table.cut and not table.closed and table.match.counts.slow_window == 0
    assert len(table.got(7, State)) == 60 * RATE_HZ - 1


# --- slow clients


def test_a_blocked_socket_is_given_nothing_and_then_one_state_that_covers_the_gap() -> None:
    table = yard()
    table.handle(Blocked(0))
    before = len(table.frames)
    ring(table, 3)
    table.step(9)
    assert len(table.frames) == before
    table.handle(Unblocked(0))
    table.step()
    assert table.got(0, State)[-1].base_back == 11 and len(table.got(0, EventFrame)) == 3


def test_who_acknowledges_late_is_sent_less_but_never_nothing() -> None:
    table = yard()
    table.handle(RoundTrip(0, 0))
    table.acknowledging = False
    table.say(0, Ack(table.states[0].tick))
    before = len(table.got(0, State))
    table.step(4 * RATE_HZ)
    sent = len(table.got(0, State)) - before
    # The window of 8 ticks and 100 ms, then four a second.
    assert 8 <= sent <= 11 + 4 * 4 and table.match.counts.slow_paced >= 12
    table.say(0, Ack(table.states[0].tick))
    table.step()
    assert len(table.got(0, State)) - before == sent + 1


def test_a_long_round_trip_widens_the_window() -> None:
    table = yard()
    table.handle(RoundTrip(0, 1_000_000_000))
    table.acknowledging = False
    table.step(RATE_HZ + 8)
    assert table.match.counts.slow_window == 0


def test_a_client_that_takes_no_events_is_cut_before_they_are_forgotten_unsent() -> None:
    table = yard()
    table.handle(Blocked(0))
    ring(table, 2000)
    assert not table.cut
    ring(table, 500)
    assert table.cut[0][0] == 4008


def test_what_is_kept_for_a_slow_client_does_not_grow() -> None:
    table = yard()
    table.handle(Blocked(0))
    for _ in range(20):
        ring(table, 300)
    (occupant,) = table.match.occupants
    assert occupant.events.kept_bytes <= EVENTS_BYTES_MAX and len(occupant.hashes) <= 4


def test_any_number_of_events_in_one_tick_harms_nobody_who_reads() -> None:
    table = yard(players=2)
    ring(table, 2000)
    table.step(20)
    assert not table.cut and not table.closed
    assert [each.sequence for each in table.got(1, EventFrame)] == list(range(1, 2001))


def test_a_server_that_stood_still_holds_nobodys_silence_against_them() -> None:
    table = yard(players=2)
    table.acknowledging = False
    table.step()
    table.now_ns += 8_000_000_000
    table.advance()
    assert not table.cut
    table.acknowledging = True
    table.step(20)
    assert not table.cut and log(table) == ["join A", "join B"]
