"""The lobby's two lists: the matches with their seats, and who is online.

To test: `tests/demo_client/test_draw_lobby_lists.py`.
"""

import pygame

from demo_client.lobby_layout import LIST_HEAD, ROW, Layout
from demo_client.lobby_scene import Focus, LobbyScene, MatchRow, short_match
from demo_client.paint import panel, shorten, text_width, write
from demo_client.palette import ACCENT, BAD, GOOD, OWN, PANEL_EDGE, TEXT, TEXT_DIM, WARN, Colour, mix
from demo_client.widgets import QUIET, draw_button

SELECTED: Colour = (24, 46, 66)
EMPTY = "No match yet: Quick play makes the first."
ASKING = "Asking for the matches..."


def draw_matches(target: pygame.Surface, layout: Layout, scene: LobbyScene) -> None:
    """Draw the list of matches with its heading and, if there are more than fit, where in it we are."""
    rect = layout.matches
    focused = scene.focus is Focus.MATCHES and scene.can_ask
    panel(target, rect, 215, mix(PANEL_EDGE, ACCENT, 0.6 if focused else 0.1), 12)
    write(target, "MATCHES", (rect.left + 16, rect.top + 13), 20, ACCENT if focused else TEXT_DIM)
    count = "1 match" if scene.matches_total == 1 else f"{scene.matches_total:,} matches"
    if scene.listed:
        write(target, count, (rect.right - 16, rect.top + 13), 18, TEXT_DIM, "topright")
    columns = _columns(layout.match_row(0))
    for key, words in (("name", "match"), ("seats", "seats"), ("watching", "watching"), ("what", "what")):
        write(target, words, (columns[key], rect.top + 41), 16, mix(TEXT_DIM, (0, 0, 0), 0.2))
    if not scene.matches:
        place = (rect.centerx, rect.top + LIST_HEAD + 44)
        write(target, EMPTY if scene.listed else ASKING, place, 22, TEXT_DIM, "center")
    for line, row in enumerate(scene.matches):
        _draw_match(target, layout.match_row(line), row, row.match == scene.selected, focused)
    _draw_scrollbar(target, layout, scene)
    _draw_acts(target, layout, scene)


def _draw_acts(target: pygame.Surface, layout: Layout, scene: LobbyScene) -> None:
    if not scene.selected:
        return
    left, y = layout.matches.left + 16, layout.join.centery
    chosen = shorten(scene.selected, 18, layout.join.left - left - 12)
    write(target, chosen, (left, y), 18, TEXT_DIM, "midleft")
    draw_button(target, layout.join, "Join", 20, OWN, enabled=scene.can_ask)
    draw_button(target, layout.watch, "Watch (W)", 20, QUIET, enabled=scene.can_ask)


def _columns(row: pygame.Rect) -> dict[str, int]:
    bar = row.left + max(118, row.width * 24 // 100)
    watching = bar + max(158, row.width * 28 // 100)
    return {"name": row.left + 10, "seats": bar, "watching": watching, "what": watching + 76}


def _draw_match(target: pygame.Surface, rect: pygame.Rect, row: MatchRow, selected: bool, focused: bool) -> None:
    if selected:
        pygame.draw.rect(target, SELECTED, rect, border_radius=6)
        edge = ACCENT if focused else mix(ACCENT, (0, 0, 0), 0.5)
        pygame.draw.rect(target, edge, rect, 2 if focused else 1, border_radius=6)
    elif rect.collidepoint(pygame.mouse.get_pos()):
        pygame.draw.rect(target, (20, 27, 47), rect, border_radius=6)
    columns, y = _columns(rect), rect.centery
    name = shorten(short_match(row.match), 22, columns["seats"] - columns["name"] - 8)
    write(target, name, (columns["name"], y), 22, OWN if selected else TEXT, "midleft")
    _draw_seats(target, pygame.Rect(columns["seats"], y - 5, columns["watching"] - columns["seats"] - 74, 10), row)
    if row.spectators:
        write(target, f"{row.spectators}", (columns["watching"] + 4, y), 19, TEXT_DIM, "midleft")
    _draw_attributes(target, columns["what"], rect, row)


def _draw_seats(target: pygame.Surface, bar: pygame.Rect, row: MatchRow) -> None:
    part = min(row.seats / max(row.seats_max, 1), 1.0)
    colour = BAD if row.full else WARN if part >= 0.75 else GOOD
    pygame.draw.rect(target, (32, 39, 62), bar, border_radius=5)
    if row.seats:
        pygame.draw.rect(
            target, colour, (bar.left, bar.top, max(8, round(bar.width * part)), bar.height), border_radius=5
        )
    words = "full" if row.full else f"{row.seats}/{row.seats_max}"
    write(target, words, (bar.right + 10, bar.centery), 19, mix(colour, TEXT, 0.5), "midleft")


def _draw_attributes(target: pygame.Surface, left: int, rect: pygame.Rect, row: MatchRow) -> None:
    for text in row.attributes:
        room = rect.right - 8 - left - 14
        if room < 24:
            return
        shown = shorten(text, 17, room)
        chip = pygame.Rect(left, rect.centery - 11, text_width(shown, 17) + 14, 22)
        pygame.draw.rect(target, (27, 35, 60), chip, border_radius=6)
        write(target, shown, chip.center, 17, TEXT_DIM, "center")
        left = chip.right + 6


def _draw_scrollbar(target: pygame.Surface, layout: Layout, scene: LobbyScene) -> None:
    visible, total = layout.match_rows, scene.matches_total
    if total <= visible:
        return
    track = pygame.Rect(layout.matches.right - 7, layout.matches.top + LIST_HEAD, 3, ROW * visible - 4)
    target.fill((32, 39, 62), track)
    height = max(18, track.height * visible // total)
    top = track.top + (track.height - height) * scene.top // max(1, total - visible)
    target.fill(mix(ACCENT, (0, 0, 0), 0.3), (track.left, min(top, track.bottom - height), 3, height))


def draw_players(target: pygame.Surface, layout: Layout, scene: LobbyScene) -> None:
    """Draw who is online and where they are."""
    rect = layout.players
    panel(target, rect, 205, PANEL_EDGE, 12)
    write(target, "PLAYERS ONLINE", (rect.left + 16, rect.top + 13), 20, TEXT_DIM)
    total = max(scene.players_total, scene.online)
    if total:
        write(target, f"{total:,}", (rect.right - 16, rect.top + 13), 18, TEXT_DIM, "topright")
    shown = scene.players[: layout.player_rows]
    if total > len(shown) and shown:
        shown = shown[: layout.player_rows - 1]
        place = layout.player_row(len(shown))
        write(target, f"and {total - len(shown):,} more", (place.left + 26, place.centery), 17, TEXT_DIM, "midleft")
    for line, row in enumerate(shown):
        place = layout.player_row(line)
        colour = OWN if row.mine else GOOD if row.playing else TEXT_DIM
        pygame.draw.aacircle(target, colour, (place.left + 14, place.centery), 4)
        where = write(target, row.where, (place.right - 8, place.centery), 17, TEXT_DIM, "midright")
        name = shorten(row.name, 20, where.left - place.left - 36)
        write(target, name, (place.left + 26, place.centery), 20, OWN if row.mine else TEXT, "midleft")
