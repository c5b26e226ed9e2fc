"""The program: opens the window, shows the join screen, a lobby or a match, until the player leaves.

To test: `tests/demo_client/test_app.py`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pygame

from demo_client.dialling import dial_bridge, dial_lobby_bridge, has_display, lobby_address, names_match
from demo_client.guest_pass import GuestPass
from demo_client.join_screen import DEFAULT_ADDRESS, JoinScreen
from demo_client.lobby_link import LIVE, DialLobby, LobbyLink
from demo_client.lobby_screen import LobbyScreen
from demo_client.match_view import CLOSED, Connection, Dial, MatchView
from demo_client.painter import Painter
from protocol.errors import UsageFault

FPS = 60
TITLE = "Tickwire Arena"
SIZE = (1280, 720)
SIZE_MIN = (960, 540)
KEY_REPEAT_MS = (350, 40)
"""For lists and texts: after how long a key that is held comes again, and how often then. Not in a match."""
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
    quick_play: bool = False


@dataclass(slots=True)
class Visit:
    """The lobby that the player came through, and comes back to after a match."""

    url: str
    name: str
    guest: GuestPass
    """By which the lobby knows the player again."""
    link: LobbyLink | None = None
    screen: LobbyScreen | None = None
    match: str = ""
    """Where the lobby seated the player the last time."""


def run(
    url: str | None = None,
    name: str = "",
    seconds: float | None = None,
    screenshot: str | Path | None = None,
    autopilot: bool = False,
    size: tuple[int, int] = SIZE,
    quick_play: bool = False,
    dial: Dial | None = None,
    dial_lobby: DialLobby | None = None,
) -> int:
    """Run the window until it is closed, or for `seconds`; save its last frame as `screenshot`. Return an exit code.

    With an address and a name the join screen is skipped; `quick_play` then presses that button of the lobby. `dial`
    and `dial_lobby` replace `game_client.Bridge` and `LobbyBridge`, for tests.
    """
    if screenshot is not None or not has_display():
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        seconds = 5.0 if seconds is None else seconds
        autopilot = True
    shot = None if screenshot is None else Path(screenshot)
    options = Options(url, name, seconds, shot, autopilot, size, quick_play)
    program = Program(options, dial or dial_bridge, dial_lobby or dial_lobby_bridge)
    try:
        return program.run()
    finally:
        program.close()


class Program:
    """The window and which of its three screens is shown."""

    def __init__(self, options: Options, dial: Dial, dial_lobby: DialLobby = dial_lobby_bridge) -> None:
        self._options = options
        self._dial = dial
        self._dial_lobby = dial_lobby
        pygame.display.init()  # Only what is needed: the mixer would look for sound cards.
        pygame.font.init()
        hidden = os.environ.get("SDL_VIDEODRIVER") == "dummy"
        self._surface = pygame.display.set_mode(options.size, 0 if hidden else pygame.RESIZABLE)
        pygame.display.set_caption(TITLE)
        pygame.key.start_text_input()
        pygame.key.set_repeat(*KEY_REPEAT_MS)
        self._painter = Painter(options.size)
        self._join = JoinScreen(options.url or DEFAULT_ADDRESS, options.name)
        self._visit: Visit | None = None
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
            self._connect(options.url, options.name, options.quick_play)
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
        """Leave whatever we are in and close the window."""
        self._leave_match()
        self._end_visit()
        pygame.display.quit()

    # --- from screen to screen

    def _connect(self, address: str, name: str, quick_play: bool = False) -> None:
        self._failed = False
        if names_match(address):
            self._enter_match(address, name)
        else:
            url = lobby_address(address)
            self._visit = Visit(url, name, GuestPass(url, name))
            self._enter_lobby("", quick_play)

    def _enter_lobby(self, notice: str, quick_play: bool = False) -> None:
        visit = self._visit
        assert visit is not None, "there is a lobby to go to"
        try:
            visit.link = self._dial_lobby(visit.url, visit.name, visit.guest.credential)
        except (ValueError, OSError) as error:  # An address that cannot even be dialled.
            self._back_to_join(str(error))
            return
        self._give_up_s = monotonic() + JOIN_WITHIN_S
        # Who was sent away with a reason may want to go back, who left does not.
        left = "" if notice else visit.match
        visit.screen = LobbyScreen(visit.link, self._painter, notice, quick_play, left)

    def _leave_lobby(self) -> None:
        visit = self._visit
        if visit is not None and visit.link is not None:
            link, visit.link, visit.screen = visit.link, None, None
            link.close()

    def _end_visit(self) -> None:
        self._leave_lobby()
        visit, self._visit = self._visit, None
        if visit is not None:
            visit.guest.close()

    def _enter_match(self, url: str, name: str, code: str = "", **seat: Any) -> None:
        self._leave_lobby()
        try:
            self._link = self._dial(url, name, **seat)
        except (ValueError, OSError) as error:
            self._back(str(error))
            return
        self._give_up_s = monotonic() + JOIN_WITHIN_S
        self._match = MatchView(self._link, self._painter, self._options.autopilot, code)
        pygame.mouse.set_visible(False)
        pygame.key.set_repeat(0)

    def _leave_match(self) -> None:
        link, self._link, self._match = self._link, None, None
        if link is not None:
            link.close()
            pygame.mouse.set_visible(True)
            pygame.key.set_repeat(*KEY_REPEAT_MS)

    def _back(self, reason: str) -> None:
        """Leave the match for where the player came from."""
        self._leave_match()
        if self._visit is not None:
            self._enter_lobby(reason)
        else:
            self._back_to_join(reason)

    def _back_to_join(self, error: str) -> None:
        self._leave_match()
        self._end_visit()
        self._failed = bool(error)
        self._join.error = error.replace(self._join.address, "the server")  # It stands in the field above.

    # --- events

    def _handle(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self._running = False
        elif event.type == pygame.VIDEORESIZE:
            size = (max(event.w, SIZE_MIN[0]), max(event.h, SIZE_MIN[1]))
            self._surface = pygame.display.set_mode(size, pygame.RESIZABLE)
            self._painter.resize(size)
        elif event.type == pygame.KEYDOWN and event.key == pygame.K_F11:
            pygame.display.toggle_fullscreen()
        elif self._match is not None:
            if self._is_escape(event) and self._match.pilot.chat_draft is None:
                if self._visit is not None and self._link is not None and self._link.status.phase != LIVE:
                    self._visit.match = ""  # Nobody hears of the leaving: the seat is kept to come back to.
                self._back("")
            else:
                self._match.handle(event)
        elif self._visit is not None and self._visit.screen is not None:
            if self._visit.screen.handle(event):
                self._back_to_join("")
        elif self._is_escape(event):
            self._running = False
        elif self._join.handle(event):
            self._connect(self._join.address, self._join.name)

    @staticmethod
    def _is_escape(event: pygame.event.Event) -> bool:
        return bool(event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)

    # --- frames

    def _draw(self, dt_s: float) -> None:
        if self._match is not None and self._link is not None:
            self._draw_match(self._match, self._link, dt_s)
        elif self._visit is not None and self._visit.screen is not None and self._visit.link is not None:
            self._draw_lobby(self._visit, self._visit.screen, self._visit.link)
        else:
            background, camera = self._painter.background, self._painter.camera
            self._join.draw(self._surface, background, camera, pygame.time.get_ticks() / 1000.0)

    def _draw_match(self, match: MatchView, link: Connection, dt_s: float) -> None:
        try:
            match.frame(self._surface, dt_s, self._clock.get_fps())
        except UsageFault as fault:  # Its schema has no ships.
            self._back_to_join(f"This match is not Arena: {fault}")
            return
        status = link.status
        if status.phase == CLOSED:
            self._back(status.reason or "The server closed the connection.")
        elif not match.was_live and monotonic() > self._give_up_s:
            self._back(no_answer(status.reason))

    def _draw_lobby(self, visit: Visit, screen: LobbyScreen, link: LobbyLink) -> None:
        screen.frame(self._surface, pygame.time.get_ticks() / 1000.0)
        status, seat = link.status, screen.seat
        if link.welcome is not None:
            visit.guest.keep(link.welcome.guest)
        if seat is not None:
            visit.match = seat.match
            self._enter_match(seat.url, visit.name, seat.code, token=seat.ticket, spectate=bool(seat.spectate))
        elif status.phase == CLOSED:
            self._back_to_join(status.reason or "The lobby closed the connection.")
        elif not screen.was_live and monotonic() > self._give_up_s:
            self._back_to_join(no_answer(status.reason))


def no_answer(reason: str) -> str:
    """Return what to tell about a server that never answered."""
    return f"No answer: {reason}" if reason else "The server does not answer."
