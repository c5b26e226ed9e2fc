"""The machine of a node: renewals, ledgers and listings, orders, freezing, empty matches. Time is an integer here."""

import pytest

from game_server.cluster import node as node_module
from game_server.cluster.node import BATCH_MAX, ClusterNode
from game_server.cluster.node_facts import (
    Counted,
    DirectoryBack,
    Done,
    Drain,
    Failed,
    FreezeMatches,
    Host,
    Hosted,
    LedgersWritten,
    LedgerTold,
    MoveAway,
    NotHosted,
    OrderAnnounced,
    OrdersRead,
    Owned,
    Publish,
    Remove,
    Renew,
    Renewed,
    StepDown,
    Superseded,
    ThawMatches,
    WriteLedgers,
)
from game_server.cluster.records import MatchSpec, Owner
from protocol.errors import UsageFault
from tests.game_server.cluster.directory_in_memory import BOOT, SECOND_NS, Directory, names, those

# --- the lease


def test_it_renews_at_once_and_then_every_two_seconds() -> None:
    directory = Directory()
    assert [each.sent_ns for each in those(Renew, directory.run(7))] == [0, 2 * SECOND_NS, 4 * SECOND_NS, 6 * SECOND_NS]
    assert directory.node.may_act(directory.now_ns)


def test_nothing_is_frozen_while_the_first_renewal_is_on_its_way() -> None:
    node = ClusterNode("a", BOOT, matches_max=1, empty_ns=0, freezes=True, now_ns=0)
    node.advance(0)
    assert not node.frozen and not node.may_act(0)
    node.handle(Failed("renew"), 1)
    node.advance(1)
    assert node.frozen


def test_only_one_renewal_is_on_its_way() -> None:
    node = ClusterNode("a", BOOT, matches_max=1, empty_ns=0, freezes=False, now_ns=0)
    node.advance(0)
    assert node.effects() == [Renew(0)]
    node.advance(60 * SECOND_NS)
    assert node.effects() == []


def test_without_a_renewal_it_freezes_at_the_leases_deadline_and_not_before() -> None:
    directory = Directory()
    directory.host()
    directory.run(1)
    directory.down = True
    assert not those(FreezeMatches, directory.run(7.999))
    assert directory.node.may_act(directory.now_ns)
    assert those(FreezeMatches, directory.run(0.001))
    assert not directory.node.may_act(directory.now_ns)


def test_a_late_look_at_the_clock_finds_that_it_may_not_act_any_more() -> None:
    directory = Directory()
    directory.run()
    assert directory.node.may_act(9 * SECOND_NS - 1) and not directory.node.may_act(9 * SECOND_NS)


def test_one_that_continues_never_freezes() -> None:
    directory = Directory(freezes=False)
    directory.host()
    directory.down = True
    assert not those(FreezeMatches, directory.run(60))
    assert directory.node.may_act(directory.now_ns)


def test_a_renewal_that_replicas_do_not_have_does_not_count_and_is_repeated_soon() -> None:
    directory = Directory()
    directory.lasting = False
    assert those(FreezeMatches, directory.run(1))
    assert not directory.node.may_act(directory.now_ns)
    assert len(those(Renew, directory.seen)) == 5
    directory.lasting = True
    directory.run(0.25)
    assert directory.node.may_act(directory.now_ns)


def test_a_frozen_node_thaws_after_a_renewal_once_every_match_is_known_to_be_its_own() -> None:
    directory = Directory()
    directory.host("m-1")
    directory.host("m-2")
    directory.down = True
    directory.run(10)
    assert directory.node.frozen
    directory.down = False
    effects = directory.run(1)
    kinds = [type(each) for each in effects]
    assert kinds.index(Renew) < kinds.index(WriteLedgers) < kinds.index(ThawMatches)
    assert "lease_regained" in names(effects) and not directory.node.frozen


