"""The demo without a window: a live view of a running Arena in the terminal, or a line now and then.

It joins as a player that only watches, and asks /healthz for what no client can know: how long ticks take.
To test: `tests/demo_client/test_terminal.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo_client.dialling import names_match
from demo_game.rules import FIELD_M, WALLS, bullet_age_ticks, bullet_position
from game_client import Client, ClientStats, Lobby, Replica, join

FRAMES_PER_S = 10
HEALTH_EVERY_S = 1.0
LINE_EVERY_S = 3.0
WATCHER = "Terminal"
PATIENCE_S = 10.0
"""How long a lobby that has no place yet is asked again."""
ARROWS = "→↘↓↙←↖↑↗"
COLOURS = ("bright_cyan", "bright_magenta", "bright_yellow", "bright_green", "orange1", "deep_sky_blue1",
           "hot_pink", "spring_green1")  # fmt: skip
MAP_ROWS_MOST = 32
MAP_ROWS_LEAST = 12
SIDE_COLUMNS = 46
"""What the numbers beside the map need."""


@dataclass(frozen=True, slots=True)
class Score:
    """One row of the scores."""

    seat: int
    name: str
    score: int
    hp: int
    alive: bool


@dataclass(frozen=True, slots=True)
class Readings:
    """All numbers of the view."""

    tick: int
    scores: tuple[Score, ...]
    seconds_left: int
    round_number: int
    tick_ms_p50: float
    tick_ms_p99: float
    lateness_ms_p99: float
    bytes_out_per_s: float
    bytes_down_per_s: float
    rtt_ms: float
    desyncs: int
    status: str = "live"


def colour(seat: int) -> str:
    """Return the colour of a seat."""
    return COLOURS[seat % len(COLOURS)]


def read(
    world: Replica,
    stats: ClientStats,
    health: Mapping[str, Any],
    bytes_out_per_s: float,
    status: str = "live",
    seen_match: str = "",
) -> Readings:
    """Return what is to be shown: scores from the world, times of the match that is seen from the server's health."""
    ships = world.all("Ship")
    scores = [Score(-1 if s.owner is None else s.owner, s.name, s.score, s.hp, s.alive) for s in ships]
    hosted: list[Mapping[str, Any]] = list(health.get("matches", ()))
    match = next((each for each in hosted if each.get("match") == seen_match), hosted[0] if hosted else {})
    clock = next(iter(world.all("Clock")), None)
    return Readings(
        tick=world.tick,
        scores=tuple(sorted(scores, key=lambda row: (-row.score, row.seat))),
        seconds_left=0 if clock is None else clock.seconds_left,
        round_number=0 if clock is None else clock.round_number,
        tick_ms_p50=match.get("tick_ms_p50", 0.0),
        tick_ms_p99=match.get("tick_ms_p99", 0.0),
        lateness_ms_p99=match.get("lateness_ms_p99", 0.0),
        bytes_out_per_s=bytes_out_per_s,
        bytes_down_per_s=stats.bytes_down_per_s,
        rtt_ms=stats.rtt_ms,
        desyncs=stats.desyncs,
        status=status,
    )


def line(readings: Readings) -> str:
    """Return the readings as one plain line."""
    best = readings.scores[0] if readings.scores else None
    leads = f", {best.name} leads with {best.score}" if best is not None and best.score else ""
    lost = f"; {readings.status}" if readings.status != "live" else ""
    return (
        f"tick {readings.tick:,}: {len(readings.scores)} players, "
        f"tick {readings.tick_ms_p50:.2f} ms p50 {readings.tick_ms_p99:.2f} ms p99, "
        f"{readings.bytes_down_per_s:,.0f} B/s to this client, {readings.bytes_out_per_s:,.0f} B/s to all{leads}{lost}"
    )


