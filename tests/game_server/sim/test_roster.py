"""Who is where, and whose claim is good."""

from game_server.sim.facts import Claim, Join
from game_server.sim.occupant import Occupant
from game_server.sim.roster import Roster
from game_server.sim.seat import Seat
from protocol.ids import SeatId
from protocol.messages import Hello, KeyframeReason

HELLO = Hello(0, 3, -1, -1, 0, 0)


def roster_with(place: int = 0, connection: int = 7, player: str = "ada") -> tuple[Roster, Occupant]:
    roster = Roster(2, 2, epoch=3)
    occupant = Occupant(Seat(SeatId(place), "Ada"), connection, None, 20, player=player)
    roster.seat(occupant, connection, attempt=1)
    occupant.next_n()
    return roster, occupant


def reason(roster: Roster, claim: Claim, attempt: int = 2, hello: Hello = HELLO) -> str | None:
    refusal = roster.refusal(Join(9, "Ada", hello, attempt=attempt, claim=claim))
    return None if refusal is None else refusal.reason


def test_places_of_spectators_lie_behind_the_seats() -> None:
    roster, _ = roster_with()
    assert (roster.free_place(False), roster.free_place(True)) == (1, 2)
    full = Roster(1, 0, epoch=1)
    assert full.free_place(True) is None


def test_every_wrong_claim_has_a_word_to_count_it_by() -> None:
    roster, occupant = roster_with()
    right = Claim(0, "ada", 3, 1)
    assert reason(roster, right) is None
    assert reason(roster, Claim(0, "ada", 2, 1)) == "epoch"
    assert reason(roster, Claim(1, "ada", 3, 1)) == "seat_gone"
    assert reason(roster, Claim(0, "eve", 3, 1)) == "seat_gone"
    assert reason(roster, Claim(0, "ada", 3, 2)) == "token_unknown"
    occupant.presented = (1, 2)
    assert reason(roster, right) == "attempt_old"
    occupant.next_n()
    occupant.heard()
    assert reason(roster, right, attempt=3) == "token_old"
    occupant.void_until = 1
    assert reason(roster, right, attempt=3) == "taken_over"


def test_the_numbers_of_a_places_tokens_go_on_with_its_next_occupant() -> None:
    roster, occupant = roster_with()
    roster.leave(occupant)
    assert roster.of(7) is None and not list(roster)
    heir = Occupant(Seat(SeatId(0), "Bo"), 8, None, 20, player="ada")
    roster.seat(heir, 8, attempt=1)
    assert heir.next_n() == 2 and reason(roster, Claim(0, "ada", 3, 1)) == "seat_gone"
    assert reason(roster, Claim(0, "ada", 3, 2)) is None


def test_a_connection_that_was_replaced_means_nothing_any_more() -> None:
    roster, occupant = roster_with()
    assert roster.reconnect(occupant, 8) == 7
    assert roster.lose(7) is None and roster.of(8) is occupant


def test_only_a_proven_player_is_found_again() -> None:
    roster, occupant = roster_with()
    assert roster.of_player("ada", spectator=False) is occupant
    assert roster.of_player("ada", spectator=True) is None and roster.of_player("", spectator=False) is None


def test_a_base_is_good_if_it_was_sent_lately_in_this_epoch_and_the_hash_agrees() -> None:
    roster, occupant = roster_with()
    occupant.sent_tick = 100
    occupant.hashes.append((64, 1234))
    for hello, base in (
        (Hello(0, 3, 90, 64, 1234, 0), 90),
        (Hello(0, 3, 90, 60, 5, 0), 90),
        (Hello(0, 3, 90, 64, 1235, 0), KeyframeReason.DESYNC),
        (Hello(0, 2, 90, -1, 0, 0), KeyframeReason.FORKED),
        (Hello(0, 3, 101, -1, 0, 0), KeyframeReason.UNKNOWN_BASE),
        (Hello(0, 3, 0, -1, 0, 0), KeyframeReason.TOO_OLD),
        (Hello(0, 3, -1, -1, 0, 0), KeyframeReason.JOINED),
    ):
        assert roster.base_of(occupant, hello, next_tick=102, history_ticks=50) == base


def test_the_number_of_changes_tells_whether_the_occupants_are_the_same() -> None:
    roster, occupant = roster_with()
    before = roster.changes
    roster.reconnect(occupant, 8)
    assert roster.changes == before
    roster.leave(occupant)
    assert roster.changes == before + 1