def test_a_match_that_got_a_newer_owner_meanwhile_is_moved_away_before_the_others_thaw() -> None:
    directory = Directory()
    directory.host("m-1")
    directory.host("m-2")
    directory.down = True
    directory.run(10)
    directory.fenced, directory.down = {"m-1"}, False
    kinds = [type(each) for each in directory.run(1)]
    assert kinds.index(MoveAway) < kinds.index(ThawMatches)
    assert list(directory.node.matches) == ["m-2"]


def test_an_answer_that_was_asked_for_before_the_renewal_proves_nothing() -> None:
    node = ClusterNode("a", BOOT, matches_max=1, empty_ns=60 * SECOND_NS, freezes=True, now_ns=0)
    node.handle(Hosted(MatchSpec("m-1"), 4, 100, Owner("m-1", "a", BOOT, 7)), 0)
    node.handle(Failed("renew"), 0)
    node.advance(0)
    assert those(WriteLedgers, node.effects()) and node.frozen
    node.handle(Renewed(0, 0, 0, "run"), SECOND_NS)
    told = LedgersWritten((LedgerTold("m-1", False),), 200)
    node.handle(told, SECOND_NS)
    node.advance(SECOND_NS)
    effects = node.effects()
    assert not those(ThawMatches, effects) and those(WriteLedgers, effects)
    node.handle(LedgersWritten((LedgerTold("m-1", True),), 200), SECOND_NS)
    assert those(ThawMatches, node.effects())


def test_a_proof_that_takes_longer_than_a_renewal_is_not_begun_anew() -> None:
    directory = Directory(matches_max=200)
    for n in range(3 * BATCH_MAX):
        directory.host(f"m-{n}")
    directory.down = True
    directory.run(10)
    directory.down, directory.delay_ns = False, SECOND_NS
    directory.run(12)
    assert not directory.node.frozen


def test_a_lease_that_lapses_while_the_proof_is_under_way_has_it_begun_anew() -> None:
    directory = Directory(matches_max=200)
    for n in range(2 * BATCH_MAX):
        directory.host(f"m-{n}")
    directory.down = True
    directory.run(10)
    node, now_ns = directory.node, directory.now_ns
    node.handle(Renewed(now_ns, 0, 0, "run-1"), now_ns)
    node.handle(LedgersWritten(tuple(LedgerTold(f"m-{n}", True) for n in range(BATCH_MAX)), 200), now_ns)
    now_ns += 10 * SECOND_NS
    node.handle(Renewed(now_ns, 0, 0, "run-1"), now_ns)
    node.handle(LedgersWritten(tuple(LedgerTold(f"m-{n}", True) for n in range(BATCH_MAX, 2 * BATCH_MAX)), 200), now_ns)
    assert not those(ThawMatches, node.effects())


def test_a_node_without_matches_thaws_with_the_renewal() -> None:
    directory = Directory()
    directory.down = True
    directory.run(10)
    directory.down = False
    assert those(ThawMatches, directory.run(0.25))


def test_a_later_start_of_the_same_node_ends_this_one_for_good() -> None:
    for freezes in (True, False):
        directory = Directory(freezes=freezes)
        directory.host()
        directory.tell(Superseded(9))
        effects = directory.run(60)
        assert those(StepDown, effects) == [StepDown(9)] and those(FreezeMatches, effects)
        assert not those(Renew, effects) and not directory.node.may_act(directory.now_ns)


def test_it_renews_at_once_when_the_directory_is_back() -> None:
    directory = Directory()
    directory.run(0.5)
    directory.tell(DirectoryBack())
    assert those(Renew, directory.run(0))


# --- ledgers and listings


def test_a_new_match_is_told_at_once_and_its_ledger_before_its_listing() -> None:
    directory = Directory()
    directory.host()
    kinds = [type(each) for each in directory.seen]
    assert kinds.index(WriteLedgers) < kinds.index(Publish)
    assert directory.listings == {"m-1": 0} and directory.node.generation_of("m-1") == 100


