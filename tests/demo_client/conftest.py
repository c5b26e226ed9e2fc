"""A real surface of SDL's dummy driver, and scenes of known content."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["SDL_VIDEODRIVER"] = "dummy"

import pygame
import pytest

SIZE = (1280, 720)


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds what another one, or a player of this machine, left."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def surface() -> Iterator[pygame.Surface]:
    """A window nobody sees."""
    pygame.display.init()
    pygame.font.init()
    window = pygame.display.set_mode(SIZE)
    yield window
    pygame.display.quit()
