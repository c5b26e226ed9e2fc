"""Where everything in the lobby lies, for a window's size: drawing and clicking read the same rectangles.

To test: `tests/demo_client/test_lobby_layout.py`.
"""

from dataclasses import dataclass

import pygame

from demo_client.lobby_scene import Focus

MARGIN = 20
GAP = 12
WIDTH_MAX = 1480
"""In a wider window the lobby stands in the middle."""
HEAD = 72
FOOT = 40
BAND = 62
ROW = 40
LIST_HEAD = 62
"""Heading and names of the columns above the first match."""
LIST_FOOT = 54
"""What can be done with the selected match, below the last line."""
PLAYER_ROW = 26
PLAYERS_HEAD = 42


@dataclass(frozen=True, slots=True)
class Layout:
    """The rectangles of one frame."""

    head: pygame.Rect
    matches: pygame.Rect
    join: pygame.Rect
    watch: pygame.Rect
    buttons: dict[Focus, pygame.Rect]
    """What can be pressed; the text field for a code among them."""
    players: pygame.Rect
    band: pygame.Rect
    """Over the foot of the window: what is waited for, or why it did not work."""
    band_button: pygame.Rect
    foot: pygame.Rect

    @property
    def match_rows(self) -> int:
        """How many matches are seen at once."""
        return max(1, (self.matches.height - LIST_HEAD - LIST_FOOT) // ROW)

    @property
    def player_rows(self) -> int:
        """How many players are seen at once."""
        return max(1, (self.players.height - PLAYERS_HEAD - 8) // PLAYER_ROW)

    def match_row(self, line: int) -> pygame.Rect:
        """Return where a visible line of the list lies."""
        inner = self.matches
        return pygame.Rect(inner.left + 8, inner.top + LIST_HEAD + ROW * line, inner.width - 22, ROW - 4)

    def player_row(self, line: int) -> pygame.Rect:
        """Return where a visible line of the players lies."""
        inner = self.players
        return pygame.Rect(
            inner.left + 8, inner.top + PLAYERS_HEAD + PLAYER_ROW * line, inner.width - 16, PLAYER_ROW - 2
        )


def lay_out(size: tuple[int, int], rejoin: bool, band: bool) -> Layout:
    """Return the rectangles; with a seat to come back to, and with a band at the foot, there is less room."""
    width = min(size[0] - 2 * MARGIN, WIDTH_MAX)
    left = (size[0] - width) // 2
    bottom = size[1] - FOOT - (BAND + GAP if band else 0)
    side = max(316, min(420, width * 34 // 100))
    body = pygame.Rect(left, HEAD, width, bottom - HEAD)
    right = pygame.Rect(body.right - side, body.top, side, body.height)
    buttons, below = _buttons(right, rejoin)
    strip = pygame.Rect(left, size[1] - FOOT - BAND, width, BAND)
    press = pygame.Rect(0, 0, 168, 40)
    press.midright = (strip.right - 14, strip.centery)
    matches = pygame.Rect(body.left, body.top, width - side - GAP, body.height)
    watch = pygame.Rect(matches.right - 8 - 130, matches.bottom - 44, 130, 34)
    return Layout(
        head=pygame.Rect(left, 0, width, HEAD),
        matches=matches,
        join=watch.move(-130 - GAP, 0),
        watch=watch,
        buttons=buttons,
        players=pygame.Rect(right.left, below, side, right.bottom - below),
        band=strip,
        band_button=press,
        foot=pygame.Rect(left, size[1] - FOOT, width, FOOT),
    )


def _buttons(side: pygame.Rect, rejoin: bool) -> tuple[dict[Focus, pygame.Rect], int]:
    top = side.top
    buttons = {}
    if rejoin:
        buttons[Focus.REJOIN] = pygame.Rect(side.left, top, side.width, 46)
        top += 46 + GAP
    ranked = side.width * 30 // 100
    buttons[Focus.QUICK_PLAY] = pygame.Rect(side.left, top, side.width - ranked - GAP, 60)
    buttons[Focus.RANKED] = pygame.Rect(side.right - ranked, top, ranked, 60)
    top += 60 + GAP
    half = (side.width - GAP) // 2
    buttons[Focus.CREATE] = pygame.Rect(side.left, top, half, 40)
    buttons[Focus.CREATE_PRIVATE] = pygame.Rect(side.right - half, top, half, 40)
    top += 40 + GAP
    buttons[Focus.CODE] = pygame.Rect(side.left, top, side.width, 40)
    return buttons, top + 40 + GAP
