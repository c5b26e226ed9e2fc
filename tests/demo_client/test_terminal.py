"""The terminal's view of a real Arena, drawn into text."""

import subprocess
import sys
from io import StringIO

import pytest
from rich.console import Console

from demo_client.terminal import ARROWS, Readings, field_map, line, map_rows, read, view
from demo_game.arena import Arena
from demo_game.bots import Hunter
from game_server.testing.local_match import LocalClient, LocalMatch

HEALTH = {
    "bytes_out": 1000,
    "matches": [{"tick": 90, "tick_ms_p50": 0.5, "tick_ms_p99": 1.25, "lateness_ms_p99": 0.1}],
}


@pytest.fixture
def player() -> LocalClient:
    """One of four players of a match that has run for three seconds."""
    local = LocalMatch(Arena, seed=3)
    players = [local.play(name, Hunter) for name in ("Ada", "Bo", "Cy", "Di")]
    local.step(90)
    return players[0]


def readings(player: LocalClient) -> Readings:
    return read(player.world, player.stats, HEALTH, 1234.0)


def test_the_readings_hold_scores_in_order_and_the_servers_times(player: LocalClient) -> None:
    shown = readings(player)
    assert {row.name for row in shown.scores} == {"Ada", "Bo", "Cy", "Di"}
    assert [row.score for row in shown.scores] == sorted([row.score for row in shown.scores], reverse=True)
    assert (shown.tick, shown.tick_ms_p99, shown.bytes_out_per_s) == (player.tick, 1.25, 1234.0)
    assert 0 < shown.seconds_left < 180


def test_the_readings_of_a_server_that_has_not_answered_are_zeros(player: LocalClient) -> None:
    assert read(player.world, player.stats, {}, 0.0).tick_ms_p50 == 0.0


def test_the_map_shows_every_living_ship_as_an_arrow(player: LocalClient) -> None:
    drawn = field_map(player.world, player.tick).plain
    alive = [ship for ship in player.world.all("Ship") if ship.alive]
    assert alive
    assert sum(drawn.count(arrow) for arrow in ARROWS) == len(alive)
    assert "█" in drawn
    assert "+" in drawn


def test_the_map_is_as_large_as_the_terminal_allows(player: LocalClient) -> None:
    assert map_rows(Console(width=80, height=24)) == 17
    assert map_rows(Console(width=300, height=100)) == 32
    rows = field_map(player.world, player.tick, 17).plain.split("\n")
    assert len(rows) == 17
    assert {len(row) for row in rows} == {34}


def test_the_view_shows_tick_players_times_bytes_and_scores(player: LocalClient) -> None:
    console = Console(width=120, height=40, file=StringIO(), record=True)
    console.print(view(readings(player), field_map(player.world, player.tick), "Arena"))
    text = console.export_text()
    for wanted in ("tick time", "0.50 ms p50", "1.25 ms p99", "1,234 B/s", "players", "Ada", "Di", "round 1"):
        assert wanted in text, wanted


def test_the_view_fits_a_small_terminal(player: LocalClient) -> None:
    console = Console(width=80, height=24, file=StringIO(), record=True)
    console.print(view(readings(player), field_map(player.world, player.tick, map_rows(console)), "Arena"))
    text = console.export_text()
    assert max(len(row.rstrip()) for row in text.splitlines()) <= 80
    assert "1.25 ms p99" in text


def test_a_lost_connection_is_shown_in_view_and_line(player: LocalClient) -> None:
    lost = read(player.world, player.stats, HEALTH, 0.0, "reconnecting, attempt 3: cut")
    console = Console(width=120, height=40, file=StringIO(), record=True)
    console.print(view(lost, field_map(player.world, player.tick), "Arena"))
    assert "reconnecting, attempt 3: cut" in console.export_text()
    assert line(lost).endswith("; reconnecting, attempt 3: cut")
    assert "live" not in line(readings(player))


def test_the_plain_line_says_the_same(player: LocalClient) -> None:
    said = line(readings(player))
    assert "4 players" in said
    assert "0.50 ms p50" in said
    assert "1,234 B/s to all" in said


def test_the_terminal_needs_no_pygame() -> None:
    code = "import sys, demo_client.demo, demo_client.terminal; sys.exit('pygame' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
