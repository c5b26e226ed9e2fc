"""What lies over the field in the corners: clock, own health, numbers of the connection, kill feed, chat.

To test: `tests/demo_client/test_hud.py`.
"""

import pygame

from demo_client.paint import panel, shorten, text_width, write
from demo_client.palette import (
    ACCENT,
    BAD,
    GOOD,
    OWN,
    TEXT,
    TEXT_DIM,
    WARN,
    WHITE,
    Colour,
    health_colour,
    mix,
    ship_colour,
)
from demo_client.scene import ChatLine, Numbers, Scene

FEED_S = 6.0
CHAT_S = 12.0
FADE_S = 1.0
GAP_MS_MAX = 120.0
PING_GOOD_MS, PING_BAD_MS = 60.0, 150.0


def clock_text(seconds: int) -> str:
    """Return minutes and seconds, `2:05`."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def rate_text(bytes_per_s: float | None) -> str:
    """Return a rate as people read it, `1.4 kB/s`."""
    if bytes_per_s is None:
        return "-"
    return f"{bytes_per_s / 1000:.1f} kB/s" if bytes_per_s >= 1000 else f"{bytes_per_s:.0f} B/s"


def fade(age_s: float, life_s: float) -> float:
    """Return how visible a line of this age is, from 1 to 0 during its last second."""
    return min(max((life_s - age_s) / FADE_S, 0.0), 1.0)


def numbers_rect(size: tuple[int, int]) -> pygame.Rect:
    """Return where the connection's numbers lie: the upper right corner."""
    return pygame.Rect(size[0] - 16 - 244, 16, 244, 124)


def draw_clock(target: pygame.Surface, scene: Scene) -> None:
    """Draw what is left of the round at the top in the middle; the last ten seconds are red."""
    if scene.seconds_left is None:
        return
    rect = pygame.Rect(0, 14, 132, 56)
    rect.centerx = target.get_width() // 2
    late = scene.seconds_left <= 10
    panel(target, rect, 215, mix(BAD, WHITE, 0.1) if late else mix(ACCENT, (0, 0, 0), 0.55), 10)
    write(target, clock_text(scene.seconds_left), (rect.centerx, rect.top + 24), 38, BAD if late else TEXT, "center")
    write(target, f"ROUND {scene.round_number}", (rect.centerx, rect.bottom - 11), 15, TEXT_DIM, "center")


def draw_role(target: pygame.Surface, scene: Scene) -> None:
    """Tell below the clock what is not everybody's: the code of a private match, or who is watched."""
    if not (scene.code or scene.watching):
        return
    label, text = ("PRIVATE, CODE", scene.code) if scene.code else ("WATCHING", scene.watching)
    width = text_width(label, 15) + text_width(text, 24) + 34
    rect = pygame.Rect(0, 76, width, 32)
    rect.centerx = target.get_width() // 2
    panel(target, rect, 215, mix(ACCENT, (0, 0, 0), 0.55), 8)
    write(target, label, (rect.left + 12, rect.centery), 15, TEXT_DIM, "midleft")
    write(target, text, (rect.right - 12, rect.centery), 24, ACCENT, "midright")


