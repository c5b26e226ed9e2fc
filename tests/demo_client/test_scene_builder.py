"""`demo_client/scene_builder.py`: what is shown is what was at the playhead."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from demo_client.scene import Scene
from demo_client.scene_builder import RESPAWN_S, SceneBuilder
from demo_game.rules import BULLET_STEP_M
from tests.demo_client.fakes import FakeWorld, bullet, clock, pickup, ship


def poses_of(world: FakeWorld) -> dict[int, dict[str, float]]:
    return {each.id: {"x": each.x, "y": each.y, "heading": each.heading} for each in world.all("Ship")}


def shown(builder: SceneBuilder, world: FakeWorld, playhead: float, now_s: float = 0.0, **rest: Any) -> Scene:
    return builder.build(world, 0, poses_of(world), playhead, now_s, **rest)


def event(kind: str, **fields: Any) -> tuple[int, Any]:
    return 0, SimpleNamespace(kind=kind, **fields)


def test_ships_are_shown_where_they_are_interpolated_and_the_own_one_is_known() -> None:
    builder, world = SceneBuilder(), FakeWorld(ship(1, 0), ship(2, 5), clock(77))
    builder.record(3, world)
    scene = builder.build(world, 5, {1: {"x": 1.0, "y": 2.0, "heading": 0.5}, 2: poses_of(world)[2]}, 3.0, 0.0)
    assert (scene.ships[0].x, scene.ships[0].heading, scene.ships[0].mine) == (1.0, 0.5, False)
    assert scene.me is not None and scene.me.id == 2
    assert (scene.seconds_left, scene.round_number) == (77, 2)


def test_before_the_first_state_a_scene_is_empty() -> None:
    scene = SceneBuilder().build(FakeWorld(), None, {}, 0.0, 0.0)
    assert (scene.ships, scene.bullets, scene.scores, scene.seconds_left) == ([], [], [], None)


def test_a_hit_shows_when_the_playhead_comes_to_it() -> None:
    builder, world = SceneBuilder(), FakeWorld(ship(hp=100))
    builder.record(10, world)
    world.entities[0].hp = 75
    builder.record(11, world)
    assert shown(builder, world, 10.5).ships[0].hp == 100
    assert builder.happenings == []
    assert shown(builder, world, 11.0).ships[0].hp == 75
    assert [each.kind for each in builder.happenings] == ["hit"]


def test_a_death_happens_once_and_the_countdown_runs() -> None:
    builder, world = SceneBuilder(), FakeWorld(ship())
    builder.record(1, world)
    shown(builder, world, 1.0)
    world.entities[0].alive, world.entities[0].hp = False, 0
    builder.record(2, world)
    builder.hear([event("Killed", killer=0, victim=0)], 0.0, 0)
    first, later = shown(builder, world, 2.0, 5.0), shown(builder, world, 3.0, 5.5)
    assert [each.kind for each in builder.happenings] == ["death"]
    assert (first.respawn_s, later.respawn_s) == (RESPAWN_S, RESPAWN_S - 0.5)
    assert later.killed_by == "ship 1"
    world.entities[0].alive = True
    builder.record(4, world)
    assert shown(builder, world, 4.0, 7.0).respawn_s is None


def test_a_bullet_flies_by_the_rule_from_its_birth() -> None:
    builder, world = SceneBuilder(), FakeWorld(bullet(born=10))
    builder.record(12, world)
    assert shown(builder, world, 9.5).bullets == []
    (view,) = shown(builder, world, 15.5).bullets
    assert view.x == pytest.approx(4.0 + 5.5 * BULLET_STEP_M)
    assert view.tail_x < view.x
    assert view.mine


def test_a_bullet_that_went_flies_on_until_the_playhead_comes_there() -> None:
    builder = SceneBuilder()
    builder.record(10, FakeWorld(bullet(born=10)))
    empty = FakeWorld()
    builder.record(14, empty)
    assert len(shown(builder, empty, 13.9).bullets) == 1
    assert shown(builder, empty, 14.0).bullets == []


def test_a_bullet_is_not_drawn_into_a_wall() -> None:
    builder, world = SceneBuilder(), FakeWorld(bullet(x=62.0, born=0))
    builder.record(0, world)
    assert len(shown(builder, world, 2.0).bullets) == 1
    assert shown(builder, world, 3.5).bullets == []


def test_birth_ticks_wrap() -> None:
    builder, world = SceneBuilder(), FakeWorld(bullet(born=126))
    builder.record(128 * 5 + 1, world)
    (view,) = shown(builder, world, 128 * 5 + 1.0).bullets
    assert view.x == pytest.approx(4.0 + 3 * BULLET_STEP_M)


def test_velocity_comes_from_motion_and_not_from_a_respawn() -> None:
    builder, world = SceneBuilder(), FakeWorld(ship())
    builder.record(0, world)
    for frame in range(60):
        world.entities[0].x = 20.0 + frame * 0.1
        scene = shown(builder, world, 0.0, frame / 60)
    assert scene.ships[0].vx == pytest.approx(6.0, abs=0.1)
    world.entities[0].x = 50.0
    assert shown(builder, world, 0.0, 1.0).ships[0].vx == 0.0


def test_the_own_flame_follows_the_key_and_others_flames_their_speed() -> None:
    builder, world = SceneBuilder(), FakeWorld(ship(1, 0), ship(2, 5))
    builder.record(0, world)
    for frame in range(60):
        world.entities[1].x = 20.0 + frame * 0.1
        scene = shown(builder, world, 0.0, frame / 60, thrust=1)
    mine, other = scene.ships
    assert mine.thrust > 0.9
    assert 0.5 < other.thrust < 0.8


def test_a_taken_pick_up_is_noticed_once() -> None:
    builder = SceneBuilder()
    for ready in (True, False, False, True):
        scene = shown(builder, FakeWorld(pickup(ready)), 0.0)
        assert scene.pickups[0].ready is ready
    assert [(each.kind, each.what) for each in builder.happenings] == [("taken", "HEALTH")]


def test_scores_are_sorted_and_ties_keep_their_order() -> None:
    builder, world = SceneBuilder(), FakeWorld(ship(1, 0, score=3), ship(2, 1, score=7), ship(3, 2, score=3))
    builder.record(0, world)
    assert [(row.seat, row.score) for row in shown(builder, world, 0.0).scores] == [(1, 7), (0, 3), (2, 3)]


def test_events_become_feed_chat_and_announcement_and_age() -> None:
    builder, world = SceneBuilder(), FakeWorld(ship(1, 0, name="Ada"), ship(2, 1, name="Ken"))
    builder.record(0, world)
    builder.hear([event("Killed", killer=1, victim=0), event("Said", seat=1, name="Ken", text="hi")], 10.0, 0)
    builder.hear([event("RoundOver", winner=1, score=1, round_number=4)], 10.0, 0)
    scene = shown(builder, world, 0.0, 12.0)
    assert [(each.killer, each.victim, each.age_s, each.about_me) for each in scene.feed] == [("Ken", "Ada", 2.0, True)]
    assert [(each.name, each.text, each.age_s) for each in scene.chat] == [("Ken", "hi", 2.0)]
    assert scene.announcement == "Ken wins round 4 with 1 point"
    assert shown(builder, world, 0.0, 20.0).announcement == ""
    builder.hear([event("RoundOver", winner=-1, score=0, round_number=5)], 20.0, 0)
    assert shown(builder, world, 0.0, 20.0).announcement == "Round 5: nobody scored"


def test_an_unknown_event_is_left_alone() -> None:
    builder = SceneBuilder()
    builder.hear([event("FromTheFuture", colour="red")], 0.0, 0)
    assert shown(builder, FakeWorld(), 0.0).feed == []
