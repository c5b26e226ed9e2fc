from __future__ import annotations

from game_client.seat_view import SeatView
from tests.game_client.frames import Driven


def test_before_anything_came_there_is_nothing_to_see() -> None:
    view = SeatView()
    assert (view.tick, view.seat, view.tick_rate_hz, view.commands_unacknowledged) == (-1, None, 0, 0)
    assert (len(view.world), view.take_events(), view.status.phase, view.paused) == (0, [], "dialling", False)


def test_a_joined_session_shows_its_world_and_says_what_an_interpolator_shows() -> None:
    session = Driven().join().session
    assert (session.tick, session.seat, session.world.get(7).hp) == (100, 3, 100)  # type: ignore[union-attr]
    assert session.wire_state.schema is session.schema
    session.playhead_tick = 98.5
    assert session.playhead_tick == 98.5
    session.send_command("Chat", text="hello")
    assert session.commands_unacknowledged == 1