def test_changes_within_a_tenth_of_a_second_go_together() -> None:
    directory = Directory()
    directory.host("m-1")
    directory.host("m-2")
    directory.run(1)
    directory.tell(Counted("m-1", 1, ("p",)))
    directory.run(0.05)
    directory.tell(Counted("m-1", 2, ("p", "q")))
    directory.tell(Counted("m-2", 1))
    effects = directory.run(0.05)
    (written,), (published,) = those(WriteLedgers, effects), those(Publish, effects)
    assert [(each.match, each.taken) for each in written.ledgers] == [("m-1", 2), ("m-2", 1)]
    assert [each.seats for each in published.listings] == [2, 1]


def test_reserved_seats_stand_in_the_listing_and_whose_they_are_goes_along() -> None:
    directory = Directory()
    directory.host()
    directory.reserved = {"m-1": ("q", "r")}
    directory.tell(Counted("m-1", 1, ("p",)))
    (published,) = those(Publish, directory.run(0.1))
    assert published.listings[0].seats == 3 and published.reserved == {"m-1": ("p", "q", "r")}


def test_every_renewal_writes_every_ledger_again_but_only_listings_that_changed() -> None:
    directory = Directory()
    directory.host()
    effects = directory.run(2)
    assert those(WriteLedgers, effects) and not those(Publish, effects)


def test_a_change_is_told_though_ledgers_take_longer_than_a_renewal() -> None:
    directory = Directory(matches_max=200, freezes=False)
    for n in range(6 * BATCH_MAX):
        directory.host(f"m-{n}")
    directory.delay_ns = SECOND_NS // 2
    directory.run(4)
    directory.tell(Counted("m-9", 3))
    directory.run(2)
    assert directory.listings["m-9"] == 3


def test_what_is_written_in_one_round_trip_is_bounded() -> None:
    directory = Directory(matches_max=100)
    for n in range(2 * BATCH_MAX + 1):
        directory.tell(Hosted(MatchSpec(f"m-{n}"), 4, 100, Owner(f"m-{n}", "a", BOOT, 7)))
    effects = directory.run(0)
    sizes = [len(each.ledgers) for each in those(WriteLedgers, effects)]
    sizes += [len(each.listings) for each in those(Publish, effects)]
    assert max(sizes) == BATCH_MAX and len(directory.listings) == 2 * BATCH_MAX + 1


def test_listings_that_the_directory_lacks_are_published_again_with_the_renewal_that_tells() -> None:
    directory = Directory()
    directory.host("m-1")
    directory.host("m-2")
    del directory.listings["m-2"]
    directory.run(2)
    assert directory.listings == {"m-1": 0, "m-2": 0}


def test_a_directory_that_lost_everything_gets_it_again_under_a_new_generation_of_tickets() -> None:
    directory = Directory()
    directory.host()
    directory.lose_everything()
    effects = directory.run(2)
    assert directory.listings == {"m-1": 0}
    assert directory.node.generation_of("m-1") == 202 == directory.ledgers["m-1"]
    assert {"directory_changed", "ledger_lost"} <= {*names(effects)}


def test_another_master_that_knows_the_ledgers_keeps_tickets_good() -> None:
    directory = Directory()
    directory.host()
    directory.run_id = "run-of-the-replica"
    directory.run(2)
    assert directory.node.generation_of("m-1") == 100


def test_a_generation_only_ever_rises() -> None:
    directory = Directory()
    directory.tell(Hosted(MatchSpec("m-1"), 4, 10**15, Owner("m-1", "a", BOOT, 7)))
    directory.run()
    directory.lose_everything()
    directory.run(2)
    assert directory.node.generation_of("m-1") == 10**15 + 1


