"""The scoreboard: small in the corner always, large in the middle while Tab is held.

To test: `tests/demo_client/test_hud.py`.
"""

import pygame

from demo_client.paint import panel, shorten, veil, write
from demo_client.palette import ACCENT, OWN, PANEL_EDGE, TEXT, TEXT_DIM, mix, ship_colour
from demo_client.scene import Scene, ScoreRow

SMALL_ROWS = 5
ROW = 22
LARGE_ROW = 30
LARGE_ROWS = 16


def small_rows(scene: Scene) -> list[tuple[int, ScoreRow]]:
    """Return the best rows with their ranks; the own one takes the last line if it is not among them."""
    ranked = list(enumerate(scene.scores, 1))
    best = ranked[:SMALL_ROWS]
    mine = [pair for pair in ranked[SMALL_ROWS:] if pair[1].mine]
    return best[: SMALL_ROWS - 1] + mine if mine else best


def draw_small_scores(target: pygame.Surface, scene: Scene) -> None:
    """Draw the few best ships in the upper left corner."""
    rows = small_rows(scene)
    if not rows:
        return
    rect = pygame.Rect(16, 16, 210, 34 + ROW * len(rows))
    panel(target, rect)
    write(target, "SCORES", (rect.left + 12, rect.top + 9), 16, TEXT_DIM)
    write(
        target,
        "1 ship" if len(scene.scores) == 1 else f"{len(scene.scores)} ships",
        (rect.right - 12, rect.top + 9),
        16,
        TEXT_DIM,
        "topright",
    )
    for line, (rank, row) in enumerate(rows):
        y = rect.top + 38 + ROW * line
        colour = OWN if row.mine else TEXT
        if row.mine:
            stripe = pygame.Rect(rect.left + 5, y - 10, rect.width - 10, 20)
            pygame.draw.rect(target, (24, 46, 66), stripe, border_radius=4)
        dot = ship_colour(row.seat, row.mine)
        pygame.draw.aacircle(target, dot if row.alive else mix(dot, (0, 0, 0), 0.6), (rect.left + 38, y), 4)
        write(target, f"{rank}", (rect.left + 26, y), 17, TEXT_DIM, "midright")
        write(target, shorten(row.name, 19, 105), (rect.left + 50, y), 19, colour, "midleft")
        write(target, f"{row.score}", (rect.right - 12, y), 19, colour, "midright")


def draw_large_scores(target: pygame.Surface, scene: Scene) -> None:
    """Draw everybody in the middle of the window, in two columns if need be."""
    width, height = target.get_size()
    target.blit(veil((width, height), 130), (0, 0))
    columns = 1 if len(scene.scores) <= LARGE_ROWS else 2
    lines = max(1, min(LARGE_ROWS, len(scene.scores)))
    rect = pygame.Rect(0, 0, 420 * columns, 92 + LARGE_ROW * lines)
    rect.center = (width // 2, height // 2)
    panel(target, rect, 240, mix(PANEL_EDGE, ACCENT, 0.3), 12)
    write(target, "SCOREBOARD", (rect.left + 24, rect.top + 20), 30, TEXT)
    write(target, f"round {scene.round_number}", (rect.right - 24, rect.top + 26), 20, TEXT_DIM, "topright")
    for place, row in enumerate(scene.scores[: LARGE_ROWS * 2]):
        left = rect.left + 24 + 420 * (place // LARGE_ROWS)
        y = rect.top + 84 + LARGE_ROW * (place % LARGE_ROWS)
        if row.mine:
            stripe = pygame.Rect(left - 10, y - 14, 392, 28)
            pygame.draw.rect(target, (24, 46, 66), stripe, border_radius=6)
        colour = OWN if row.mine else TEXT if row.alive else TEXT_DIM
        write(target, f"{place + 1}", (left + 20, y), 20, TEXT_DIM, "midright")
        pygame.draw.aacircle(target, ship_colour(row.seat, row.mine), (left + 40, y), 6)
        write(target, row.name, (left + 58, y), 23, colour, "midleft")
        if not row.alive:
            write(target, "down", (left + 290, y), 17, TEXT_DIM, "midright")
        write(target, f"{row.score}", (left + 368, y), 23, colour, "midright")
