"""The lease: it ends a margin before the directory's, counted from before the renewal was sent."""

from game_server.cluster.lease import Lease

SECOND_NS = 1_000_000_000


def test_nobody_acts_before_the_first_renewal() -> None:
    lease = Lease()
    assert not lease.may_act(0) and lease.deadline_ns is None and lease.remaining_ns(0) == 0


def test_a_renewal_is_good_for_its_time_less_the_margin_from_before_it_was_sent() -> None:
    lease = Lease(10 * SECOND_NS, SECOND_NS)
    lease.confirmed(5 * SECOND_NS)
    assert lease.may_act(14 * SECOND_NS - 1)
    assert not lease.may_act(14 * SECOND_NS)
    assert lease.remaining_ns(6 * SECOND_NS) == 8 * SECOND_NS


def test_an_older_renewal_that_is_answered_later_takes_nothing_back() -> None:
    lease = Lease(10 * SECOND_NS, SECOND_NS)
    lease.confirmed(5 * SECOND_NS)
    lease.confirmed(3 * SECOND_NS)
    assert lease.deadline_ns == 14 * SECOND_NS


def test_a_lease_that_ran_out_is_good_again_after_a_renewal() -> None:
    lease = Lease(10 * SECOND_NS, SECOND_NS)
    lease.confirmed(0)
    assert not lease.may_act(20 * SECOND_NS) and lease.remaining_ns(20 * SECOND_NS) == 0
    lease.confirmed(20 * SECOND_NS)
    assert lease.may_act(20 * SECOND_NS)


def test_a_lease_that_was_given_up_never_comes_back() -> None:
    lease = Lease()
    lease.confirmed(0)
    lease.give_up()
    lease.confirmed(SECOND_NS)
    assert not lease.may_act(SECOND_NS)
