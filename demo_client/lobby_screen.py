"""The lobby: which matches there are, who is online, and the ways into a match.

Keys first: Enter presses what has the focus, Tab goes round, arrows choose a match, letters are shortcuts wherever no
code is being typed. A request that was refused for a while is sent again by itself when that has passed.
To test: `tests/demo_client/test_lobby_screen.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pygame

from demo_client.draw_background import draw_sky
from demo_client.draw_lobby import draw_lobby, layout_of
from demo_client.lobby_layout import Layout
from demo_client.lobby_link import LIVE, LobbyLink, match_row, player_rows, trouble_of
from demo_client.lobby_scene import Focus, LobbyScene, Refusal, Search, short_match
from demo_client.match_list import MatchList
from demo_client.painter import Painter
from demo_client.widgets import ENTER, Field
from protocol.lobby_messages import RefusedCode

CODE_LENGTH_MAX = 16
DOUBLE_CLICK_S = 0.4
BESIDE = {Focus.QUICK_PLAY: Focus.RANKED, Focus.CREATE: Focus.CREATE_PRIVATE}
"""What stands to the right of what."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: how to send it, also a second time, and what to tell while it waits."""

    send: Callable[[], None]
    sentence: str


class LobbyScreen:
    """Turns a lobby's news into frames, and keys and clicks into requests; `seat` is set once one is found."""

    def __init__(
        self, link: LobbyLink, painter: Painter, notice: str = "", quick_play: bool = False, left: str = ""
    ) -> None:
        """`left` is the match that the player has just left: the lobby may not know of that yet."""
        self._link = link
        self._painter = painter
        self._list = MatchList()
        self._code = Field("Code", "", CODE_LENGTH_MAX)
        self._focus: Focus | None = None
        self._asked: Asked | None = None
        self._waiting = False
        self._refusal = Refusal(notice, again=False) if notice else None
        self._retry_at_s: float | None = None
        self._quick_play_wanted = quick_play
        self._left = left
        self._now_s = 0.0
        self._clicked = ("", -1.0)
        self._scene = LobbyScene()
        self._layout: Layout | None = None
        self.seat: Any = None
        self.was_live = False

    # --- what the player does

    def handle(self, event: pygame.event.Event) -> bool:
        """Take one of pygame's events; return whether the player wants to leave the lobby."""
        if event.type == pygame.TEXTINPUT:
            if self.focus is Focus.CODE and self._scene.can_ask:
                self._code.type(event.text.strip().upper())  # As the lobby writes them.
        elif event.type == pygame.KEYDOWN:
            return self._key(event)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos)
        elif event.type == pygame.MOUSEWHEEL:
            self._list.scroll(-2 * event.y)
        return False

    @property
    def focus(self) -> Focus:
        """What Enter presses; at first the way back into the own match if there is one, else quick play."""
        if self._focus is None or (self._focus is Focus.REJOIN and not self._scene.rejoin):
            return Focus.REJOIN if self._scene.rejoin else Focus.QUICK_PLAY
        return self._focus

    def _key(self, event: pygame.event.Event) -> bool:
        if event.key == pygame.K_ESCAPE:
            return self._escape()
        if event.key in (pygame.K_UP, pygame.K_DOWN, pygame.K_PAGEUP, pygame.K_PAGEDOWN, pygame.K_HOME, pygame.K_END):
            self._choose(event.key)
        elif not self._scene.can_ask:
            return False
        elif event.key in ENTER:
            self._press(self.focus)
        else:
            self._other_key(event)
        return False

    def _other_key(self, event: pygame.event.Event) -> None:
        self._forget_refusal()  # Enter is for something else now.
        if event.key == pygame.K_TAB:
            self._go_round(-1 if event.mod & pygame.KMOD_SHIFT else 1)
        elif self.focus is Focus.CODE:
            self._code.key(event)
        elif event.key in (pygame.K_LEFT, pygame.K_RIGHT):
            self._go_aside(event.key == pygame.K_RIGHT)
        elif event.key == pygame.K_w:
            self._enter_match(spectate=True)
        elif event.key == pygame.K_q:
            self._press(Focus.QUICK_PLAY)

    def _forget_refusal(self) -> None:
        if self._retry_at_s is None:
            self._refusal = None

    def _escape(self) -> bool:
        """Take back the last thing first: a search, a refusal, the code; only then the lobby itself."""
        if self._waiting or self._retry_at_s is not None:
            self._cancel()
        elif self._refusal is not None:
            self._refusal = None
        elif self.focus is Focus.CODE:
            self._code.text, self._focus = "", None
        else:
            return True
        return False

    def _choose(self, key: int) -> None:
        self._forget_refusal()
        if self.focus is not Focus.MATCHES:
            self._focus = Focus.MATCHES
            if key in (pygame.K_UP, pygame.K_DOWN):
                self._list.move(0)  # The first press only goes there.
                return
        far = len(self._list.matches)
        page = self._list.page()
        lines = {
            pygame.K_UP: -1, pygame.K_DOWN: 1, pygame.K_PAGEUP: -page, pygame.K_PAGEDOWN: page,
            pygame.K_HOME: -far, pygame.K_END: far,
        }  # fmt: skip
        self._list.move(lines[key])

    def _go_round(self, step: int) -> None:
        stops = [each for each in Focus if each is not Focus.REJOIN or self._scene.rejoin]
        self._focus = stops[(stops.index(self.focus) + step) % len(stops)]

    def _go_aside(self, right: bool) -> None:
        if right:
            self._focus = None if self.focus is Focus.MATCHES else BESIDE.get(self.focus, self.focus)
        else:
            self._focus = {right: left for left, right in BESIDE.items()}.get(self.focus, Focus.MATCHES)

    def _click(self, place: tuple[int, int]) -> None:
        layout = self._layout
        if layout is None:
            return
        if layout.band_button.collidepoint(place):
            self._click_band()
        elif self._scene.can_ask:
            self._click_body(layout, place)

    def _click_band(self) -> None:
        if self._waiting or self._retry_at_s is not None:
            self._cancel()
        elif self._refusal is not None:
            again, self._refusal = self._refusal.again, None
            if again:
                self._send_again()

    def _click_body(self, layout: Layout, place: tuple[int, int]) -> None:
        self._forget_refusal()
        for focus, rect in layout.buttons.items():
            if rect.collidepoint(place):
                self._focus = focus
                if focus is not Focus.CODE:
                    self._press(focus)
                return
        if layout.join.collidepoint(place) or layout.watch.collidepoint(place):
            self._enter_match(spectate=bool(layout.watch.collidepoint(place)))
            return
        for line, row in enumerate(self._scene.matches):
            if layout.match_row(line).collidepoint(place):
                self._click_match(row.match)

    def _click_match(self, match: str) -> None:
        twice = self._clicked[0] == match and self._now_s - self._clicked[1] <= DOUBLE_CLICK_S
        self._clicked = ("", -1.0) if twice else (match, self._now_s)
        self._focus = Focus.MATCHES
        self._list.select(match)
        if twice:
            self._enter_match(spectate=False)

    # --- requests

    def _press(self, focus: Focus) -> None:
        link = self._link
        if self._refusal is not None and self._refusal.again:
            self._send_again()  # The band says so: also what was not asked for by Enter, as watching.
        elif focus is Focus.REJOIN:
            self._ask(Asked(link.rejoin, "Going back to your match"))
        elif focus is Focus.QUICK_PLAY:
            self._ask(Asked(link.quick_play, "Looking for a match with a free seat"))
        elif focus is Focus.RANKED:
            self._ask(Asked(link.enqueue, "Looking for players of like skill"))
        elif focus is Focus.CREATE:
            self._ask(Asked(link.create, "Creating a match"))
        elif focus is Focus.CREATE_PRIVATE:
            self._ask(Asked(lambda: link.create(private=True), "Creating a private match"))
        elif focus is Focus.MATCHES:
            self._enter_match(spectate=False)
        elif self._code.text:
            code = self._code.text
            self._ask(Asked(lambda: link.join_code(code), f"Joining by the code {code}"))
        else:
            self._refusal = Refusal("Type the code of a private match first.", again=False)

    def _enter_match(self, spectate: bool) -> None:
        match = self._list.selected
        if match:
            act = "Going to watch" if spectate else "Joining"
            self._ask(Asked(lambda: self._link.join(match, spectate=spectate), f"{act} {short_match(match)}"))

    def _ask(self, asked: Asked) -> None:
        self._asked = asked
        self._send_again()

    def _send_again(self) -> None:
        self._refusal, self._retry_at_s = None, None
        if self._asked is not None:
            self._waiting = True
            self._asked.send()

    def _cancel(self) -> None:
        if self._waiting:
            self._link.cancel()
        self._waiting, self._retry_at_s, self._refusal = False, None, None

    # --- what the lobby says

    def frame(self, target: pygame.Surface, now_s: float) -> LobbyScene:
        """Draw the next frame, return what it shows."""
        self._now_s = now_s
        self._hear()
        scene = self._build(target.get_size())
        painter = self._painter
        draw_sky(target, painter.background, painter.camera, now_s)
        draw_lobby(target, scene)
        return scene

    def _hear(self) -> None:
        link = self._link
        self.was_live = self.was_live or link.status.phase == LIVE
        if self._quick_play_wanted and self.was_live:
            self._quick_play_wanted = False
            self._press(Focus.QUICK_PLAY)
        if link.seat is not None:
            self._waiting, self.seat = False, link.seat
        elif self._waiting and link.error is not None:
            self._waiting = False
            self._refusal = Refusal(link.error.sentence)
            if link.error.code == RefusedCode.NOTHING_TO_REJOIN and link.welcome is not None:
                self._left = link.welcome.rejoin
            if link.error.retry_after_ms:
                self._retry_at_s = self._now_s + link.error.retry_after_ms / 1000.0
        if self._retry_at_s is not None and self._now_s >= self._retry_at_s:
            self._send_again()

    def _build(self, size: tuple[int, int]) -> LobbyScene:
        link, welcome = self._link, self._link.welcome
        scene = LobbyScene(
            trouble=trouble_of(link.status),
            matches_total=len(link.matches or ()),
            listed=link.matches is not None,
            code=self._code.text,
            search=self._search(),
            refusal=self._told_refusal(),
            time_s=self._now_s,
        )
        if welcome is not None:
            scene = replace(
                scene,
                player=welcome.name,
                rating=welcome.rating,
                node=welcome.node,
                online=welcome.online,
                rejoin=welcome.rejoin if welcome.rejoin != self._left else "",
                players=player_rows(link.players, welcome.player),
                players_total=len(link.players),
            )
        self._scene = scene  # What has the focus depends on it.
        self._layout = layout_of(size, scene)
        rows = [match_row(each) for each in link.matches or ()]
        matches = self._list
        matches.show([row.match for row in rows], self._layout.match_rows)
        self._scene = replace(
            scene,
            matches=rows[matches.top : matches.top + self._layout.match_rows],
            top=matches.top,
            selected=matches.selected,
            focus=self.focus,
        )
        return self._scene

    def _search(self) -> Search | None:
        if not self._waiting or self._asked is None:
            return None
        said = self._link.search
        if said is None or not said.sentence:
            return Search(f"{self._asked.sentence}...")
        return Search(said.sentence, said.found, said.wanted)

    def _told_refusal(self) -> Refusal | None:
        if self._refusal is None or self._retry_at_s is None:
            return self._refusal
        return replace(self._refusal, retry_s=max(0.0, self._retry_at_s - self._now_s))
