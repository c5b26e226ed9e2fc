"""Cut subscribers: how healing is reckoned, and a small run."""

import pytest

from bench import cluster_pubsub
from bench.cluster_pubsub import GONE, Truth, _known_to_all
from bench.raw_lobby import RawLobby
from bench.report import Report
from tests.bench.told import misses


def test_a_change_is_healed_when_it_is_told() -> None:
    truth = Truth()
    truth.look({"m": 1}, 10.0)
    truth.heal({}, 10.5)
    assert truth.unhealed == 1
    truth.heal({"m": 1}, 11.0)
    assert (truth.unhealed, truth.healed_s) == (0, [1.0])


def test_a_later_change_heals_those_before_it_and_an_earlier_one_not_the_later() -> None:
    truth = Truth()
    for now_s, listed in ((0.0, {"m": 1}), (1.0, {"m": 2}), (2.0, {})):
        truth.look(listed, now_s)
    truth.heal({"m": 2}, 3.0)
    assert (truth.unhealed, truth.healed_s) == (1, [3.0, 2.0])
    truth.heal({}, 4.0)
    assert (truth.unhealed, truth.healed_s) == (0, [3.0, 2.0, 2.0])


def test_what_one_watcher_does_not_know_is_not_known_to_all() -> None:
    one, two = (RawLobby("ws://127.0.0.1:1/v1/lobby", name) for name in "ab")
    one.listed = {"m": 1, "both": 3}
    two.listed = {"both": 3}
    assert _known_to_all([one, two], {"new": 0}) == {"m": GONE - 1, "both": 3, "new": GONE}


@pytest.mark.slow
def test_lists_heal_though_subscribers_are_cut(silent_report: Report) -> None:
    cluster_pubsub.pubsub_kills(silent_report, seconds=3.0)
    assert misses(silent_report) == []
