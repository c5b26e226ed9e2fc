"""The game that keeps books."""

from bench.ledger import Account, Lean, Ledger, Pay
from game_server.testing.local_match import LocalMatch


def test_payments_are_booked_and_answered_and_a_gap_is_noted() -> None:
    local = LocalMatch(Ledger)
    ada = local.join("Ada")
    local.step(2)
    for number in (1, 2, 4):
        ada.send_command(Pay(number=number))
    local.step(3)
    (account,) = local.match.world.all(Account)
    assert (account.booked, account.last, account.irregular) == (3, 4, 1)
    assert [(event.number, event.booked) for _, event in ada.take_events()] == [(1, 1), (2, 2), (4, 3)]


def test_an_input_is_taken_and_changes_nothing() -> None:
    local = LocalMatch(Ledger)
    ada = local.join("Ada")
    local.step(2)
    ada.send_input(Lean(way=1))
    local.step(3)
    assert local.match.counts.inputs > 0
    (account,) = local.match.world.all(Account)
    assert (account.booked, account.irregular) == (0, 0)
