"""A real surface of SDL's dummy driver, and scenes of known content."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ["SDL_VIDEODRIVER"] = "dummy"

import pygame
import pytest

SIZE = (1280, 720)


@pytest.fixture
def surface() -> Iterator[pygame.Surface]:
    """A window nobody sees."""
    pygame.display.init()
    pygame.font.init()
    window = pygame.display.set_mode(SIZE)
    yield window
    pygame.display.quit()
