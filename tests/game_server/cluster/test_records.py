"""Records are plain values."""

import dataclasses

import pytest

from game_server.cluster import records


def test_records_cannot_be_changed_in_place() -> None:
    owner = records.Owner("m", "n0", 1, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        owner.epoch = 3  # type: ignore[misc]
