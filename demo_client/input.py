"""What the player holds down, as controls of the ship; and the line of chat being written.

Keys turn the ship directly. Once the mouse moves, the ship turns towards the pointer, until a turn key is pressed.
To test: `tests/demo_client/test_input.py`.
"""

from collections.abc import Container
from dataclasses import dataclass
from math import atan2, pi

import pygame

from demo_game.rules import HEADINGS, TICK_RATE_HZ, TURN_STEPS_PER_S

AHEAD = (pygame.K_w, pygame.K_UP)
BACK = (pygame.K_s, pygame.K_DOWN)
LEFT = (pygame.K_a, pygame.K_LEFT)
RIGHT = (pygame.K_d, pygame.K_RIGHT)
BOOST = (pygame.K_LSHIFT, pygame.K_RSHIFT)
FIRE = pygame.K_SPACE
CHAT_LENGTH_MAX = 200
AIM_TURNS = TURN_STEPS_PER_S / TICK_RATE_HZ / HEADINGS * 0.75
"""Nearer to the pointer the ship stops turning: one tick would turn it past."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the player wants of the ship; `boost` counts presses since the last time it was asked."""

    thrust: int = 0
    turn: int = 0
    fire: bool = False
    boost: int = 0


def turn_to(heading: float, dx: float, dy: float) -> int:
    """Return the turn (-1, 0 or 1) that brings `heading`, in turns, towards (dx, dy)."""
    away = (atan2(dy, dx) / (2.0 * pi) - heading + 0.5) % 1.0 - 0.5
    return 0 if abs(away) <= AIM_TURNS else 1 if away > 0.0 else -1


class Pilot:
    """Follows pygame's events; `wanted` says what they amount to."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._buttons: set[int] = set()
        self._presses = 0
        self.pointer: tuple[int, int] | None = None
        self.aims = False
        self.chat_draft: str | None = None
        self.shows_scores = False
        self.shows_help = False

    @property
    def fires(self) -> bool:
        """Whether a trigger is held."""
        return FIRE in self._held or 1 in self._buttons

    def handle(self, event: pygame.event.Event) -> str | None:
        """Take an event; return a line of chat when one is to be sent."""
        if event.type == pygame.MOUSEMOTION:
            self.pointer, self.aims = event.pos, True
        elif event.type == pygame.MOUSEBUTTONDOWN:
            self._buttons.add(event.button)
            self._presses += event.button == 3
        elif event.type == pygame.MOUSEBUTTONUP:
            self._buttons.discard(event.button)
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._release()
        elif event.type == pygame.KEYUP:
            self._held.discard(event.key)
            self.shows_scores = self.shows_scores and event.key != pygame.K_TAB
        elif event.type == pygame.TEXTINPUT and self.chat_draft is not None:
            typed = "".join(filter(str.isprintable, event.text))
            self.chat_draft = (self.chat_draft + typed)[:CHAT_LENGTH_MAX]
        elif event.type == pygame.KEYDOWN:
            if self.chat_draft is not None:
                return self._chat_key(event)
            self._game_key(event.key)
        return None

    def wanted(self, heading: float, from_x: float, from_y: float) -> Wanted:
        """Return the controls, for a ship of `heading` drawn at a pixel; presses are handed out once."""
        presses, self._presses = self._presses, 0
        turn = self._axis(RIGHT) - self._axis(LEFT)
        if turn == 0 and self.aims and self.pointer is not None:
            turn = turn_to(heading, self.pointer[0] - from_x, self.pointer[1] - from_y)
        return Wanted(self._axis(AHEAD) - self._axis(BACK), turn, self.fires, presses)

    def _axis(self, keys: Container[int]) -> int:
        return int(any(key in keys for key in self._held))

    def _release(self) -> None:
        self._held.clear()
        self._buttons.clear()
        self.shows_scores = False

    def _game_key(self, key: int) -> None:
        if key in (pygame.K_RETURN, pygame.K_KP_ENTER):
            self._release()  # What is held while chat opens would stay held: its release is text's.
            self.chat_draft = ""
        elif key == pygame.K_TAB:
            self.shows_scores = True
        elif key == pygame.K_F1:
            self.shows_help = not self.shows_help
        else:
            self._held.add(key)
            self._presses += key in BOOST
            self.aims = self.aims and key not in LEFT + RIGHT

    def _chat_key(self, event: pygame.event.Event) -> str | None:
        draft = self.chat_draft or ""
        if event.key == pygame.K_ESCAPE:
            self.chat_draft = None
        elif event.key == pygame.K_BACKSPACE:
            self.chat_draft = draft[:-1]
        elif event.key in (pygame.K_RETURN, pygame.K_KP_ENTER):
            self.chat_draft = None
            return draft.strip() or None
        return None
