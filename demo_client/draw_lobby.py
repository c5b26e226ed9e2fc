"""The lobby drawn: who you are, what can be pressed, what is waited for or went wrong.

To test: `tests/demo_client/test_draw_lobby.py`.
"""

import pygame

from demo_client.draw_lobby_lists import draw_matches, draw_players
from demo_client.lobby_layout import Layout, lay_out
from demo_client.lobby_scene import Focus, LobbyScene, seconds_text
from demo_client.paint import add_glow, panel, shorten, text_width, wrap, write
from demo_client.palette import (
    ACCENT,
    BAD,
    GOOD,
    OWN,
    PANEL_EDGE,
    TEXT,
    TEXT_DIM,
    WARN,
    WHITE,
    Colour,
    mix,
)
from demo_client.widgets import QUIET, draw_button, draw_field

KEYS = ("Enter presses", "Tab goes on", "Up Down choose a match", "W watches it", "Q quick play", "Esc leaves")
WORDS = {
    Focus.REJOIN: "REJOIN YOUR MATCH",
    Focus.QUICK_PLAY: "QUICK PLAY",
    Focus.RANKED: "Ranked",
    Focus.CREATE: "Create public",
    Focus.CREATE_PRIVATE: "Create private",
}
COLOURS: dict[Focus, Colour] = {
    Focus.REJOIN: GOOD,
    Focus.QUICK_PLAY: OWN,
    Focus.RANKED: QUIET,
    Focus.CREATE: QUIET,
    Focus.CREATE_PRIVATE: QUIET,
}
SIZES = {Focus.REJOIN: 24, Focus.QUICK_PLAY: 32}


def layout_of(size: tuple[int, int], scene: LobbyScene) -> Layout:
    """Return where a scene's parts lie."""
    return lay_out(size, bool(scene.rejoin), has_band(scene))


def has_band(scene: LobbyScene) -> bool:
    """Whether something is told across the foot of the window."""
    return bool(scene.trouble or scene.search or scene.refusal)


def draw_lobby(target: pygame.Surface, scene: LobbyScene) -> None:
    """Draw everything but the sky."""
    layout = layout_of(target.get_size(), scene)
    _draw_head(target, layout.head, scene)
    draw_matches(target, layout, scene)
    _draw_buttons(target, layout, scene)
    draw_players(target, layout, scene)
    if scene.trouble:
        _draw_band(target, layout, scene.trouble, BAD, scene.time_s, "")
    elif scene.search is not None:
        _draw_search(target, layout, scene)
    elif scene.refusal is not None:
        _draw_refusal(target, layout, scene)
    write(target, "   -   ".join(KEYS), layout.foot.center, 18, TEXT_DIM, "center")


def _draw_head(target: pygame.Surface, rect: pygame.Rect, scene: LobbyScene) -> None:
    add_glow(target, rect.left + 90, rect.centery, 120, mix(ACCENT, (0, 0, 40), 0.3), 0.3)
    title = write(target, "TICKWIRE", (rect.left, rect.centery), 44, TEXT, "midleft", shadow=True)
    write(target, "A R E N A", (title.right + 14, rect.centery + 4), 20, ACCENT, "midleft", shadow=True)
    colour = BAD if scene.trouble else GOOD
    node = "no connection" if scene.trouble else f"connected to {scene.node}" if scene.node else "connected"
    lower = write(target, node, (rect.right, rect.centery + 11), 18, TEXT_DIM, "midright", shadow=True)
    pygame.draw.aacircle(target, colour, (lower.left - 12, lower.centery), 5)
    end = rect.right
    if scene.rating:
        end = write(target, f"{scene.rating}", (end, rect.centery - 13), 20, TEXT, "midright", shadow=True).left - 10
    name = shorten(scene.player, 24, rect.width // 3)
    write(target, name, (end, rect.centery - 13), 24, OWN, "midright", shadow=True)


def _draw_buttons(target: pygame.Surface, layout: Layout, scene: LobbyScene) -> None:
    for focus, rect in layout.buttons.items():
        focused = scene.focus is focus and scene.can_ask
        if focus is Focus.CODE:
            draw_field(target, rect, scene.code, focused, scene.time_s, "Join by code: type it, then Enter", 22)
        else:
            size = SIZES.get(focus, 20)
            draw_button(target, rect, WORDS[focus], size, COLOURS[focus], focused, scene.can_ask)


def _draw_search(target: pygame.Surface, layout: Layout, scene: LobbyScene) -> None:
    search = scene.search
    assert search is not None
    _draw_band(target, layout, search.sentence, ACCENT, scene.time_s, "Cancel (Esc)")
    if search.wanted:
        part = min(search.found / search.wanted, 1.0)
        groove = pygame.Rect(layout.band.left + 14, layout.band.bottom - 8, layout.band.width - 28, 3)
        target.fill(PANEL_EDGE, groove)
        target.fill(ACCENT, (groove.left, groove.top, round(groove.width * part), groove.height))


def _draw_refusal(target: pygame.Surface, layout: Layout, scene: LobbyScene) -> None:
    refusal = scene.refusal
    assert refusal is not None
    sentence = refusal.sentence[:1].upper() + refusal.sentence[1:]
    button = "Again (Enter)" if refusal.again else "Close (Esc)"
    if refusal.retry_s is not None:
        sentence = f"{sentence.rstrip('.')}, retry in {seconds_text(refusal.retry_s)}"
        button = "Cancel (Esc)"
    colour = WARN if refusal.retry_s is not None else BAD
    _draw_band(target, layout, sentence, colour, scene.time_s, button)


def _draw_band(
    target: pygame.Surface, layout: Layout, sentence: str, colour: Colour, time_s: float, button: str
) -> None:
    band = layout.band
    panel(target, band, 240, mix(colour, (0, 0, 0), 0.3), 12)
    pulse = 1.0 - abs(time_s * 1.2 % 2.0 - 1.0)
    dot = (band.left + 28, band.centery)
    add_glow(target, *dot, 22, colour, 0.3 + 0.6 * pulse)
    pygame.draw.aacircle(target, colour, dot, 7)
    end = layout.band_button.left - 14 if button else band.right - 14
    room = end - band.left - 50
    size = 24 if text_width(sentence, 24) <= room else 20
    lines = wrap(sentence, size, room)[:2]
    for line, text in enumerate(lines):
        y = band.centery + 22 * line - 11 * (len(lines) - 1)
        write(target, text, (band.left + 50, y), size, mix(colour, WHITE, 0.6), "midleft")
    if button:
        draw_button(target, layout.band_button, button, 20, QUIET)
