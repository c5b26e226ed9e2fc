"""What lies over everything: connection banner, announcement, respawn countdown, the page of keys.

To test: `tests/demo_client/test_hud.py`.
"""

import pygame

from demo_client.paint import add_glow, panel, shorten, text_width, veil, write
from demo_client.palette import ACCENT, BAD, TEXT, TEXT_DIM, WARN, WHITE, mix
from demo_client.scene import Scene

KEYS = (
    ("W / Up", "thrust"),
    ("S / Down", "brake, back"),
    ("A D / Left Right", "turn"),
    ("Space, left button", "fire"),
    ("Shift, right button", "boost"),
    ("Mouse", "turn towards the pointer"),
    ("Enter", "chat; Enter sends, Esc cancels"),
    ("Tab", "scoreboard"),
    ("F1", "these keys"),
    ("F9", "cut the own connection for 2 s"),
    ("F11", "full screen"),
    ("Esc", "leave"),
)


def draw_overlays(target: pygame.Surface, scene: Scene) -> None:
    """Draw those that the scene asks for."""
    if scene.announcement:
        draw_announcement(target, scene.announcement)
    if scene.show_help:
        draw_help(target)
    if scene.banner:
        draw_banner(target, scene.banner, scene.banner_why, scene.banner_bad, scene.time_s)


def draw_banner(target: pygame.Surface, text: str, why: str, bad: bool, time_s: float) -> None:
    """Tell across the whole window what is wrong with the connection, and why; the field stands still meanwhile."""
    colour = BAD if bad else WARN
    width, height = target.get_size()
    band = pygame.Rect(0, height // 4 - 48, width, 108 if why else 78)
    target.blit(veil(band.size, 190), band)
    for edge in (band.top, band.bottom - 2):
        target.fill(mix(colour, (0, 0, 0), 0.25), (0, edge, width, 2))
    shown = shorten(text, 40, width - 160)
    left = (width - text_width(shown, 40) - 44) // 2
    middle = band.top + 39
    pulse = 1.0 - abs(time_s * 1.2 % 2.0 - 1.0)
    add_glow(target, left + 10, middle, 24, colour, 0.3 + 0.6 * pulse)
    pygame.draw.aacircle(target, colour, (left + 10, middle), 8)
    write(target, shown, (left + 44, middle), 40, mix(colour, WHITE, 0.5), "midleft", shadow=True)
    if why:
        write(target, shorten(why, 20, width - 160), (width // 2, band.bottom - 28), 20, TEXT_DIM, "center")


def draw_announcement(target: pygame.Surface, text: str) -> None:
    """Write one large line into the upper third: somebody won the round."""
    place = (target.get_width() // 2, target.get_height() // 4 + 16)
    width = text_width(text, 46)
    rect = pygame.Rect(0, 0, width + 80, 68)
    rect.center = place
    panel(target, rect, 215, mix(ACCENT, (0, 0, 0), 0.4), 14)
    write(target, text, place, 46, TEXT, "center", shadow=True)


def draw_respawn(target: pygame.Surface, scene: Scene) -> None:
    """Say who did it and count down to the next life, with a ring that closes."""
    width, height = target.get_size()
    target.blit(veil((width, height), 80), (0, 0))
    middle = (width // 2, height // 2)
    left_s = scene.respawn_s or 0.0
    by = f"Shot down by {scene.killed_by}" if scene.killed_by else "Shot down"
    write(target, by, (middle[0], middle[1] - 92), 40, mix(BAD, WHITE, 0.3), "center", shadow=True)
    add_glow(target, *middle, 90, ACCENT, 0.3)
    pygame.draw.aacircle(target, (34, 44, 70), middle, 46, 5)
    turn = 6.2832 * (left_s % 1.0)
    pygame.draw.arc(target, ACCENT, pygame.Rect(middle[0] - 46, middle[1] - 46, 92, 92), 1.5708, 1.5708 + turn, 5)
    write(target, f"{int(left_s) + 1}" if left_s > 0.0 else "...", middle, 52, WHITE, "center")
    write(target, "back in the arena soon", (middle[0], middle[1] + 74), 20, TEXT_DIM, "center", shadow=True)


def draw_help(target: pygame.Surface) -> None:
    """List the keys."""
    target.blit(veil(target.get_size(), 120), (0, 0))
    rect = pygame.Rect(0, 0, 520, 84 + 30 * len(KEYS))
    rect.center = target.get_rect().center
    panel(target, rect, 245, mix(ACCENT, (0, 0, 0), 0.4), 12)
    write(target, "KEYS", (rect.left + 28, rect.top + 22), 30, TEXT)
    for line, (key, meaning) in enumerate(KEYS):
        y = rect.top + 80 + 30 * line
        cap = pygame.Rect(rect.left + 24, y - 13, text_width(key, 18) + 18, 25)
        pygame.draw.rect(target, (27, 35, 60), cap, border_radius=5)
        pygame.draw.rect(target, (62, 76, 120), cap, 1, border_radius=5)
        write(target, key, cap.center, 18, TEXT, "center")
        write(target, meaning, (rect.left + 218, y), 20, TEXT_DIM, "midleft")