def test_tickets_of_a_ledger_whose_writing_was_not_answered_are_void() -> None:
    directory = Directory(freezes=False)
    directory.run(1)
    directory.down = True
    directory.tell(Hosted(MatchSpec("m-1"), 4, 100, Owner("m-1", "a", BOOT, 7)))
    directory.run(0.1)
    directory.down = False
    directory.run(1)
    assert directory.node.generation_of("m-1") == 101 == directory.ledgers["m-1"]


def test_it_owns_what_is_ordered_here_and_gone_but_not_yet_forgotten() -> None:
    directory = Directory(freezes=False)
    directory.host("m-1")
    directory.down = True
    directory.tell(Counted("m-1", 0, ended=True))
    directory.run(0.5)
    owner = Owner("m-2", "a", BOOT, 8)
    directory.node.handle(OrdersRead(((MatchSpec("m-2"), owner),)), directory.now_ns)
    assert directory.node.owned() == [Owner("m-1", "a", BOOT, 7), owner]


def test_what_could_not_be_told_is_told_later() -> None:
    directory = Directory(freezes=False)
    directory.host()
    directory.down = True
    directory.tell(Counted("m-1", 3))
    directory.run(5)
    assert directory.listings == {"m-1": 0}
    directory.down = False
    directory.run(0.25)
    assert directory.listings == {"m-1": 3}


def test_a_standing_match_is_claimed_first_and_has_no_tickets_before() -> None:
    directory = Directory()
    directory.down = True
    directory.host("1", standing=True)
    assert directory.node.generation_of("1") is None
    directory.down = False
    directory.run(0.5)
    assert directory.node.generation_of("1") == 100 and directory.listings == {"1": 0}


def test_a_standing_match_that_is_anothers_is_not_listed() -> None:
    directory = Directory()
    directory.down = True
    directory.host("1", standing=True)
    directory.tell(Owned(Owner("1", "b", 3, 9)))
    assert "match_owned_elsewhere" in names(directory.run(0))
    assert directory.node.generation_of("1") is None


# --- orders


def test_orders_are_read_when_they_are_announced() -> None:
    directory = Directory()
    directory.run(0.5)
    directory.order("m-1")
    directory.tell(OrderAnnounced())
    directory.run(0.01)
    assert list(directory.node.matches) == ["m-1"] and directory.orders == [] and directory.listings == {"m-1": 0}


def test_orders_whose_announcement_was_lost_are_read_with_the_next_renewal() -> None:
    directory = Directory()
    directory.run(0.5)
    directory.order("m-1")
    directory.run(1.5)
    assert list(directory.node.matches) == ["m-1"]


def test_only_a_few_matches_are_created_per_turn() -> None:
    directory = Directory()
    for n in range(5):
        directory.order(f"m-{n}")
    directory.node.advance(0)
    directory.carry()
    directory.node.advance(0)
    directory.carry()
    directory.node.advance(0)
    assert len(those(Host, directory.node.effects())) == node_module.HOSTED_PER_TURN
    for match in ("m-0", "m-1"):
        directory.tell(Hosted(MatchSpec(match), 4, 100, Owner(match, "a", BOOT, 7)))
    directory.run(0.1)
    assert len(directory.node.matches) == 5


def test_an_order_that_comes_twice_makes_one_match_and_its_newer_epoch_counts() -> None:
    directory = Directory()
    directory.order("m-1")
    directory.run(0.1)
    directory.order("m-1", epoch=8)
    effects = directory.run(2)
    assert not those(Host, effects) and directory.orders == []
    assert those(WriteLedgers, effects)[-1].ledgers[0].epoch == 8


def test_an_order_for_an_earlier_start_of_this_node_is_put_away() -> None:
    directory = Directory()
    directory.order("m-1", boot=BOOT - 1)
    effects = directory.run(0.1)
    assert not those(Host, effects) and directory.orders == []


