"""`demo_client/scene.py`."""

from __future__ import annotations

from demo_client.scene import Scene, ShipView


def test_a_scene_knows_the_own_ship_or_that_there_is_none() -> None:
    other, mine = ShipView(1, 0, "Ada", 0.0, 0.0), ShipView(2, 1, "Ken", 0.0, 0.0, mine=True)
    assert Scene(ships=(other, mine)).me is mine
    assert Scene(ships=(other,)).me is None
