"""Cuts and resumes: what a client missed comes back, and a wrong claim changes nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from game_server.sim.event_queue import EventQueue
from game_server.sim.facts import Claim, Gone
from game_server.sim.seat import Seat
from protocol.close_codes import SEAT_GONE
from protocol.declare import Edge, Input
from protocol.messages import (
    Ack,
    CommandAck,
    EventAck,
    EventFrame,
    Hello,
    Keyframe,
    KeyframeReason,
    State,
    Welcome,
)  # fmt: skip
from tests.game_server.sim.peers import HELLO, Table
from tests.game_server.sim.yard import RATE_HZ, Bell, Cart, Rang, Yard, log, ring, yard


def last_refusal(table: Table) -> dict[str, int]:
    return table.match.counts.resumes_refused


# --- coming back


def test_a_client_that_was_cut_gets_one_delta_from_what_it_held() -> None:
    table = yard()
    table.lose(0)
    table.step(20)
    table.resume(0, 1)
    assert table.got(1, Welcome)[0].seat == 0
    (state,) = table.got(1, State)
    assert state.base_back == 20 and not table.got(1, Keyframe)
    assert table.states[1].entities[0].wire == [25]
    table.step()
    assert table.got(1, State)[1].base_back == 1
    assert table.match.counts.resumes_by_delta == 1 and table.match.counts.states_merged == 1


def test_the_answer_to_a_resume_does_not_wait_for_a_tick() -> None:
    table = yard()
    table.lose(0)
    table.resume(0, 1)
    assert [type(each) for each in table.inbox[1]] == [Welcome]
    table.lose(1)
    table.step(2)
    table.resume(1, 2)
    # Had nothing happened since, there would be no state to send yet.
    assert [type(each) for each in table.inbox[2]] == [Welcome, State]


def test_a_base_older_than_the_history_gets_a_keyframe_that_says_so() -> None:
    table = yard()
    table.lose(0)
    table.step(10 * RATE_HZ + 1)
    table.resume(0, 1)
    table.step()
    assert [each.reason for each in table.got(1, Keyframe)] == [KeyframeReason.TOO_OLD]
    assert table.match.counts.resumes_by_keyframe == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"last_tick": -1}, KeyframeReason.JOINED),
        ({"epoch": 77}, KeyframeReason.FORKED),
        ({"last_tick": 4000}, KeyframeReason.UNKNOWN_BASE),
        ({"hash_tick": 0, "hash": 1}, KeyframeReason.DESYNC),
    ],
)
def test_a_base_that_cannot_be_gets_a_keyframe_with_its_reason(changes: dict[str, int], reason: KeyframeReason) -> None:
    table = yard()
    table.lose(0)
    table.resume(0, 1, **changes)
    table.step()
    assert [each.reason for each in table.got(1, Keyframe)] == [reason]


def test_a_hash_that_agrees_is_no_reason_for_a_keyframe() -> None:
    table = yard()
    table.lose(0)
    (first,) = table.got(0, Keyframe)
    table.resume(0, 1, hash_tick=first.tick, hash=first.hash)
    table.step()
    assert not table.got(1, Keyframe)


def test_a_new_socket_replaces_the_old_one_which_may_not_return() -> None:
    table = yard()
    table.resume(0, 1)
    assert table.closed[0][0] == 4001
    table.handle(Gone(0, 4001))
    table.step(2)
    assert table.got(1, State) and log(table) == ["join A"]


def test_a_quiet_match_answers_a_resume_with_a_state_in_the_next_tick() -> None:
    class Still(Yard):
        entities, commands, events = (Cart,), (Bell,), (Rang,)

        def on_tick(self, tick: int) -> None:
            pass

    table = Table(Still())
    table.join(0)
    table.step(3)
    table.lose(0)
    table.resume(0, 1)
    table.step()
    assert len(table.got(1, State)) == 1


# --- the tokens


def test_a_lost_welcome_costs_nothing() -> None:
    table = yard()
    table.lose(0)
    table.acknowledging = False
    for attempt in (2, 3, 4):
        table.resume(0, attempt, attempt=attempt)
        table.lose(attempt)
    table.acknowledging = True
    table.resume(0, 9, attempt=9)
    table.step()
    assert table.got(9, State) and not table.closed


def test_of_racing_sockets_the_one_with_the_highest_attempt_wins_in_whatever_order_they_come() -> None:
    table = yard()
    table.resume(0, 3, attempt=3)
    table.resume(0, 2, attempt=2)
    table.resume(0, 4, attempt=4)
    table.step()
    assert (table.closed[2][0], table.closed[3][0]) == (4001, 4001) and 4 not in table.closed
    assert table.got(4, State) and last_refusal(table) == {"attempt_old": 1}


def test_an_older_token_is_void_once_a_frame_came_after_its_successor() -> None:
    table = yard()
    first = table.claims[0]
    table.resume(0, 1, attempt=2)
    table.say(1, Ack(table.states[1].tick))
    table.resume(0, 2, attempt=3, claim=first)
    assert table.closed[2][0] == SEAT_GONE and last_refusal(table) == {"token_old": 1}
    table.step()
    assert table.got(1, State)


def test_a_program_that_starts_again_with_the_newest_token_counts_its_attempts_from_one() -> None:
    table = yard()
    table.resume(0, 1, attempt=7)
    table.step()
    table.lose(1)
    table.resume(1, 2, attempt=1)
    table.step()
    assert table.got(2, State) and 2 not in table.closed


def test_the_token_of_a_former_occupant_does_not_fit_the_next_one() -> None:
    table = yard()
    old = table.claims[0]
    table.leave(0)
    table.step()
    table.join(1, "B")
    table.step()
    for n in range(1, 5):
        table.resume(0, 10 + n, attempt=99, claim=replace(old, n=n, player="B"))
    assert all(table.closed[10 + n][0] == SEAT_GONE for n in range(1, 5)) and 1 not in table.closed


def snapshot(table: Table) -> list[Any]:
    """Return everything about the places that a refused resume must not touch."""
    kept = []
    for occupant in table.match.occupants:
        state = {name: value for name, value in vars(occupant).items() if name not in ("seat", "inputs", "events")}
        events = [getattr(occupant.events, name) for name in EventQueue.__slots__]
        kept.append((repr(sorted(state.items(), key=str)), repr(events), occupant.seat.connected))
    return [kept, table.match._roster.connections(), table.match.deadline_ns, list(log(table))]


@given(
    # A right claim, of which at most one thing is changed, so that every check is met by itself.
    claim=st.builds(
        lambda change: replace(Claim(0, "ada", 1, 1), **change),
        st.one_of(
            st.just({}),
            st.builds(lambda place: {"place": place}, st.integers(-1, 4)),
            st.builds(lambda player: {"player": player}, st.sampled_from(["", "ada", "eve"])),
            st.builds(lambda epoch: {"epoch": epoch}, st.integers(0, 3)),
            st.builds(lambda n: {"n": n}, st.integers(-1, 4)),
        ),
    ),
    hello=st.builds(
        Hello, st.sampled_from([0, 5]), st.integers(0, 2), st.integers(-1, 40), st.integers(-1, 9), st.integers(0, 9),
        st.integers(0, 9),
    ),
    attempt=st.integers(0, 4),
    away=st.booleans(),
)  # fmt: skip
@example(Claim(0, "ada", 1, 1), Hello(0, 1, 3, -1, 0, 3), 2, True)
@example(Claim(0, "ada", 1, 1), Hello(0, 1, 3, -1, 0, 3), 2, False)
@example(Claim(0, "ada", 1, 1), Hello(0, 1, 3, -1, 0, 4), 2, False)
def test_a_wrong_claim_leaves_the_seat_its_timers_and_its_match_as_they_were(
    claim: Claim, hello: Hello, attempt: int, away: bool
) -> None:
    table = Table(Yard())
    table.join(0, "A", player="ada")
    table.step(3)
    ring(table, 3)
    if away:
        table.lose(0)
        table.step(2)
    before, closed = snapshot(table), dict(table.closed)
    table.join(1, "E", hello, claim=claim, attempt=attempt)
    if last_refusal(table) == {"events_forgotten": 1}:
        # The claim is right, but can never be met: the seat is given up, as tested below.
        assert table.closed[1][0] == SEAT_GONE
    elif 1 in table.closed:
        assert snapshot(table) == before and {0: None, **closed}.keys() >= table.closed.keys() - {1}
        table.step()
        assert not table.got(1, State) and not table.got(1, Keyframe)
    else:
        # Let in: then everything about it was right.
        assert (claim.place, claim.player, claim.epoch, claim.n) == (0, "ada", 1, 1) and attempt >= 0
        assert hello.schema_hash == 0


# --- the grace time


def test_a_seat_is_kept_for_the_grace_time_and_the_game_is_told_at_its_ends() -> None:
    table = yard(grace_s=2.0)
    table.lose(0)
    table.step(39)
    assert log(table) == ["join A", "disconnect A"]
    table.step()
    assert log(table) == ["join A", "disconnect A", "leave A"] and not table.match.occupants
    table.resume(0, 1)
    assert table.closed[1][0] == SEAT_GONE and table.match.counts.grace_expired == 1


def test_a_resume_ends_the_grace_time() -> None:
    table = yard(grace_s=2.0)
    table.lose(0)
    table.step(30)
    table.resume(0, 1)
    table.step(100)
    assert log(table) == ["join A", "disconnect A", "reconnect A"]


def test_a_seat_in_its_grace_time_is_not_given_away() -> None:
    table = yard(players=2)
    table.lose(0)
    table.step()
    table.join(2, "C")
    table.step()
    assert table.closed[2][0] == 1013


@pytest.mark.parametrize(("code", "kept"), [(1000, False), (1008, False), (1001, True), (1006, True), (4008, True)])
def test_how_the_socket_ended_decides_whether_the_seat_is_kept(code: int, kept: bool) -> None:
    table = yard()
    table.handle(Gone(0, code))
    table.step()
    assert bool(table.match.occupants) == kept


def test_who_was_thrown_out_cannot_slip_back_before_the_next_tick() -> None:
    table = yard()
    table.handle(Gone(0, 1008))
    table.resume(0, 1)
    assert table.closed[1][0] == SEAT_GONE


def test_what_a_leaver_said_last_is_still_heard() -> None:
    table = yard()
    table.command(0, 1, Bell(times=4))
    table.leave(0)
    table.step()
    assert log(table) == ["join A", "bell 4", "leave A"]


def test_a_join_whose_socket_ended_before_the_tick_takes_no_seat() -> None:
    table = yard()
    table.join(5, "E")
    table.lose(5)
    table.step()
    assert len(table.match.occupants) == 1 and not table.got(5, Welcome)


def test_a_peer_that_vanished_counts_as_away_within_three_seconds_although_its_socket_stands() -> None:
    table = yard()
    table.acknowledging = False
    table.step(3 * RATE_HZ)
    assert log(table)[-1] == "disconnect A" and not table.cut
    table.say(0, Ack(table.states[0].tick))
    table.step()
    assert log(table)[-1] == "reconnect A"


# --- commands and events


def test_commands_that_arrived_are_applied_while_the_player_is_away_and_told_on_return() -> None:
    table = yard()
    table.command(0, 1, Bell(times=1))
    table.lose(0)
    table.step(3)
    table.resume(0, 1)
    assert table.got(1, Welcome)[0].last_command == 1
    table.command(1, 1, Bell(times=1))
    table.command(1, 2, Bell(times=2))
    table.step()
    assert [entry for entry in log(table) if entry.startswith("bell")] == ["bell 1", "bell 2"]
    assert table.got(1, CommandAck)[-1].applied == 2


def test_events_that_were_not_acknowledged_come_again_after_a_resume_in_order() -> None:
    table = yard()
    table.acknowledging = False
    ring(table, 2)
    table.lose(0)
    ring(table, 2)
    table.resume(0, 1, last_event=1)
    table.step()
    assert [each.sequence for each in table.got(1, EventFrame)] == [2, 3, 4]
    assert table.match.counts.events_resent == 1
    assert table.got(1, Welcome)[0].last_event == 1


def test_events_that_are_not_kept_any_longer_cost_no_seat_and_the_welcome_tells_how_many() -> None:
    table = yard()
    table.lose(0)
    ring(table, 5000)
    table.resume(0, 1)
    (welcome,) = table.got(1, Welcome)
    forgotten = table.match.counts.events_forgotten
    assert welcome.last_event == forgotten > 1000
    table.step(20)
    assert [each.sequence for each in table.got(1, EventFrame)] == list(range(forgotten + 1, 5001))
    assert table.got(1, State) and log(table) == ["join A", "disconnect A", "reconnect A"]


def test_a_backlog_of_events_does_not_hold_the_state_up() -> None:
    table = yard()
    table.lose(0)
    ring(table, 2000)
    table.resume(0, 1)
    table.step()
    assert isinstance(table.inbox[1][1], State) and 0 < len(table.got(1, EventFrame)) < 2000


# --- presses


class Horn(Input):
    honk: Edge = 0


class Honker(Yard):
    input = Horn

    def on_input(self, seat: Seat, input: Any) -> None:
        self.log += ["honk"] * input.honk


def honking(player: str = "") -> Table:
    """A match in which seat 0 has honked twice, and whose socket is lost."""
    table = Table(Honker())
    table.join(0, "A", player=player)
    table.step()
    table.give_input(0, table.match.tick, Horn(honk=2))
    table.step()
    assert log(table).count("honk") == 2
    table.lose(0)
    return table


def test_presses_made_while_a_client_was_away_do_not_all_count_at_once() -> None:
    table = honking()
    table.step(40)
    table.resume(0, 1)
    table.give_input(1, table.match.tick, Horn(honk=22))
    table.give_input(1, table.match.tick + 1, Horn(honk=23))
    table.step(2)
    assert log(table).count("honk") == 3


def test_a_program_that_takes_its_players_seat_over_counts_presses_from_its_own_first() -> None:
    table = honking(player="ada")
    table.join(1, "A", player="ada")
    table.step()
    for presses in (0, 1):
        table.give_input(1, table.match.tick, Horn(honk=presses))
        table.step()
    assert log(table).count("honk") == 3


def test_what_waited_for_the_program_before_is_not_held_against_its_successor() -> None:
    table = honking(player="ada")
    table.join(1, "A", player="ada")
    table.step()
    table.give_input(1, table.match.tick + 3, Horn(honk=40))
    table.join(2, "A", player="ada")
    table.step()
    table.give_input(2, table.match.tick, Horn(honk=0))
    table.step(4)
    assert log(table).count("honk") == 2


def test_event_acknowledgements_of_a_resumed_client_go_on_where_they_stood() -> None:
    table = yard()
    ring(table, 2)
    table.lose(0)
    table.resume(0, 1)
    ring(table)
    assert table.got(1, EventFrame)[-1].sequence == 3
    table.say(1, EventAck(3))
    table.step(6 * RATE_HZ)
    assert not table.cut


def test_a_fresh_hello_claims_nothing() -> None:
    assert (HELLO.epoch, HELLO.last_tick, HELLO.last_event) == (0, -1, 0)
