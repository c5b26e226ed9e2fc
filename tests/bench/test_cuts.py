"""Bots that are cut at random, in small numbers; and books that show what was lost."""

import asyncio
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest

from bench.cuts import Cuts, Payer, cut_randomly, tell_cuts
from bench.ledger import Account, Ledger, Pay
from bench.report import Report
from demo_client.children import Children
from game_client import Client
from game_client.session import SessionState
from game_server.sim.facts import FromConnection
from game_server.sim.match import Match
from game_server.testing.local_match import LocalMatch
from protocol.messages import CommandFrame
from tests.bench.told import misses


def test_nothing_is_lost_over_cuts_stalls_and_lost_welcomes() -> None:
    with Children() as children:
        server = children.serve("bench.ledger:Ledger")
        told = asyncio.run(cut_randomly(server, bots=5, cuts=10, seconds=5.0))
        assert server.errors_logged() == 0
    assert (told.commands_lost, told.commands_irregular, told.events_missing) == (0, 0, 0)
    assert (told.desyncs, told.errors, told.rejoined) == (0, 0, 0)
    assert told.payments > 50 and told.resumed_by_delta >= told.met >= 4
    assert told.not_back == 0 and told.substituted > 0 and told.welcomes_lost > 0


def test_the_books_show_a_match_that_applies_a_command_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Match._hear_command

    def forgetful(self: Match, occupant: object, sequence: int, command: object) -> None:
        occupant.last_command = sequence - 1  # type: ignore[attr-defined]
        right(self, occupant, sequence, command)  # type: ignore[arg-type]

    monkeypatch.setattr(Match, "_hear_command", forgetful)
    local = LocalMatch(Ledger)
    ada = local.join("Ada")
    local.step(3)
    for _ in range(2):
        again = FromConnection(ada.connection, CommandFrame(1, 0, [1]), Pay(number=1))
        local.match.handle(again, local.now_ns)
    local.step(2)
    account = local.match.world.owned(local.match.occupants[0].seat, Account)
    assert account.irregular > 0


GOOD = Cuts(
    cuts=100, met=80, in_flight=20, welcomes_lost=15, races=15, payments=1000, commands_lost=0, commands_irregular=0,
    events_missing=0, desyncs=0, errors=0, resumed_by_delta=90, resumed_by_keyframe=0, rejoined=0, not_back=0,
    substituted=100, resume_ms=[10.0], rtt_ms=[1.0],
)  # fmt: skip


def test_cuts_that_met_all_that_they_should_and_cost_nothing_are_ok(silent_report: Report) -> None:
    tell_cuts(silent_report, GOOD, 10)
    assert misses(silent_report) == []


@pytest.mark.parametrize(
    ("broken", "figure"),
    [
        ({"met": 40}, "random_cuts_met_current_socket"),
        ({"in_flight": 0}, "random_cuts_commands_in_flight"),
        ({"welcomes_lost": 0}, "random_cuts_welcomes_lost"),
        ({"races": 0}, "random_cuts_sockets_raced"),
        ({"resumed_by_delta": 79}, "random_cuts_resumes"),
        ({"not_back": 1}, "random_cuts_not_back"),
        ({"commands_irregular": 1}, "random_cuts_commands_lost_or_doubled"),
        ({"resumed_by_keyframe": 2}, "random_cuts_by_delta"),
    ],
)
def test_cuts_that_met_too_little_or_cost_something_are_not_ok(
    silent_report: Report, broken: dict[str, int], figure: str
) -> None:
    tell_cuts(silent_report, replace(GOOD, **broken), 10)
    assert [each.figure for each in misses(silent_report)] == [figure]


async def test_a_fault_counts_a_socket_as_met_only_while_it_is_current() -> None:
    payer = Payer(1, "127.0.0.1", 1, Random(1))
    payer.client = Client("ws://127.0.0.1:1/v1/match/1")
    await payer.suffer("reset")
    assert payer.met == 0
    payer.client.session = SimpleNamespace(state=SessionState.SILENT, commands_unacknowledged=1)  # type: ignore[assignment]
    await payer.suffer("lost welcome")
    assert (payer.met, payer.in_flight, payer.proxy.welcomes_to_lose) == (1, 1, 1)


@pytest.mark.parametrize(("reaches", "dials", "races"), [(True, 1, 1), (True, 0, 0), (False, 1, 0)])
async def test_a_stall_is_a_race_only_if_its_socket_still_reaches_the_server_beside_another_dial(
    monkeypatch: pytest.MonkeyPatch, reaches: bool, dials: int, races: int
) -> None:
    monkeypatch.setattr("bench.cuts.STALL_S", (0.0, 0.0))
    seen = iter((5, 5 + dials))
    monkeypatch.setattr("bench.cuts.dials_of", lambda client: next(seen, 0))
    payer = Payer(1, "127.0.0.1", 1, Random(1))
    payer.client = Client("ws://127.0.0.1:1/v1/match/1")
    pipe = SimpleNamespace(reaches_server=reaches, stall=lambda: None, flow=lambda: None)
    payer.proxy.pipes = [pipe]  # type: ignore[assignment]
    await payer.suffer("stall")
    assert payer.races == races