def test_a_full_node_and_one_that_drains_refuse_orders() -> None:
    full, draining = Directory(matches_max=1), Directory()
    full.host("1", standing=True)
    draining.tell(Drain())
    for directory in (full, draining):
        directory.order("m-9")
        effects = directory.run(2)
        assert Done("m-9", refused=Owner("m-9", "a", BOOT, 7)) in effects and not those(Host, effects)


def test_a_match_that_cannot_be_created_is_nobodys_again() -> None:
    directory = Directory(matches_max=1)
    owner = Owner("m-1", "a", BOOT, 7)
    node = directory.node
    node.handle(OrdersRead(((MatchSpec("m-1"), owner),)), 0)
    node.advance(0)
    assert those(Host, node.effects())
    node.handle(NotHosted(owner), 0)
    assert node.effects() == [Done("m-1", refused=owner)]
    node.handle(OrdersRead(((MatchSpec("m-2"), Owner("m-2", "a", BOOT, 7)),)), 0)
    node.advance(0)
    assert those(Host, node.effects())


# --- matches end


def test_an_empty_match_of_the_lobby_is_removed_and_forgotten_by_the_directory() -> None:
    directory = Directory(empty_s=30)
    directory.host()
    assert not those(Remove, directory.run(29.9))
    assert those(Remove, directory.run(0.2)) == [Remove("m-1", "empty")]
    assert directory.listings == {} and directory.ledgers == {}


def test_a_standing_match_may_be_empty_for_ever() -> None:
    directory = Directory(empty_s=1)
    directory.host("1", standing=True)
    assert not those(Remove, directory.run(100))


def test_whoever_is_in_it_or_has_reserved_keeps_a_match() -> None:
    directory = Directory(empty_s=5)
    for match in ("player", "watcher", "reserved"):
        directory.host(match)
    directory.tell(Counted("player", 1))
    directory.tell(Counted("watcher", 0, (), 1))
    directory.reserved = {"reserved": ("p",)}
    assert not those(Remove, directory.run(60))
    directory.reserved = {}
    directory.tell(Counted("player", 0))
    assert [each.match for each in those(Remove, directory.run(8))] == ["player", "reserved"]


def test_a_seat_that_is_reserved_in_the_last_moment_keeps_the_match() -> None:
    directory = Directory(empty_s=5)
    directory.host()
    last: list[int] = []

    def reserve() -> None:
        if directory.node.matches["m-1"].removing:
            directory.reserved = {"m-1": ("p",)}
            last.append(directory.node.matches["m-1"].ledger().taken)

    directory.on_write = reserve
    assert not those(Remove, directory.run(20))
    assert last == [4], "the last ledger says that all seats are taken"
    assert directory.node.matches["m-1"].ledger().taken == 0


def test_an_ended_match_is_removed_at_once_and_unlisted() -> None:
    directory = Directory()
    directory.host()
    directory.tell(Counted("m-1", 0, (), 0, ended=True))
    assert those(Remove, directory.run(0)) == [Remove("m-1", "ended")]
    assert directory.listings == {}


def test_a_standing_match_that_has_ended_is_unlisted_and_stays() -> None:
    directory = Directory()
    directory.host("1", standing=True)
    directory.tell(Counted("1", 0, (), 0, ended=True))
    assert not those(Remove, directory.run(0)) and directory.listings == {}


def test_a_match_that_could_not_be_forgotten_is_forgotten_later() -> None:
    directory = Directory(freezes=False)
    directory.host()
    directory.down = True
    directory.tell(Counted("m-1", 0, (), 0, ended=True))
    directory.run(3)
    assert directory.listings == {"m-1": 0}
    directory.down = False
    directory.run(0.5)
    assert directory.listings == {}


def test_effects_that_nobody_drains_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "EFFECTS_MAX", 3)
    node = ClusterNode("a", BOOT, matches_max=1, empty_ns=0, freezes=False, now_ns=0)
    with pytest.raises(UsageFault, match="drained"):
        for _ in range(5):
            node.handle(NotHosted(Owner("m", "a", BOOT, 1)), 0)