def map_rows(console: Console) -> int:
    """Return how many rows the map may have on this terminal."""
    fits = min(console.height - 3, (console.width - SIDE_COLUMNS) // 2)
    return max(MAP_ROWS_LEAST, min(MAP_ROWS_MOST, fits))


def field_map(world: Replica, tick: int, rows: int = MAP_ROWS_MOST) -> Text:
    """Return the field from above: walls, ships as arrows, bullets as dots, pick-ups as crosses."""
    columns = 2 * rows  # A character is about twice as high as wide, so this makes the field square.
    cells = [[_ground(row, column, rows) for column in range(columns)] for row in range(rows)]

    def put(x: float, y: float, sign: str, style: str) -> None:
        row, column = int(y / FIELD_M * rows), int(x / FIELD_M * columns)
        cells[min(max(row, 0), rows - 1)][min(max(column, 0), columns - 1)] = (sign, style)

    for pickup in world.all("Pickup"):
        if pickup.ready:
            put(pickup.x, pickup.y, "+", "bold green" if pickup.gives == "HEALTH" else "bold yellow")
    for bullet in world.all("Bullet"):
        age = bullet_age_ticks(bullet.born, tick)
        put(*bullet_position(bullet.x, bullet.y, bullet.heading, age), "•", colour(bullet.owner or 0))
    for ship in world.all("Ship"):
        style = f"bold {colour(ship.owner or 0)}"
        put(
            ship.x,
            ship.y,
            ARROWS[round(ship.heading * 8) % 8] if ship.alive else "×",
            style if ship.alive else "grey50",
        )
    lines = [Text.assemble(*row) for row in cells]
    return Text("\n").join(lines)


def _ground(row: int, column: int, rows: int) -> tuple[str, str]:
    x, y = (column + 0.5) * FIELD_M / (2 * rows), (row + 0.5) * FIELD_M / rows
    is_wall = any(wall.left <= x <= wall.right and wall.top <= y <= wall.bottom for wall in WALLS)
    return ("█", "grey35") if is_wall else (" ", "")


def view(readings: Readings, shown_map: Text, heading: str) -> RenderableType:
    """Return the whole live view."""
    numbers = Table.grid(padding=(0, 2))
    live = readings.status == "live"
    numbers.add_row(
        Text("connection", style="grey62"), Text(readings.status, style="bold green" if live else "bold red")
    )
    for name, value in (
        ("tick", f"{readings.tick:,}"),
        ("players", str(len(readings.scores))),
        ("tick time", f"{readings.tick_ms_p50:.2f} ms p50   {readings.tick_ms_p99:.2f} ms p99"),
        ("lateness", f"{readings.lateness_ms_p99:.2f} ms p99"),
        ("this client", f"{readings.bytes_down_per_s:,.0f} B/s" if live else "-"),
        ("all clients", f"{readings.bytes_out_per_s:,.0f} B/s"),
        ("ping", f"{readings.rtt_ms:.1f} ms" if live else "-"),
        ("desyncs", str(readings.desyncs)),
    ):
        numbers.add_row(Text(name, style="grey62"), Text(value, style="bold"))
    left = f"{readings.seconds_left // 60}:{readings.seconds_left % 60:02d}"
    side = Group(
        Panel(numbers, title="server", border_style="grey42"),
        Panel(_table(readings.scores), title=f"round {readings.round_number}, {left} left", border_style="grey42"),
    )
    columns = Table.grid(padding=(0, 1))
    columns.add_row(Panel.fit(shown_map, border_style="grey42", title=heading, padding=0), side)
    return columns


def _table(scores: Sequence[Score]) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in scores[:12]:
        bar = round(row.hp / 10) if row.alive else 0
        health = Text("━" * bar, style="green" if row.hp > 40 else "red") + Text("━" * (10 - bar), style="grey23")
        style = colour(row.seat) if row.alive else "grey50"
        table.add_row(Text(row.name or "?", style=style), Text(f"{row.score:>3}", style="bold"), health)
    return table


class _Rate:
    """Bytes per second out of a count that is read now and then."""

    def __init__(self) -> None:
        self.per_s = 0.0
        self._last: tuple[float, int] | None = None

    def see(self, count: int) -> None:
        """Take a reading."""
        now = monotonic()
        if self._last is not None and now > self._last[0]:
            self.per_s = (count - self._last[1]) / (now - self._last[0])
        self._last = (now, count)


def watch(
    url: str,
    health: Callable[[], dict[str, Any]],
    is_over: Callable[[], bool],
    console: Console,
    heading: str = "Tickwire Arena",
) -> ClientStats:
    """Show the match until `is_over()` says so; return what this client counted. *Raises* `JoinRefused`."""
    return asyncio.run(_watch(url, health, is_over, console, heading))


@asynccontextmanager
async def _enter(url: str) -> AsyncIterator[tuple[Client, str]]:
    """Join a match, or the one that a lobby's quick play finds; its name comes along."""
    if names_match(url):
        async with join(url, name=WATCHER) as client:
            yield client, url.rpartition("/")[2]
        return
    async with Lobby(url, name=WATCHER, patience_s=PATIENCE_S) as lobby:
        seat = await lobby.quick_play()
        async with lobby.play(seat) as client:
            yield client, seat.match


async def _watch(
    url: str, health: Callable[[], dict[str, Any]], is_over: Callable[[], bool], console: Console, heading: str
) -> ClientStats:
    said: dict[str, Any] = {}
    rate = _Rate()

    async def ask_health() -> None:
        while True:
            try:
                said.update(await asyncio.to_thread(health))
                rate.see(said.get("bytes_out", 0))
            except OSError:
                pass  # A server that is gone is noticed by `is_over`.
            await asyncio.sleep(HEALTH_EVERY_S)

    async with _enter(url) as (client, match):

        def look() -> Readings:
            return read(client.world, client.stats, said, rate.per_s, str(client.status), match)

        asking = asyncio.create_task(ask_health())
        try:
            if console.is_terminal:
                with Live(console=console, auto_refresh=False, screen=True) as live:
                    while not is_over() and client.status.phase != "closed":
                        shown_map = field_map(client.world, client.tick, map_rows(console))
                        readings = look()
                        live.update(view(readings, shown_map, heading), refresh=True)
                        await asyncio.sleep(1 / FRAMES_PER_S)
            else:
                due = monotonic() + LINE_EVERY_S
                while not is_over() and client.status.phase != "closed":
                    if monotonic() >= due:
                        due += LINE_EVERY_S
                        print(line(look()), flush=True)
                    await asyncio.sleep(1 / FRAMES_PER_S)
        finally:
            asking.cancel()
        return client.stats