def draw_numbers(target: pygame.Surface, numbers: Numbers) -> None:
    """Draw ping, tick, rates and frames, with a graph of the last gaps between states."""
    rect = numbers_rect(target.get_size())
    panel(target, rect)
    ping = "-" if numbers.ping_ms is None else f"{numbers.ping_ms:.0f} ms"
    rows: tuple[tuple[str, str, Colour], ...] = (
        ("ping", ping, _ping_colour(numbers.ping_ms)),
        ("tick", f"{numbers.tick}", TEXT),
        ("down", rate_text(numbers.down_bps), TEXT),
        ("up", rate_text(numbers.up_bps), TEXT),
        ("fps", f"{numbers.fps:.0f}", TEXT),
        ("delay", f"{numbers.delay_ms:.0f} ms", TEXT),
    )
    for place, (label, value, colour) in enumerate(rows):
        left = rect.left + 12 + 118 * (place % 2)
        y = rect.top + 18 + 21 * (place // 2)
        write(target, label, (left, y), 16, TEXT_DIM, "midleft")
        write(target, value, (left + 102, y), 18, colour, "midright")
    _draw_gaps(target, pygame.Rect(rect.left + 12, rect.bottom - 48, rect.width - 24, 38), numbers)


def _ping_colour(ping_ms: float | None) -> Colour:
    if ping_ms is None:
        return TEXT_DIM
    return GOOD if ping_ms < PING_GOOD_MS else WARN if ping_ms < PING_BAD_MS else BAD


def _draw_gaps(target: pygame.Surface, rect: pygame.Rect, numbers: Numbers) -> None:
    pygame.draw.rect(target, (9, 12, 23), rect, border_radius=4)
    count = (rect.width - 6) // 3
    for place, gap in enumerate(list(numbers.gaps_ms)[-count:]):
        part = min(gap / GAP_MS_MAX, 1.0)
        height = max(1, round(part * (rect.height - 6)))
        colour = GOOD if gap < 45 else WARN if gap < 90 else BAD
        target.fill(mix((9, 12, 23), colour, 0.75), (rect.left + 3 + place * 3, rect.bottom - 3 - height, 2, height))
    write(target, "state gaps", (rect.left + 6, rect.top + 4), 14, TEXT_DIM)


def draw_own_health(target: pygame.Surface, scene: Scene) -> None:
    """Draw the own ship's health large at the bottom in the middle."""
    me = scene.me
    if me is None:
        return
    width, height = target.get_size()
    rect = pygame.Rect(0, 0, 300, 40)
    rect.midbottom = (width // 2, height - 16)
    panel(target, rect, 215, radius=10)
    part = min(max(me.hp / 100.0, 0.0), 1.0) if me.alive else 0.0
    bar = pygame.Rect(rect.left + 14, rect.top + 14, 220, 12)
    pygame.draw.rect(target, (9, 12, 23), bar, border_radius=6)
    if part > 0.0:
        full = pygame.Rect(bar.left, bar.top, max(12, round(bar.width * part)), bar.height)
        colour = health_colour(part)
        pygame.draw.rect(target, mix(colour, (0, 0, 0), 0.25), full, border_radius=6)
        pygame.draw.rect(target, colour, (full.left, full.top, full.width, 6), border_radius=6)
    for step in range(1, 10):
        x = bar.left + bar.width * step // 10
        pygame.draw.line(target, (13, 17, 31), (x, bar.top), (x, bar.bottom - 1))
    text = f"{me.hp}" if me.alive else "0"
    write(target, text, (rect.right - 14, rect.centery), 28, TEXT if part > 0.3 else BAD, "midright")


def draw_feed(target: pygame.Surface, scene: Scene) -> None:
    """Draw the last kills below the numbers, newest last."""
    right = target.get_width() - 16
    top = numbers_rect(target.get_size()).bottom + 12
    for line in scene.feed:
        alpha = fade(line.age_s, FEED_S)
        if alpha <= 0.0:
            continue
        size, killer, victim = 18, shorten(line.killer, 18, 120), shorten(line.victim, 18, 120)
        widths = text_width(killer, size), text_width(victim, size)
        rect = pygame.Rect(0, top, widths[0] + widths[1] + 56, 26)
        rect.right = right
        if alpha == 1.0:
            panel(target, rect, 200, OWN if line.about_me else (34, 42, 70), 6)
        colour_a, colour_b = _seat_colour(line.killer_seat, scene), _seat_colour(line.victim_seat, scene)
        write(target, killer, (rect.left + 10, rect.centery), size, colour_a, "midleft", alpha=alpha)
        _draw_shot(target, rect.left + 28 + widths[0], rect.centery, alpha)
        write(target, victim, (rect.right - 10, rect.centery), size, colour_b, "midright", alpha=alpha)
        top += 30


def _seat_colour(seat: int | None, scene: Scene) -> Colour:
    mine = seat is not None and seat == scene.seat
    return mix(ship_colour(seat, mine), TEXT, 0.25)


def _draw_shot(target: pygame.Surface, x: int, y: int, alpha: float) -> None:
    colour = mix((13, 17, 31), TEXT_DIM, alpha)
    pygame.draw.line(target, colour, (x - 9, y), (x + 7, y), 2)
    pygame.draw.polygon(target, colour, ((x + 3, y - 5), (x + 10, y), (x + 3, y + 5)))


def draw_chat(target: pygame.Surface, scene: Scene) -> None:
    """Draw what was said, and the line being written, in the lower left corner."""
    left, bottom = 16, target.get_height() - 20
    if scene.chat_draft is not None:
        rect = pygame.Rect(left, bottom - 30, 440, 34)
        panel(target, rect, 235, ACCENT, 8)
        write(target, "say", (left + 12, rect.centery), 18, ACCENT, "midleft")
        text = scene.chat_draft
        while text_width(text, 20) > 370:
            text = text[1:]
        end = write(target, text, (left + 48, rect.centery), 20, TEXT, "midleft")
        if scene.time_s % 1.0 < 0.6:
            target.fill(ACCENT, (end.right + 2, rect.centery - 9, 2, 18))
        bottom = rect.top - 8
    for line in reversed(scene.chat[-8:]):
        alpha = 1.0 if scene.chat_draft is not None else fade(line.age_s, CHAT_S)
        if alpha > 0.0:
            _draw_chat_line(target, line, _seat_colour(line.seat, scene), (left, bottom), alpha)
            bottom -= 24


def _draw_chat_line(
    target: pygame.Surface, line: ChatLine, colour: Colour, place: tuple[int, int], alpha: float
) -> None:
    name = f"{line.name}:"
    end = write(target, name, place, 20, colour, "bottomleft", shadow=True, alpha=alpha)
    text = shorten(line.text, 20, 460)
    write(target, text, (end.right + 7, place[1]), 20, TEXT, "bottomleft", shadow=True, alpha=alpha)
