"""Who sees what."""

from game_server.replication.audience import Audiences
from game_server.replication.record import Record
from protocol.declare import Audience
from protocol.ids import SeatId, Tick
from tests.game_server.replication.records import record

A, B = SeatId(0), SeatId(1)


def audiences() -> Audiences:
    made = Audiences(100)
    made.admit(A)
    made.admit(B)
    return made


def commit(made: Audiences, tick: int, born: list[Record] | None = None, seen_by: tuple[int, ...] = (),
           changed: list[Record] | None = None, died: list[Record] | None = None) -> None:  # fmt: skip
    made.commit(Tick(tick), born or [], changed or [], died or [], lambda seat, thing: seat in seen_by)


def test_each_audience_reaches_its_seats_only() -> None:
    made = audiences()
    born = [record(0), record(1, audience=Audience.OWNER, owner=0), record(2, audience=Audience.CAN_SEE)]
    commit(made, 1, born, seen_by=(1,))
    assert (sorted(made.visible(A)), sorted(made.visible(B))) == ([0, 1], [0, 2])
    commit(made, 2)
    assert (sorted(made.visible(A)), sorted(made.visible(B))) == ([0, 1], [0])


def test_nothing_of_a_hidden_entity_is_in_the_bytes_of_who_may_not_see_it() -> None:
    made = audiences()
    secret = record(77, audience=Audience.OWNER, owner=0, values=(12345, True))
    commit(made, 1, [secret])
    assert (12345).to_bytes(2, "big") in made.delta(A, 0)[0].body
    assert (12345).to_bytes(2, "big") not in made.delta(B, 0)[0].body
    assert made.delta(B, 0)[0].empty and made.keyframe(B).entered_count == 0


def test_seats_that_see_the_same_share_the_bytes() -> None:
    made = audiences()
    commit(made, 1, [record(0)])
    assert made.delta(A, 0)[0].body is made.delta(B, 0)[0].body
    assert made.hash(A) == made.hash(B)


def test_the_relative_lane_spans_quiet_ticks() -> None:
    made, thing = audiences(), record(0)
    commit(made, 1, [thing])
    for tick in range(2, 6):
        commit(made, tick)
    thing.changed((5, False), Tick(6))
    commit(made, 6, changed=[thing])
    assert made.delta(A, 1)[1] and made.delta(A, 5)[1]
    assert not made.delta(A, 0)[1]


def test_a_seat_that_left_is_forgotten() -> None:
    made = audiences()
    commit(made, 1, [record(1, audience=Audience.OWNER, owner=0)])
    made.dismiss(A)
    made.admit(A)
    assert made.visible(A) == {}
