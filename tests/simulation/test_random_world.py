"""A random world against random clients; see `game_server.testing.random_world`."""

import pytest

from game_server.replication import audience
from game_server.testing.random_world import Divergence, run_seed
from protocol.errors import PeerFault


@pytest.mark.parametrize("block", range(6))
def test_every_replica_equals_its_view_after_every_frame(block: int) -> None:
    for seed in range(block * 10, block * 10 + 10):
        assert run_seed(seed) > 100


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_every_replica_equals_its_view_for_1000_seeds(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        assert run_seed(seed) > 100


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    right = audience.Audiences.delta

    def wrong(self: audience.Audiences, seat: audience.SeatId, base: int) -> object:
        self._quiet_from -= 1
        return right(self, seat, base)

    monkeypatch.setattr(audience.Audiences, "delta", wrong)
    with pytest.raises((Divergence, PeerFault)):
        for seed in range(10):
            run_seed(seed)
