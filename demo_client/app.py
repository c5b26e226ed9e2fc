"""The program: opens the window, shows the join screen or a match, until the player leaves.

To test: `tests/demo_client/test_app.py`.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pygame

from demo_client.join_screen import DEFAULT_ADDRESS, JoinScreen
from demo_client.match_view import CLOSED, Connection, Dial, MatchView
from demo_client.painter import Painter
from protocol.errors import UsageFault

FPS = 60
TITLE = "Tickwire Arena"
SIZE = (1280, 720)
SIZE_MIN = (960, 540)
JOIN_WITHIN_S = 8.0
"""A first join that takes longer has failed; a match that was live is dialled for as long as the player waits."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the window is run."""

    url: str | None = None
    name: str = ""
    seconds: float | None = None
    screenshot: Path | None = None
    autopilot: bool = False
    size: tuple[int, int] = SIZE


def run(
    url: str | None = None,
    name: str = "",
    seconds: float | None = None,
    screenshot: str | Path | None = None,
    autopilot: bool = False,
    size: tuple[int, int] = SIZE,
    dial: Dial | None = None,
) -> int:
    """Run the window until it is closed, or for `seconds`; save its last frame as `screenshot`. Return an exit code.

    With an address and a name the join screen is skipped. `dial` replaces `game_client.Bridge`, for tests.
    """
    if screenshot is not None or not has_display():
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        seconds = 5.0 if seconds is None else seconds
        autopilot = True
    shot = None if screenshot is None else Path(screenshot)
    program = Program(Options(url, name, seconds, shot, autopilot, size), dial or dial_bridge)
    try:
        return program.run()
    finally:
        program.close()


def has_display() -> bool:
    """Return whether a window can be seen by anybody."""
    if os.environ.get("SDL_VIDEODRIVER") == "dummy":
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def dial_bridge(url: str, name: str) -> Connection:
    """Open a real connection."""
    from game_client import Bridge

    link: Connection = Bridge(url, name=name)
    return link


class Program:
    """The window and which of its two screens is shown."""

    def __init__(self, options: Options, dial: Dial) -> None:
        self._options = options
        self._dial = dial
        pygame.display.init()  # Only what is needed: the mixer would look for sound cards.
        pygame.font.init()
        hidden = os.environ.get("SDL_VIDEODRIVER") == "dummy"
        self._surface = pygame.display.set_mode(options.size, 0 if hidden else pygame.RESIZABLE)
        pygame.display.set_caption(TITLE)
        pygame.key.start_text_input()
        self._painter = Painter(options.size)
        self._join = JoinScreen(options.url or DEFAULT_ADDRESS, options.name)
        self._link: Connection | None = None
        self._match: MatchView | None = None
        self._clock = pygame.time.Clock()
        self._running = True
        self._failed = False
        self._give_up_s = 0.0

    def run(self) -> int:
        """Draw frames until the end, return the exit code."""
        options = self._options
        if options.url and options.name:
            self._connect(options.url, options.name)
        end = None if options.seconds is None else monotonic() + options.seconds
        while self._running and (end is None or monotonic() < end):
            dt_s = min(self._clock.tick(FPS) / 1000.0, 0.1)
            for event in pygame.event.get():
                self._handle(event)
            self._draw(dt_s)
            pygame.display.flip()
        if options.screenshot is not None:
            options.screenshot.parent.mkdir(parents=True, exist_ok=True)
            pygame.image.save(self._surface, str(options.screenshot))
        return int(self._failed)

    def close(self) -> None:
        """Leave the match and close the window."""
        self._leave()
        pygame.display.quit()

    def _connect(self, url: str, name: str) -> None:
        self._leave()
        self._failed = False
        try:
            self._link = self._dial(url, name)
        except (ValueError, OSError) as error:  # An address that cannot even be dialled.
            self._back_to_join(str(error))
            return
        self._give_up_s = monotonic() + JOIN_WITHIN_S
        self._match = MatchView(self._link, self._painter, self._options.autopilot)
        pygame.mouse.set_visible(False)

    def _leave(self) -> None:
        link, self._link, self._match = self._link, None, None
        if link is not None:
            link.close()
            pygame.mouse.set_visible(True)

    def _back_to_join(self, error: str) -> None:
        self._leave()
        self._failed = bool(error)
        self._join.error = error.replace(self._join.address, "the server")  # It stands in the field above.

    def _handle(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self._running = False
        elif event.type == pygame.VIDEORESIZE:
            size = (max(event.w, SIZE_MIN[0]), max(event.h, SIZE_MIN[1]))
            self._surface = pygame.display.set_mode(size, pygame.RESIZABLE)
            self._painter.resize(size)
        elif event.type == pygame.KEYDOWN and event.key == pygame.K_F11:
            pygame.display.toggle_fullscreen()
        elif self._match is None:
            self._handle_join(event)
        elif self._is_escape(event) and self._match.pilot.chat_draft is None:
            self._back_to_join("")
        else:
            self._match.handle(event)

    def _handle_join(self, event: pygame.event.Event) -> None:
        if self._is_escape(event):
            self._running = False
        elif self._join.handle(event):
            self._connect(self._join.address, self._join.name)

    @staticmethod
    def _is_escape(event: pygame.event.Event) -> bool:
        return bool(event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)

    def _draw(self, dt_s: float) -> None:
        if self._match is None or self._link is None:
            background, camera = self._painter.background, self._painter.camera
            self._join.draw(self._surface, background, camera, pygame.time.get_ticks() / 1000.0)
            return
        try:
            self._match.frame(self._surface, dt_s, self._clock.get_fps())
        except UsageFault as fault:  # Its schema has no ships.
            self._back_to_join(f"This match is not Arena: {fault}")
            return
        status = self._link.status
        if status.phase == CLOSED:
            self._back_to_join(status.reason or "The server closed the connection.")
        elif not self._match.was_live and monotonic() > self._give_up_s:
            self._back_to_join(f"No answer: {status.reason}" if status.reason else "The server does not answer.")
